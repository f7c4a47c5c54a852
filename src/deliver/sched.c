#include "config.h"

#include "deliver/sched.h"

#include "base/clock.h"
#include "conf/conf.h"
#include "deliver/domain.h"
#include "deliver/lane.h"
#include "deliver/lease.h"
#include "deliver/open.h"
#include "deliver/peer.h"
#include "deliver/place.h"
#include "deliver/turn.h"

#define SWEEP_MS      60000
#define IDLE_PLACE_MS 3600000

static void turn(void *arg);

bool
deliver_sched_running(const struct deliver *d)
{
	return d->up && !d->draining && !d->freeing;
}

void
deliver_sched_soon(struct deliver *d)
{
	if (!d->freeing)
		loop_defer(d->p.loop, &d->turn, turn, d);
}

void
deliver_sched_kick(struct deliver *d, struct deliver_route *r)
{
	if (!list_linked(&r->kick))
		list_append(&d->kicked, &r->kick);
	deliver_sched_soon(d);
}

static void
arm(struct deliver *d)
{
	int64_t next = deliver_heap_next_ms(&d->heap), wait;

	if (next == -1 || d->freeing) {
		loop_timer_stop(&d->timer);
		d->armed = 0;
		return;
	}
	if (d->armed == next)
		return;
	d->armed = next;
	wait = next - clock_mono();
	loop_timer_start(&d->timer, wait < 1 ? 1 : wait);
}

static void
on_timer(void *arg)
{
	struct deliver *d = arg;
	struct deliver_heap_node *node;
	int64_t now = clock_mono();

	d->armed = 0;
	while ((node = deliver_heap_pop(&d->heap, now)) != NULL)
		node->fn(node->arg);
	arm(d);
}

void
deliver_sched_at(struct deliver *d, struct deliver_heap_node *node, int64_t at)
{
	deliver_heap_set(&d->heap, node, at);
	arm(d);
}

void
deliver_sched_never(struct deliver *d, struct deliver_heap_node *node)
{
	deliver_heap_remove(&d->heap, node);
	arm(d);
}

/* Sessions that have not met a living peer may take half of all. */
static bool
unproven_room(const struct deliver *d)
{
	return d->nunproven < d->conf->limits.max_sessions / 2 + 1;
}

static bool
room_for_all(const struct deliver *d)
{
	return d->npeers + d->reserved < d->conf->limits.max_sessions;
}

static void
starve(struct deliver *d, struct deliver_site *s, const struct deliver_route *r)
{
	unsigned k;

	if (list_linked(&s->starving))
		return;
	if (r->proven)
		k = list_empty(&s->waiting[0]) ? 1 : 0;
	else
		k = r->failures == 0 ? 2 : 3;
	list_append(&d->starving[k], &s->starving);
}

static struct deliver_route *
next_waiting(struct deliver_site *s)
{
	if (!list_empty(&s->returning))
		return LIST_ENTRY(
		    s->returning.next, struct deliver_route, returning);
	return deliver_turn_waiting(s);
}

/* Gives free sessions of the site to the routes that wait for their first. */
static void
grant(struct deliver *d, struct deliver_site *s)
{
	struct deliver_route *r;
	int64_t now = clock_mono();

	while ((r = next_waiting(s)) != NULL) {
		if (deliver_place_full(s, now)) {
			deliver_place_stall(d, r, s->full_until);
			return;
		}
		if (s->npeers + s->reserved >= s->policy->connections) {
			deliver_peer_make_room(d, s);
			return;
		}
		if (!room_for_all(d) || (!r->proven && !unproven_room(d))) {
			if (!room_for_all(d))
				deliver_peer_make_room(d, NULL);
			starve(d, s, r);
			return;
		}
		deliver_turn_unwait(d, r);
		list_remove(&r->returning);
		r->reserved = true;
		s->reserved++;
		d->reserved++;
		deliver_sched_kick(d, r);
	}
}

static bool
someone_starves(const struct deliver *d)
{
	unsigned k;

	for (k = 0; k < DELIVER_STARVING; k++)
		if (!list_empty(&d->starving[k]))
			return true;
	return false;
}

