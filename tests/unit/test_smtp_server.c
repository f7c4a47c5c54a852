#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/rand.h"
#include "seeds.h"
#include "smtp_peer.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

/* --- rules --------------------------------------------------------------- */

#define BASE_RULES                                                             \
	.starttls = true, .auth = true, .hostname = "mx.test",                 \
	.max_messages = 3, .max_recipients = 3, .max_errors = 5,               \
	.max_hops = 3, .max_line_bytes = 100, .max_header_bytes = 300,         \
	.max_message_bytes = 1000, .idle_ms = 60000, .session_ms = 600000,     \
	.data_ms = 120000

enum { SMTP, LMTP, TLS, CLEAR_AUTH, NORM, NRULES };
static const struct smtp_server_rules rules[NRULES] = {
	[SMTP] = { BASE_RULES },
	[LMTP] = { BASE_RULES, .lmtp = true },
	[TLS] = { BASE_RULES, .tls_required = true },
	[CLEAR_AUTH] = { BASE_RULES, .auth_without_tls = true },
	[NORM] = { BASE_RULES, .normalise = true },
};

#define EHLO "EHLO a\r\n"
#define LHLO "LHLO a\r\n"
#define MAIL "MAIL FROM:<a@b.c>\r\n"
#define RCPT "RCPT TO:<d@e.f>\r\n"
#define RCPT2 "RCPT TO:<g@e.f>\r\n"
#define DATA "DATA\r\n"
#define HEAD EHLO MAIL RCPT DATA
#define QUIT "QUIT\r\n"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

#define HI "220 250+ "
#define OK2 "250/2.1.0 250/2.1.5 "
#define HEADS HI OK2 "354 "
#define BYE "221/2.0.0"

struct row {
	const char *name;
	int rules;
	struct view in;
	const char *want;
	const char *mails;  /* NULL: "" */
	bool once;          /* only in one piece */
};

#define ROW(title, r, text, ...)                                               \
	{ .name = title, .rules = r, .in = VIEW(text), .want = __VA_ARGS__ }

