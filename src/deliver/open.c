#include "config.h"

#include "deliver/open.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/rand.h"
#include "conf/conf.h"
#include "deliver/item.h"
#include "deliver/peer.h"
#include "deliver/place.h"
#include "deliver/sched.h"
#include "deliver/session.h"
#include "deliver/settle.h"
#include "site/source.h"

/* One more session now?  Where time alone is missing the route is looked at
 * again then. */
static bool
may_open(struct deliver *d, struct deliver_route *r, int64_t now)
{
	struct deliver_site *s = r->site;
	int64_t at = now;

	if (deliver_place_full(s, now))
		at = s->full_until;
	if (r->rest_until > at)
		at = r->rest_until;
	if (now + site_bucket_wait_ms(&s->rate, now) > at)
		at = now + site_bucket_wait_ms(&s->rate, now);
	if (now + site_bucket_wait_ms(&s->connects, now) > at)
		at = now + site_bucket_wait_ms(&s->connects, now);
	if (at > now) {
		deliver_place_stall(d, r, at);
		return false;
	}
	if (r->reserved)
		return true;
	if ((!r->proven && r->npeers > 0) || r->failing ||
	    deliver_place_wanted(s))
		return false;
	if (s->npeers + s->reserved >= s->policy->connections) {
		deliver_peer_make_room(d, s);
		return false;
	}
	if (d->npeers + d->reserved >= d->conf->limits.max_sessions) {
		deliver_peer_make_room(d, NULL);
		return false;
	}
	return true;
}

/* No source of ours has an address family that the peer has. */
static void
unreachable(struct deliver *d, struct deliver_lot *lot)
{
	struct deliver_result why = {.kind = DELIVER_TEMPORARY,
	    .stage = MAIL_STAGE_LOCAL,
	    .code = 450,
	    .enhanced = {4, 4, 1}};
	struct list *it;
	unsigned class;

	snprintf(why.text, sizeof(why.text),
	    "no source address of the peer's family");
	for (class = 0; class < DELIVER_CLASSES; class ++)
		while ((it = lot->ready[class].next) != &lot->ready[class]) {
			struct deliver_item *i =
			    LIST_ENTRY(it, struct deliver_item, job.link);

			deliver_place_take(i);
			deliver_settle(d, i, lot->route, &why);
		}
}

static void
open_lot(struct deliver *d, struct deliver_lot *lot)
{
	struct deliver_route *r = lot->route;
	struct deliver_site *s = r->site;
	int source;

	while (lot->nready > lot->nidle + lot->nconnecting) {
		if (!site_source_reaches(d->conf, &lot->sources, r->families)) {
			unreachable(d, lot);
			return;
		}
		if (!may_open(d, r, clock_mono()))
			return;
		source = site_source_choose(d->conf, &lot->sources, r->families,
		    s->busy, s->policy->connections_per_source, rand_u64());
		if (source == SITE_SOURCE_NONE)
			return;
		deliver_peer_start(d, lot, source);
	}
}

void
deliver_open_route(struct deliver *d, struct deliver_route *r)
{
	struct list *it, *tmp;

	LIST_FOREACH (it, tmp, &r->lots)
		open_lot(d, LIST_ENTRY(it, struct deliver_lot, link));
}

void
deliver_open_wake(struct deliver *d, struct deliver_route *r)
{
	int64_t now = clock_mono(), at;
	struct list *it, *tmp;
	unsigned idle = 0;
	uint64_t tokens;

	LIST_FOREACH (it, tmp, &r->lots) {
		struct deliver_lot *lot =
		    LIST_ENTRY(it, struct deliver_lot, link);

		idle += lot->nready > 0 ? lot->nidle : 0;
	}
	if (idle == 0)
		return;
	at = now + site_bucket_wait_ms(&r->site->rate, now);
	if (r->rest_until > at)
		at = r->rest_until;
	if (at > now) {
		deliver_place_stall(d, r, at);
		return;
	}
	/* no more than the rate lets through: other routes want their turn */
	tokens = site_bucket_has(&r->site->rate, now);
	LIST_FOREACH (it, tmp, &r->peers) {
		struct deliver_peer *p =
		    LIST_ENTRY(it, struct deliver_peer, of_route);

		if (tokens == 0)
			return;
		if (!list_linked(&p->idle) || p->lot->nready == 0)
			continue;
		deliver_session_wake(p->s);
		tokens--;
	}
}
