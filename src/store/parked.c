#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/walk.h"

struct parked {
	struct store_walk walk;
	void (*each)(void *arg, uint64_t campaign, const char *domain,
	    struct view packed);
	void (*done)(void *arg, enum store_status st);
	void *arg;
};

/* [next, C, D, record ...] */
static void
on_parked(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct parked *p = arg;
	size_t i;

	for (i = 1; i + 2 < rdb_reply_n(r) && !p->walk.req.dead; i += 3) {
		struct view d = rdb_reply_view_at(r, i + 1);
		char *domain = mem_strndup(d.p, d.n);

		p->each(p->arg, store_call_u64(rdb_reply_view_at(r, i)),
		    domain, rdb_reply_view_at(r, i + 2));
		free(domain);
	}
	if (!p->walk.req.store->dead)
		store_walk_next(&p->walk, store_call_status(rst, r),
		    rdb_reply_view_at(r, 0));
}

static void
ask(struct store_walk *w)
{
	struct store_shard *sh = store_walk_shard(w);
	struct rdb_codec *c = store_call_begin(sh, "parked", 2);

	rdb_codec_str(c, w->cursor);
	rdb_codec_u64(c, STORE_BATCH_MAX);
	store_call_send(sh, on_parked, w);
}

static void
end(struct store_walk *w)
{
	struct parked *p = LIST_ENTRY(w, struct parked, walk);

	p->done(p->arg, w->st);
}

struct store_req *
store_parked(struct store *s,
    void (*each)(void *arg, uint64_t campaign, const char *domain,
	struct view packed),
    void (*done)(void *arg, enum store_status st), void *arg)
{
	struct parked *p = store_req_new(s, sizeof(*p), free);

	p->each = each;
	p->done = done;
	p->arg = arg;
	p->walk.ask = ask;
	p->walk.end = end;
	p->walk.last = s->nshards - 1;
	store_walk_start(&p->walk);
	return &p->walk.req;
}
