/*
 * Typed calls to the queue in Redis (queue/README.md): the only caller of
 * Lua functions.  Owns the connection, the embedded redis-server, ownership of
 * the shards, the outcome journal, and the campaigns' cache.
 *
 * Calls answer from the loop, exactly once, never from inside the call; a
 * request can be cancelled (silence).  While the queue is down calls fail at
 * once with STORE_UNAVAILABLE, and settle keeps its outcomes until it is back.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "store/record.h"

struct conf;
struct loop;
struct store;
struct store_req;
struct smtp_address;

enum store_status {
	STORE_OK,
	STORE_UNAVAILABLE, /* away, time-out, loading, read-only */
	STORE_FULL,        /* out of memory or disk */
	STORE_FENCED,      /* another daemon owns the shard */
	STORE_REFUSED,     /* the queue said no: text tells */
	STORE_NOT_FOUND
};

struct store_ops {
	/* Owned, journal replayed, recovered: leasing may start. */
	void (*on_up)(void *arg);
	void (*on_down)(void *arg, const char *why);
	/* A lane has records that may be leased now. */
	void (*on_lane)(void *arg, unsigned shard, uint64_t campaign,
	    const char *domain);
	/* All in-flight records of the shard are no longer ours. */
	void (*on_shard_lost)(void *arg, unsigned shard);
	/* A campaign was paused, resumed or cancelled. */
	void (*on_campaign)(void *arg, uint64_t campaign);
	/* Records that left without a lease.  code: c cancelled by reap, u
	 * suppressed at lease, s suppressed at enqueue (no patch). */
	void (*on_dropped)(void *arg, uint64_t campaign, const char *domain,
	    struct view packed, char code);
};

/* Starts (embedded) or connects; ops->on_up tells when. */
struct store *store_open(struct loop *l, struct conf *conf,
    const struct store_ops *ops, void *arg, struct err *e);
void store_reload(struct store *s, struct conf *conf);
/* Writes out what is pending, gives the shards back, stops the embedded
 * server; done is called when all that is finished. */
void store_shutdown(struct store *s, void (*done)(void *arg), void *arg);
void store_close(struct store **s);
bool store_is_up(const struct store *s);
/* Intake may accept now: up, memory and disk in reserve.  text: why not. */
bool store_accepting(const struct store *s, const char **text);
const char *store_durability_text(const struct store *s);
void store_cancel(struct store_req **r);
unsigned store_shards(const struct store *s);
const char *store_daemon(const struct store *s); /* our name as an owner */
/* False past our lease of that shard (monotonic): start nothing, send no
 * final chunk. */
bool store_owns(const struct store *s, unsigned shard);

/* --- addresses --------------------------------------------------------- */
struct store_addr {
	unsigned shard;
	unsigned char hash[8]; /* HMAC of the normalised address */
};
void store_addr_of(const struct store *s, const struct smtp_address *a,
    struct store_addr *out);

/* --- campaigns --------------------------------------------------------- */
enum store_class { STORE_BULK, STORE_TRANSACTIONAL };
enum store_campaign_state {
	STORE_ACTIVE,
	STORE_PAUSED,
	STORE_CANCELLED,
	STORE_DONE
};

struct store_campaign { /* cached: borrowed for the life of the store */
	uint64_t id;
	const char *tenant, *name, *list; /* list "" : none */
	enum store_class class;
	enum store_campaign_state state;
	int64_t created_ms;
	void *submit; /* the submission side's own state of it */
	void *deliver; /* the delivery side's */
	struct { /* refreshed by store_campaign_list; queued: still here */
		uint64_t queued, sent, deferrals, bounced, expired, suppressed,
		    cancelled;
	} n;
};
/* Named for the first time, it is created.  NULL result with a status. */
struct store_req *store_campaign_get(struct store *s, const char *tenant,
    const char *name, enum store_class class, const char *list,
    void (*done)(void *arg, enum store_status st, struct store_campaign *c),
    void *arg);
/* Known already (enqueued or leased before): NULL when not. */
struct store_campaign *store_campaign_by_id(struct store *s, uint64_t id);
/* Asks Redis when it is not cached. */
struct store_req *store_campaign_load(struct store *s, uint64_t id,
    void (*done)(void *arg, enum store_status st, struct store_campaign *c),
    void *arg);
/* Every shard; retried until all confirm. */
struct store_req *store_campaign_set(struct store *s, struct store_campaign *c,
    enum store_campaign_state state,
    void (*done)(void *arg, enum store_status st), void *arg);
/* Calls each(arg, c) with fresh counters for every campaign, then done. */
struct store_req *store_campaign_list(struct store *s,
    void (*each)(void *arg, struct store_campaign *c),
    void (*done)(void *arg, enum store_status st), void *arg);

/* --- enqueue ----------------------------------------------------------- */
struct store_new { /* one recipient of a message */
	struct store_addr addr;
	const char *domain;         /* normalised recipient domain: the lane */
	struct store_record record; /* id is given by the store */
	int64_t due_ms;             /* 0: at once */
	/* result */
	uint64_t id;
	bool suppressed; /* fell out: counts as accepted, is never sent */
	bool cancelled;  /* the campaign was cancelled: refused */
};
struct store_message {
	struct store_campaign *campaign;
	struct store_new *rcpt; /* owned by the caller until done */
	size_t nrcpt;
	/* Bases the records name, in case the queue lacks one; sent only
	 * then.  stored: mail_base_pack. */
	struct { uint64_t id; struct view stored; bool pin; } base[2];
	size_t nbase;
};
/* Durable for all recipients together, or for none: done(STORE_OK) is what
 * 250 rests on.  m is borrowed until done or cancel. */
