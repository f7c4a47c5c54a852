#!/bin/sh
# Every global symbol of src/<dir>/<file>.c is <dir>_<file>_*; base/ and io/
# drop their folder's name, and <dir>/<dir>.c may export any <dir>_*.
cd "$builddir" || exit 99
bad=0
n=0
for d in base conf stats io dns rdb smtp mail store submit site intake deliver ops; do
  [ -f "lib$d.a" ] || { echo "# lib$d.a is missing"; bad=1; continue; }
  out=$(nm -A --defined-only -g "lib$d.a" 2>/dev/null | while IFS= read -r l; do
    o=$(echo "$l" | sed 's,^[^:]*:\([^:]*\):.*,\1,'); s=${l##* }
    m=$(basename "$o" .o); m=${m##*-}
    case $d in base|io) want=$m ;; "$m") want=$m ;; *) want=${d}_$m ;; esac
    case $s in
    "$want"|"$want"_*|__*|PEM_read_bio_PrivateKey) echo 1 ;;
    *) echo "# src/$d/$m.c: $s is not ${want}_*" ;;
    esac
  done)
  n=$((n + $(echo "$out" | grep -c '^1')))
  echo "$out" | grep '^#' && bad=1
done
echo 1..1
[ $bad = 0 ] && [ $n -gt 20 ] && echo "ok 1 - $n symbols" || echo "not ok 1 - symbols"
