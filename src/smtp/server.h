/*
 * SMTP and LMTP server engine, sans-IO: RFC 5321, 2033 (LMTP), 2034, 2920
 * (PIPELINING), 1870 (SIZE), 6152 (8BITMIME), 6531 (SMTPUTF8), 3030 (CHUNKING;
 * BINARYMIME is not offered), 3461 (DSN), 3207 (STARTTLS), 4954 (AUTH).
 *
 * Bytes go in and out through the caller's buffers; smtp_server_run() returns
 * the next thing its owner must do.  Where that is a question, nothing more
 * is read until smtp_server_answer(), which may come at any later time, so
 * replies keep the order of the commands whatever was pipelined.
 *
 * Lines end in CRLF and content ends in CRLF.CRLF, nothing else: what another
 * server could take for the end of data is refused, never interpreted.
 */
#ifndef SMTP_SERVER_H
#define SMTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "smtp/address.h"

struct smtp_server;

/* Borrowed by every session made with it. */
struct smtp_server_rules {
	bool lmtp;
	bool starttls;         /* TLS can be had */
	bool tls_required;     /* nothing else before it */
	bool auth;             /* AUTH is offered */
	bool auth_without_tls;
	bool normalise;        /* bare CR and LF become CRLF: not refused */
	const char *hostname;
	unsigned max_messages; /* of a connection; 0 is no limit, as below */
	unsigned max_recipients;
	unsigned max_errors;
	unsigned max_hops;     /* Received fields */
	unsigned max_line_bytes;
	unsigned max_header_bytes;
	uint64_t max_message_bytes;
	int64_t idle_ms;
	int64_t session_ms;
	int64_t data_ms; /* one message's content */
};

enum smtp_server_event {
	SMTP_SERVER_NONE,     /* more input, or the answer, is needed */
	/* questions */
	SMTP_SERVER_AUTH,     /* tx->user, tx->password; accept with 235 */
	SMTP_SERVER_MAIL,     /* tx->sender and what belongs to it; 250 */
	SMTP_SERVER_RCPT,     /* tx->rcpt; 250 */
	SMTP_SERVER_DATA,     /* content is about to come; 354 */
	SMTP_SERVER_MESSAGE,  /* tx->content is whole; LMTP: an answer for
			       * each recipient, in order */
	/* news */
	SMTP_SERVER_RESET,    /* the transaction was given up */
	SMTP_SERVER_STARTTLS, /* send what is in out, then shake hands, then
			       * call smtp_server_secured() */
	SMTP_SERVER_CLOSE     /* send what is in out, then close */
};

enum smtp_server_notify { /* RFC 3461 4.1 */
	SMTP_SERVER_NEVER = 1,
	SMTP_SERVER_SUCCESS = 2,
	SMTP_SERVER_FAILURE = 4,
	SMTP_SERVER_DELAY = 8
};
enum smtp_server_ret { SMTP_SERVER_RET_NONE, SMTP_SERVER_FULL,
	SMTP_SERVER_HDRS };

#define SMTP_SERVER_ENVID_MAX 100 /* RFC 3461 5.4 */
#define SMTP_SERVER_ORCPT_MAX 500 /* RFC 3461 5.4 */

struct smtp_server_rcpt {
	struct smtp_address addr;
	unsigned notify; /* enum smtp_server_notify bits */
	char *orcpt;     /* as given, xtext and all; NULL */
};

/* Valid until the question is answered.  The owner may take content, orcpt
 * and envid, leaving an empty buffer or NULL. */
struct smtp_server_tx {
	struct smtp_address sender;
	uint64_t size;  /* as announced; 0: not */
	bool eightbit;
	bool smtputf8;
	int ret;        /* enum smtp_server_ret */
	char *envid;    /* decoded; NULL */
	struct smtp_server_rcpt rcpt;
	size_t nrcpt;   /* accepted so far */
	struct buf content; /* CRLF lines, dots undone */
	char *user;
	char *password;
};

struct smtp_server *smtp_server_new(const struct smtp_server_rules *r,
    bool secure);
void smtp_server_free(struct smtp_server **s);
/* From now on these; what is under way goes on. */
void smtp_server_rules_set(struct smtp_server *s,
    const struct smtp_server_rules *r);

/* The greeting, or a refusal of the connection (421 or 554 with text). */
void smtp_server_greet(struct smtp_server *s, struct buf *out);
void smtp_server_refuse(struct buf *out, const char *hostname, int code,
    const char *text);

/* Takes what it can off in; to be called again until it returns NONE. */
enum smtp_server_event smtp_server_run(struct smtp_server *s, struct buf *in,
    struct buf *out);
struct smtp_server_tx *smtp_server_tx(struct smtp_server *s);
/* text begins with the enhanced status, "5.7.1 no"; NULL for the usual one of
 * an acceptance.  421 closes.  Then run again. */
void smtp_server_answer(struct smtp_server *s, struct buf *out, int code,
    const char *text);
/* Content that is coming in shall be refused at its end; what came is freed.
 * For owners short of memory. */
void smtp_server_spoil(struct smtp_server *s, int code, const char *text);
void smtp_server_secured(struct smtp_server *s);

/* clock_mono() at which smtp_server_timeout() is due; -1: none. */
int64_t smtp_server_deadline(const struct smtp_server *s);
/* Says 421; the next run returns CLOSE. */
void smtp_server_timeout(struct smtp_server *s, struct buf *out);
/* 421 at the end of the transaction, or now when there is none.  Run then. */
void smtp_server_drain(struct smtp_server *s, struct buf *out);

/* "ESMTPSA" and the like, RFC 3848 and RFC 6531 4.3. */
const char *smtp_server_protocol(const struct smtp_server *s);
const char *smtp_server_helo(const struct smtp_server *s);
const char *smtp_server_state_text(const struct smtp_server *s);
bool smtp_server_secure(const struct smtp_server *s);
bool smtp_server_authed(const struct smtp_server *s);
unsigned smtp_server_messages(const struct smtp_server *s);

#endif
