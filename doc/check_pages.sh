#!/bin/sh
# The manual pages are well-formed, and every table has its place in them.
cd "$builddir" || exit 99
n=0
ok() {
  n=$((n + 1))
  if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; fi
}
echo 1..9
for p in doc/facteurd.8 doc/facteur.conf.5 doc/facteur.1; do
  out=$(LC_ALL=C.UTF-8 MANROFFSEQ= MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$p" 2>&1 >/dev/null)
  echo "$out" | sed 's/^/# /' | grep '# .'
  [ -z "$out" ]; ok $? "$p without warnings"
  [ "$(grep -c '@[A-Z]*@' "$p")" = 0 ]; ok $? "$p is complete"
done
has() { grep -q -e "$2" "$1"; ok $? "$1 has $2"; }
has doc/facteurd.8 '^\.B reply_class'
has doc/facteur.conf.5 'max_message_size'
has doc/facteur.1 'campaign pause'
