#include "config.h"

#include "deliver/expiry.h"

#include "base/clock.h"
#include "deliver/drain.h"
#include "deliver/item.h"
#include "deliver/lane.h"
#include "deliver/sched.h"
#include "deliver/settle.h"
#include "store/store.h"

#define EVERY_MS 2000
#define MORE_MS  50 /* while there are some */

/* Settled with their campaign's tenant in hand: it may have to be loaded. */
static void
take(struct deliver *d, struct store_lease *l)
{
	struct deliver_campaign *c = deliver_lane_campaign(d, l->campaign);
	struct deliver_item *i = deliver_item_new(d, l, c);

	if (i == NULL)
		return;
	if (c->sc != NULL)
		deliver_settle(d, i, NULL, NULL);
	else
		list_append(&c->loading, &i->job.link);
}

static void
on_expired(
    void *arg, enum store_status st, struct store_lease **leases, size_t n)
{
	struct deliver_shard *sh = arg;
	struct deliver *d = sh->d;
	size_t k;

	sh->expire = NULL;
	d->ncalls--;
	for (k = 0; st == STORE_OK && k < n; k++)
		take(d, leases[k]);
	if (st == STORE_OK && n > 0 && deliver_sched_running(d))
		deliver_sched_at(d, &d->expiry, clock_mono() + MORE_MS);
	if (d->draining)
		deliver_drain_check(d);
}

static void
on_time(void *arg)
{
	struct deliver *d = arg;
	unsigned k;

	deliver_sched_at(d, &d->expiry, clock_mono() + EVERY_MS);
	if (!deliver_sched_running(d) || d->nreports > DELIVER_REPORTS_MAX)
		return;
	for (k = 0; k < d->nshards; k++) {
		struct deliver_shard *sh = &d->shards[k];

		if (sh->expire != NULL || !store_owns(d->p.store, k))
			continue;
		d->ncalls++;
		sh->expire = store_expire(d->p.store, k, on_expired, sh);
	}
}

void
deliver_expiry_start(struct deliver *d)
{
	d->expiry.fn = on_time;
	d->expiry.arg = d;
	deliver_sched_at(d, &d->expiry, clock_mono() + EVERY_MS);
}

void
deliver_expiry_stop(struct deliver *d)
{
	unsigned k;

	deliver_sched_never(d, &d->expiry);
	for (k = 0; k < d->nshards; k++)
		if (d->shards[k].expire != NULL) {
			store_cancel(&d->shards[k].expire);
			d->ncalls--;
		}
}
