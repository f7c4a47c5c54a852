#include "config.h"

#include <stdlib.h>

#include "store/walk.h"

struct stat_req {
	struct store_walk walk;
	struct store_shard_stat st;
	void (*done)(void *arg, enum store_status st,
	    const struct store_shard_stat *st_);
	void *arg;
};

/* [name, number ...] */
static void
on_stat(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct stat_req *q = arg;
	const struct {
		const char *name;
		uint64_t *to;
	} rows[] = {
		{ "queued", &q->st.queued },
		{ "deferred", &q->st.deferred },
		{ "inflight", &q->st.in_flight },
		{ "parked", &q->st.parked },
		{ "campaigns", &q->st.campaigns },
		{ "bases", &q->st.bases },
	};
	size_t i, k;

	for (i = 0; i + 1 < rdb_reply_n(r); i += 2)
		for (k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
			if (rdb_reply_is(rdb_reply_at(r, i), rows[k].name))
				*rows[k].to =
				    (uint64_t)rdb_reply_int_at(r, i + 1);
	q->st.memory_bytes = q->walk.req.store->used_memory;
	q->st.ours = store_owner_ready(store_walk_shard(&q->walk));
	store_walk_next(&q->walk, store_call_status(rst, r), VIEW("0"));
}

static void
ask(struct store_walk *w)
{
	store_call_begin(store_walk_shard(w), "stat", 0);
	store_call_send(store_walk_shard(w), on_stat, w);
}

static void
end(struct store_walk *w)
{
	struct stat_req *q = LIST_ENTRY(w, struct stat_req, walk);

	q->done(q->arg, w->st, &q->st);
}

struct store_req *
store_stat(struct store *s, unsigned shard,
    void (*done)(void *arg, enum store_status st,
	const struct store_shard_stat *st_),
    void *arg)
{
	struct stat_req *q = store_req_new(s, sizeof(*q), free);

	q->done = done;
	q->arg = arg;
	q->walk.ask = ask;
	q->walk.end = end;
	q->walk.shard = q->walk.last = shard < s->nshards ? shard : 0;
	store_walk_start(&q->walk);
	return &q->walk.req;
}
