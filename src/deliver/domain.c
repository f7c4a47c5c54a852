#include "config.h"

#include "deliver/domain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "conf/conf.h"
#include "deliver/item.h"
#include "deliver/lane.h"
#include "deliver/place.h"
#include "deliver/sched.h"
#include "deliver/settle.h"
#include "deliver/verdict.h"
#include "dns/dns.h"
#include "site/site.h"

#define ASK_HOSTS_MAX     8 /* whose families are looked up */
#define ASK_AT_ONCE       1000
#define LIFE_MIN_MS       1000
#define LIFE_MAX_MS       86400000
#define REFRESH_FAILED_MS 60000
#define CONDEMNED_MS      300000
#define FORGET_MS         600000

static void pump(struct deliver *d);

static void
on_hold_end(void *arg)
{
	struct deliver_domain *dom = arg;

	deliver_domain_unhold(dom->d, dom);
}

struct deliver_domain *
deliver_domain_find(struct deliver *d, const char *name)
{
	struct deliver_domain *dom;

	HASH_FIND_STR(d->domains, name, dom);
	return dom;
}

struct deliver_domain *
deliver_domain_get(struct deliver *d, const char *name)
{
	struct deliver_domain *dom = deliver_domain_find(d, name);

	if (dom != NULL)
		return dom;
	dom = mem_zalloc(sizeof(*dom));
	dom->name = mem_strdup(name);
	dom->d = d;
	dom->timer.fn = on_hold_end;
	dom->timer.arg = dom;
	dom->used = clock_mono();
	list_init(&dom->lanes);
	HASH_ADD_KEYPTR(hh, d->domains, dom->name, strlen(dom->name), dom);
	return dom;
}

static void
place_lanes(struct deliver *d, struct deliver_domain *dom)
{
	struct list *it, *tmp;

	LIST_FOREACH (it, tmp, &dom->lanes)
		deliver_lane_place(
		    d, LIST_ENTRY(it, struct deliver_lane, of_domain));
}

/* What waits on a route that no domain leads to any more goes back. */
static void
set_route(struct deliver_domain *dom, struct deliver_route *r)
{
	struct deliver_route *old = dom->route;

	if (old == r)
		return;
	list_remove(&dom->of_route);
	dom->route = r;
	if (r != NULL)
		list_append(&r->domains, &dom->of_route);
	if (old != NULL && list_empty(&old->domains) && !dom->d->freeing)
		deliver_place_release(dom->d, old);
}

static void
be_routed(struct deliver *d, struct deliver_domain *dom)
{
	struct deliver_route *r =
	    deliver_place_route(d, dom->target, dom->families);

	dom->failures = 0;
	if (dom->state == DELIVER_DOMAIN_ROUTED && dom->route == r)
		return;
	dom->state = DELIVER_DOMAIN_ROUTED;
	set_route(dom, r);
	place_lanes(d, dom);
}

static void
be_never(struct deliver *d, struct deliver_domain *dom,
    const struct deliver_result *why)
{
	if (dom->result == NULL)
		dom->result = mem_alloc(sizeof(*dom->result));
	*dom->result = *why;
	set_route(dom, NULL);
	dom->state = DELIVER_DOMAIN_NEVER;
	log_info("deliver.domain_never", "domain=%s text=%s", dom->name,
	    log_q(view_str(why->text)));
	place_lanes(d, dom);
}

static void
be_held(struct deliver *d, struct deliver_domain *dom)
{
	int64_t ms, now = clock_mono();

	if (dom->state == DELIVER_DOMAIN_ROUTED) {
		/* a known answer is better than none */
		dom->fresh_until = now + REFRESH_FAILED_MS;
		return;
	}
	ms = deliver_verdict_retry_ms(
	    &d->conf->site_default, dom->failures++, rand_u64());
	dom->state = DELIVER_DOMAIN_HELD;
	dom->held_until = now + ms;
	deliver_sched_at(d, &dom->timer, dom->held_until);
	log_info("deliver.domain_held", "domain=%s wait_ms=%lld text=%s",
	    dom->name, (long long)ms, log_q(view_str(dom->target->text)));
	place_lanes(d, dom);
}

