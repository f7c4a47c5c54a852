#!/bin/sh
# Every #include "dir/x.h" must name a folder that this one may use
# (doc/ARCHITECTURE.md), and system libraries stay where they belong.
cd "$srcdir" || exit 99
uses() {
  case $1 in
  base) echo ;;
  conf|stats|smtp|mail) echo base ;;
  io) echo base conf stats ;;
  dns|rdb) echo base conf stats io ;;
  store) echo base conf stats io rdb smtp ;;
  submit) echo base conf stats io smtp mail store ;;
  site) echo base conf stats io dns smtp mail store ;;
  intake) echo base conf stats io smtp mail store submit ;;
  deliver) echo base conf stats io dns smtp mail store submit site ;;
  ops) echo base conf stats io dns rdb smtp mail store submit site intake deliver ;;
  facteurd) echo base conf stats io dns rdb smtp mail store submit site intake deliver ops ;;
  facteur) echo base ;;
  esac
}
bad=0
n=0
for f in src/*/*.[ch]; do
  d=${f#src/}; d=${d%%/*}
  for inc in $(sed -n 's,^#include "\([a-z]*\)/[a-z0-9_]*\.h".*,\1,p' "$f"); do
    case " $d queue $(uses "$d") " in
    *" $inc "*) ;;
    *) echo "# $f: $d must not include $inc"; bad=1 ;;
    esac
  done
  n=$((n + 1))
done
echo 1..1
[ $bad = 0 ] && [ $n -gt 20 ] && echo "ok 1 - layers of $n files" || echo "not ok 1 - layers"
