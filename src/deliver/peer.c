#include "config.h"

#include "deliver/peer.h"

#include <stdlib.h>

#include "base/bug.h"
#include "base/clock.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "deliver/drain.h"
#include "deliver/fail.h"
#include "deliver/item.h"
#include "deliver/lane.h"
#include "deliver/place.h"
#include "deliver/sched.h"
#include "deliver/session.h"
#include "deliver/settle.h"
#include "stats/stats.h"
#include "store/store.h"

#define REST_MS        500 /* after items came back unasked */
#define UNTRIED_MAX    5
#define YIELD_AFTER    20 /* items, where another route waits */
#define YIELD_AFTER_MS 30000
#define OLD_MS         5000 /* items that waited longer: less in reserve */

static void
be_busy(struct deliver_peer *p)
{
	if (!list_linked(&p->idle))
		return;
	list_remove(&p->idle);
	list_remove(&p->idle_all);
	p->lot->nidle--;
}

static void
be_idle(struct deliver_peer *p)
{
	if (list_linked(&p->idle) || p->stopping)
		return;
	list_append(&p->route->site->idle, &p->idle);
	list_append(&p->d->idle, &p->idle_all);
	p->lot->nidle++;
}

static void
stop(struct deliver_peer *p, bool at_once)
{
	be_busy(p);
	if (!p->stopping) {
		p->stopping = true;
		p->route->site->nstopping++;
		p->d->nstopping++;
	}
	deliver_session_stop(p->s, at_once);
}

static void
prove(struct deliver *d, struct deliver_route *r)
{
	struct list *it, *tmp;

	r->failing = false;
	if (r->proven)
		return;
	r->proven = true;
	r->failures = 0;
	r->reason[0] = '\0';
	LIST_FOREACH (it, tmp, &r->peers) {
		struct deliver_peer *p =
		    LIST_ENTRY(it, struct deliver_peer, of_route);

		if (p->unproven)
			d->nunproven--;
		p->unproven = false;
	}
	deliver_sched_kick(d, r);
	deliver_sched_slot(d, r->site);
}

static void
greeted(struct deliver_peer *p)
{
	p->asked = true;
	p->lot->nconnecting--;
	p->route->nconnecting--;
	p->route->site->nconnecting--;
	/* after a failure only a judged recipient shows that it lives */
	if (p->route->failures == 0)
		prove(p->d, p->route);
}

/* Its connection is due to a route that has none. */
static bool
yields(const struct deliver_peer *p, int64_t now)
{
	const struct deliver_site *s = p->route->site;

	return deliver_place_wanted(s) &&
	       s->npeers + s->reserved >= s->policy->connections &&
	       s->nstopping == 0 &&
	       (p->handed >= YIELD_AFTER || now - p->opened >= YIELD_AFTER_MS);
}

static bool
may_work(struct deliver_peer *p, int64_t now)
{
	struct deliver_route *r = p->route;

	if (!deliver_sched_running(p->d) || p->stopping ||
	    deliver_place_held(r))
		return false;
	if (r->rest_until > now) {
		deliver_place_stall(p->d, r, r->rest_until);
		return false;
	}
	if (yields(p, now)) {
		stop(p, false);
		return false;
	}
	return true;
}

static void
rest(struct deliver_route *r, int64_t ms)
{
	r->rest_until = clock_mono() + ms;
	deliver_place_stall(r->site->d, r, r->rest_until);
}

static void
hand(struct deliver_peer *p, struct deliver_item *i)
{
	struct deliver_route *r = p->route;

	if (clock_now() - i->job.leased_ms > OLD_MS && r->depth > 2)
		r->depth /= 2;
	deliver_place_take(i);
	i->peer = p;
	p->njobs++;
	p->handed++;
}