static void
never_result(const struct site_target *t, struct deliver_result *r)
{
	memset(r, 0, sizeof(*r));
	r->kind = DELIVER_PERMANENT;
	r->stage = MAIL_STAGE_DNS;
	r->code = t->code;
	memcpy(r->enhanced, t->enhanced, sizeof(r->enhanced));
	snprintf(r->text, sizeof(r->text), "%s", t->text);
}

static void
asked_done(struct deliver *d, struct deliver_domain *dom)
{
	dom->asking = false;
	dom->req = NULL;
	d->nasking--;
	site_target_fini(dom->target);
	free(dom->target);
	dom->target = NULL;
}

static void
conclude(struct deliver *d, struct deliver_domain *dom)
{
	struct deliver_result why;
	int64_t life = dom->ttl_ms;

	if (life < LIFE_MIN_MS)
		life = LIFE_MIN_MS;
	if (life > LIFE_MAX_MS)
		life = LIFE_MAX_MS;
	dom->fresh_until = clock_mono() + life;
	switch (dom->target->verdict) {
	case SITE_ROUTE:
		be_routed(d, dom);
		break;
	case SITE_NEVER:
		never_result(dom->target, &why);
		be_never(d, dom, &why);
		break;
	case SITE_LATER:
		be_held(d, dom);
		break;
	}
	asked_done(d, dom);
	pump(d);
}

static void on_addresses(void *arg, const struct dns_addrs *a);

static void
ask_addresses(struct deliver *d, struct deliver_domain *dom)
{
	dom->req = dns_addr_lookup(
	    d->p.dns, dom->target->hosts[dom->host].name, on_addresses, dom);
}

static void
on_addresses(void *arg, const struct dns_addrs *a)
{
	struct deliver_domain *dom = arg;
	struct deliver *d = dom->d;
	size_t i;

	dom->req = NULL;
	if (dom->target->implicit) {
		site_target_implicit(dom->target, a->status);
		if (a->ttl_ms < dom->ttl_ms || dom->ttl_ms == 0)
			dom->ttl_ms = a->ttl_ms;
	}
	for (i = 0; a->status == DNS_OK && i < a->n; i++)
		dom->families |=
		    a->v[i].ss_family == AF_INET6 ? SITE_IPV6 : SITE_IPV4;
	dom->host++;
	if (dom->target->verdict == SITE_ROUTE &&
	    dom->host < dom->target->nhosts && dom->host < ASK_HOSTS_MAX) {
		ask_addresses(d, dom);
		return;
	}
	conclude(d, dom);
}

static void
on_mx(void *arg, const struct dns_mx *mx)
{
	struct deliver_domain *dom = arg;
	struct deliver *d = dom->d;

	dom->req = NULL;
	dom->ttl_ms = mx->ttl_ms;
	site_target_mx(dom->target, d->conf, dom->name, mx, d->own, d->nown);
	if (dom->target->verdict == SITE_ROUTE &&
	    (dom->target->implicit || site_source_uneven(d->conf))) {
		dom->host = 0;
		ask_addresses(d, dom);
		return;
	}
	conclude(d, dom);
}

static void
ask(struct deliver *d, struct deliver_domain *dom)
{
	d->nasking++;
	dom->target = mem_zalloc(sizeof(*dom->target));
	dom->families = 0;
	if (dom->name[0] == '[') {
		site_target_literal(dom->target, d->conf, dom->name);
		dom->families =
		    strchr(dom->name, ':') != NULL ? SITE_IPV6 : SITE_IPV4;
		dom->ttl_ms = LIFE_MAX_MS;
		conclude(d, dom);
		return;
	}
	dom->req = dns_mx_lookup(d->p.dns, dom->name, on_mx, dom);
}

/* First those that never failed: ten thousand dead domains do not keep a
 * living one waiting. */
static void
pump(struct deliver *d)
{
	unsigned most = d->conf->dns.max_queries / 2;
	struct list *it;

	if (most > ASK_AT_ONCE)
		most = ASK_AT_ONCE;
	if (most < 1)
		most = 1;
	while (d->nasking < most) {
		it = list_pop(&d->ask_first);
		if (it == NULL)
			it = list_pop(&d->ask_again);
		if (it == NULL)
			return;
		ask(d, LIST_ENTRY(it, struct deliver_domain, link));
	}
}

