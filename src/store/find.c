#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/walk.h"

struct find {
	struct store_walk walk;
	uint64_t id;
	void (*done)(void *arg, enum store_status st, const char *where,
	    uint64_t campaign, const char *domain, int64_t due_ms,
	    struct view packed);
	void *arg;
};

/* [next, where, C, D, due, record] or [next] */
static void
on_found(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct find *f = arg;
	enum store_status st = store_call_status(rst, r);
	struct view where = rdb_reply_view_at(r, 1),
		    domain = rdb_reply_view_at(r, 3);
	char *w, *d;

	if (st != STORE_OK || rdb_reply_n(r) < 6) {
		store_walk_next(&f->walk, st, rdb_reply_view_at(r, 0));
		return;
	}
	store_req_end(&f->walk.req);
	if (f->walk.req.dead)
		return;
	w = mem_strndup(where.p, where.n);
	d = mem_strndup(domain.p, domain.n);
	f->done(f->arg, STORE_OK, w, store_call_u64(rdb_reply_view_at(r, 2)), d,
	    rdb_reply_int_at(r, 4), rdb_reply_view_at(r, 5));
	free(w);
	free(d);
}

static void
ask(struct store_walk *w)
{
	struct find *f = LIST_ENTRY(w, struct find, walk);
	struct store_shard *sh = store_walk_shard(w);
	struct rdb_codec *c = store_call_begin(sh, "find", 3);

	rdb_codec_id(c, f->id);
	rdb_codec_str(c, w->cursor);
	rdb_codec_u64(c, STORE_BATCH_MAX);
	store_call_send(sh, on_found, f);
}

static void
end(struct store_walk *w)
{
	struct find *f = LIST_ENTRY(w, struct find, walk);

	f->done(f->arg, w->st == STORE_OK ? STORE_NOT_FOUND : w->st, "", 0, "",
	    0, VIEW(""));
}

/* The id tells the shard (enqueue.c). */
struct store_req *
store_find(struct store *s, uint64_t id,
    void (*done)(void *arg, enum store_status st, const char *where,
	uint64_t campaign, const char *domain, int64_t due_ms,
	struct view packed),
    void *arg)
{
	struct find *f = store_req_new(s, sizeof(*f), free);
	unsigned shard = (unsigned)(id >> 54);

	f->id = id;
	f->done = done;
	f->arg = arg;
	f->walk.ask = ask;
	f->walk.end = end;
	f->walk.shard = f->walk.last = shard < s->nshards ? shard : 0;
	store_walk_start(&f->walk);
	return &f->walk.req;
}
