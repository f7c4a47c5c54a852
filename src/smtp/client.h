/*
 * SMTP and LMTP client engine (RFC 5321, RFC 2033), sans-IO: bytes in, bytes
 * out, a deadline out; it owns no descriptor and no timer.
 *
 * After each call the driver asks smtp_client_want() and does that until it
 * says READ.  With PIPELINING a whole transaction leaves in one flight, up to
 * DATA, or with CHUNKING up to the content itself.
 *
 * Verdicts: the first refusal decides.  A 503 after a refused command says
 * nothing of a recipient; a 2xx to the content without an accepted recipient
 * delivers nothing; whatever ends the session leaves the undecided recipients
 * temporary.
 */
#ifndef SMTP_CLIENT_H
#define SMTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "smtp/client_caps.h"
#include "smtp/reply.h"

struct smtp_client;

enum smtp_client_tls {
	SMTP_CLIENT_TLS_NONE,
	SMTP_CLIENT_TLS_IF_OFFERED,
	SMTP_CLIENT_TLS_REQUIRED
};

enum smtp_client_timeout { /* RFC 5321 4.5.3.2 */
	SMTP_CLIENT_NO_TIMEOUT,
	SMTP_CLIENT_GREETING_TIMEOUT,
	SMTP_CLIENT_COMMAND_TIMEOUT,
	SMTP_CLIENT_DATA_START_TIMEOUT,
	SMTP_CLIENT_DATA_BLOCK_TIMEOUT,
	SMTP_CLIENT_DATA_END_TIMEOUT,
	SMTP_CLIENT_QUIT_TIMEOUT,
	SMTP_CLIENT_TIMEOUTS
};

struct smtp_client_params {
	bool lmtp;
	bool chunking; /* use BDAT where offered */
	enum smtp_client_tls tls;
	const char *helo; /* borrowed for the life of the engine */
	const char *name; /* in the log; likewise */
	int64_t timeout_ms[SMTP_CLIENT_TIMEOUTS];
};

enum smtp_client_verdict {
	SMTP_CLIENT_UNDECIDED,
	SMTP_CLIENT_SENT,
	SMTP_CLIENT_TEMPORARY,
	SMTP_CLIENT_PERMANENT,
	SMTP_CLIENT_UNTRIED /* a reused connection was gone already */
};

enum smtp_client_stage {
	SMTP_CLIENT_AT_GREETING,
	SMTP_CLIENT_AT_HELO,
	SMTP_CLIENT_AT_STARTTLS,
	SMTP_CLIENT_AT_MAIL,
	SMTP_CLIENT_AT_RCPT,
	SMTP_CLIENT_AT_DATA,
	SMTP_CLIENT_AT_END,
	SMTP_CLIENT_STAGES
};

struct smtp_client_result {
	enum smtp_client_verdict verdict;
	enum smtp_client_stage stage;
	int code; /* of the peer, or 450: ours */
	int enhanced[3];
	char text[SMTP_REPLY_TEXT_MAX];
};

enum smtp_client_notify { /* RFC 3461 4.1; 0: not given */
	SMTP_CLIENT_NOTIFY_NEVER = 1,
	SMTP_CLIENT_NOTIFY_SUCCESS = 2,
	SMTP_CLIENT_NOTIFY_FAILURE = 4,
	SMTP_CLIENT_NOTIFY_DELAY = 8
};

enum smtp_client_ret {
	SMTP_CLIENT_RET_NONE,
	SMTP_CLIENT_RET_FULL,
	SMTP_CLIENT_RET_HDRS
};

struct smtp_client_rcpt {
	const char *address; /* borrowed until the transaction is taken back */
	unsigned notify;
	struct view orcpt; /* "rfc822;..." as given, or empty */
	/* the engine's */
	bool accepted;
	struct smtp_client_result result;
};

struct smtp_client_tx {     /* the caller's, until it is taken back */
	struct view sender; /* without brackets; empty: <> */
	bool eightbit;
	bool smtputf8;
	enum smtp_client_ret ret;
	struct view envid;   /* xtext as given, or empty */
	struct view content; /* CRLF lines, dots not doubled */
	struct smtp_client_rcpt *rcpt;
	size_t nrcpt; /* at least 1 */
};

struct smtp_client *smtp_client_new(const struct smtp_client_params *p);
void smtp_client_free(struct smtp_client **c);

enum smtp_client_want {
	SMTP_CLIENT_READ,  /* input, content to pump, or the deadline */
	SMTP_CLIENT_TLS,   /* handshake now, then smtp_client_secured() */
	SMTP_CLIENT_DONE,  /* a transaction is over: take it */
	SMTP_CLIENT_READY, /* may begin a transaction, or quit */
	SMTP_CLIENT_OVER   /* close the connection */
};
enum smtp_client_want smtp_client_want(const struct smtp_client *c);

/* Reads what came; takes it off in. */
void smtp_client_input(struct smtp_client *c, struct buf *in, struct buf *out);
void smtp_client_secured(struct smtp_client *c, struct buf *out);
void smtp_client_start(
    struct smtp_client *c, struct smtp_client_tx *tx, struct buf *out);
/* Content may be pumped now; its last octets are still to come. */
bool smtp_client_has_content(const struct smtp_client *c);
/* Appends content until out holds max bytes; call again as it drains. */
void smtp_client_pump(struct smtp_client *c, struct buf *out, size_t max);
struct smtp_client_tx *smtp_client_take(struct smtp_client *c);
void smtp_client_quit(struct smtp_client *c, struct buf *out);
/* The connection is gone (all its input was given before), the handshake
 * failed, or the driver gives up: why says it. */
void smtp_client_lost(struct smtp_client *c, const char *why);
/* The driver breaks off: recipients are temporary when the whole content has
 * left, else untried. */
void smtp_client_abandon(struct smtp_client *c, const char *why);
/* By clock_mono(), ms; 0: none. */
int64_t smtp_client_deadline(const struct smtp_client *c);
void smtp_client_expired(struct smtp_client *c);

const struct smtp_client_caps *
smtp_client_capabilities(const struct smtp_client *c);
bool smtp_client_greeted(const struct smtp_client *c); /* by a 2xx */
/* The greeting or the EHLO reply carries this host name. */
bool smtp_client_is_named(const struct smtp_client *c, const char *host);
/* What ended the session out of order; NULL: nothing did. */
const struct smtp_client_result *
smtp_client_failure(const struct smtp_client *c);
const char *smtp_client_state_name(const struct smtp_client *c);
/* The whole content left, so that it may have been accepted. */
bool smtp_client_content_sent(const struct smtp_client *c);

#endif