/* The first item of a class and those that may travel with it. */
static size_t
take_class(struct deliver_peer *p, unsigned class, struct deliver_job **jobs,
    size_t most)
{
	struct list *it, *tmp, *ready = &p->lot->ready[class];
	struct deliver_item *first = NULL, *i;
	int64_t now = clock_now();
	size_t n = 0;

	LIST_FOREACH (it, tmp, ready) {
		if (n == most)
			break;
		i = LIST_ENTRY(it, struct deliver_item, job.link);
		if (deliver_item_is_expired(p->d, i, now)) {
			deliver_place_take(i);
			deliver_settle(p->d, i, p->route, NULL);
			continue;
		}
		if (!store_owns(p->d->p.store, i->job.lease->shard)) {
			deliver_place_take(i);
			deliver_item_release(p->d, i);
			continue;
		}
		if (first == NULL)
			first = i;
		else if (!deliver_item_groups(first, i))
			break;
		hand(p, i);
		jobs[n++] = &i->job;
	}
	return n;
}

static size_t
take(struct deliver_peer *p, struct deliver_job **jobs, size_t max)
{
	struct deliver_site *s = p->route->site;
	int64_t now = clock_mono();
	uint64_t tokens = site_bucket_has(&s->rate, now);
	size_t most = s->policy->max_rcpt, n, k;
	unsigned class;

	if (p->lot->nready == 0)
		return 0;
	if (most < 1)
		most = 1;
	if (most > max)
		most = max;
	if (most > tokens)
		most = tokens;
	if (most == 0) {
		deliver_place_stall(
		    p->d, p->route, now + site_bucket_wait_ms(&s->rate, now));
		return 0;
	}
	for (class = 0, n = 0; class < DELIVER_CLASSES && n == 0; class ++)
		n = take_class(p, class, jobs, most);
	site_bucket_take(&s->rate, n, now);
	p->route->served = ++s->turns;
	for (k = 0; k < n; k++)
		deliver_item_of(jobs[k])->grouped = n > 1;
	return n;
}

static size_t
on_next(
    void *arg, struct deliver_session *s, struct deliver_job **jobs, size_t max)
{
	struct deliver_peer *p = arg;
	size_t n = 0;

	(void)s;
	if (!p->asked)
		greeted(p);
	be_busy(p);
	if (may_work(p, clock_mono()))
		n = take(p, jobs, max);
	if (n == 0)
		be_idle(p);
	deliver_sched_kick(p->d, p->route);
	return n;
}

/* A reply to MAIL, RCPT or the content, other than 421, shows that the peer
 * works with us. */
static bool
is_judgement(const struct deliver_result *r)
{
	if (r->kind == DELIVER_SENT)
		return true;
	return (r->stage == MAIL_STAGE_MAIL || r->stage == MAIL_STAGE_RCPT ||
		   r->stage == MAIL_STAGE_DATA || r->stage == MAIL_STAGE_END) &&
	       r->code >= 400 && r->code != 421;
}

static void
came_back(struct deliver_peer *p, struct deliver_item *i)
{
	struct deliver *d = p->d;
	struct deliver_route *r = p->route;

	site_bucket_give(&r->site->rate, 1);
	i->untried++;
	if (!deliver_sched_running(d) || deliver_place_held(r) ||
	    i->untried > UNTRIED_MAX ||
	    i->campaign->sc->state != STORE_ACTIVE ||
	    !store_owns(d->p.store, i->job.lease->shard)) {
		if (i->campaign->sc->state == STORE_CANCELLED)
			deliver_settle_cancelled(d, i);
		else
			deliver_item_release(d, i);
		return;
	}
	deliver_place_push(r, i, true);
	if (i->untried >= 2)
		rest(r, REST_MS);
	deliver_sched_kick(d, r);
}

static void
on_done(void *arg, struct deliver_session *s, struct deliver_job *job,
    const struct deliver_result *r)
{
	struct deliver_peer *p = arg;
	struct deliver_item *i = deliver_item_of(job);

	(void)s;
	BUG_ON(i->peer != p);
	i->peer = NULL;
	p->njobs--;
	if (p->d->freed) { /* the record is recovered at the next start */
		deliver_item_free(p->d, i);
		return;
	}
	if (r->kind == DELIVER_UNTRIED) {
		came_back(p, i);
		return;
	}
	if (r->kind != DELIVER_UNREBUILT && r->stage != MAIL_STAGE_LOCAL)
		deliver_place_note(p->route->site, r);
	if (is_judgement(r)) {
		p->productive = true;
		prove(p->d, p->route);
	} else {
		p->burnt = true;
	}
	deliver_settle(p->d, i, p->route, r);
}

