#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "stats/stats.h"
#include "store/parts.h"

struct want {
	uint64_t campaign;
	char *domain; /* owned */
	unsigned max;
};

/* One caller's question. */
struct ask {
	struct store_req req;
	struct list on; /* on shard->wants until sent, then on call->asks */
	void (*done)(void *arg, enum store_status st,
	    const struct store_lane_result *lanes, size_t n);
	void *arg;
	bool sent;
	size_t n, max;
	struct want w[];
};

/* What leaves together. */
struct call {
	struct store_shard *shard; /* borrowed */
	struct list on;  /* on shard->leasing */
	struct list asks;
	size_t n, max;
};

void
store_lease_free(struct store_lease **lp)
{
	struct store_lease *l = *lp;

	if (l == NULL)
		return;
	*lp = NULL;
	list_remove(&l->link);
	free(l->domain);
	free(l->packed);
	free(l);
}

/* The record's bytes are taken over from the reply.  NULL: they make no record;
 * it is parked. */
struct store_lease *
store_lease_take(struct store_shard *sh, uint64_t campaign,
    struct view domain, struct rdb_reply *packed)
{
	struct store_lease *l = mem_zalloc(sizeof(*l));
	struct err e;
	size_t n;

	l->shard = sh->no;
	l->campaign = campaign;
	l->domain = mem_strndup(domain.p, domain.n);
	l->packed = rdb_reply_take(packed, &n);
	list_append(&sh->leases, &l->link);
	if (l->packed &&
	    store_record_unpack(view_of(l->packed, n), &l->record, &e) == 0)
		return l;
	log_error("store.record", "shard=%u campaign=%llu text=%s", sh->no,
	    (unsigned long long)campaign, log_q(view_str(e.text)));
	if (l->packed && n >= STORE_RECORD_HEAD)
		store_settle(sh->store, &l, STORE_PARK, 0, 0);
	else
		store_lease_free(&l);
	return NULL;
}

/* --- the answer -------------------------------------------------------- */

static void
ask_release(void *p)
{
	struct ask *a = p;
	size_t i;

	for (i = 0; i < a->n; i++)
		free(a->w[i].domain);
	free(a);
}

static void
ask_end(struct ask *a, enum store_status st,
    const struct store_lane_result *lanes, size_t n)
{
	list_remove(&a->on);
	store_req_end(&a->req);
	if (!a->req.dead)
		a->done(a->arg, st, lanes, n);
}

static void
tell_suppressed(struct store *s, const struct want *w,
    const struct rdb_reply *recs)
{
	size_t i;

	if (s->ops->on_dropped == NULL)
		return;
	for (i = 0; i < rdb_reply_n(recs) && !s->dead; i++)
		s->ops->on_dropped(s->arg, w->campaign, w->domain,
		    rdb_reply_view_at(recs, i), 'u');
}

/* [C, D, [records], [suppressed records], more, held] */
static void
lane_result(struct store_shard *sh, const struct want *w,
    const struct rdb_reply *r, struct store_lane_result *out)
{
	const struct rdb_reply *recs = rdb_reply_at(r, 2);
	size_t i, n = rdb_reply_n(recs);

	*out = (struct store_lane_result){ .campaign = w->campaign,
		.domain = w->domain };
	if (r == NULL || w->max == 0) { /* did not fit into the call */
		out->more = true;
		return;
	}
	out->nsuppressed = rdb_reply_n(rdb_reply_at(r, 3));
	out->more = rdb_reply_int_at(r, 4) != 0;
	out->held = rdb_reply_int_at(r, 5) != 0;
	out->leases = mem_alloc((n + 1) * sizeof(out->leases[0]));
	for (i = 0; i < n; i++) {
		struct store_lease *l = store_lease_take(sh, w->campaign,
		    view_str(w->domain), rdb_reply_at(recs, i));

		if (l)
			out->leases[out->nleases++] = l;
	}
	stats_add(STATS_STORE_LEASED, (int64_t)n);
	tell_suppressed(sh->store, w, rdb_reply_at(r, 3));
}

/* Nobody waits for these any more: back to their lanes. */
static void
give_back(struct store *s, struct store_lane_result *lane)
{
	size_t i;

	for (i = 0; i < lane->nleases; i++)
		store_settle(s, &lane->leases[i], STORE_RELEASED, 0, 0);
}

static void
ask_answer(struct store_shard *sh, struct ask *a, const struct rdb_reply *r,
    size_t *at)
{
	struct store_lane_result *lanes = mem_alloc(
	    (a->n + 1) * sizeof(*lanes));
	struct store *s = sh->store;
	size_t i;

	for (i = 0; i < a->n; i++)
		lane_result(sh, &a->w[i],
		    a->w[i].max ? rdb_reply_at(r, (*at)++) : NULL, &lanes[i]);
	for (i = 0; a->req.dead && i < a->n; i++)
		give_back(s, &lanes[i]);
	ask_end(a, STORE_OK, lanes, a->n);
	for (i = 0; i < a->n; i++)
		free(lanes[i].leases);
	free(lanes);
}

