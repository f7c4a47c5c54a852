#include "config.h"

#include "deliver/settle.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "conf/conf.h"
#include "deliver/bounce.h"
#include "deliver/domain.h"
#include "deliver/item.h"
#include "deliver/lane.h"
#include "deliver/place.h"
#include "deliver/sched.h"
#include "deliver/turn.h"
#include "deliver/verdict.h"
#include "stats/stats.h"
#include "store/store.h"

static void
account(struct deliver *d, const struct deliver_item *i, const char *event,
    const struct deliver_verdict *v, const struct deliver_result *r)
{
	struct deliver_outcome o = {.event = event,
	    .job = &i->job,
	    .result = r,
	    .class = v != NULL ? v->class : MAIL_CLASS_NONE,
	    .site = i->site,
	    .next_attempt_ms = v != NULL ? v->due_ms : 0};

	if (d->p.on_outcome != NULL)
		d->p.on_outcome(d->p.arg, &o);
}

static void
count_sent(const struct deliver_item *i, const struct deliver_result *r)
{
	int64_t ms = clock_now() - i->job.lease->record.created_ms;

	stats_add(STATS_DELIVER_SENT, 1);
	stats_add(STATS_DELIVER_BYTES, (int64_t)r->bytes);
	stats_observe(STATS_DELIVER_LATENCY, ms < 0 ? 0 : ms);
}

static void
count(struct deliver_item *i, const struct deliver_verdict *v,
    const struct deliver_result *r)
{
	switch (v->outcome) {
	case STORE_SENT:
		count_sent(i, r);
		return;
	case STORE_DEFERRED:
		stats_add(STATS_DELIVER_DEFERRED, 1);
		return;
	case STORE_BOUNCED:
		stats_add(STATS_DELIVER_BOUNCED, 1);
		return;
	case STORE_EXPIRED:
		stats_add(STATS_DELIVER_EXPIRED, 1);
		return;
	case STORE_CANCELLED_:
		stats_add(STATS_DELIVER_CANCELLED, 1);
		return;
	case STORE_PARK:
		stats_add(STATS_DELIVER_PARKED, 1);
		return;
	case STORE_DROPPED:
	case STORE_RELEASED:
		return;
	}
}

static void
warn_parked(const struct deliver_item *i, const struct deliver_result *r)
{
	char id[STORE_ID_MAX];

	store_record_id_text(i->job.lease->record.id, id);
	log_error(
	    "deliver.parked", "id=%s text=%s", id, log_q(view_str(r->text)));
}

void
deliver_settle_finish(struct deliver *d, struct deliver_item *i,
    const struct deliver_verdict *v, const struct deliver_result *r)
{
	count(i, v, r);
	if (v->outcome == STORE_PARK)
		warn_parked(i, r);
	account(d, i, v->event, v, r);
	store_settle(
	    d->p.store, &i->job.lease, v->outcome, v->due_ms, v->suppress);
	deliver_item_free(d, i);
}

static void
count_site(struct deliver_site *s, enum store_outcome out)
{
	if (out == STORE_SENT)
		s->sent++;
	else if (out == STORE_DEFERRED)
		s->deferred++;
	else if (out == STORE_BOUNCED || out == STORE_EXPIRED)
		s->bounced++;
}

/* Where the record would go: its lane's domain may be known. */
static const struct deliver_route *
route_of(struct deliver *d, const struct deliver_item *i)
{
	struct deliver_domain *dom =
	    deliver_domain_find(d, i->job.lease->domain);

	return dom != NULL ? dom->route : NULL;
}

void
deliver_settle(struct deliver *d, struct deliver_item *i,
    const struct deliver_route *route, const struct deliver_result *r)
{
	const struct conf_tenant *t = i->campaign->tenant->conf;
	struct deliver_verdict_in in = {.result = r,
	    .record = &i->job.lease->record,
	    .campaign = i->campaign->sc->state,
	    .bounces = t == NULL || t->bounces == CONF_BOUNCES_SENDER,
	    .delay_warnings = t != NULL && t->delay_warnings,
	    .grouped = i->grouped,
	    .now_ms = clock_now(),
	    .roll = rand_u64()};
	struct deliver_verdict v;

	if (route == NULL)
		route = route_of(d, i);
	in.policy =
	    route != NULL ? route->site->policy : &d->conf->site_default;
	deliver_verdict_of(&in, &v);
	if (v.outcome == STORE_RELEASED) {
		deliver_item_release(d, i);
		return;
	}
	if (route != NULL) {
		i->site = route->site->name;
		count_site(route->site, v.outcome);
	}
	if (!v.report) {
		deliver_settle_finish(d, i, &v, r);
	} else if (v.outcome == STORE_BOUNCED || v.outcome == STORE_EXPIRED) {
		deliver_bounce_first(d, i, &v, r);
	} else {
		deliver_bounce_after(d, i, &v, r);
		deliver_settle_finish(d, i, &v, r);
	}
}

void
deliver_settle_cancelled(struct deliver *d, struct deliver_item *i)
{
	static const struct deliver_verdict v = {
	    .outcome = STORE_CANCELLED_, .event = "cancelled"};

	deliver_settle_finish(d, i, &v, NULL);
}

static const char *
dropped_event(char code)
{
	switch (code) {
	case 'c':
		stats_add(STATS_DELIVER_CANCELLED, 1);
		return "cancelled";
	case 'x':
		stats_add(STATS_DELIVER_EXPIRED, 1);
		return "expired";
	case 's':
		stats_add(STATS_SUBMIT_SUPPRESSED, 1);
		return "suppressed";
	default:
		stats_add(STATS_DELIVER_SUPPRESSED, 1);
		return "suppressed";
	}
}

void
deliver_settle_dropped(struct deliver *d, struct deliver_campaign *c,
    const char *domain, struct view packed, char code)
{
	struct store_lease *l = mem_zalloc(sizeof(*l));
	struct deliver_item *i;
	struct err e;

	l->campaign = c->id;
	l->domain = mem_strdup(domain);
	l->packed = mem_dup(packed.p, packed.n);
	if (store_record_unpack(view_of(l->packed, packed.n), &l->record, &e) ==
	    -1) {
		log_error("deliver.record", "text=%s", log_q(view_str(e.text)));
		store_lease_free(&l);
		return;
	}
	i = mem_zalloc(sizeof(*i));
	i->job.lease = l;
	i->campaign = c;
	i->site = "";
	i->dropped = code;
	d->nitems++;
	if (c->sc != NULL)
		deliver_settle_loaded(d, i);
	else
		list_append(&c->loading, &i->job.link);
}

void
deliver_settle_loaded(struct deliver *d, struct deliver_item *i)
{
	i->job.campaign = i->campaign->sc;
	if (i->dropped == 0) {
		deliver_settle(d, i, NULL, NULL);
		return;
	}
	if (deliver_item_address(i) == 0)
		account(d, i, dropped_event(i->dropped), NULL, NULL);
	deliver_item_free(d, i);
}
