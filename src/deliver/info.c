#include "config.h"

#include "deliver/info.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "conf/conf.h"
#include "deliver/domain.h"
#include "deliver/peer.h"
#include "deliver/place.h"
#include "deliver/sched.h"

static int64_t
wall(int64_t mono)
{
	return clock_now() + (mono - clock_mono());
}

/* Down: every route with mail is held.  The earliest end is shown. */
static void
routes(struct deliver_site *s, struct deliver_site_info *o,
    char reason[DELIVER_REASON_MAX])
{
	const struct deliver_route *first = NULL;
	unsigned held = 0, all = 0;
	struct list *it, *tmp;

	LIST_FOREACH (it, tmp, &s->routes) {
		const struct deliver_route *r =
		    LIST_ENTRY(it, struct deliver_route, of_site);

		if (r->lanes > 0 || r->npeers > 0 || deliver_place_held(r))
			all++;
		if (!deliver_place_held(r))
			continue;
		held++;
		if (first == NULL || r->held_until < first->held_until)
			first = r;
	}
	if (first == NULL)
		return;
	o->held_until_ms = wall(first->held_until);
	if (held == all) {
		o->state = "down";
		snprintf(reason, DELIVER_REASON_MAX, "%s", first->reason);
	} else {
		snprintf(reason, DELIVER_REASON_MAX, "%u of %u routes: %.200s",
		    held, all, first->reason);
	}
}

static void
show_site(struct deliver_site *s,
    void (*each)(void *arg, const struct deliver_site_info *i), void *arg)
{
	char reason[DELIVER_REASON_MAX] = "";
	struct deliver_site_info o = {.name = s->name,
	    .state = "open",
	    .reason = reason,
	    .connections = s->npeers,
	    .connecting = s->nconnecting,
	    .connections_max = s->policy->connections,
	    .waiting = s->waiting_items,
	    .lanes = s->lanes,
	    .sent = s->sent,
	    .deferred = s->deferred,
	    .bounced = s->bounced,
	    .last_reply = s->last_reply};
	int64_t now = clock_mono();

	routes(s, &o, reason);
	if (strcmp(o.state, "open") == 0) {
		if (s->full_until > now) {
			o.state = "full";
			o.held_until_ms = wall(s->full_until);
			snprintf(reason, sizeof(reason), "%s", s->reason);
		} else if (s->waiting_items > 0 &&
			   site_bucket_has(&s->rate, now) == 0) {
			o.state = "rate";
			snprintf(reason, sizeof(reason), "%llu per %lld ms",
			    (unsigned long long)s->policy->rate.count,
			    (long long)s->policy->rate.period_ms);
		} else if (s->npeers >= s->policy->connections &&
			   (s->waiting_items > 0 || deliver_place_wanted(s))) {
			o.state = "full";
			snprintf(reason, sizeof(reason),
			    "all %u connections in use",
			    s->policy->connections);
		}
	}
	each(arg, &o);
}

/* A domain whose MX can't be looked up belongs to no site yet. */
static void
show_domain(struct deliver_domain *dom,
    void (*each)(void *arg, const struct deliver_site_info *i), void *arg)
{
	struct deliver_site_info o = {.name = dom->name,
	    .state = "held",
	    .reason = "no answer to the MX lookup",
	    .held_until_ms = wall(dom->held_until),
	    .last_reply = ""};
	struct list *it, *tmp;

	LIST_FOREACH (it, tmp, &dom->lanes)
		o.lanes++;
	each(arg, &o);
}

void
deliver_info_sites(struct deliver *d,
    void (*each)(void *arg, const struct deliver_site_info *i), void *arg)
{
	struct deliver_domain *dom, *dtmp;
	struct deliver_site *s, *tmp;

	HASH_ITER(hh, d->sites, s, tmp)
	show_site(s, each, arg);
	HASH_ITER(hh, d->domains, dom, dtmp)
	if (dom->state == DELIVER_DOMAIN_HELD && !list_empty(&dom->lanes))
		show_domain(dom, each, arg);
}

void
deliver_info_sessions(struct deliver *d,
    void (*each)(
	void *arg, const char *site, const struct deliver_session_info *i),
    void *arg)
{
	struct deliver_session_info o;
	struct deliver_route *r, *rtmp;
	struct list *it, *tmp;

	HASH_ITER(hh, d->routes, r, rtmp)
	LIST_FOREACH (it, tmp, &r->peers) {
		struct deliver_peer *p =
		    LIST_ENTRY(it, struct deliver_peer, of_route);

		deliver_session_info(p->s, &o);
		each(arg, r->site->name, &o);
	}
}

static unsigned
lift_route(struct deliver *d, struct deliver_route *r)
{
	unsigned n = deliver_place_held(r) ? 1 : 0;

	r->failures = 0;
	r->rest_until = 0;
	if (n > 0)
		deliver_place_unhold(d, r);
	return n;
}

static unsigned
lift_site(struct deliver *d, struct deliver_site *s)
{
	unsigned n = s->full_until > clock_mono() ? 1 : 0;
	struct list *it, *tmp;

	s->full_until = 0;
	LIST_FOREACH (it, tmp, &s->routes)
		n += lift_route(
		    d, LIST_ENTRY(it, struct deliver_route, of_site));
	deliver_sched_slot(d, s);
	return n;
}

unsigned
deliver_info_flush(struct deliver *d, const char *name)
{
	struct deliver_domain *dom = deliver_domain_find(d, name);
	struct deliver_site *s;
	unsigned n = 0;

	HASH_FIND_STR(d->sites, name, s);
	if (s != NULL)
		n += lift_site(d, s);
	if (dom == NULL)
		return n;
	dom->failures = 0;
	dom->fresh_until = 0; /* what DNS said is asked for again */
	if (deliver_domain_unhold(d, dom))
		n++;
	if (dom->route != NULL && dom->route->site != s)
		n += lift_route(d, dom->route);
	return n;
}