static void
on_leased(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct call *c = arg;
	struct store_shard *sh = c->shard;
	enum store_status st = store_call_status(rst, r);
	struct list *it;
	size_t at = 0;

	list_remove(&c->on);
	if (st == STORE_FENCED)
		store_owner_fenced(sh);
	while ((it = list_pop(&c->asks)) != NULL) {
		struct ask *a = LIST_ENTRY(it, struct ask, on);

		if (st == STORE_OK)
			ask_answer(sh, a, r, &at);
		else
			ask_end(a, st, NULL, 0);
		if (sh->store->dead)
			break;
	}
	free(c);
}

/* --- the question ------------------------------------------------------ */

static void
call_send(struct call *c)
{
	struct store_shard *sh = c->shard;
	struct rdb_codec *cmd = store_call_begin(sh, "lease", 2 + 3 * c->n);
	struct list *it, *tmp;
	size_t i;

	rdb_codec_u64(cmd, sh->epoch);
	rdb_codec_num(cmd, clock_now());
	LIST_FOREACH(it, tmp, &c->asks) {
		struct ask *a = LIST_ENTRY(it, struct ask, on);

		for (i = 0; i < a->n; i++) {
			if (a->w[i].max == 0)
				continue;
			rdb_codec_u64(cmd, a->w[i].campaign);
			rdb_codec_str(cmd, a->w[i].domain);
			rdb_codec_u64(cmd, a->w[i].max);
		}
	}
	store_call_send(sh, on_leased, c);
}

static size_t
lanes_of(const struct ask *a)
{
	size_t i, n = 0;

	for (i = 0; i < a->n; i++)
		n += a->w[i].max > 0;
	return n;
}

static void
refuse_all(struct store_shard *sh, enum store_status st)
{
	struct list *it;

	while ((it = list_pop(&sh->wants)) != NULL) {
		ask_end(LIST_ENTRY(it, struct ask, on), st, NULL, 0);
		if (sh->store->dead)
			return;
	}
}

void
store_lease_flush(struct store_shard *sh)
{
	struct list *it;
	struct call *c = NULL;

	if (list_empty(&sh->wants))
		return;
	if (!store_owner_ready(sh)) {
		refuse_all(sh, sh->ours || sh->state != STORE_SHARD_IDLE ?
				   STORE_UNAVAILABLE : STORE_FENCED);
		return;
	}
	while ((it = list_pop(&sh->wants)) != NULL) {
		struct ask *a = LIST_ENTRY(it, struct ask, on);

		if (c && c->max + a->max > STORE_BATCH_MAX) {
			call_send(c);
			c = NULL;
		}
		if (c == NULL) {
			c = mem_zalloc(sizeof(*c));
			c->shard = sh;
			list_init(&c->asks);
			list_append(&sh->leasing, &c->on);
		}
		a->sent = true;
		list_append(&c->asks, &a->on);
		c->n += lanes_of(a);
		c->max += a->max;
	}
	if (c)
		call_send(c);
}

void
store_lease_close(struct store_shard *sh)
{
	struct list *it;

	while ((it = list_pop(&sh->leasing)) != NULL)
		free(LIST_ENTRY(it, struct call, on));
	while ((it = list_pop(&sh->leases)) != NULL)
		continue; /* their holders free them */
}

static void
ask_cancelled(struct store_req *r)
{
	struct ask *a = LIST_ENTRY(r, struct ask, req);

	if (a->sent)
		return;
	list_remove(&a->on);
	store_req_end(r);
}

struct store_req *
store_lease_lanes(struct store *s, unsigned shard,
    const struct store_want *want, size_t n,
    void (*done)(void *arg, enum store_status st,
	const struct store_lane_result *lanes, size_t n),
    void *arg)
{
	struct ask *a = store_req_new(s, sizeof(*a) + n * sizeof(a->w[0]),
	    ask_release);
	size_t i;

	a->done = done;
	a->arg = arg;
	a->n = n;
	a->req.cancelled = ask_cancelled;
	for (i = 0; i < n; i++) {
		size_t room = STORE_BATCH_MAX - a->max;

		a->w[i].campaign = want[i].campaign;
		a->w[i].domain = mem_strdup(want[i].domain);
		a->w[i].max = want[i].max < room ? want[i].max :
						   (unsigned)room;
		a->max += a->w[i].max;
	}
	list_append(&s->shard[shard].wants, &a->on);
	loop_flush_later(s->loop, &s->flush, store_turn, s);
	return &a->req;
}
