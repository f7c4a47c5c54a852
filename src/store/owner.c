#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "store/addr.h"
#include "store/parts.h"

#define BUCKETS "4096"

/* By our clock the lease ends this part of it earlier than by Redis'. */
#define MARGIN 8

void
store_owner_init(struct store *s)
{
	unsigned i;

	s->nshards = s->conf->redis.shards ? s->conf->redis.shards : 1;
	s->shard = mem_zalloc(s->nshards * sizeof(s->shard[0]));
	for (i = 0; i < s->nshards; i++) {
		struct store_shard *sh = &s->shard[i];

		sh->store = s;
		sh->no = i;
		snprintf(sh->key, sizeof(sh->key), "{%02u}:m", i);
		list_init(&sh->parts);
		list_init(&sh->batches);
		list_init(&sh->again);
		list_init(&sh->wants);
		list_init(&sh->leasing);
		list_init(&sh->leases);
		list_init(&sh->settling);
	}
}

bool
store_owner_ready(const struct store_shard *sh)
{
	return sh->state == STORE_SHARD_UP && sh->ours &&
	    loop_ms() < sh->until_ms && rdb_is_up(sh->store->rdb);
}

/* What is in flight is not ours any more. */
static void
lost(struct store_shard *sh, const char *why)
{
	struct store *s = sh->store;
	struct list *it;

	if (!sh->ours)
		return;
	log_warn("shard.lost", "shard=%u why=%s", sh->no,
	    log_q(view_str(why)));
	sh->ours = false;
	sh->until_ms = 0;
	while ((it = list_pop(&sh->leases)) != NULL)
		continue; /* their holders free them */
	if (s->ops->on_shard_lost)
		s->ops->on_shard_lost(s->arg, sh->no);
}

static void
settled(struct store_shard *sh)
{
	sh->settled = true;
	store_start_shard_done(sh->store);
}

/* --- own --------------------------------------------------------------- */

static void
on_held(struct store_shard *sh, const struct rdb_reply *r)
{
	if (sh->ours || !sh->settled)
		log_warn("shard.held", "shard=%u owner=%s", sh->no,
		    log_q(rdb_reply_view_at(r, 4)));
	lost(sh, "another daemon owns it");
	if (sh->store->dead)
		return;
	sh->state = STORE_SHARD_IDLE;
	settled(sh);
	store_settle_flush(sh, true);
}

static void
on_owned(struct store_shard *sh, uint64_t epoch)
{
	struct store *s = sh->store;
	int64_t ttl = s->conf->redis.lease_ms;
	bool fresh = !sh->ours || epoch != sh->epoch;

	if (fresh) {
		lost(sh, "the lease ran out");
		if (s->dead)
			return;
		log_info("shard.owned", "shard=%u epoch=%" PRIu64
		    " incarnation=%" PRIu64, sh->no, epoch, sh->inc);
	}
	sh->epoch = epoch;
	sh->ours = true;
	sh->until_ms = sh->asked_ms + ttl - ttl / MARGIN;
	if (!fresh && sh->state != STORE_SHARD_OWNING)
		return; /* renewed */
	sh->recover = fresh;
	sh->state = STORE_SHARD_SETTLING;
	if (sh->unsettled)
		store_settle_flush(sh, true);
	else
		store_owner_on_settled(sh);
}

/* What an operator must change. */
static void
refused(struct store_shard *sh, struct view text)
{
	struct view word = view_word(&text), what = view_word(&text);
	char why[240];

	if (view_eq(word, VIEW("BADSHARDS")))
		snprintf(why, sizeof(why),
		    "the queue has %.*s shards: set redis { shards = %.*s }",
		    VIEW_ARG(view_head(what, 20)),
		    VIEW_ARG(view_head(what, 20)));
	else if (view_eq(word, VIEW("BADKEY")))
		snprintf(why, sizeof(why),
		    "the queue was made with another address key (%.*s, not "
		    "%s): copy address.key from the spool of that daemon",
		    VIEW_ARG(view_head(what, 20)),
		    store_addr_key_fp(sh->store->key));
	else
		snprintf(why, sizeof(why), "shard %u: %.*s %.*s", sh->no,
		    VIEW_ARG(view_head(word, 40)),
		    VIEW_ARG(view_head(what, 100)));
	store_start_refused(sh->store, why);
}

