#include "config.h"

#include "tests/unit/client_rows.h"

/* clang-format off */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define GREET "W read\nS 220 mx.example ESMTP\nC EHLO me.example\nC-\n"
#define LOCKSTEP GREET "S 250 mx.example\nW ready\nC-\n"
#define DATA_MODE GREET "S 250-mx.example\nS 250 PIPELINING\nW ready\nC-\n"
#define BDAT_MODE GREET "S 250-mx.example\nS 250-PIPELINING\nS 250 CHUNKING\nW ready\nC-\n"
#define LMTP(caps) "S 220 lmtp\nC LHLO me.example\n" caps "W ready\n"
#define START1 "start\nC MAIL FROM:<me@y.example>\nC RCPT TO:<a@x.example>\n"
#define START2 START1 "C RCPT TO:<b@x.example>\n"
#define START3 START2 "C RCPT TO:<c@x.example>\n"
#define BDAT4 "pump\nC BDAT 4 LAST\nC hi\nC-\n"
#define DOT "pump\nC hi\nC .\nC-\n"

const struct client_row client_rows[] = {
	/* --- one transaction in each mode ------------------------------ */
	{ "lock step", LOCKSTEP
	    "start\nC MAIL FROM:<me@y.example>\nC-\nS 250 ok\nC RCPT TO:<a@x.example>\nC-\nS 250 ok\nC DATA\nC-\n"
	    "S 354 go\n" DOT "W read\nS 250 2.0.0 queued\nW done\nR 0 sent end 250 queued\nF-\ntake\nW ready\n"
	    "quit\nC QUIT\nW read\nS 221 bye\nW over\nF-" },
	{ "data in one flight", DATA_MODE
	    START1 "C DATA\nC-\nS 250 ok\nS 250 ok\nS 354 go\n" DOT "S 250 ok\nW done\nR 0 sent end 250\ntake\nW ready" },
	{ "bdat in one flight", BDAT_MODE
	    START1 BDAT4 "W read\nS 250 ok\nS 250 ok\nS 250 ok\nW done\nR 0 sent end 250\ntake\n"
	    START1 BDAT4 "S 250 ok\nS 250 ok\nS 250 ok\nW done\nR 0 sent end 250" },
	{ "replies in one segment, the next transaction at once", BDAT_MODE
	    START1 BDAT4 "s 250 a|250 b|250 c|\nW done\nR 0 sent end 250 c\ntake\nW ready\n" START1 BDAT4 },
	{ "replies in pieces", BDAT_MODE
	    START1 BDAT4 "s 25\ns 0 o\ns k|\nW read\ns 250-x|250\ns  y|250 z\nW read\ns |\nW done\nR 0 sent end 250 z" },
	{ "chunking not wanted", BDAT_MODE START1 "C DATA\nC-", .no_chunking = true },
	{ "chunking without pipelining", GREET "S 250-x\nS 250 CHUNKING\n"
	    "start\nC MAIL FROM:<me@y.example>\nS 250 ok\nC RCPT TO:<a@x.example>\nS 250 ok\n" BDAT4
	    "S 250 ok\nW done\nR 0 sent end 250" },
	{ "null sender", DATA_MODE "start\nC MAIL FROM:<>\nC RCPT TO:<a@x.example>\nC DATA", .sender = "" },
	{ "dots and no final CRLF", DATA_MODE START1 "C DATA\nS 250 a\nS 250 b\nS 354 c\npump\n"
	    "C ..\nC ..a\nC b.\nC .\nC-", .content = ".\r\n.a\r\nb.\r\n" , },
	{ "content without its CRLF", DATA_MODE START1 "C DATA\nS 250 a\nS 250 b\nS 354 c\npump\nC x\nC .", .content = "x" },
	{ "empty content by bdat", BDAT_MODE START1 "pump\nC BDAT 0 LAST\nC-\nS 250 a\nS 250 b\nS 250 c\nW done\nR 0 sent end 250", .content = "" },
	{ "content in small pieces", DATA_MODE START1 "C DATA\nS 250 a\nS 250 b\nS 354 c\npump 3\npump 3\npump 6\npump 7\npump 99\nC ..a\nC b\nC .\nW read",
	    .content = ".a\r\nb\r\n" },
	/* --- parameters ------------------------------------------------- */
	{ "all parameters", GREET "S 250-x\nS 250-PIPELINING\nS 250-SIZE 1000\nS 250-8BITMIME\nS 250-SMTPUTF8\nS 250 DSN\nstart\n"
	    "C MAIL FROM:<me@y.example> SIZE=4 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=q+2B1\n"
	    "C RCPT TO:<a@x.example> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;A@x.example\nC DATA",
	    .tx = { .eightbit = true, .smtputf8 = true, .ret = SMTP_CLIENT_RET_HDRS, .envid = { "q+2B1", 5 } },
	    .rcpt = { .notify = 2 | 4 | 8, .orcpt = { "rfc822;A@x.example", 18 } } },
	{ "never and full", GREET "S 250-x\nS 250-PIPELINING\nS 250 dsn\nstart\n"
	    "C MAIL FROM:<me@y.example> RET=FULL\nC RCPT TO:<a@x.example> NOTIFY=NEVER\nC DATA",
	    .tx = { .ret = SMTP_CLIENT_RET_FULL }, .rcpt = { .notify = 1 } },
	{ "none offered", DATA_MODE START1 "C DATA",
	    .tx = { .eightbit = true, .smtputf8 = true, .ret = SMTP_CLIENT_RET_FULL, .envid = { "q", 1 } },
	    .rcpt = { .notify = 1, .orcpt = { "rfc822;a", 8 } } },
	{ "a parameter that would break the line", GREET "S 250-x\nS 250-PIPELINING\nS 250 DSN\n" START1 "C DATA",
	    .tx = { .envid = { "a\r\nQUIT", 7 } }, .rcpt = { .orcpt = { "rfc822;a b", 10 } } },
	/* --- greeting, EHLO, HELO --------------------------------------- */
	{ "greeting 554", "S 554 5.7.1 not you\nW over\nF permanent greeting 554 not you" },
	{ "greeting 421", "S 421 4.3.2 later\nW over\nF temporary greeting 421" },
	{ "greeting 450", "S 450 later\nW over\nF temporary greeting 450" },
	{ "greeting 354", "S 354 go\nW over\nF temporary greeting 450 354 go" },
	{ "greeting of many lines", "S 220-a\nS 220-b\nC-\nS 220 c\nC EHLO me.example" },
	{ "garbage", "S SSH-2.0-OpenSSH\nW over\nF temporary greeting 450 does not speak SMTP" },
	{ "codes differ", "S 220-a\nS 250 b\nW over\nF temporary greeting 450" },
	{ "lost before the greeting", "lost\nW over\nF temporary greeting 450 reset by peer" },
	{ "half a greeting", "s 220 mx\nlost\nW over\nF temporary greeting 450" },
	{ "helo", GREET "S 502 what\nC HELO me.example\nC-\nS 250 mx\nW ready\n" "start\nC MAIL FROM:<me@y.example>\nC-" },
	{ "ehlo's offers do not outlive it", GREET "S 550-PIPELINING\nS 550 CHUNKING\nC HELO me.example\nS 250-mx\nS 250 PIPELINING\nstart\nC MAIL FROM:<me@y.example>\nC-" },
	{ "helo refused", GREET "S 502 what\nC HELO me.example\nS 550 no\nW over\nF permanent helo 550" },
	{ "ehlo 450", GREET "S 450 4.7.1 slow\nW over\nF temporary helo 450" },
	{ "ehlo 421", GREET "S 421 bye\nW over\nF temporary helo 421" },
	{ "ehlo lost", GREET "lost\nW over\nF temporary helo 450" },
	{ "lhlo refused", "S 220 x\nC LHLO me.example\nS 500 what\nW over\nF permanent helo 500", .lmtp = true },
	/* --- STARTTLS --------------------------------------------------- */
	{ "tls if offered", GREET "S 250-x\nS 250-PIPELINING\nS 250 STARTTLS\nC STARTTLS\nC-\nS 220 go\nW tls\nC-\nsecured\nC EHLO me.example\nS 250-x\nS 250 STARTTLS\nW ready\nstart\nC MAIL FROM:<me@y.example>\nC-",
	    .tls = SMTP_CLIENT_TLS_IF_OFFERED },
	{ "the first line is a name", GREET "S 250 STARTTLS\nC-\nW ready", .tls = SMTP_CLIENT_TLS_IF_OFFERED },
	{ "injected after 220", GREET "S 250-x\nS 250 STARTTLS\nC STARTTLS\ns 220 go|250-x|250 PIPELINING|\nW tls\nsecured\nC EHLO me.example\nW read\nS 250 y\nW ready\nstart\nC MAIL FROM:<me@y.example>\nC-",
	    .tls = SMTP_CLIENT_TLS_IF_OFFERED },
	{ "tls not offered", LOCKSTEP, .tls = SMTP_CLIENT_TLS_IF_OFFERED },
	{ "tls refused", GREET "S 250-x\nS 250 STARTTLS\nC STARTTLS\nS 454 no\nW ready\nF-", .tls = SMTP_CLIENT_TLS_IF_OFFERED },
	{ "tls not wanted", GREET "S 250-x\nS 250 STARTTLS\nC-\nW ready" },
	{ "required, not offered", GREET "S 250 x\nW over\nF temporary starttls 450", .tls = SMTP_CLIENT_TLS_REQUIRED },
	{ "required, helo", GREET "S 500 x\nC HELO me.example\nS 250 x\nW over\nF temporary starttls 450", .tls = SMTP_CLIENT_TLS_REQUIRED },
	{ "required, refused", GREET "S 250-x\nS 250 STARTTLS\nC STARTTLS\nS 454 4.7.0 no\nW over\nF temporary starttls 454", .tls = SMTP_CLIENT_TLS_REQUIRED },
	{ "required, odd reply", GREET "S 250-x\nS 250 STARTTLS\nC STARTTLS\nS 250 ok\nW over\nF temporary starttls 450", .tls = SMTP_CLIENT_TLS_REQUIRED },
	{ "starttls 421", GREET "S 250-x\nS 250 STARTTLS\nC STARTTLS\nS 421 no\nW over\nF temporary starttls 421", .tls = SMTP_CLIENT_TLS_IF_OFFERED },
	{ "handshake fails", GREET "S 250-x\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nlost\nW over\nF temporary starttls 450", .tls = SMTP_CLIENT_TLS_REQUIRED },
	{ "handshake's time", GREET "S 250-x\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nafter 1999\nW tls\nafter 1\nW over\nF temporary starttls 450", .tls = SMTP_CLIENT_TLS_REQUIRED },
	/* --- refusals, lock step ---------------------------------------- */
	{ "mail refused, no reset needed", LOCKSTEP "start\nC MAIL FROM:<me@y.example>\nS 550 5.7.1 no\nW done\nR 0 permanent mail 550\nF-\ntake\nstart\nC MAIL FROM:<me@y.example>\nC-" },
	{ "rcpt refused, reset before the next", LOCKSTEP "start\nC MAIL FROM:<me@y.example>\nS 250 ok\nC RCPT TO:<a@x.example>\nS 550 5.1.1 no\nW done\nR 0 permanent rcpt 550\ntake\nW ready\n"
	    "start\nC RSET\nC-\nS 250 ok\nC MAIL FROM:<me@y.example>\nC-" },
	{ "one of two", LOCKSTEP "start\nC MAIL FROM:<me@y.example>\nS 250 ok\nC RCPT TO:<a@x.example>\nS 450 4.2.1 later\nC RCPT TO:<b@x.example>\nS 251 ok\nC DATA\nS 354 go\n" DOT
	    "S 250 ok\nW done\nR 0 temporary rcpt 450\nR 1 sent end 250", .nrcpt = 2 },
	{ "data refused", LOCKSTEP "start\nC MAIL FROM:<me@y.example>\nS 250 ok\nC RCPT TO:<a@x.example>\nS 250 ok\nC DATA\nS 451 4.3.0 no\nW done\nR 0 temporary data 451\ntake\nstart\nC RSET\nC-" },
	{ "content refused", LOCKSTEP "start\nC MAIL FROM:<me@y.example>\nS 250 ok\nC RCPT TO:<a@x.example>\nS 250 ok\nC DATA\nS 354 go\n" DOT "S 554 5.7.1 spam\nW done\nR 0 permanent end 554 spam\ntake\nstart\nC MAIL FROM:<me@y.example>\nC-" },
	/* --- refusals under pipelining ---------------------------------- */
	{ "503 after a refused MAIL", DATA_MODE START2 "C DATA\nS 451 4.7.1 slow\nS 503 no mail\nS 503 no mail\nW read\nS 503 no rcpt\nW done\nR 0 temporary mail 451\nR 1 temporary mail 451\nF-", .nrcpt = 2 },
	{ "503 after a refused MAIL, bdat", BDAT_MODE START1 BDAT4 "S 550 5.7.1 no\nS 503 x\nS 503 y\nW done\nR 0 permanent mail 550\ntake\n" "start\nC RSET\nC MAIL FROM:<me@y.example>\nC RCPT TO:<a@x.example>\n" BDAT4 },
	{ "a recipient's 503 after another's refusal", DATA_MODE START3 "C DATA\nS 250 ok\nS 250 ok\nS 550 5.1.1 no\nS 503 out of order\nS 354 go\n" DOT "S 250 ok\nW done\nR 0 sent end 250\nR 1 permanent rcpt 550\nR 2 temporary rcpt 450 503 out of order", .nrcpt = 3 },
	{ "503 to DATA after another's refusal", DATA_MODE START2 "C DATA\nS 250 ok\nS 250 ok\nS 550 5.1.1 no\nS 503 x\nW done\nR 0 temporary data 450\nR 1 permanent rcpt 550", .nrcpt = 2 },
	{ "503 to BDAT after another's refusal", BDAT_MODE START2 BDAT4 "S 250 ok\nS 250 ok\nS 550 5.1.1 no\nS 503 x\nW done\nR 0 temporary end 450\nR 1 permanent rcpt 550", .nrcpt = 2 },
	{ "503 without a refusal is one", DATA_MODE START1 "C DATA\nS 250 ok\nS 503 5.5.1 authenticate\nS 503 x\nW done\nR 0 permanent rcpt 503" },
	{ "354 with none accepted: the dot alone", DATA_MODE START2 "C DATA\nS 250 ok\nS 550 5.1.1 a\nS 450 4.2.2 b\nS 354 go\nC .\nC-\nW read\nS 250 accepted\nW done\nR 0 permanent rcpt 550\nR 1 temporary rcpt 450\nF-\ntake\nW ready", .nrcpt = 2 },
	{ "354 after a refused MAIL", DATA_MODE START1 "C DATA\nS 550 a\nS 250 b\nS 354 go\nC .\nS 554 none\nW done\nR 0 permanent mail 550\ntake\nW ready" },
	{ "lost after such a dot", DATA_MODE START1 "C DATA\nS 250 ok\nS 550 a\nS 354 go\nC .\nlost\nW done\nR 0 permanent rcpt 550\ntake\nW over" },
	{ "2xx to BDAT with none accepted", BDAT_MODE START1 BDAT4 "S 250 ok\nS 550 5.1.1 no\nS 250 accepted\nW done\nR 0 permanent rcpt 550\ntake\nstart\nC RSET\nC MAIL FROM:<me@y.example>\nC RCPT TO:<a@x.example>\n" BDAT4
	    "S 250 reset\nS 250 ok\nS 250 ok\nS 250 ok\nW done\nR 0 sent end 250" },
	{ "2xx to all after a refused MAIL", BDAT_MODE START1 BDAT4 "S 550 no\nS 250 ok\nS 250 ok\nW done\nR 0 permanent mail 550" },
	{ "a failed BDAT", BDAT_MODE START1 BDAT4 "S 250 ok\nS 250 ok\nS 452 4.3.1 full\nW done\nR 0 temporary end 452\ntake\nstart\nC RSET\nC MAIL FROM:<me@y.example>\nC RCPT TO:<a@x.example>\n" BDAT4 },
	{ "RSET refused, then 503", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 451 no\nW done\ntake\nstart\nC RSET\nC MAIL FROM:<me@y.example>\nC RCPT TO:<a@x.example>\nC DATA\nS 500 what\nS 503 nested\nS 250 a\nS 354 b\nC .\nS 250 c\nW done\nR 0 temporary mail 450 503 nested" },
	{ "too many recipients, 552", DATA_MODE START2 "C DATA\nS 250 ok\nS 250 ok\nS 552 too many\nS 354 go\n" DOT "S 250 ok\nW done\nR 0 sent end 250\nR 1 temporary rcpt 452", .nrcpt = 2 },
	{ "mailbox full, 552", DATA_MODE START2 "C DATA\nS 250 ok\nS 250 ok\nS 552 5.2.2 full\nS 354 go\n" DOT "S 250 ok\nW done\nR 1 permanent rcpt 552", .nrcpt = 2 },
	{ "552 for the only one", DATA_MODE START1 "C DATA\nS 250 ok\nS 552 full\nS 554 none\nW done\nR 0 permanent rcpt 552" },
	{ "3xx where it has no place", DATA_MODE START1 "C DATA\nS 250 ok\nS 354 what\nS 554 none\nW done\nR 0 temporary rcpt 450" },
	{ "2xx to DATA", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 250 ok\nW done\nR 0 temporary data 450 unexpected reply at DATA\ntake\nW over\nF temporary data 450" },
	{ "3xx to the content", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\n" DOT "S 354 more\nW done\nR 0 temporary end 450\ntake\nW over" },
	/* --- early replies ---------------------------------------------- */
	{ "5xx while DATA's content leaves", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\npump 4\nC aa\nS 552 5.3.4 too big\nW done\nR 0 permanent end 552 too big\nF-\ntake\nW over\npump\nC-", .content = "aa\r\nbb\r\ncc\r\n" },
	{ "4xx while DATA's content leaves", DATA_MODE START2 "C DATA\nS 250 ok\nS 550 no\nS 250 ok\nS 354 go\npump 4\nC aa\nS 452 full\nW done\nR 0 permanent rcpt 550\nR 1 temporary end 452\ntake\nW over", .content = "aa\r\nbb\r\n", .nrcpt = 2 },
	{ "2xx while DATA's content leaves", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\npump 4\nC aa\nS 250 thanks\nW done\nR 0 temporary end 450\ntake\nW over", .content = "aa\r\nbb\r\n" },
	{ "5xx while BDAT's content leaves", BDAT_MODE START1 "C BDAT 8 LAST\npump 4\nC aa\nS 250 ok\nS 250 ok\nS 552 5.3.4 too big\nW done\nR 0 permanent end 552\ntake\nW over", .content = "aa\r\nbb\r\n" },
	{ "2xx while BDAT's content leaves", BDAT_MODE START1 "C BDAT 8 LAST\npump 4\nC aa\nS 250 ok\nS 250 ok\nS 250 ok\nW done\nR 0 temporary end 450\ntake\nW over", .content = "aa\r\nbb\r\n" },
	{ "no recipient while BDAT's content leaves", BDAT_MODE START1 "C BDAT 8 LAST\npump 4\nC aa\nS 250 ok\nS 550 5.1.1 no\nW done\nR 0 permanent rcpt 550\nF-\ntake\nW over", .content = "aa\r\nbb\r\n" },
	{ "replies while BDAT's content leaves", BDAT_MODE START1 "C BDAT 8 LAST\npump 4\nC aa\nS 250 ok\nS 250 ok\nW read\npump 4\nC bb\nC-\nS 250 ok\nW done\nR 0 sent end 250\ntake\nW ready", .content = "aa\r\nbb\r\n" },
	/* --- 421 -------------------------------------------------------- */
	{ "421 to MAIL", DATA_MODE START2 "C DATA\nS 421 4.7.0 rate\nW done\nR 0 temporary mail 421\nR 1 temporary mail 421\ntake\nW over\nF temporary mail 421", .nrcpt = 2 },
	{ "421 to the second RCPT", DATA_MODE START3 "C DATA\nS 250 ok\nS 550 5.1.1 no\nS 421 bye\nW done\nR 0 permanent rcpt 550\nR 1 temporary rcpt 421\nR 2 temporary rcpt 421\ntake\nW over", .nrcpt = 3 },
	{ "421 to DATA", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 421 bye\nW done\nR 0 temporary data 421\ntake\nW over" },
	{ "421 during content", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\npump 4\nC aa\nS 421 bye\nW done\nR 0 temporary end 421\ntake\nW over", .content = "aa\r\nbb\r\n" },
	{ "421 to the content", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\n" DOT "S 421 4.4.2 bye\nW done\nR 0 temporary end 421\ntake\nW over" },
	{ "421 to BDAT", BDAT_MODE START1 BDAT4 "S 250 ok\nS 250 ok\nS 421 bye\nW done\nR 0 temporary end 421\ntake\nW over" },
	{ "421 to RSET", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 451 no\ntake\nstart\nC RSET\nC MAIL FROM:<me@y.example>\nC RCPT TO:<a@x.example>\nC DATA\nS 421 bye\nW done\nR 0 temporary mail 421\ntake\nW over" },
	{ "421 right after the last 250", BDAT_MODE START1 BDAT4 "S 250 ok\nS 250 ok\ns 250 ok|421 bye|\nW done\nR 0 sent end 250\ntake\nW over\nF-" },
	{ "421 while idle", DATA_MODE "S 421 idle\nW over\nF-" },
	{ "anything while idle", DATA_MODE "S 250 what\nW over\nF-" },
	{ "421 to QUIT", DATA_MODE "quit\nC QUIT\nS 421 bye\nW over\nF-" },
	/* --- lost ------------------------------------------------------- */
	{ "lost at MAIL of the first", DATA_MODE START1 "C DATA\nlost\nW done\nR 0 temporary mail 450\ntake\nW over\nF temporary mail 450" },
	{ "lost at MAIL of the second", DATA_MODE START1 "C DATA\nS 250 a\nS 250 b\nS 354 c\n" DOT "S 250 ok\ntake\n" START1 "C DATA\nlost\nW done\nR 0 untried mail 450\ntake\nW over" },
	{ "lost at RCPT", DATA_MODE START2 "C DATA\nS 250 ok\nS 550 no\nlost\nW done\nR 0 permanent rcpt 550\nR 1 temporary rcpt 450\ntake\nW over", .nrcpt = 2 },
	{ "lost at DATA", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nlost\nW done\nR 0 temporary data 450" },
	{ "lost during content", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\npump 4\nC aa\nlost\nW done\nR 0 temporary end 450", .content = "aa\r\nbb\r\n" },
	{ "lost after the dot", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\n" DOT "lost\nW done\nR 0 temporary end 450 connection lost at end of content" },
	{ "half a last reply", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\n" DOT "s 250 o\nlost\nW done\nR 0 temporary end 450" },
	{ "lost while idle", DATA_MODE "lost\nW over\nF-" },
	{ "lost at QUIT", DATA_MODE "quit\nC QUIT\nlost\nW over\nF-" },
	{ "garbage in a transaction", DATA_MODE START1 "C DATA\nS 250 ok\nS what?\nW done\nR 0 temporary rcpt 450 does not speak SMTP\ntake\nW over" },
	{ "quit in the middle gives up", DATA_MODE START1 "C DATA\nS 250 ok\nquit\nW done\nR 0 temporary rcpt 450\ntake\nW over" },
	/* --- time ------------------------------------------------------- */
	{ "greeting's time", "after 999\nW read\nafter 1\nW over\nF temporary greeting 450 time ran out at greeting" },
	{ "a slow greeting gains no time", "after 900\ns 220-a|\nafter 100\nW over\nF temporary greeting 450" },
	{ "EHLO's time", GREET "after 1999\nW read\nafter 1\nW over\nF temporary helo 450" },
	{ "MAIL's time", DATA_MODE START1 "C DATA\nafter 1999\nW read\nafter 1\nW done\nR 0 temporary mail 450 time ran out at MAIL\ntake\nW over" },
	{ "RCPT's time is its own", DATA_MODE START1 "C DATA\nafter 1999\nS 250 ok\nafter 1999\nW read\nafter 1\nW done\nR 0 temporary rcpt 450" },
	{ "DATA's time", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nafter 2999\nW read\nafter 1\nW done\nR 0 temporary data 450" },
	{ "a block's time", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\nafter 3999\npump 4\nC aa\nafter 3999\nW read\nafter 1\nW done\nR 0 temporary end 450 time ran out at content", .content = "aa\r\nbb\r\n" },
	{ "a block's time by BDAT", BDAT_MODE START1 "C BDAT 8 LAST\npump 4\nC aa\nafter 3999\nW read\nafter 1\nW done\nR 0 temporary mail 450", .content = "aa\r\nbb\r\n" },
	{ "the end's time", DATA_MODE START1 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\n" DOT "after 4999\nW read\nafter 1\nW done\nR 0 temporary end 450" },
	{ "the end's time by BDAT", BDAT_MODE START1 BDAT4 "S 250 ok\nS 250 ok\nafter 4999\nW read\nafter 1\nW done\nR 0 temporary end 450" },
	{ "RSET's time", DATA_MODE START1 "C DATA\nS 250 a\nS 250 b\nS 451 c\ntake\nstart\nC RSET\nC MAIL FROM:<me@y.example>\nC RCPT TO:<a@x.example>\nC DATA\nafter 2000\nW done\nR 0 temporary mail 450" },
	{ "QUIT's time", DATA_MODE "quit\nC QUIT\nafter 599\nW read\nafter 1\nW over\nF-" },
	{ "no time while idle", DATA_MODE "after 100000000\nW ready" },
	/* --- LMTP ------------------------------------------------------- */
	{ "lmtp, a reply each", LMTP("S 250-x\nS 250 PIPELINING\n") START3 "C DATA\nS 250 ok\nS 250 a\nS 550 5.1.1 b\nS 250 c\nS 354 go\n" DOT "S 250 2.0.0 a\nW read\nS 452 4.2.2 c\nW done\n"
	    "R 0 sent end 250 a\nR 1 permanent rcpt 550\nR 2 temporary end 452 c\ntake\nW ready", .lmtp = true, .nrcpt = 3 },
	{ "lmtp, bdat", LMTP("S 250-x\nS 250-PIPELINING\nS 250 CHUNKING\n") START2 BDAT4 "S 250 ok\nS 250 a\nS 250 b\nS 250 a\nS 550 5.2.2 b\nW done\nR 0 sent end 250\nR 1 permanent end 550\ntake\nstart\nC RSET\nC MAIL FROM:<me@y.example>\nC RCPT TO:<a@x.example>\nC RCPT TO:<b@x.example>\n" BDAT4, .lmtp = true, .nrcpt = 2 },
	{ "lmtp, none accepted", LMTP("S 250-x\nS 250 PIPELINING\n") START1 "C DATA\nS 250 ok\nS 550 no\nS 503 none\nW done\nR 0 permanent rcpt 550", .lmtp = true },
	{ "lmtp, 354 with none accepted", LMTP("S 250-x\nS 250 PIPELINING\n") START1 "C DATA\nS 250 ok\nS 550 no\nS 354 go\nC .\nW done\nR 0 permanent rcpt 550\ntake\nW over", .lmtp = true },
	{ "lmtp, 421 between the replies", LMTP("S 250-x\nS 250 PIPELINING\n") START2 "C DATA\nS 250 ok\nS 250 a\nS 250 b\nS 354 go\n" DOT "S 250 a\nS 421 bye\nW done\nR 0 sent end 250\nR 1 temporary end 421\ntake\nW over", .lmtp = true, .nrcpt = 2 },
	{ "lmtp, lost between the replies", LMTP("S 250-x\nS 250 PIPELINING\n") START2 "C DATA\nS 250 ok\nS 250 a\nS 250 b\nS 354 go\n" DOT "S 250 a\nlost\nW done\nR 0 sent end 250\nR 1 temporary end 450", .lmtp = true, .nrcpt = 2 },
	{ "lmtp, lock step", LMTP("S 250 x\n") "start\nC MAIL FROM:<me@y.example>\nS 250 ok\nC RCPT TO:<a@x.example>\nS 250 ok\nC DATA\nS 354 go\n" DOT "S 250 ok\nW done\nR 0 sent end 250", .lmtp = true },
};
/* clang-format on */

const size_t client_rows_n = sizeof(client_rows) / sizeof(client_rows[0]);