/* clang-format off */
static const struct row commands[] = {
	ROW("session", SMTP, HEAD "S: x\r\n\r\nhi\r\n.\r\n" QUIT,
	    HEADS "250/2.0.0 " BYE, "[S: x\r\n\r\nhi\r\n]"),
	ROW("two messages", SMTP, HEAD "1\r\n.\r\n" MAIL RCPT DATA "2\r\n.\r\n" QUIT,
	    HEADS "250/2.0.0 " OK2 "354 250/2.0.0 " BYE, "[1\r\n][2\r\n]"),
	ROW("case and blanks", SMTP, "ehlo a\r\nmail from: <a@b.c>\r\nrcpt to:<d@e.f> \r\nquit\r\n",
	    HI OK2 BYE),
	ROW("helo", SMTP, "HELO a\r\n" MAIL RCPT "RCPT TO:<d@e.f> NOTIFY=NEVER\r\n" QUIT,
	    "220 250 " OK2 "555/5.5.4 " BYE),
	ROW("no hello", SMTP, MAIL QUIT, "220 503/5.5.1 " BYE),
	ROW("empty hello", SMTP, "EHLO\r\nHELO\r\nEHLO  \r\nEHLO a b\r\nEHLO (x)\r\n" QUIT,
	    "220 501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 " BYE),
	ROW("lhlo in smtp", SMTP, LHLO QUIT, "220 500/5.5.1 " BYE),
	ROW("ehlo in lmtp", LMTP, EHLO "HELO a\r\n" QUIT, "220 500/5.5.1 500/5.5.1 " BYE),
	ROW("unknown", SMTP, "FOO\r\n\r\nXCLIENT A\r\n" QUIT,
	    "220 500/5.5.1 500/5.5.1 500/5.5.1 " BYE),
	ROW("simple ones", SMTP, "NOOP\r\nNOOP x\r\nRSET\r\nHELP\r\nVRFY a\r\nVRFY\r\nEXPN a\r\n" QUIT,
	    "220 250/2.0.0 250/2.0.0 250/2.0.0 214/2.0.0 252/2.5.2 501/5.5.4 502/5.5.1 " BYE),
	ROW("no arguments", SMTP, EHLO "RSET x\r\nQUIT x\r\nDATA x\r\nSTARTTLS x\r\n" QUIT,
	    HI "501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 " BYE),
	ROW("nested mail", SMTP, EHLO MAIL MAIL QUIT, HI "250/2.1.0 503/5.5.1 " BYE),
	ROW("rcpt first", SMTP, EHLO RCPT DATA QUIT, HI "503/5.5.1 503/5.5.1 " BYE),
	ROW("no rcpt", SMTP, EHLO MAIL DATA QUIT, HI "250/2.1.0 503/5.5.1 " BYE),
	ROW("all refused", SMTP, EHLO MAIL "RCPT TO:<no@e.f>\r\n" DATA QUIT,
	    HI "250/2.1.0 550/5.1.1 554/5.5.1 " BYE),
	ROW("rset", SMTP, EHLO MAIL RCPT "RSET\r\n" DATA QUIT,
	    HI OK2 "250/2.0.0 503/5.5.1 " BYE),
	ROW("ehlo resets", SMTP, EHLO MAIL RCPT EHLO RCPT QUIT,
	    HI OK2 "250+ 503/5.5.1 " BYE),
	ROW("answers", SMTP, EHLO "MAIL FROM:<no@b.c>\r\nMAIL FROM:<later@b.c>\r\n" MAIL
	    "RCPT TO:<later@b.c>\r\n" QUIT,
	    HI "550/5.1.1 450/4.2.1 250/2.1.0 450/4.2.1 " BYE),
	ROW("421 closes", SMTP, EHLO "MAIL FROM:<bye@b.c>\r\n" QUIT, HI "421/4.3.2"),
	ROW("paths", SMTP, EHLO "MAIL FROM:<>\r\nRCPT TO:<>\r\nRCPT TO:d@e.f\r\nRCPT TO:<@x.y:d@e.f>\r\n"
	    "RCPT TO:<d@e.f\r\n" QUIT,
	    HI "250/2.1.0 501/5.1.3 501/5.1.3 250/2.1.5 501/5.1.3 " BYE),
	ROW("mail syntax", SMTP, EHLO "MAIL\r\nMAIL a@b.c\r\nMAIL FROM<a@b.c>\r\nMAIL FROM:<a@b.c>x\r\n" QUIT,
	    HI "501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 " BYE),
	ROW("mail parameters", SMTP, EHLO "MAIL FROM:<a@b.c> SIZE=10 BODY=8BITMIME RET=HDRS ENVID=x+2By AUTH=<> SMTPUTF8\r\n" QUIT,
	    HI "250/2.1.0 " BYE),
	ROW("bad parameters", SMTP, EHLO "MAIL FROM:<a@b.c> FOO=1\r\nMAIL FROM:<a@b.c> SIZE=x\r\n"
	    "MAIL FROM:<a@b.c> RET=A\r\nMAIL FROM:<a@b.c> SMTPUTF8=1\r\nMAIL FROM:<a@b.c> BODY=BINARYMIME\r\n" QUIT,
	    HI "555/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 555/5.5.4 " BYE),
	ROW("more bad parameters", SMTP, EHLO "MAIL FROM:<a@b.c> SIZE=1 SIZE=2\r\nMAIL FROM:<a@b.c> ENVID=a=b\r\n"
	    "MAIL FROM:<a@b.c> NOTIFY=NEVER\r\nMAIL FROM:<a@b.c> SIZE=1001\r\nMAIL FROM:<a@b.c> ENVID=+0A\r\n" QUIT,
	    HI "501/5.5.4 501/5.5.4 555/5.5.4 552/5.3.4 501/5.5.4 " BYE),
	ROW("rcpt parameters", SMTP, EHLO MAIL "RCPT TO:<d@e.f> NOTIFY=success,DELAY ORCPT=rfc822;u+40x\r\n"
	    "RCPT TO:<d@e.f> NOTIFY=NEVER,DELAY\r\nRCPT TO:<d@e.f> NOTIFY=\r\nRCPT TO:<d@e.f> ORCPT=x\r\n"
	    "RCPT TO:<d@e.f> NOTIFY=SUCCESS,\r\nRCPT TO:<d@e.f> SIZE=1\r\n" QUIT,
	    HI OK2 "501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 555/5.5.4 " BYE),
	ROW("utf8", SMTP, EHLO "MAIL FROM:<\xc3\xa4@b.c>\r\nMAIL FROM:<\xc3\xa4@b.c> SMTPUTF8\r\n"
	    "RCPT TO:<d@\xc3\xa4.f>\r\n" QUIT, HI "553/5.6.7 250/2.1.0 250/2.1.5 " BYE),
	ROW("utf8 rcpt", SMTP, EHLO MAIL "RCPT TO:<d@\xc3\xa4.f>\r\n" QUIT, HI "250/2.1.0 553/5.6.7 " BYE),
	ROW("too many rcpt", SMTP, EHLO MAIL RCPT RCPT RCPT RCPT QUIT,
	    HI OK2 "250/2.1.5 250/2.1.5 452/4.5.3 " BYE),
	ROW("too many messages", SMTP, HEAD ".\r\n" MAIL RCPT DATA ".\r\n" MAIL RCPT DATA ".\r\n" MAIL QUIT,
	    HEADS "250/2.0.0 " OK2 "354 250/2.0.0 " OK2 "354 250/2.0.0 421/4.7.0", "[][][]"),
	ROW("too many errors", SMTP, "A\r\nA\r\nA\r\nA\r\nA\r\nA\r\nNOOP\r\n",
	    "220 500/5.5.1 500/5.5.1 500/5.5.1 500/5.5.1 500/5.5.1 500/5.5.1 421/4.7.0"),
	ROW("browser", SMTP, "POST / HTTP/1.1\r\nHost: x\r\n", "220 521/5.5.1"),
	/* lines */
	ROW("bare LF closes", SMTP, EHLO "NOOP\nMAIL FROM:<a@b.c>\r\n" QUIT, HI "521/5.5.2"),
	ROW("bare LF taken", NORM, "EHLO a\nMAIL FROM:<a@b.c>\n" RCPT QUIT, HI OK2 BYE),
	ROW("bare CR", SMTP, EHLO "NOOP\rx\r\n" QUIT, HI "500/5.5.2 " BYE),
	ROW("bare CR not taken", NORM, EHLO "NOOP\rx\r\n" QUIT, HI "500/5.5.2 " BYE),
	ROW("NUL", SMTP, EHLO "NOOP \0\r\n" QUIT, HI "500/5.5.2 " BYE),
	ROW("pipelined rset", SMTP, EHLO MAIL RCPT "RSET\r\n" MAIL RCPT2 QUIT,
	    HI OK2 "250/2.0.0 " OK2 BYE),
};