static void
detach(struct deliver_peer *p)
{
	struct deliver *d = p->d;
	struct deliver_site *s = p->route->site;

	be_busy(p);
	list_remove(&p->of_route);
	if (!p->asked) {
		p->lot->nconnecting--;
		p->route->nconnecting--;
		s->nconnecting--;
	}
	if (p->unproven)
		d->nunproven--;
	if (p->stopping) {
		s->nstopping--;
		d->nstopping--;
	}
	if (p->source >= 0)
		s->busy[p->source]--;
	p->lot->npeers--;
	p->route->npeers--;
	s->npeers--;
	d->npeers--;
	stats_add(STATS_DELIVER_SESSIONS, -1);
}

static void
on_gone(void *arg, struct deliver_session *s, const struct deliver_end *end)
{
	struct deliver_peer *p = arg;
	struct deliver *d = p->d;
	struct deliver_route *r = p->route;

	(void)s;
	BUG_ON(p->njobs > 0);
	detach(p);
	if (!d->freeing) {
		deliver_fail_learn(p, end);
		deliver_sched_kick(d, r);
		deliver_sched_slot(d, r->site);
	}
	free(p);
	if (d->freed && d->npeers == 0)
		deliver_destroy(d);
	else if (d->draining)
		deliver_drain_check(d);
}

static const struct deliver_session_ops ops = {
    .next = on_next, .done = on_done, .gone = on_gone};

void
deliver_peer_start(struct deliver *d, struct deliver_lot *lot, int source)
{
	struct deliver_peer *p = mem_zalloc(sizeof(*p));
	struct deliver_route *r = lot->route;
	struct deliver_site *s = r->site;
	struct deliver_session_params params = {.policy = s->policy,
	    .conf = d->conf,
	    .source = source >= 0 ? &d->conf->source[source] : NULL,
	    .mx = r->hosts,
	    .nmx = r->nhosts,
	    .literal = r->literal,
	    .owner = p};

	p->d = d;
	p->route = r;
	p->lot = lot;
	p->source = source;
	p->opened = clock_mono();
	p->unproven = !r->proven;
	if (p->unproven)
		d->nunproven++;
	if (source >= 0)
		s->busy[source]++;
	list_append(&r->peers, &p->of_route);
	lot->npeers++;
	lot->nconnecting++;
	r->npeers++;
	r->nconnecting++;
	s->npeers++;
	s->nconnecting++;
	d->npeers++;
	if (r->reserved) {
		r->reserved = false;
		s->reserved--;
		d->reserved--;
	}
	site_bucket_take(&s->connects, 1, clock_mono());
	stats_add(STATS_DELIVER_CONNECTS, 1);
	stats_add(STATS_DELIVER_SESSIONS, 1);
	p->s = deliver_session_open(&d->env, &params, &ops, p);
	BUG_ON(p->s == NULL);
}

/* Idle with items in the lot: it waits for the rate.  One such is enough. */
static bool
stop_idle(struct deliver_peer *p)
{
	if (p->lot->nready > 0 && p->lot->npeers < 2)
		return false;
	stop(p, false);
	return true;
}

bool
deliver_peer_make_room(struct deliver *d, struct deliver_site *s)
{
	struct list *it, *tmp;

	if (s != NULL) {
		if (s->nstopping > 0)
			return true;
		LIST_FOREACH (it, tmp, &s->idle)
			if (stop_idle(
				LIST_ENTRY(it, struct deliver_peer, idle)))
				return true;
		return false;
	}
	if (d->nstopping > 0)
		return true;
	LIST_FOREACH (it, tmp, &d->idle)
		if (stop_idle(LIST_ENTRY(it, struct deliver_peer, idle_all)))
			return true;
	return false;
}

void
deliver_peer_stop_all(struct deliver *d, bool at_once)
{
	struct deliver_route *r, *rtmp;
	struct list *it, *tmp;

	HASH_ITER(hh, d->routes, r, rtmp)
	LIST_FOREACH (it, tmp, &r->peers)
		stop(LIST_ENTRY(it, struct deliver_peer, of_route), at_once);
}
