/*
 * One queued recipient, unpacked.  queue/README.md has the packed layout; Lua
 * reads only its first 30 octets.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define STORE_RECORD_HEAD 30

enum store_notify { /* RFC 3461 NOTIFY; 0: not given (failure) */
	STORE_NOTIFY_NEVER = 1,
	STORE_NOTIFY_SUCCESS = 2,
	STORE_NOTIFY_FAILURE = 4,
	STORE_NOTIFY_DELAY = 8
};
enum store_ret { STORE_RET_NONE, STORE_RET_FULL, STORE_RET_HDRS };

struct store_record {
	/* what Lua sees */
	uint64_t id;
	unsigned char addr_hash[8];
	uint64_t base;      /* 0: none */
	uint16_t attempt;   /* 0 until the first deferral */
	uint32_t expires_s; /* seconds since 1970 */
	/* the rest: views borrow from the packed record or the caller */
	int64_t created_ms;
	struct view sender; /* "" : <> */
	struct view rcpt;
	uint64_t content_hash; /* mail_patch_hash of the content */
	uint64_t content_bytes;
	bool eightbit;
	bool smtputf8; /* header or address needs it */
	bool report;   /* is itself a delivery report: never bounced */
	unsigned notify; /* enum store_notify bits */
	enum store_ret ret;
	struct view envid;  /* as given (xtext), or empty */
	struct view orcpt;  /* as given, or empty */
	struct view source; /* name wanted by X-Source, or empty */
	struct view patch;  /* mail/patch.h; empty with kind SAME */
};

void store_record_pack(const struct store_record *r, struct buf *out);
/* Views borrow from packed. */
int store_record_unpack(struct view packed, struct store_record *r,
    struct err *e);

/* Ids as people see them: 13 letters and digits. */
#define STORE_ID_MAX 16
void store_record_id_text(uint64_t id, char out[STORE_ID_MAX]);
int store_record_id_parse(struct view v, uint64_t *id);

#endif
