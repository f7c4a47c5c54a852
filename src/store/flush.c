#include "config.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/walk.h"

struct flush {
	struct store_walk walk;
	char *domain; /* owned */
	uint64_t n;
	void (*done)(void *arg, enum store_status st, uint64_t made_due);
	void *arg;
};

static void
release(void *p)
{
	struct flush *f = p;

	free(f->domain);
	free(f);
}

static void
on_flushed(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct flush *f = arg;
	enum store_status st = store_call_status(rst, r);

	if (st == STORE_OK)
		f->n += (uint64_t)rdb_reply_int_at(r, 1);
	store_tick_soon(store_walk_shard(&f->walk));
	store_walk_next(&f->walk, st, rdb_reply_view_at(r, 0));
}

static void
ask(struct store_walk *w)
{
	struct flush *f = LIST_ENTRY(w, struct flush, walk);
	struct store_shard *sh = store_walk_shard(w);
	struct rdb_codec *c = store_call_begin(sh, "flush", 5);

	rdb_codec_u64(c, sh->epoch);
	rdb_codec_num(c, clock_now());
	rdb_codec_str(c, w->cursor);
	rdb_codec_u64(c, STORE_BATCH_MAX);
	rdb_codec_str(c, f->domain);
	store_call_send(sh, on_flushed, f);
}

static void
end(struct store_walk *w)
{
	struct flush *f = LIST_ENTRY(w, struct flush, walk);

	f->done(f->arg, w->st, f->n);
}

struct store_req *
store_flush(struct store *s, const char *domain,
    void (*done)(void *arg, enum store_status st, uint64_t made_due),
    void *arg)
{
	struct flush *f = store_req_new(s, sizeof(*f), release);

	f->domain = mem_strdup(domain);
	f->done = done;
	f->arg = arg;
	f->walk.ask = ask;
	f->walk.end = end;
	f->walk.last = s->nshards - 1;
	f->walk.owned_only = true;
	store_walk_start(&f->walk);
	return &f->walk.req;
}