static void
on_own(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store_shard *sh = arg;
	struct view text = rdb_reply_view(r);
	enum store_status st = store_call_status(rst, r);

	sh->asking = false;
	if (st == STORE_REFUSED)
		refused(sh, text);
	if (st != STORE_OK)
		return;
	if (sh->asked_boot) {
		sh->booted = true;
		sh->inc = (uint64_t)rdb_reply_int_at(r, 2);
		sh->seq = sh->counter = 0;
	}
	if (rdb_reply_is(rdb_reply_at(r, 0), "OWNED"))
		on_owned(sh, (uint64_t)rdb_reply_int_at(r, 1));
	else
		on_held(sh, r);
}

static void
own(struct store_shard *sh, bool boot)
{
	struct store *s = sh->store;
	struct rdb_codec *c;

	if (sh->asking)
		return;
	sh->asking = true;
	sh->asked_boot = boot;
	sh->asked_ms = loop_ms();
	c = store_call_begin(sh, "own", 6);
	rdb_codec_str(c, s->daemon);
	rdb_codec_num(c, s->conf->redis.lease_ms);
	rdb_codec_str(c, boot ? "1" : "0");
	rdb_codec_u64(c, s->nshards);
	rdb_codec_str(c, store_addr_key_fp(s->key));
	rdb_codec_str(c, BUCKETS);
	store_call_send(sh, on_own, sh);
}

/* Redis is there: who has the shard? */
void
store_owner_begin(struct store_shard *sh)
{
	sh->state = STORE_SHARD_OWNING;
	sh->settled = false;
	own(sh, !sh->booted);
}

void
store_owner_away(struct store_shard *sh)
{
	sh->state = STORE_SHARD_IDLE;
	sh->settled = false;
	sh->asking = false;
	free(sh->cursor);
	sh->cursor = NULL;
}

void
store_owner_fenced(struct store_shard *sh)
{
	lost(sh, "another daemon took over");
	sh->state = STORE_SHARD_IDLE;
	sh->settled = true;
}

void
store_owner_renew(struct store *s, int64_t now)
{
	unsigned i;

	for (i = 0; i < s->nshards; i++) {
		struct store_shard *sh = &s->shard[i];

		if (now - sh->asked_ms >= s->conf->redis.lease_ms / 3 &&
		    sh->state != STORE_SHARD_OWNING)
			own(sh, false);
	}
}

/* --- after owning ------------------------------------------------------ */

static void
on_lanes(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store_shard *sh = arg;
	struct store *s = sh->store;
	size_t i, n = rdb_reply_n(r);

	if (rst == RDB_LOST || rst == RDB_DOWN ||
	    sh->state != STORE_SHARD_LISTING)
		return;
	for (i = 1; i < n; i++) {
		store_tick_lane(sh, rdb_reply_view_at(r, i));
		if (s->dead || sh->state != STORE_SHARD_LISTING)
			return;
	}
	free(sh->cursor);
	sh->cursor = mem_strndup(rdb_reply_view_at(r, 0).p,
	    rdb_reply_view_at(r, 0).n);
	if (n && strcmp(sh->cursor, "0") != 0) {
		store_owner_list(sh);
		return;
	}
	free(sh->cursor);
	sh->cursor = NULL;
	sh->state = STORE_SHARD_UP;
	store_tick_soon(sh);
	settled(sh);
}

/* Every lane that has records is told once. */
void
store_owner_list(struct store_shard *sh)
{
	struct rdb_codec *c = store_call_begin(sh, "lanes", 2);

	sh->state = STORE_SHARD_LISTING;
	rdb_codec_str(c, sh->cursor ? sh->cursor : "0");
	rdb_codec_u64(c, STORE_BATCH_MAX);
	store_call_send(sh, on_lanes, sh);
}

/* Outcomes first (the journal's, too), so that what recover puts back is
 * really undone. */
void
store_owner_on_settled(struct store_shard *sh)
{
	if (sh->state != STORE_SHARD_SETTLING)
		return;
	sh->state = STORE_SHARD_RECOVERING;
	if (sh->recover)
		store_recover_begin(sh);
	else
		store_recover_strays(sh);
}
