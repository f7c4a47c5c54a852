#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/parts.h"

#define TICK_MIN_MS 10
#define TICK_MAX_MS 100
#define SOON_MS 5

/* "C\nD" has records that may be leased. */
void
store_tick_lane(struct store_shard *sh, struct view lane)
{
	struct store *s = sh->store;
	struct view domain;
	uint64_t campaign;
	char name[260];

	if (store_call_lane(lane, &campaign, &domain) ||
	    domain.n >= sizeof(name))
		return;
	memcpy(name, domain.p, domain.n);
	name[domain.n] = '\0';
	if (s->ops->on_lane)
		s->ops->on_lane(s->arg, sh->no, campaign, name);
}

static void
on_tick(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store_shard *sh = arg;
	struct store *s = sh->store;
	enum store_status st = store_call_status(rst, r);
	size_t i, n = rdb_reply_n(r);
	bool busy;

	sh->ticking = false;
	sh->tick_at_ms = loop_ms() + TICK_MAX_MS;
	if (st == STORE_FENCED) {
		store_owner_fenced(sh);
		return;
	}
	if (st != STORE_OK)
		return;
	busy = n > 2;
	if (rdb_reply_int_at(r, 1))
		sh->tick_ms = 0;
	else if (busy || sh->tick_ms == 0)
		sh->tick_ms = TICK_MIN_MS;
	else if (sh->tick_ms < TICK_MAX_MS)
		sh->tick_ms *= 2;
	if (sh->tick_ms > TICK_MAX_MS)
		sh->tick_ms = TICK_MAX_MS;
	sh->tick_at_ms = loop_ms() + sh->tick_ms;
	for (i = 2; i < n && !s->dead; i++)
		store_tick_lane(sh, rdb_reply_view_at(r, i));
}

static void
tick(struct store_shard *sh)
{
	struct rdb_codec *c = store_call_begin(sh, "tick", 3);

	sh->ticking = true;
	rdb_codec_u64(c, sh->epoch);
	rdb_codec_num(c, clock_now());
	rdb_codec_u64(c, STORE_BATCH_MAX);
	store_call_send(sh, on_tick, sh);
}

void
store_tick_run(struct store *s, int64_t now)
{
	unsigned i;

	for (i = 0; i < s->nshards; i++) {
		struct store_shard *sh = &s->shard[i];

		if (!sh->ticking && now >= sh->tick_at_ms &&
		    store_owner_ready(sh))
			tick(sh);
	}
}

/* Something came in: look early. */
void
store_tick_soon(struct store_shard *sh)
{
	int64_t at = loop_ms() + SOON_MS;

	if (sh->tick_at_ms > at)
		sh->tick_at_ms = at;
	store_beat_by(sh->store, SOON_MS);
}
