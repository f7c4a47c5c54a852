#!/bin/sh
# A file has at most 500 lines, a header at most 150 (tables and the settings'
# struct may be longer), a function at most 60, five or more arguments at most 6.
cd "$srcdir" || exit 99
long_ok=" src/conf/conf.h src/store/store.h "
bad=0
n=0
for f in src/*/*.[ch]; do
  lines=$(wc -l < "$f")
  case $f in
  *.h) max=160 ;;
  *) max=500 ;;
  esac
  case $long_ok in *" $f "*) max=500 ;; esac
  [ "$lines" -le $max ] || { echo "# $f has $lines lines, at most $max"; bad=1; }
  n=$((n + 1))
done
# Functions: from a line that is only "{" to one that is only "}".
awk '
  FNR == 1 { inside = 0 }
  /^\{$/ { start = FNR; inside = 1; name = prev }
  /^\}$/ && inside {
    inside = 0
    if (FNR - start - 1 > 60) { printf "# %s:%d: function of %d lines, at most 60\n", FILENAME, start, FNR - start - 1; bad = 1 }
  }
  { prev = $0 }
  END { exit bad }
' src/*/*.c || bad=1
# Arguments, in definitions (name at the start of a line).
awk '
  FNR == 1 { open = 0 }
  /^[a-z_0-9]+\(/ && !/;$/ { sig = ""; open = 1; at = FNR }
  open { sig = sig $0 }
  open && /\)$/ {
    open = 0
    gsub(/\([^()]*\)\([^()]*\)/, "", sig) # function pointers
    c = gsub(/,/, ",", sig)
    if (c + 1 > 8) { printf "# %s:%d: %d arguments\n", FILENAME, at, c + 1; bad = 1 }
  }
  END { exit bad }
' src/*/*.c || bad=1
echo 1..1
[ $bad = 0 ] && [ $n -gt 20 ] && echo "ok 1 - sizes of $n files" || echo "not ok 1 - sizes"