static void
feed_starving(struct deliver *d)
{
	struct list *it;
	unsigned k;

	for (k = 0; k < DELIVER_STARVING; k++) {
		while (room_for_all(d) && (k < 2 || unproven_room(d)) &&
		       (it = list_pop(&d->starving[k])) != NULL)
			grant(d, LIST_ENTRY(it, struct deliver_site, starving));
	}
	if (!room_for_all(d) && someone_starves(d))
		deliver_peer_make_room(d, NULL);
}

void
deliver_sched_slot(struct deliver *d, struct deliver_site *s)
{
	if (!deliver_sched_running(d))
		return;
	grant(d, s);
	feed_starving(d);
}

static void
give_back(struct deliver *d, struct deliver_route *r)
{
	r->reserved = false;
	r->site->reserved--;
	d->reserved--;
	deliver_sched_slot(d, r->site);
}

static bool
has_items(const struct deliver_route *r)
{
	return r->nready[0] + r->nready[1] > 0;
}

static void
want_session(struct deliver *d, struct deliver_route *r)
{
	if (has_items(r)) {
		if (!list_linked(&r->returning))
			list_append(&r->site->returning, &r->returning);
	} else if (deliver_turn_any(r)) {
		if (!r->waiting)
			deliver_turn_wait(d, r);
	} else {
		return;
	}
	grant(d, r->site);
}

static void
look(struct deliver *d, struct deliver_route *r)
{
	r->used = r->site->used = clock_mono();
	if (deliver_place_held(r)) {
		if (r->reserved)
			give_back(d, r);
		return;
	}
	if (r->npeers == 0 && !r->reserved) {
		want_session(d, r);
		return;
	}
	deliver_lease_fill(d, r);
	deliver_open_wake(d, r);
	deliver_open_route(d, r);
	if (!list_empty(&r->site->idle) &&
	    (deliver_place_wanted(r->site) || someone_starves(d)))
		deliver_sched_slot(d, r->site);
	if (r->reserved && !has_items(r) && r->nasked[0] + r->nasked[1] == 0 &&
	    !list_linked(&r->choked))
		give_back(d, r);
}

static void
turn(void *arg)
{
	struct deliver *d = arg;
	struct list *it;

	if (!deliver_sched_running(d))
		return;
	while ((it = list_pop(&d->kicked)) != NULL)
		look(d, LIST_ENTRY(it, struct deliver_route, kick));
	deliver_lease_condemned(d);
	deliver_lease_flush(d);
}

void
deliver_sched_unchoke(struct deliver *d)
{
	struct list *it;

	if (list_empty(&d->choked) || d->nitems > DELIVER_ITEMS_MAX / 2 ||
	    d->nreports > DELIVER_REPORTS_MAX / 2)
		return;
	while ((it = list_pop(&d->choked)) != NULL)
		deliver_sched_kick(
		    d, LIST_ENTRY(it, struct deliver_route, choked));
}

static void
on_sweep(void *arg)
{
	struct deliver *d = arg;

	deliver_domain_sweep(d);
	if (d->nreports == 0) /* their items name their sites */
		deliver_place_sweep(d, IDLE_PLACE_MS);
	deliver_sched_at(d, &d->sweep, clock_mono() + SWEEP_MS);
}

void
deliver_sched_init(struct deliver *d)
{
	unsigned k;

	loop_timer_init(&d->timer, d->p.loop, on_timer, d);
	list_init(&d->kicked);
	list_init(&d->condemned);
	list_init(&d->choked);
	list_init(&d->later);
	for (k = 0; k < DELIVER_STARVING; k++)
		list_init(&d->starving[k]);
	list_init(&d->idle);
	list_init(&d->ask_first);
	list_init(&d->ask_again);
	list_init(&d->reports);
	list_init(&d->writing);
	d->sweep.fn = on_sweep;
	d->sweep.arg = d;
	deliver_sched_at(d, &d->sweep, clock_mono() + SWEEP_MS);
}
