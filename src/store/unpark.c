#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/walk.h"

struct unpark {
	struct store_walk walk;
	uint64_t id; /* 0: all */
	bool release;
	uint64_t n;
	size_t open; /* calls of this page */
	char next[STORE_CURSOR_MAX];
	enum store_status st;
	void (*done)(void *arg, enum store_status st, uint64_t n);
	void *arg;
};

static void
on_unparked(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct unpark *u = arg;
	enum store_status st = store_call_status(rst, r);

	if (st == STORE_OK)
		u->n += (uint64_t)rdb_reply_int_at(r, 0);
	else
		u->st = st;
	if (--u->open)
		return;
	store_tick_soon(store_walk_shard(&u->walk));
	store_walk_next(&u->walk, u->st, view_str(u->next));
}

static void
unpark(struct unpark *u, uint64_t id)
{
	struct store_shard *sh = store_walk_shard(&u->walk);
	struct rdb_codec *c = store_call_begin(sh, "unpark", 4);

	u->open++;
	rdb_codec_u64(c, sh->epoch);
	rdb_codec_num(c, clock_now());
	rdb_codec_str(c, u->release ? "release" : "drop");
	rdb_codec_id(c, id);
	store_call_send(sh, on_unparked, u);
}

static void
on_page(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct unpark *u = arg;
	enum store_status st = store_call_status(rst, r);
	struct view next = rdb_reply_view_at(r, 0);
	size_t i;

	if (st == STORE_OK && rdb_reply_n(r) >= 4 &&
	    next.n < sizeof(u->next)) {
		memcpy(u->next, next.p, next.n);
		u->next[next.n] = '\0';
		for (i = 1; i + 2 < rdb_reply_n(r); i += 3)
			unpark(u, store_call_id(rdb_reply_view_at(r, i + 2)));
		return;
	}
	store_walk_next(&u->walk, st, next);
}

static void
ask(struct store_walk *w)
{
	struct unpark *u = LIST_ENTRY(w, struct unpark, walk);
	struct store_shard *sh = store_walk_shard(w);
	struct rdb_codec *c;

	u->st = STORE_OK;
	if (u->id) {
		strcpy(u->next, "0");
		unpark(u, u->id);
		return;
	}
	c = store_call_begin(sh, "parked", 2);
	rdb_codec_str(c, w->cursor);
	rdb_codec_u64(c, STORE_BATCH_MAX);
	store_call_send(sh, on_page, u);
}

static void
end(struct store_walk *w)
{
	struct unpark *u = LIST_ENTRY(w, struct unpark, walk);

	if (w->st == STORE_OK && u->id && u->n == 0)
		w->st = STORE_NOT_FOUND;
	u->done(u->arg, w->st, u->n);
}

struct store_req *
store_unpark(struct store *s, uint64_t id, bool release,
    void (*done)(void *arg, enum store_status st, uint64_t n), void *arg)
{
	struct unpark *u = store_req_new(s, sizeof(*u), free);
	unsigned shard = (unsigned)(id >> 54);

	u->id = id;
	u->release = release;
	u->done = done;
	u->arg = arg;
	u->walk.ask = ask;
	u->walk.end = end;
	u->walk.owned_only = true;
	u->walk.last = s->nshards - 1;
	if (id)
		u->walk.shard = u->walk.last = shard < s->nshards ? shard : 0;
	store_walk_start(&u->walk);
	return &u->walk.req;
}
