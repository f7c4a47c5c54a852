#include "config.h"

#include <stdlib.h>

#include "store/walk.h"

struct get {
	struct store_walk walk;
	uint64_t id;
	void (*done)(void *arg, enum store_status st, struct view stored);
	void *arg;
};

static void
on_base(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct get *g = arg;
	enum store_status st = store_call_status(rst, r);

	if (st == STORE_OK && rdb_reply_is_nil(r))
		st = STORE_NOT_FOUND;
	store_req_end(&g->walk.req);
	if (!g->walk.req.dead)
		g->done(g->arg, st,
		    st == STORE_OK ? rdb_reply_view(r) : VIEW(""));
}

static void
ask(struct store_walk *w)
{
	struct get *g = LIST_ENTRY(w, struct get, walk);
	struct rdb_codec *c = store_call_begin(store_walk_shard(w), "base", 1);

	rdb_codec_id(c, g->id);
	store_call_send(store_walk_shard(w), on_base, g);
}

static void
end(struct store_walk *w)
{
	struct get *g = LIST_ENTRY(w, struct get, walk);

	g->done(g->arg, w->st, VIEW(""));
}

struct store_req *
store_base_get(struct store *s, unsigned shard, uint64_t id,
    void (*done)(void *arg, enum store_status st, struct view stored),
    void *arg)
{
	struct get *g = store_req_new(s, sizeof(*g), free);

	g->id = id;
	g->done = done;
	g->arg = arg;
	g->walk.ask = ask;
	g->walk.end = end;
	g->walk.shard = g->walk.last = shard;
	store_walk_start(&g->walk);
	return &g->walk.req;
}
