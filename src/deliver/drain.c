#include "config.h"

#include "deliver/drain.h"

#include <stddef.h>

#include "deliver/bounce.h"
#include "deliver/expiry.h"
#include "deliver/lane.h"
#include "deliver/lease.h"
#include "deliver/peer.h"
#include "deliver/place.h"
#include "deliver/sched.h"

#define CUT_MS 500 /* for sessions to be gone */

static void
tell(void *arg)
{
	struct deliver *d = arg;
	void (*done)(void *) = d->drained;

	d->drained = NULL;
	if (done != NULL)
		done(d->drained_arg);
}

void
deliver_drain_check(struct deliver *d)
{
	if (d->drained == NULL || d->freeing || d->npeers > 0 ||
	    d->nitems > 0 || d->ncalls > 0 || d->nreports > 0)
		return;
	loop_timer_stop(&d->drain_timer);
	loop_defer(d->p.loop, &d->drained_task, tell, d);
}

static void
release_waiting(struct deliver *d)
{
	struct deliver_route *r, *tmp;

	HASH_ITER(hh, d->routes, r, tmp)
	deliver_place_release(d, r);
}

static void
on_cut(void *arg)
{
	struct deliver *d = arg;

	loop_defer(d->p.loop, &d->drained_task, tell, d);
}

/* Time is up: sessions are cut, calls forgotten (what they lease comes back
 * at the next start), reports are left to the next attempt. */
static void
on_deadline(void *arg)
{
	struct deliver *d = arg;

	deliver_expiry_stop(d);
	deliver_lease_free_all(d);
	deliver_bounce_free_all(d);
	release_waiting(d);
	loop_timer_init(&d->drain_timer, d->p.loop, on_cut, d);
	loop_timer_start(&d->drain_timer, CUT_MS);
	deliver_peer_stop_all(d, true);
	deliver_drain_check(d);
}

void
deliver_drain_start(
    struct deliver *d, int64_t within_ms, void (*done)(void *arg), void *arg)
{
	d->draining = true;
	d->drained = done;
	d->drained_arg = arg;
	release_waiting(d);
	deliver_peer_stop_all(d, false);
	deliver_sched_never(d, &d->expiry);
	loop_timer_init(&d->drain_timer, d->p.loop, on_deadline, d);
	loop_timer_start(&d->drain_timer, within_ms < 1 ? 1 : within_ms);
	deliver_drain_check(d);
}

void
deliver_drain_stop(struct deliver *d)
{
	struct deliver_route *r, *tmp;

	if (!d->draining)
		return;
	d->draining = false;
	d->drained = NULL;
	loop_timer_stop(&d->drain_timer);
	loop_undefer(&d->drained_task);
	deliver_expiry_start(d);
	deliver_lane_again(d);
	HASH_ITER(hh, d->routes, r, tmp)
	deliver_sched_kick(d, r);
}
