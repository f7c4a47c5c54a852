#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/parts.h"

/* Calls that found nothing before the caller is told so. */
#define STEPS_MAX 32

struct expire {
	struct store_req req;
	struct store_shard *shard;
	void (*done)(void *arg, enum store_status st,
	    struct store_lease **leases, size_t n);
	void *arg;
	unsigned steps;
};

static void step(void *arg);

static void
end(struct expire *x, enum store_status st, struct store_lease **leases,
    size_t n)
{
	struct store *s = x->req.store;
	size_t i;

	store_req_end(&x->req);
	if (!x->req.dead) {
		x->done(x->arg, st, leases, n);
		return;
	}
	for (i = 0; i < n; i++)
		store_settle(s, &leases[i], STORE_RELEASED, 0, 0);
}

static void
take_cursor(struct store_shard *sh, struct view v)
{
	free(sh->expire_cursor);
	sh->expire_cursor = v.n == 0 || view_eq(v, VIEW("0")) ? NULL :
						 mem_strndup(v.p, v.n);
}

/* [next, C, D, record ...] */
static void
on_expired(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct expire *x = arg;
	struct store_shard *sh = x->shard;
	enum store_status st = store_call_status(rst, r);
	size_t i, n = rdb_reply_n(r), k = 0;
	struct store_lease **leases;

	if (st == STORE_FENCED)
		store_owner_fenced(sh);
	if (st != STORE_OK) {
		end(x, st, NULL, 0);
		return;
	}
	take_cursor(sh, rdb_reply_view_at(r, 0));
	if (n < 4) {
		if (sh->expire_cursor && ++x->steps < STEPS_MAX &&
		    !x->req.dead)
			step(x);
		else
			end(x, STORE_OK, NULL, 0);
		return;
	}
	leases = mem_alloc(n * sizeof(*leases));
	for (i = 1; i + 2 < n; i += 3) {
		leases[k] = store_lease_take(sh,
		    store_call_u64(rdb_reply_view_at(r, i)),
		    rdb_reply_view_at(r, i + 1), rdb_reply_at(r, i + 2));
		k += leases[k] != NULL;
	}
	end(x, STORE_OK, leases, k);
	free(leases);
}

static void
step(void *arg)
{
	struct expire *x = arg;
	struct store_shard *sh = x->shard;
	struct rdb_codec *c;

	if (!store_owner_ready(sh)) {
		end(x, STORE_UNAVAILABLE, NULL, 0);
		return;
	}
	c = store_call_begin(sh, "expire", 4);
	rdb_codec_u64(c, sh->epoch);
	rdb_codec_num(c, clock_now());
	rdb_codec_str(c, sh->expire_cursor ? sh->expire_cursor : "0");
	rdb_codec_u64(c, STORE_BATCH_MAX);
	store_call_send(sh, on_expired, x);
}

struct store_req *
store_expire(struct store *s, unsigned shard,
    void (*done)(void *arg, enum store_status st, struct store_lease **leases,
	size_t n),
    void *arg)
{
	struct expire *x = store_req_new(s, sizeof(*x), free);

	x->shard = &s->shard[shard];
	x->done = done;
	x->arg = arg;
	loop_defer(s->loop, &x->req.task, step, x);
	return &x->req;
}
