#include "config.h"

#include "deliver/lease.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "deliver/domain.h"
#include "deliver/drain.h"
#include "deliver/item.h"
#include "deliver/lane.h"
#include "deliver/place.h"
#include "deliver/sched.h"
#include "deliver/settle.h"
#include "deliver/turn.h"
#include "stats/stats.h"
#include "store/store.h"

#define CALL_MAX       256 /* records in one lease call */
#define QUANTUM        4   /* of one lane's turn */
#define CONDEMNED_MAX  256
#define CONDEMNED_LANE 32
#define RATE_AHEAD_MS  5000

struct call {
	struct list link; /* in its shard's */
	struct deliver *d;
	unsigned shard;
	struct store_req *req;
	unsigned n;

	struct {
		struct deliver_lane *lane;
		struct deliver_route *route; /* NULL: condemned */
		unsigned class, asked;
	} want[];
};

/* Items that a connection may find waiting: it doubles when they ran out, and
 * halves when they grew old. */
static unsigned
capacity(struct deliver_route *r)
{
	const struct conf_site *p = r->site->policy;
	unsigned n = p->connections * r->depth, most = CALL_MAX;
	uint64_t by_rate;

	if (!r->proven)
		return r->failures > 0 ? 1 : 8;
	if (p->rate.count > 0 && p->rate.period_ms > 0) {
		by_rate =
		    p->rate.count * RATE_AHEAD_MS / (uint64_t)p->rate.period_ms;
		if (by_rate < 2)
			by_rate = 2;
		if (by_rate < most)
			most = (unsigned)by_rate;
	}
	if (n < 16)
		n = 16;
	if (n < 2 * p->max_rcpt)
		n = 2 * p->max_rcpt;
	return n < most ? n : most;
}

static void
want(struct deliver *d, struct deliver_lane *l)
{
	struct deliver_shard *sh = &d->shards[l->key.shard];

	sh->lane[sh->nwant] = l;
	sh->want[sh->nwant] = (struct store_want){
	    .campaign = l->campaign->id, .domain = l->domain->name};
	sh->nwant++;
	l->asked = 0;
}

static void leave(struct deliver *d, unsigned shard);

/* room records of the class, in fair turns, a quantum at a time. */
static void
fill_class(
    struct deliver *d, struct deliver_route *r, unsigned class, unsigned room)
{
	struct deliver_lane *touched[CALL_MAX], *l;
	unsigned n = 0, k, give;

	while (room > 0 && n < CALL_MAX &&
	       (l = deliver_turn_pick(r, class)) != NULL) {
		give = room < QUANTUM ? room : QUANTUM;
		if (l->asked == 0)
			touched[n++] = l;
		l->asked += give;
		room -= give;
	}
	for (k = 0; k < n; k++) {
		unsigned shard = (unsigned)touched[k]->key.shard;
		struct deliver_shard *sh = &d->shards[shard];
		unsigned asked = touched[k]->asked;

		if (sh->nwant == CALL_MAX || sh->sum + asked > CALL_MAX)
			leave(d, shard);
		deliver_lane_ask(d, touched[k]);
		want(d, touched[k]);
		touched[k]->asked = asked;
		sh->want[sh->nwant - 1].max = asked;
		sh->sum += asked;
		r->nasked[class] += asked;
		if (touched[k]->domain->fresh_until < clock_mono())
			deliver_domain_resolve(d, touched[k]->domain);
	}
}

void
deliver_lease_fill(struct deliver *d, struct deliver_route *r)
{
	unsigned class, have, cap = capacity(r);

	if (d->nitems > DELIVER_ITEMS_MAX ||
	    d->nreports > DELIVER_REPORTS_MAX) {
		if (!list_linked(&r->choked) && deliver_turn_any(r))
			list_append(&d->choked, &r->choked);
		return;
	}
	for (class = 0; class < DELIVER_CLASSES; class ++) {
		have = r->nready[class] + r->nasked[class];
		if (have * 2 > cap || r->lanes_ready[class] == 0)
			continue;
		if (r->nready[class] == 0 && r->nasked[class] == 0 &&
		    r->proven && r->depth < 8 && cap < CALL_MAX)
			r->depth *= 2;
		fill_class(d, r, class, cap - have);
	}
}

void
deliver_lease_condemned(struct deliver *d)
{
	struct list *it;

	while (d->ncondemned < CONDEMNED_MAX &&
	       d->nreports < DELIVER_REPORTS_MAX &&
	       (it = list_pop(&d->condemned)) != NULL) {
		struct deliver_lane *l =
		    LIST_ENTRY(it, struct deliver_lane, link);
		unsigned shard = (unsigned)l->key.shard;
		struct deliver_shard *sh = &d->shards[shard];

		if (sh->nwant == CALL_MAX ||
		    sh->sum + CONDEMNED_LANE > CALL_MAX)
			leave(d, shard);
		deliver_lane_ask(d, l);
		want(d, l);
		l->asked = CONDEMNED_LANE;
		sh->want[sh->nwant - 1].max = CONDEMNED_LANE;
		sh->sum += CONDEMNED_LANE;
		d->ncondemned += CONDEMNED_LANE;
	}
}

