#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/parts.h"

#define IDLE_MS 10000 /* between looks for something to reap */
#define STEP_MS 20    /* between calls, so that mail goes first */

static void
drop_one(struct store_shard *sh, const struct rdb_reply *r, size_t i)
{
	struct store *s = sh->store;
	struct view d = rdb_reply_view_at(r, i);
	char domain[260];

	if (d.n >= sizeof(domain) || s->ops->on_dropped == NULL)
		return;
	memcpy(domain, d.p, d.n);
	domain[d.n] = '\0';
	s->ops->on_dropped(s->arg, sh->reaped, domain,
	    rdb_reply_view_at(r, i + 1), 'c');
}

/* [more, D, record ...] */
static void
on_reaped(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store_shard *sh = arg;
	struct store *s = sh->store;
	enum store_status st = store_call_status(rst, r);
	size_t i;

	sh->reaping = false;
	if (st == STORE_FENCED)
		store_owner_fenced(sh);
	if (st != STORE_OK)
		return;
	for (i = 1; i + 1 < rdb_reply_n(r) && !s->dead; i += 2)
		drop_one(sh, r, i);
	if (s->dead)
		return;
	s->reap_ms = loop_ms() + STEP_MS;
	store_beat_by(s, STEP_MS);
}

static void
on_reaping(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store_shard *sh = arg;
	struct rdb_codec *c;

	sh->reaping = false;
	if (rst != RDB_OK || rdb_reply_n(r) == 0 || !store_owner_ready(sh))
		return;
	sh->reaping = true;
	sh->reaped = store_call_u64(rdb_reply_view_at(r, 0));
	c = store_call_begin(sh, "reap", 4);
	rdb_codec_u64(c, sh->epoch);
	rdb_codec_num(c, clock_now());
	rdb_codec_u64(c, sh->reaped);
	rdb_codec_u64(c, STORE_BATCH_MAX);
	store_call_send(sh, on_reaped, sh);
}

void
store_reap_run(struct store *s, int64_t now)
{
	unsigned i;

	if (now < s->reap_ms || s->phase != STORE_UP)
		return;
	s->reap_ms = now + IDLE_MS;
	for (i = 0; i < s->nshards; i++) {
		struct store_shard *sh = &s->shard[i];

		if (sh->reaping || !store_owner_ready(sh))
			continue;
		sh->reaping = true;
		store_call_begin(sh, "reaping", 0);
		store_call_send(sh, on_reaping, sh);
	}
}
