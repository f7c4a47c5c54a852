#include "config.h"

#include <stdlib.h>

#include "base/clock.h"
#include "store/parts.h"

struct removal {
	struct store_req req;
	struct store_req *find; /* while looking for it */
	uint64_t id;
	void (*done)(void *arg, enum store_status st);
	void *arg;
};

static void
end(struct removal *x, enum store_status st)
{
	store_req_end(&x->req);
	if (!x->req.dead)
		x->done(x->arg, st);
}

static void
on_removed(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct removal *x = arg;
	enum store_status st = store_call_status(rst, r);

	/* 0: it moved on meanwhile, or is in flight. */
	if (st == STORE_OK && rdb_reply_int(r) == 0)
		st = STORE_REFUSED;
	end(x, st);
}

static void
on_found(void *arg, enum store_status st, const char *where, uint64_t campaign,
    const char *domain, int64_t due_ms, struct view packed)
{
	struct removal *x = arg;
	struct store_shard *sh = &x->req.store->shard[x->id >> 54];
	struct rdb_codec *c;

	(void)due_ms;
	x->find = NULL;
	if (st != STORE_OK) {
		end(x, st);
		return;
	}
	if (!store_owner_ready(sh)) {
		end(x, STORE_FENCED);
		return;
	}
	c = store_call_begin(sh, "remove", 7);
	rdb_codec_u64(c, sh->epoch);
	rdb_codec_num(c, clock_now());
	rdb_codec_id(c, x->id);
	rdb_codec_str(c, where);
	rdb_codec_u64(c, campaign);
	rdb_codec_str(c, domain);
	rdb_codec_view(c, packed);
	store_call_send(sh, on_removed, x);
}

/* STORE_REFUSED: it is in flight just now. */
struct store_req *
store_remove(struct store *s, uint64_t id,
    void (*done)(void *arg, enum store_status st), void *arg)
{
	struct removal *x = store_req_new(s, sizeof(*x), free);

	x->id = id;
	x->done = done;
	x->arg = arg;
	x->find = store_find(s, id, on_found, x);
	return &x->req;
}