struct store_req *store_enqueue(struct store *s, struct store_message *m,
    void (*done)(void *arg, enum store_status st, const char *text), void *arg);

/* --- lease and settle -------------------------------------------------- */
struct store_lease { /* a record in flight with us; owned by the lessee */
	struct list link; /* of the store's own; zero in copies made elsewhere */
	unsigned shard;
	uint64_t campaign;
	char *domain;   /* owned */
	char *packed;   /* owned: the record's bytes */
	struct store_record record; /* views into packed */
};
void store_lease_free(struct store_lease **l);

struct store_want { uint64_t campaign; const char *domain; unsigned max; };
struct store_lane_result {
	uint64_t campaign;
	const char *domain;
	struct store_lease **leases; /* each taken over by the callee */
	size_t nleases;
	size_t nsuppressed;
	bool more; /* the lane still has records */
	bool held; /* paused or unknown: nothing was leased */
};
/* All wants of one turn for a shard leave in one call.  want is copied. */
struct store_req *store_lease_lanes(struct store *s, unsigned shard,
    const struct store_want *want, size_t n,
    void (*done)(void *arg, enum store_status st,
	const struct store_lane_result *lanes, size_t n),
    void *arg);
/* Records past their expiry, leased for settling as expired.  Called now and
 * then by the scheduler; walks all lanes by an inner cursor. */
struct store_req *store_expire(struct store *s, unsigned shard,
    void (*done)(void *arg, enum store_status st, struct store_lease **leases,
	size_t n),
    void *arg);

enum store_outcome {
	STORE_SENT,
	STORE_DEFERRED, /* due_ms */
	STORE_BOUNCED,  /* reason: suppression entry, or 0 */
	STORE_EXPIRED,
	STORE_DROPPED,  /* suppressed or removed by an operator */
	STORE_CANCELLED_,
	STORE_RELEASED, /* back to the head of its lane, no attempt used */
	STORE_PARK      /* could not be rebuilt */
};
/* Journalled before this returns to the loop, then settled in batches.  Takes
 * the lease over and frees it. */
void store_settle(struct store *s, struct store_lease **l,
    enum store_outcome out, int64_t due_ms, char suppress_reason);
/* Nothing waits to be confirmed. */
bool store_settled(const struct store *s);

/* --- bases ------------------------------------------------------------- */
struct store_req *store_base_get(struct store *s, unsigned shard, uint64_t id,
    void (*done)(void *arg, enum store_status st, struct view stored),
    void *arg);

/* --- suppression ------------------------------------------------------- */
enum store_scope { STORE_SCOPE_GLOBAL, STORE_SCOPE_TENANT, STORE_SCOPE_LIST };
/* reason: one printable letter, see queue/README.md.  list only for LIST. */
struct store_req *store_suppress_add(struct store *s,
    const struct smtp_address *a, enum store_scope scope, const char *tenant,
    const char *list, char reason,
    void (*done)(void *arg, enum store_status st), void *arg);
struct store_req *store_suppress_remove(struct store *s,
    const struct smtp_address *a, enum store_scope scope, const char *tenant,
    const char *list, void (*done)(void *arg, enum store_status st), void *arg);
struct store_req *store_suppress_test(struct store *s,
    const struct smtp_address *a, const char *tenant, const char *list,
    void (*done)(void *arg, enum store_status st, enum store_scope scope,
	char reason),
    void *arg); /* STORE_NOT_FOUND: not suppressed */
/* Counts by reason and scope; addresses are hashed, so none can be listed. */
struct store_req *store_suppress_list(struct store *s,
    void (*each)(void *arg, const char *scope, char reason, uint64_t count),
    void (*done)(void *arg, enum store_status st), void *arg);

/* --- operator ---------------------------------------------------------- */
struct store_req *store_flush(struct store *s, const char *domain,
    void (*done)(void *arg, enum store_status st, uint64_t made_due),
    void *arg);
struct store_req *store_find(struct store *s, uint64_t id,
    void (*done)(void *arg, enum store_status st, const char *where,
	uint64_t campaign, const char *domain, int64_t due_ms,
	struct view packed),
    void *arg);
struct store_req *store_remove(struct store *s, uint64_t id,
    void (*done)(void *arg, enum store_status st), void *arg);
struct store_req *store_parked(struct store *s,
    void (*each)(void *arg, uint64_t campaign, const char *domain,
	struct view packed),
    void (*done)(void *arg, enum store_status st), void *arg);
/* id 0: all of them.  release true: back to the lanes; false: dropped. */
struct store_req *store_unpark(struct store *s, uint64_t id, bool release,
    void (*done)(void *arg, enum store_status st, uint64_t n), void *arg);
struct store_shard_stat {
	uint64_t queued, deferred, in_flight, parked, campaigns, bases;
	uint64_t memory_bytes;
	bool ours;
};
struct store_req *store_stat(struct store *s, unsigned shard,
    void (*done)(void *arg, enum store_status st,
	const struct store_shard_stat *st_), void *arg);

#endif
