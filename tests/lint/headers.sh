#!/bin/sh
# Every header compiles alone.
cd "$srcdir" || exit 99
bad=0
n=0
for h in src/*/*.h; do
  printf '#include "%s"\n' "${h#src/}" | ${CC:-cc} -std=gnu11 -Isrc -I. -I"$builddir" -fsyntax-only -Wall -Werror -x c - 2>&1 |
    sed 's/^/# /' | grep . && { echo "# $h"; bad=1; }
  n=$((n + 1))
done
echo 1..1
[ $bad = 0 ] && [ $n -gt 20 ] && echo "ok 1 - $n headers" || echo "not ok 1 - headers"