static void
to_route(struct deliver *d, struct deliver_item *i, struct deliver_domain *dom)
{
	struct deliver_route *r = dom->route;

	deliver_sched_kick(d, r);
	deliver_place_push(r, i, false);
	if (deliver_item_is_expired(d, i, clock_now())) {
		deliver_place_take(i);
		deliver_settle(d, i, r, NULL);
	}
}

static void
arrive(struct deliver *d, struct deliver_lane *l, struct store_lease *lease)
{
	struct deliver_item *i;
	struct deliver_domain *dom = l->domain;

	i = deliver_item_new(d, lease, l->campaign);
	if (i == NULL)
		return;
	if (!deliver_sched_running(d) ||
	    l->campaign->sc->state != STORE_ACTIVE) {
		if (l->campaign->sc->state == STORE_CANCELLED)
			deliver_settle_cancelled(d, i);
		else
			deliver_item_release(d, i);
	} else if (dom->state == DELIVER_DOMAIN_NEVER) {
		deliver_settle(d, i, NULL, dom->result);
	} else if (dom->state == DELIVER_DOMAIN_ROUTED &&
		   !deliver_place_held(dom->route)) {
		to_route(d, i, dom);
	} else {
		deliver_item_release(d, i);
	}
}

/* Results come in the order of the wants, but some may be missing. */
static const struct store_lane_result *
result_of(const struct store_lane_result *v, size_t n, size_t at,
    const struct deliver_lane *l)
{
	size_t k;

	for (k = 0; k < n; k++) {
		const struct store_lane_result *r = &v[(at + k) % n];

		if (r->campaign == l->campaign->id &&
		    strcmp(r->domain, l->domain->name) == 0)
			return r;
	}
	return NULL;
}

static void
one_answer(struct call *c, unsigned k, const struct store_lane_result *r)
{
	struct deliver *d = c->d;
	struct deliver_lane *l = c->want[k].lane;
	struct deliver_route *route = c->want[k].route;
	size_t i;

	if (route != NULL)
		route->nasked[c->want[k].class] -= c->want[k].asked;
	else
		d->ncondemned -= c->want[k].asked;
	for (i = 0; r != NULL && i < r->nleases; i++)
		arrive(d, l, r->leases[i]);
	if (r == NULL || r->held)
		deliver_lane_refused(d, l);
	else
		deliver_lane_answered(d, l, r->more);
	if (route != NULL)
		deliver_sched_kick(d, route);
	deliver_sched_soon(d);
}

static void
on_leased(void *arg, enum store_status st,
    const struct store_lane_result *lanes, size_t n)
{
	struct call *c = arg;
	struct deliver *d = c->d;
	unsigned k;

	c->req = NULL;
	list_remove(&c->link);
	d->ncalls--;
	for (k = 0; k < c->n; k++)
		one_answer(c, k,
		    st == STORE_OK && n > 0
			? result_of(lanes, n, k, c->want[k].lane)
			: NULL);
	free(c);
	if (d->draining)
		deliver_drain_check(d);
}

static void
forget_call(struct call *c)
{
	unsigned k;

	for (k = 0; k < c->n; k++)
		one_answer(c, k, NULL);
}

static void
leave(struct deliver *d, unsigned shard)
{
	struct deliver_shard *sh = &d->shards[shard];
	struct call *c;
	unsigned k;

	if (sh->nwant == 0)
		return;
	c = mem_zalloc(sizeof(*c) + sh->nwant * sizeof(c->want[0]));
	c->d = d;
	c->shard = shard;
	c->n = sh->nwant;
	for (k = 0; k < sh->nwant; k++) {
		struct deliver_lane *l = sh->lane[k];

		c->want[k].lane = l;
		c->want[k].route = deliver_turn_route(l);
		c->want[k].class = deliver_turn_class(l->campaign);
		c->want[k].asked = l->asked;
		l->asked = 0;
	}
	sh->nwant = sh->sum = 0;
	if (!store_owns(d->p.store, shard)) {
		forget_call(c);
		free(c);
		return;
	}
	list_append(&sh->calls, &c->link);
	d->ncalls++;
	c->req = store_lease_lanes(
	    d->p.store, shard, sh->want, c->n, on_leased, c);
}

void
deliver_lease_flush(struct deliver *d)
{
	unsigned k;

	for (k = 0; k < d->nshards; k++)
		leave(d, k);
}

void
deliver_lease_free_all(struct deliver *d)
{
	struct list *it;
	unsigned k;

	for (k = 0; k < d->nshards; k++)
		while ((it = list_pop(&d->shards[k].calls)) != NULL) {
			struct call *c = LIST_ENTRY(it, struct call, link);

			store_cancel(&c->req);
			d->ncalls--;
			if (!d->freeing)
				forget_call(c);
			free(c);
		}
}
