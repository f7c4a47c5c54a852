/*
 * The submission pipeline: from a message as a client gave it to records in
 * the queue.  Control headers are read and removed, Date and Message-ID
 * completed, Bcc removed, Received written, the tenant's rules checked, the
 * content cut into base and patch, and one record per recipient enqueued.
 */
#ifndef SUBMIT_SUBMIT_H
#define SUBMIT_SUBMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "smtp/address.h"

struct conf;
struct conf_tenant;
struct loop;
struct store;
struct submit;
struct submit_req;

struct submit *submit_new(struct loop *l, struct conf *conf,
    struct store *store);
void submit_reload(struct submit *s, struct conf *conf);
void submit_free(struct submit **s);

struct submit_rcpt {
	struct smtp_address addr;
	unsigned notify; /* enum store_notify bits */
	char *orcpt;     /* owned; as given, or NULL */
	/* result, for LMTP's reply per recipient */
	int code;
	const char *text; /* "2.1.5 queued as ..."; owned by the message */
};

struct submit_message { /* owned by the caller until done or cancel */
	const struct conf_tenant *tenant; /* never NULL */
	struct smtp_address sender;
	struct submit_rcpt *rcpt;
	size_t nrcpt;
	struct buf content; /* CRLF lines, dots undone; changed by submission */
	int ret;            /* enum store_ret */
	char *envid;        /* owned, or NULL */
	bool smtputf8;
	bool report;        /* our own delivery report: no checks */
	/* for Received */
	const char *protocol; /* "ESMTPSA", "LMTP" ... */
	const char *helo;
	const char *client; /* address text */
	const char *tls;    /* "TLSv1.3 ...", or NULL */
	const char *hostname; /* ours */
	unsigned max_hops;
	/* result: one reply for the whole */
	int code;
	char text[256];
};

/* Checks that can be made before the content: 0, or -1 with the code and the
 * text of the refusal in m->code, m->text. */
int submit_check_sender(struct submit *s, struct submit_message *m);
/* Answers once, from the loop; m->code is then 250, 4xx or 5xx. */
struct submit_req *submit_send(struct submit *s, struct submit_message *m,
    void (*done)(void *arg), void *arg);
void submit_cancel(struct submit_req **r);

/* A base as the delivery side needs it, from the cache that submission fills:
 * NULL when it is not there.  A reference is given (mail_base_unref). */
struct mail_base *submit_base_get(struct submit *s, unsigned shard,
    uint64_t id);

#endif