static const struct row contents[] = {
	ROW("dots", SMTP, HEAD "..\r\n.x\r\n...\r\na.\r\n.\r\n" QUIT,
	    HEADS "250/2.0.0 " BYE, "[.\r\nx\r\n..\r\na.\r\n]"),
	ROW("empty", SMTP, HEAD ".\r\n" QUIT, HEADS "250/2.0.0 " BYE, "[]"),
	ROW("refused at the end", SMTP, HEAD "refuse me\r\n.\r\n" QUIT,
	    HEADS "554/5.7.1 " BYE, "[refuse me\r\n]"),
	/* What some server takes for the end of data: refused, and nothing in
	 * it is a command. */
	ROW("LF.LF", SMTP, HEAD "x\n.\nMAIL FROM:<z@z.z>\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	ROW("LF.CRLF", SMTP, HEAD "x\n.\r\nNOOP\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	ROW("CRLF.LF", SMTP, HEAD "x\r\n.\nNOOP\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	ROW("CR.CR", SMTP, HEAD "x\r.\rNOOP\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	ROW("CR.CRLF", SMTP, HEAD "x\r.\r\nNOOP\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	ROW("CRLF.CR", SMTP, HEAD "x\r\n.\rNOOP\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	ROW("CRLF.CRCRLF", SMTP, HEAD "x\r\n.\r\r\nNOOP\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	ROW("CRCRLF", SMTP, HEAD "x\r\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	ROW("LF first", SMTP, HEAD "\n.\r\nNOOP\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	ROW(".LF first", SMTP, HEAD ".\nNOOP\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	ROW("NUL.", SMTP, HEAD "x\0y\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	ROW("NUL in the end", SMTP, HEAD "x\r\n.\0\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	/* Made regular, still not an end. */
	ROW("taken LF.LF", NORM, HEAD "x\n.\ny\r\n.\r\n" QUIT,
	    HEADS "250/2.0.0 " BYE, "[x\r\n.\r\ny\r\n]"),
	ROW("taken LF.CRLF", NORM, HEAD "x\n.\r\ny\r\n.\r\n" QUIT,
	    HEADS "250/2.0.0 " BYE, "[x\r\n.\r\ny\r\n]"),
	ROW("taken CR.CR", NORM, HEAD "x\r.\ry\r\n.\r\n" QUIT,
	    HEADS "250/2.0.0 " BYE, "[x\r\n.\r\ny\r\n]"),
	ROW("taken CRLF.LF", NORM, HEAD "x\r\n.\ny\r\n.\r\n" QUIT,
	    HEADS "250/2.0.0 " BYE, "[x\r\n\r\ny\r\n]"),
	ROW("taken CRCRLF", NORM, HEAD "x\r\r\n.\r\n" QUIT,
	    HEADS "250/2.0.0 " BYE, "[x\r\n\r\n]"),
	ROW("NUL not taken", NORM, HEAD "x\0y\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	/* limits */
	ROW("line of 100", SMTP, HEAD HUNDRED "\r\n.\r\n" QUIT,
	    HEADS "250/2.0.0 " BYE, "[" HUNDRED "\r\n]"),
	ROW("line of 101", SMTP, HEAD HUNDRED "x\r\n.\r\n" QUIT, HEADS "554/5.6.0 " BYE),
	ROW("long header", SMTP, HEAD HUNDRED "\r\n" HUNDRED "\r\n" HUNDRED "\r\n\r\nx\r\n.\r\n" QUIT,
	    HEADS "552/5.3.4 " BYE),
	ROW("long body", SMTP, HEAD "\r\n" HUNDRED "\r\n" HUNDRED "\r\n" HUNDRED "\r\n.\r\n" QUIT,
	    HEADS "250/2.0.0 " BYE, "[\r\n" HUNDRED "\r\n" HUNDRED "\r\n" HUNDRED "\r\n]"),
	ROW("too large", SMTP, HEAD "\r\n" HUNDRED "\r\n" HUNDRED "\r\n" HUNDRED "\r\n" HUNDRED "\r\n"
	    HUNDRED "\r\n" HUNDRED "\r\n" HUNDRED "\r\n" HUNDRED "\r\n" HUNDRED "\r\n" HUNDRED "\r\n.\r\n" QUIT,
	    HEADS "552/5.3.4 " BYE),
	ROW("hops", SMTP, HEAD "Received: a\r\nReceived: b\r\nreceived: c\r\n\r\nReceived: d\r\n.\r\n" QUIT,
	    HEADS "250/2.0.0 " BYE, "[Received: a\r\nReceived: b\r\nreceived: c\r\n\r\nReceived: d\r\n]"),
	ROW("too many hops", SMTP, HEAD "Received: a\r\nReceived: b\r\nreceived: c\r\nReceived: d\r\n.\r\n" QUIT,
	    HEADS "554/5.4.6 " BYE),
	/* LMTP */
	ROW("lmtp", LMTP, LHLO MAIL RCPT RCPT2 DATA "x\r\n.\r\n" QUIT,
	    HI OK2 "250/2.1.5 354 250/2.0.0 250/2.0.0 " BYE, "[x\r\n]"),
	ROW("lmtp refuses one", LMTP, LHLO MAIL RCPT RCPT2 DATA "refuse me\r\n.\r\n" QUIT,
	    HI OK2 "250/2.1.5 354 554/5.7.1 250/2.0.0 " BYE, "[refuse me\r\n]"),
	ROW("lmtp only accepted", LMTP, LHLO MAIL "RCPT TO:<no@e.f>\r\n" RCPT DATA "x\r\n.\r\n" QUIT,
	    HI "250/2.1.0 550/5.1.1 250/2.1.5 354 250/2.0.0 " BYE, "[x\r\n]"),
	ROW("lmtp none", LMTP, LHLO MAIL "RCPT TO:<no@e.f>\r\n" DATA QUIT,
	    HI "250/2.1.0 550/5.1.1 554/5.5.1 " BYE),
	ROW("lmtp bad content", LMTP, LHLO MAIL RCPT RCPT2 DATA "x\ny\r\n.\r\n" QUIT,
	    HI OK2 "250/2.1.5 354 554/5.6.0 554/5.6.0 " BYE),
};

static const struct row chunks[] = {
	ROW("one", SMTP, EHLO MAIL RCPT "BDAT 4 LAST\r\nab\r\n" QUIT,
	    HI OK2 "250/2.0.0 " BYE, "[ab\r\n]"),
	ROW("several", SMTP, EHLO MAIL RCPT "BDAT 3\r\nab\rBDAT 3\r\n\n.\rBDAT 3 LAST\r\n\ncd" QUIT,
	    HI OK2 "250/2.0.0 250/2.0.0 250/2.0.0 " BYE, "[ab\r\n.\r\ncd\r\n]"),
	ROW("dots stay", SMTP, EHLO MAIL RCPT "BDAT 9 LAST\r\n..\r\n.\r\n\r\n" QUIT,
	    HI OK2 "250/2.0.0 " BYE, "[..\r\n.\r\n\r\n]"),
	ROW("last empty", SMTP, EHLO MAIL RCPT "BDAT 4\r\nab\r\nBDAT 0 LAST\r\n" QUIT,
	    HI OK2 "250/2.0.0 250/2.0.0 " BYE, "[ab\r\n]"),
	ROW("zero", SMTP, EHLO MAIL RCPT "BDAT 0\r\nBDAT 0 LAST\r\n" QUIT,
	    HI OK2 "250/2.0.0 250/2.0.0 " BYE, "[]"),
	ROW("two messages", SMTP, EHLO MAIL RCPT "BDAT 3 LAST\r\na\r\n" MAIL RCPT "BDAT 3 last\r\nb\r\n" QUIT,
	    HI OK2 "250/2.0.0 " OK2 "250/2.0.0 " BYE, "[a\r\n][b\r\n]"),
	/* The octets of what is refused are no commands. */
	ROW("without mail", SMTP, EHLO "BDAT 6 LAST\r\nQUIT\r\n" QUIT, HI "503/5.5.1 " BYE),
	ROW("without hello", SMTP, "BDAT 6 LAST\r\nQUIT\r\n" QUIT, "220 503/5.5.1 " BYE),
	ROW("without rcpt", SMTP, EHLO MAIL "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n" QUIT,
	    HI "250/2.1.0 503/5.5.1 503/5.5.1 " BYE),
	ROW("rcpt refused", SMTP, EHLO MAIL "RCPT TO:<no@e.f>\r\nBDAT 6 LAST\r\nQUIT\r\n" QUIT,
	    HI "250/2.1.0 550/5.1.1 554/5.5.1 " BYE),
	ROW("mail refused", SMTP, EHLO "MAIL FROM:<no@e.f>\r\n" RCPT "BDAT 6 LAST\r\nQUIT\r\n" QUIT,
	    HI "550/5.1.1 503/5.5.1 503/5.5.1 " BYE),
	ROW("bad argument", SMTP, EHLO MAIL RCPT "BDAT 6 FOO\r\nQUIT\r\n" QUIT, HI OK2 "501/5.5.4 " BYE),
	ROW("no size", SMTP, EHLO MAIL RCPT "BDAT x\r\nNOOP\r\n", HI OK2 "501/5.5.4"),
	ROW("no argument", SMTP, EHLO MAIL RCPT "BDAT\r\nNOOP\r\n", HI OK2 "501/5.5.4"),
	ROW("negative", SMTP, EHLO MAIL RCPT "BDAT -1\r\nNOOP\r\n", HI OK2 "501/5.5.4"),
	ROW("endless", SMTP, EHLO MAIL RCPT "BDAT 99999999999999999999\r\nNOOP\r\n", HI OK2 "501/5.5.4"),
	ROW("too large", SMTP, EHLO MAIL RCPT "BDAT 10\r\n0123456789BDAT 991 LAST\r\n"
	    HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED
	    TEN TEN TEN TEN TEN TEN TEN TEN TEN "x" QUIT, HI OK2 "250/2.0.0 552/5.3.4 " BYE),
	ROW("after a refusal", SMTP, EHLO MAIL RCPT "BDAT 3\r\na\nbBDAT 6 LAST\r\nQUIT\r\n" QUIT,
	    HI OK2 "554/5.6.0 503/5.5.1 " BYE),
	ROW("bare CR over chunks", SMTP, EHLO MAIL RCPT "BDAT 2\r\na\rBDAT 2 LAST\r\nb\r" QUIT,
	    HI OK2 "250/2.0.0 554/5.6.0 " BYE),
	ROW("bare CR at the end", SMTP, EHLO MAIL RCPT "BDAT 2 LAST\r\na\r" QUIT, HI OK2 "554/5.6.0 " BYE),
	ROW("CR taken", NORM, EHLO MAIL RCPT "BDAT 2\r\na\rBDAT 2 LAST\r\nb\r" QUIT,
	    HI OK2 "250/2.0.0 250/2.0.0 " BYE, "[a\r\nb\r\n]"),
	ROW("data between", SMTP, EHLO MAIL RCPT "BDAT 3\r\na\r\n" DATA RCPT "BDAT 0 LAST\r\n" QUIT,
	    HI OK2 "250/2.0.0 503/5.5.1 503/5.5.1 250/2.0.0 " BYE, "[a\r\n]"),
	ROW("rset between", SMTP, EHLO MAIL RCPT "BDAT 3\r\na\r\nRSET\r\nBDAT 6 LAST\r\nQUIT\r\n" QUIT,
	    HI OK2 "250/2.0.0 250/2.0.0 503/5.5.1 " BYE),
	ROW("header over chunks", SMTP, EHLO MAIL RCPT "BDAT 3\r\na\r\nBDAT 1\r\n\rBDAT 1\r\n\nBDAT 3 LAST\r\nb\r\n" QUIT,
	    HI OK2 "250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 " BYE, "[a\r\n\r\nb\r\n]"),
	ROW("lmtp", LMTP, LHLO MAIL RCPT RCPT2 "BDAT 3\r\na\r\nBDAT 3 LAST\r\nb\r\n" QUIT,
	    HI OK2 "250/2.1.5 250/2.0.0 250/2.0.0 250/2.0.0 " BYE, "[a\r\nb\r\n]"),
	ROW("lmtp last refused", LMTP, LHLO MAIL RCPT RCPT2 "BDAT 3\r\na\r\nBDAT 3 LAST\r\n\nb\n" QUIT,
	    HI OK2 "250/2.1.5 250/2.0.0 554/5.6.0 554/5.6.0 " BYE),
	ROW("lmtp chunk refused", LMTP, LHLO MAIL RCPT RCPT2 "BDAT 2\r\n\nbBDAT 6 LAST\r\nQUIT\r\n" QUIT,
	    HI OK2 "250/2.1.5 554/5.6.0 503/5.5.1 " BYE),
	ROW("tls first", TLS, EHLO "BDAT 6 LAST\r\nQUIT\r\n" QUIT, HI "530/5.7.0 " BYE),
};

#define JOE "am9l"
#define SECRET "c2VjcmV0"
#define PLAIN "AGpvZQBzZWNyZXQ="
static const struct row security[] = {
	ROW("plain", CLEAR_AUTH, EHLO "AUTH PLAIN " PLAIN "\r\nAUTH PLAIN " PLAIN "\r\n" QUIT,
	    HI "235/2.7.0 503/5.5.1 " BYE),
	ROW("plain in two", CLEAR_AUTH, EHLO "AUTH plain\r\n" PLAIN "\r\n" QUIT, HI "334 235/2.7.0 " BYE),
	ROW("plain empty first", CLEAR_AUTH, EHLO "AUTH PLAIN =\r\n" QUIT, HI "501/5.5.2 " BYE),
	ROW("login", CLEAR_AUTH, EHLO "AUTH LOGIN\r\n" JOE "\r\n" SECRET "\r\n" QUIT,
	    HI "334 334 235/2.7.0 " BYE),
	ROW("login initial", CLEAR_AUTH, EHLO "AUTH LOGIN " JOE "\r\n" SECRET "\r\n" QUIT,
	    HI "334 235/2.7.0 " BYE),
	ROW("wrong", CLEAR_AUTH, EHLO "AUTH LOGIN " JOE "\r\n" JOE "\r\n" QUIT, HI "334 535/5.7.8 " BYE),
	ROW("cancelled", CLEAR_AUTH, EHLO "AUTH LOGIN\r\n*\r\nAUTH PLAIN\r\n*\r\n" QUIT,
	    HI "334 501/5.7.0 334 501/5.7.0 " BYE),
	ROW("not base64", CLEAR_AUTH, EHLO "AUTH PLAIN ab!=\r\nAUTH PLAIN abc\r\nAUTH PLAIN a=bc\r\n" QUIT,
	    HI "501/5.5.2 501/5.5.2 501/5.5.2 " BYE),
	ROW("other authzid", CLEAR_AUTH, EHLO "AUTH PLAIN YQBqb2UAc2VjcmV0\r\n" QUIT, HI "535/5.7.8 " BYE),
	ROW("unknown mechanism", CLEAR_AUTH, EHLO "AUTH CRAM-MD5\r\n" QUIT, HI "504/5.5.4 " BYE),
	ROW("auth inside mail", CLEAR_AUTH, EHLO MAIL "AUTH PLAIN " PLAIN "\r\n" QUIT, HI "250/2.1.0 503/5.5.1 " BYE),
	ROW("auth in clear", SMTP, EHLO "AUTH PLAIN " PLAIN "\r\n" QUIT, HI "538/5.7.11 " BYE),
	ROW("auth before hello", CLEAR_AUTH, "AUTH PLAIN " PLAIN "\r\n" QUIT, "220 503/5.5.1 " BYE),
	ROW("tls required", TLS, EHLO MAIL RCPT DATA "NOOP\r\nAUTH PLAIN x\r\n" QUIT,
	    HI "530/5.7.0 530/5.7.0 530/5.7.0 250/2.0.0 530/5.7.0 " BYE),
	/* What was pipelined behind STARTTLS is thrown away; so is all state. */
	ROW("starttls injection", TLS, EHLO "STARTTLS\r\n" EHLO MAIL RCPT, HI "220/2.0.0", NULL, true),
};
/* clang-format on */

static unsigned
run_row(const struct row *r, size_t piece, bool late)
{
	struct smtp_peer p;
	struct buf got = { 0 };
	unsigned bad = 0;
	bool lmtp = r->rules == LMTP;

	smtp_peer_init(&p, &rules[r->rules]);
	p.late = late;
	smtp_peer_feed(&p, r->in, piece, lmtp);
	smtp_peer_codes(buf_view(&p.out), &got);
	if (!view_eq(buf_view(&got), view_str(r->want)) ||
	    !view_eq(buf_view(&p.mails), view_str(r->mails ? r->mails : ""))) {
		print_message("# %s (%zu%s): want %s %s\n# got %s %s\n",
		    r->name, piece, late ? " late" : "", r->want,
		    r->mails ? r->mails : "", buf_str(&got),
		    buf_str(&p.mails));
		bad = 1;
	}
	smtp_peer_fini(&p);
	buf_fini(&got);
	return bad;
}

static void
run_rows(const struct row *rows, size_t n)
{
	static const size_t pieces[] = { 1u << 20, 1, 2, 3, 7, 64 };
	unsigned bad = 0;
	size_t i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < (rows[i].once ? 1 : N(pieces)); k++) {
			bad += run_row(&rows[i], pieces[k], false);
			bad += run_row(&rows[i], pieces[k], true);
		}
	assert_int_equal(bad, 0);
}

static void
test_commands(void **st)
{
	(void)st;
	run_rows(commands, N(commands));
}

static void
test_contents(void **st)
{
	(void)st;
	run_rows(contents, N(contents));
}

static void
test_chunks(void **st)
{
	(void)st;
	run_rows(chunks, N(chunks));
}

static void
test_security(void **st)
{
	(void)st;
	run_rows(security, N(security));
}

/* --- what rows cannot say ------------------------------------------------ */

static void
feed(struct smtp_peer *p, const char *text)
{
	smtp_peer_feed(p, view_str(text), 1u << 20, false);
}

static void
want_tail(struct smtp_peer *p, const char *codes)
{
	struct buf got = { 0 };

	smtp_peer_codes(buf_view(&p->out), &got);
	if (!view_eq(buf_view(&got), view_str(codes)))
		fail_msg("want %s, got %s", codes, buf_str(&got));
	buf_fini(&got);
	buf_clear(&p->out);
}

static void
extensions(void **st)
{
	struct smtp_peer p;
	struct view v;

	(void)st;
	smtp_peer_init(&p, &rules[SMTP]);
	buf_clear(&p.out);
	feed(&p, EHLO);
	v = buf_view(&p.out);
	assert_true(view_eq(v,
	    VIEW("250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n"
		 "250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n"
		 "250-DSN\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n")));
	buf_clear(&p.out);
	feed(&p, "STARTTLS\r\n");
	want_tail(&p, "220/2.0.0");
	assert_true(smtp_server_secure(p.s));
	/* RFC 3207 4.2: as if nothing had been said. */
	feed(&p, MAIL);
	want_tail(&p, "503/5.5.1");
	feed(&p, EHLO);
	v = buf_view(&p.out);
	assert_true(view_find(v, VIEW("STARTTLS")) < 0);
	assert_true(view_find(v, VIEW("250-AUTH PLAIN LOGIN\r\n")) > 0);
	buf_clear(&p.out);
	feed(&p, "STARTTLS\r\nAUTH PLAIN " PLAIN "\r\n" MAIL);
	want_tail(&p, "503/5.5.1 235/2.7.0 250/2.1.0");
	assert_string_equal(smtp_server_protocol(p.s), "ESMTPSA");
	smtp_peer_fini(&p);
}

static void
parameters(void **st)
{
	struct smtp_peer p;
	struct smtp_server_tx *t;

	(void)st;
	smtp_peer_init(&p, &rules[SMTP]);
	t = smtp_server_tx(p.s);
	feed(&p, EHLO "MAIL FROM:<a@b.c> SIZE=10 BODY=8BITMIME RET=HDRS "
		      "ENVID=x+2By SMTPUTF8\r\n"
		      "RCPT TO:<d@e.f> NOTIFY=success,DELAY "
		      "ORCPT=rfc822;u+40x\r\n");
	want_tail(&p, HI "250/2.1.0 250/2.1.5");
	assert_int_equal(t->size, 10);
	assert_true(t->eightbit && t->smtputf8);
	assert_int_equal(t->ret, SMTP_SERVER_HDRS);
	assert_string_equal(t->envid, "x+y");
	assert_int_equal(t->rcpt.notify,
	    SMTP_SERVER_SUCCESS | SMTP_SERVER_DELAY);
	assert_string_equal(t->rcpt.orcpt, "rfc822;u+40x");
	assert_string_equal(smtp_server_protocol(p.s), "UTF8SMTP");
	feed(&p, "RCPT TO:<d@e.f>\r\nRSET\r\n" MAIL);
	assert_null(t->rcpt.orcpt);
	assert_null(t->envid);
	assert_false(t->smtputf8);
	assert_int_equal(t->size, 0);
	assert_true(view_eq(buf_view(&p.events), VIEW("MRRXM")));
	smtp_peer_fini(&p);
}

static void
long_lines(void **st)
{
	static const size_t pieces[] = { 1u << 20, 100, 1 };
	size_t k;

	(void)st;
	for (k = 0; k < N(pieces); k++) {
		struct smtp_peer p;
		struct buf b = { 0 };

		buf_adds(&b, "NOOP ");
		memset(buf_reserve(&b, 70000), 'x', 70000);
		buf_grown(&b, 70000);
		buf_adds(&b, "\nMAIL FROM:<a@b.c>\r\nNOOP\r\n");
		smtp_peer_init(&p, &rules[SMTP]);
		smtp_peer_feed(&p, buf_view(&b), pieces[k], false);
		want_tail(&p, "220 500/5.5.2 250/2.0.0");
		smtp_peer_fini(&p);
		buf_fini(&b);
	}
}

static void
deadlines(void **st)
{
	struct smtp_peer p;

	(void)st;
	clock_set(1000);
	smtp_peer_init(&p, &rules[SMTP]);
	assert_int_equal(smtp_server_deadline(p.s), 61000);
	clock_set(20000);
	feed(&p, "NO");
	assert_int_equal(smtp_server_deadline(p.s), 61000);
	feed(&p, "OP\r\n");
	assert_int_equal(smtp_server_deadline(p.s), 80000);
	feed(&p, HEAD);
	clock_set(70000);
	feed(&p, "x");
	assert_int_equal(smtp_server_deadline(p.s), 130000);
	clock_set(120000);
	feed(&p, "x");
	assert_int_equal(smtp_server_deadline(p.s), 140000);
	smtp_server_timeout(p.s, &p.out);
	smtp_peer_turn(&p, false);
	assert_true(p.closed);
	want_tail(&p, "220 250/2.0.0 250+ " OK2 "354 421/4.4.2");
	assert_int_equal(smtp_server_deadline(p.s), -1);
	smtp_peer_fini(&p);

	smtp_peer_init(&p, &rules[SMTP]);
	clock_set(120000 + 599000);
	feed(&p, "NOOP\r\n");
	assert_int_equal(smtp_server_deadline(p.s), 720000);
	feed(&p, EHLO MAIL);
	assert_int_equal(smtp_server_deadline(p.s), 120000 + 599000 + 60000);
	smtp_peer_fini(&p);
	clock_set(-1);
}

static void
drains(void **st)
{
	struct smtp_peer p;

	(void)st;
	smtp_peer_init(&p, &rules[SMTP]);
	smtp_server_drain(p.s, &p.out);
	smtp_peer_turn(&p, false);
	assert_true(p.closed);
	want_tail(&p, "220 421/4.3.2");
	smtp_peer_fini(&p);

	smtp_peer_init(&p, &rules[SMTP]);
	feed(&p, EHLO MAIL);
	smtp_server_drain(p.s, &p.out);
	assert_false(p.closed);
	feed(&p, RCPT DATA "x\r\n.\r\n" MAIL);
	assert_true(p.closed);
	want_tail(&p, HEADS "250/2.0.0 421/4.3.2");
	smtp_peer_fini(&p);
}

static void
short_of_memory(void **st)
{
	struct smtp_peer p;

	(void)st;
	smtp_peer_init(&p, &rules[SMTP]);
	p.data_code = 452;
	feed(&p, HEAD MAIL RCPT "BDAT 4\r\nNOOP" DATA);
	want_tail(&p, HI OK2 "452/4.3.1 " OK2 "452/4.3.1 503/5.5.1");
	p.data_code = 0;
	feed(&p, MAIL RCPT DATA "x\r\n");
	smtp_server_spoil(p.s, 452, "4.3.1 full");
	assert_int_equal(smtp_server_tx(p.s)->content.n, 0);
	feed(&p, "y\r\n.\r\nNOOP\r\n");
	want_tail(&p, OK2 "354 452/4.3.1 250/2.0.0");
	assert_true(view_eq(buf_view(&p.events), VIEW("MRDXMRDXMRDX")));
	assert_int_equal(p.mails.n, 0);
	smtp_peer_fini(&p);
}

/* Content of every shape comes out as a plain model says, however cut. */
static void
random_contents(void **st)
{
	static const char *const parts[] = { "\r\n", ".", "\r\n.", "a", "bc",
		"\r\n..", "\r\n\r\n", ".\r\n.x" };
	struct smtp_server_rules r = rules[SMTP];
	unsigned round;

	(void)st;
	r.max_messages = r.max_line_bytes = r.max_header_bytes = 0;
	rand_seed(1);
	for (round = 0; round < 3000; round++) {
		struct buf plain = { 0 };
		struct buf wire = { 0 };
		struct smtp_peer p;
		unsigned n = rand_below(12);
		size_t i;

		while (n--)
			buf_adds(&plain, parts[rand_below(N(parts))]);
		buf_adds(&plain, "\r\n");
		buf_adds(&wire, HEAD);
		for (i = 0; i < plain.n; i++) {
			const char *m = buf_ptr(&plain);

			if (m[i] == '.' && (i == 0 || m[i - 1] == '\n'))
				buf_addc(&wire, '.');
			buf_addc(&wire, m[i]);
		}
		buf_adds(&wire, ".\r\n");
		smtp_peer_init(&p, &r);
		smtp_peer_feed(&p, buf_view(&wire), 1 + rand_below(9), false);
		want_tail(&p, HEADS "250/2.0.0");
		assert_int_equal(p.mails.n, plain.n + 2);
		assert_memory_equal(buf_ptr(&p.mails) + 1, buf_ptr(&plain),
		    plain.n);
		smtp_peer_fini(&p);
		buf_fini(&plain);
		buf_fini(&wire);
	}
}

static void
seeds(void **st)
{
	(void)st;
	assert_true(seeds_replay("tests/seeds/smtp_server") >= 8);
	if (seeds_replay("../shared/corpora/smtp-seeds") == 0)
		print_message("# skipped: no ../shared/corpora/smtp-seeds\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_security),
		cmocka_unit_test(extensions),
		cmocka_unit_test(parameters),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(drains),
		cmocka_unit_test(short_of_memory),
		cmocka_unit_test(random_contents),
		cmocka_unit_test(seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