void
deliver_domain_resolve(struct deliver *d, struct deliver_domain *dom)
{
	if (dom->asking)
		return;
	dom->asking = true;
	dom->used = clock_mono();
	list_append(dom->failures == 0 && dom->state == DELIVER_DOMAIN_UNKNOWN
			? &d->ask_first
			: &d->ask_again,
	    &dom->link);
	pump(d);
}

/* The items that wait on the route end with their domains. */
static void
condemn_items(struct deliver *d, struct deliver_route *r,
    const struct deliver_result *why)
{
	struct list *lt, *ltmp, *it;
	unsigned class;

	LIST_FOREACH (lt, ltmp, &r->lots) {
		struct deliver_lot *lot =
		    LIST_ENTRY(lt, struct deliver_lot, link);

		for (class = 0; class < DELIVER_CLASSES; class ++)
			while ((it = lot->ready[class].next) !=
			       &lot->ready[class]) {
				struct deliver_item *i = LIST_ENTRY(
				    it, struct deliver_item, job.link);

				deliver_place_take(i);
				deliver_settle(d, i, r, why);
			}
	}
}

void
deliver_domain_condemn(struct deliver *d, struct deliver_route *r,
    const struct deliver_result *why)
{
	struct list *it, *tmp;

	condemn_items(d, r, why);
	LIST_FOREACH (it, tmp, &r->domains) {
		struct deliver_domain *dom =
		    LIST_ENTRY(it, struct deliver_domain, of_route);

		dom->fresh_until = clock_mono() + CONDEMNED_MS;
		be_never(d, dom, why);
	}
}

bool
deliver_domain_stale_never(const struct deliver_domain *dom)
{
	return dom->state == DELIVER_DOMAIN_NEVER && !dom->asking &&
	       dom->fresh_until < clock_mono();
}

bool
deliver_domain_unhold(struct deliver *d, struct deliver_domain *dom)
{
	if (dom->state != DELIVER_DOMAIN_HELD)
		return false;
	deliver_sched_never(d, &dom->timer);
	dom->state = DELIVER_DOMAIN_UNKNOWN;
	if (!list_empty(&dom->lanes))
		deliver_domain_resolve(d, dom);
	return true;
}

/* The MX set is known; what it means may have changed. */
static void
route_again(struct deliver *d, struct deliver_domain *dom)
{
	struct site_target *t = mem_zalloc(sizeof(*t));
	struct deliver_route *r = dom->route;

	t->verdict = SITE_ROUTE;
	t->literal = r->literal;
	t->nhosts = r->nhosts;
	memcpy(t->hosts, r->hosts, r->nhosts * sizeof(t->hosts[0]));
	site_target_name(t, d->conf, dom->name);
	dom->families = r->families;
	if (!dom->asking) {
		dom->target = t;
		be_routed(d, dom);
		dom->target = NULL;
	}
	site_target_fini(t);
	free(t);
}

void
deliver_domain_reload(struct deliver *d)
{
	struct deliver_domain *dom, *tmp;

	HASH_ITER(hh, d->domains, dom, tmp)
	if (dom->state == DELIVER_DOMAIN_ROUTED)
		route_again(d, dom);
}

static void
forget(struct deliver *d, struct deliver_domain *dom)
{
	if (dom->asking && dom->target == NULL)
		list_remove(&dom->link);
	dns_cancel(&dom->req);
	if (dom->target != NULL)
		asked_done(d, dom);
	deliver_sched_never(d, &dom->timer);
	set_route(dom, NULL);
	HASH_DEL(d->domains, dom);
	free(dom->result);
	free(dom->name);
	free(dom);
}

/* Domains whose answer has run out and that nothing is queued for. */
void
deliver_domain_sweep(struct deliver *d)
{
	struct deliver_domain *dom, *tmp;
	int64_t now = clock_mono();

	HASH_ITER(hh, d->domains, dom, tmp)
	{
		if (!list_empty(&dom->lanes)) {
			dom->used = now;
			continue;
		}
		if (!dom->asking && dom->state != DELIVER_DOMAIN_HELD &&
		    dom->fresh_until < now && dom->used + FORGET_MS < now)
			forget(d, dom);
	}
}

void
deliver_domain_free_all(struct deliver *d)
{
	struct deliver_domain *dom, *tmp;

	HASH_ITER(hh, d->domains, dom, tmp)
	forget(d, dom);
}
