/*
 * One leased recipient on its way out, and the content shared by those that
 * travel in one transaction.
 */
#ifndef DELIVER_JOB_H
#define DELIVER_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "mail/class.h"
#include "smtp/address.h"
#include "smtp/reply.h"

struct store_campaign;
struct store_lease;
struct tls_info;

struct deliver_job {
	struct list link;               /* on a route's or a session's list */
	struct store_lease *lease;      /* owned */
	struct store_campaign *campaign; /* borrowed: lives with the store */
	struct smtp_address rcpt;
	int64_t leased_ms;
	void *owner; /* the scheduler's own */
};

/* How one recipient's attempt ended. */
struct deliver_result {
	enum {
		DELIVER_SENT,
		DELIVER_TEMPORARY,
		DELIVER_PERMANENT,
		DELIVER_UNTRIED, /* nothing was asked of the peer for it */
		DELIVER_UNREBUILT /* content damaged: park it */
	} kind;
	enum mail_stage stage;
	int code;               /* of the peer, or ours (450, 550 ...) */
	int enhanced[3];
	char text[SMTP_REPLY_TEXT_MAX];
	char mx[256];           /* host name; "" before connecting */
	char address[64];       /* of the peer */
	const char *source;     /* name of the source; borrowed from conf */
	char tls[64];           /* "TLSv1.3 TLS_AES_256_GCM_SHA384", or "" */
	bool tls_verified;
	bool dsn_passed; /* the peer took over the DSN promise (RFC 3461) */
	size_t bytes;    /* content bytes sent */
	int64_t started_ms, ended_ms;
};

#endif
