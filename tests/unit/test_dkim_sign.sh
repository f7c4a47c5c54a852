#!/bin/sh
# Signatures by RSA-2048 and Ed25519 pass independent verifiers, on simple and on nasty content.
t=$(mktemp -d) || exit 99
trap 'rm -rf "$t"' 0
sign=$builddir/tests/unit/sign
openssl genrsa -traditional -out "$t/rsa" 2048 2>/dev/null
openssl genpkey -algorithm ed25519 -out "$t/ed" 2>/dev/null
head='From: =?utf-8?q?Z=C3=A9?= <a@sub.x.test>\r\nTo: u@y.test\r\nSubject: one\r\n  folded\r\n\ttwice \r\nDate: Tue, 24 Nov 2026 08:00:00 +0000\r\nList-Unsubscribe: <https://x.test/u>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n'
long=$(head -c 3000 /dev/zero | tr '\0' 'x')
n=0
case_() {
  n=$((n + 1))
  printf "$2" > "$t/m"
  "$sign" x.test r1 "$t/rsa" e1 "$t/ed" < "$t/m" > "$t/s" 2> "$t/keys"
  if "$srcdir/tests/system/verify_dkim.sh" "$t/s" "$t/keys" > "$t/out" 2>&1 &&
    [ "$(grep -c '^DKIM-Signature:' "$t/s")" = 2 ] && grep -q 'dkimpy.*a=ed25519.*pass' "$t/out" &&
    grep -qi 'list-unsubscribe-post' "$t/s"; then
    echo "ok $n - $1"
  else
    sed 's/^/# /' "$t/out" "$t/keys"; echo "not ok $n - $1"
  fi
}
case_ "a simple body" "${head}\r\nhello\r\n"
case_ "an empty body" "${head}\r\n"
case_ "no final line end" "${head}\r\nhello"
case_ "empty lines at the end" "${head}\r\nhello\r\n\r\n\r\n"
case_ "blanks at line ends and in runs" "${head}\r\na  b \t c \r\n \r\n x\r\n"
case_ "8-bit" "${head}\r\ncaf\303\251 \342\202\254\r\n"
case_ "a very long line" "${head}\r\n$long\r\n$long\r\n"
case_ "lines of dots" "${head}\r\n.\r\n..\r\n.x\r\n"
case_ "repeated fields" "${head}Cc: one@y.test\r\nCc: two@y.test\r\n\r\nx\r\n"
n=$((n + 1))
if openssl genrsa -traditional -out "$t/weak" 512 2>/dev/null && printf "${head}\r\nx\r\n" | "$sign" x.test w "$t/weak" 2>&1 | grep -q 'at least 1024'; then
  echo "ok $n - a weak key is refused"
else
  echo "not ok $n - a weak key is refused"
fi
echo "1..$n"
