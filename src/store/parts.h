/*
 * What the store's files ask of one another.  Nothing outside src/store
 * includes this.
 */
#ifndef STORE_PARTS_H
#define STORE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rdb/rdb.h"
#include "rdb/reply.h"
#include "store/state.h"

/* store.c */
void store_turn(void *store); /* the end of a turn */
void store_beat_by(struct store *s, int64_t ms); /* the beat comes within */

/* req.c: size bytes, zero but for the base. */
void *store_req_new(struct store *s, size_t size, void (*release)(void *req));
void store_req_end(struct store_req *r);

/* call.c: FCALL facteur1_<fn> 1 <key> and nargs arguments. */
struct rdb_codec *store_call_begin(struct store_shard *sh, const char *fn,
    size_t nargs);
struct rdb_call *store_call_send(struct store_shard *sh, rdb_done_fn *done,
    void *arg);
/* The same into a buffer of the caller's. */
void store_call_write(struct rdb_codec *c, struct buf *out,
    const struct store_shard *sh, const char *fn, size_t nargs);
/* An error is logged when it is not one of the expected ones. */
enum store_status store_call_status(enum rdb_status st,
    const struct rdb_reply *r);
/* Parts of "C\nD" and numbers in replies. */
int store_call_lane(struct view v, uint64_t *campaign, struct view *domain);
uint64_t store_call_u64(struct view v);
uint64_t store_call_id(struct view v); /* 8 octets */
int64_t store_call_due(int64_t ms); /* what Lua takes for a time */

/* start.c */
void store_start_begin(struct store *s); /* Redis answers */
void store_start_lost(struct store *s, const char *why);
void store_start_shard_done(struct store *s); /* a shard is settled */
void store_start_settings(struct store *s); /* of the embedded server, anew */
void store_start_refused(struct store *s, const char *why);

/* owner.c */
void store_owner_init(struct store *s);
void store_owner_begin(struct store_shard *sh);
void store_owner_away(struct store_shard *sh); /* Redis is gone */
/* A call was refused: another daemon took over. */
void store_owner_fenced(struct store_shard *sh);
void store_owner_renew(struct store *s, int64_t now);
void store_owner_on_settled(struct store_shard *sh);
bool store_owner_ready(const struct store_shard *sh); /* may lease */

void store_owner_list(struct store_shard *sh);

/* recover.c */
void store_recover_begin(struct store_shard *sh);   /* all of inf */
void store_recover_strays(struct store_shard *sh);  /* what we don't know */

void store_recover_close(struct store_shard *sh);

/* tick.c */
void store_tick_lane(struct store_shard *sh, struct view lane);
void store_tick_run(struct store *s, int64_t now);
void store_tick_soon(struct store_shard *sh);

/* enqueue.c */
void store_enqueue_flush(struct store *s);
void store_enqueue_deadlines(struct store *s, int64_t now);

/* batch.c */
void store_batch_flush(struct store_shard *sh);
void store_batch_resend(struct store_shard *sh); /* those without a reply */
void store_batch_close(struct store_shard *sh);

/* stage.c */
void store_stage_resend(struct store *s);
void store_stage_sweep(struct store *s, int64_t now);
void store_stage_close(struct store *s);

/* lease.c */
void store_lease_flush(struct store_shard *sh);
void store_lease_close(struct store_shard *sh);
struct store_lease *store_lease_take(struct store_shard *sh, uint64_t campaign,
    struct view domain, struct rdb_reply *packed);

/* settle.c */
void store_settle_load(struct store *s); /* once the shards exist */
int store_settle_open(struct store *s, struct err *e);
void store_settle_flush(struct store_shard *sh, bool all);
void store_settle_away(struct store_shard *sh);
void store_settle_release(struct store_shard *sh, uint64_t id,
    uint16_t attempt); /* an r, not journalled */
void store_settle_turn(struct store *s); /* the end of a turn */
void store_settle_close(struct store *s);
size_t store_settle_ids(struct store_shard *sh, uint64_t *ids, size_t max);

/* campaign.c, intern.c */
struct store_camp *store_campaign_camp(struct store_campaign *c);
void store_campaign_set_retry(struct store *s, int64_t now);
void store_campaign_close(struct store *s);
uint64_t store_campaign_tenant(struct store *s, uint64_t campaign); /* number */
uint64_t store_campaign_pinned(struct store *s, uint64_t campaign,
    unsigned shard);
void store_campaign_pin(struct store *s, uint64_t campaign, unsigned shard,
    uint64_t base);

/* reap.c, guard.c */
void store_reap_run(struct store *s, int64_t now);
uint64_t store_guard_memory(const struct store *s);
void store_guard_run(struct store *s, int64_t now);

#endif
