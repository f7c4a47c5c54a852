#include "config.h"

#include "deliver/lane.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "deliver/domain.h"
#include "deliver/item.h"
#include "deliver/place.h"
#include "deliver/sched.h"
#include "deliver/settle.h"
#include "deliver/turn.h"

#define LATER_MS 10000

static void
tenant_fill(struct deliver *d, struct deliver_tenant *t)
{
	t->conf = conf_tenant_find(d->conf, t->name);
	site_source_allowed(d->conf, t->conf, VIEW(""), &t->sources);
}

struct deliver_tenant *
deliver_lane_tenant(struct deliver *d, const char *name)
{
	struct deliver_tenant *t;

	HASH_FIND_STR(d->tenants, name, t);
	if (t != NULL)
		return t;
	t = mem_zalloc(sizeof(*t));
	t->name = mem_strdup(name);
	tenant_fill(d, t);
	HASH_ADD_KEYPTR(hh, d->tenants, t->name, strlen(t->name), t);
	return t;
}

void
deliver_lane_tenants_reload(struct deliver *d)
{
	struct deliver_tenant *t, *tmp;

	HASH_ITER(hh, d->tenants, t, tmp)
	tenant_fill(d, t);
}

static void
lanes_of(struct deliver *d, struct deliver_campaign *c)
{
	struct list *it, *tmp;

	LIST_FOREACH (it, tmp, &c->lanes)
		deliver_lane_place(
		    d, LIST_ENTRY(it, struct deliver_lane, of_campaign));
}

static void
forget_all(struct deliver *d, struct deliver_campaign *c)
{
	struct list *it, *tmp;

	LIST_FOREACH (it, tmp, &c->lanes)
		deliver_lane_forget(
		    d, LIST_ENTRY(it, struct deliver_lane, of_campaign));
}

/* A dropped record without its campaign can't be accounted for. */
static void
unloaded(struct deliver *d, struct deliver_item *i)
{
	if (i->dropped != 0)
		deliver_item_free(d, i);
	else
		deliver_item_release(d, i);
}

static void
on_loaded(void *arg, enum store_status st, struct store_campaign *sc)
{
	struct deliver_campaign *c = arg;
	struct deliver *d = c->d;
	struct list *it;

	c->load = NULL;
	if (st != STORE_OK || sc == NULL) {
		/* Away: on_up tells the lanes again.  Unknown: nothing can be
		 * leased from it. */
		while ((it = list_pop(&c->loading)) != NULL)
			unloaded(
			    d, LIST_ENTRY(it, struct deliver_item, job.link));
		forget_all(d, c);
		return;
	}
	c->sc = sc;
	sc->deliver = c;
	c->tenant = deliver_lane_tenant(d, sc->tenant);
	while ((it = list_pop(&c->loading)) != NULL)
		deliver_settle_loaded(
		    d, LIST_ENTRY(it, struct deliver_item, job.link));
	lanes_of(d, c);
}

static void
campaign_load(struct deliver *d, struct deliver_campaign *c)
{
	if (c->sc != NULL || c->load != NULL)
		return;
	c->sc = store_campaign_by_id(d->p.store, c->id);
	if (c->sc == NULL) {
		c->load = store_campaign_load(d->p.store, c->id, on_loaded, c);
		return;
	}
	c->sc->deliver = c;
	c->tenant = deliver_lane_tenant(d, c->sc->tenant);
}

struct deliver_campaign *
deliver_lane_campaign(struct deliver *d, uint64_t id)
{
	struct deliver_campaign *c;

	HASH_FIND(hh, d->campaigns, &id, sizeof(id), c);
	if (c == NULL) {
		c = mem_zalloc(sizeof(*c));
		c->id = id;
		c->d = d;
		list_init(&c->lanes);
		list_init(&c->ready);
		list_init(&c->loading);
		HASH_ADD(hh, d->campaigns, id, sizeof(c->id), c);
	}
	campaign_load(d, c);
	return c;
}

static struct deliver_lane *
find(struct deliver *d, const struct deliver_lane_key *key)
{
	struct deliver_lane *l;

	HASH_FIND(hh, d->lanes, key, sizeof(*key), l);
	return l;
}

struct deliver_lane *
deliver_lane_find(
    struct deliver *d, unsigned shard, uint64_t campaign, const char *domain)
{
	struct deliver_lane_key key = {.campaign = campaign, .shard = shard};

	key.domain = deliver_domain_find(d, domain);
	return key.domain == NULL ? NULL : find(d, &key);
}

void
deliver_lane_told(
    struct deliver *d, unsigned shard, uint64_t campaign, const char *domain)
{
	struct deliver_domain *dom = deliver_domain_get(d, domain);
	struct deliver_lane_key key = {
	    .domain = dom, .campaign = campaign, .shard = shard};
	struct deliver_lane *l = find(d, &key);

	if (l != NULL) {
		if (l->state == DELIVER_LANE_ASKED) {
			l->again = true;
			l->gone = false;
		} else if (l->state == DELIVER_LANE_WAITING ||
			   l->state == DELIVER_LANE_LATER) {
			deliver_lane_place(d, l);
		}
		return;
	}
	l = mem_zalloc(sizeof(*l));
	l->key = key;
	l->domain = dom;
	l->campaign = deliver_lane_campaign(d, campaign);
	list_append(&dom->lanes, &l->of_domain);
	list_append(&l->campaign->lanes, &l->of_campaign);
	HASH_ADD(hh, d->lanes, key, sizeof(l->key), l);
	deliver_lane_place(d, l);
}

/* Off the ring it is on; its route is kept. */
static void
unplace(struct deliver *d, struct deliver_lane *l)
{
	if (l->state == DELIVER_LANE_READY)
		deliver_turn_unready(d, l);
	list_remove(&l->link);
	l->state = DELIVER_LANE_WAITING;
}

void
deliver_lane_place(struct deliver *d, struct deliver_lane *l)
{
	struct deliver_domain *dom = l->domain;
	struct deliver_campaign *c = l->campaign;

	if (l->state == DELIVER_LANE_ASKED)
		return;
	unplace(d, l);
	if (c->sc == NULL) {
		campaign_load(d, c);
		if (c->sc == NULL)
			return;
	}
	if (c->sc->state != STORE_ACTIVE)
		return;
	if (l->turn != NULL && deliver_turn_route(l) != dom->route)
		deliver_turn_leave(d, l);
	if (deliver_domain_stale_never(dom))
		dom->state = DELIVER_DOMAIN_UNKNOWN;
	switch (dom->state) {
	case DELIVER_DOMAIN_UNKNOWN:
		deliver_domain_resolve(d, dom);
		return;
	case DELIVER_DOMAIN_HELD:
		return;
	case DELIVER_DOMAIN_NEVER:
		l->state = DELIVER_LANE_CONDEMNED;
		list_append(&d->condemned, &l->link);
		deliver_sched_soon(d);
		return;
	case DELIVER_DOMAIN_ROUTED:
		break;
	}
	if (l->turn == NULL)
		deliver_turn_join(d, dom->route, l);
	deliver_turn_ready(d, l);
	deliver_sched_kick(d, dom->route);
}

void
deliver_lane_ask(struct deliver *d, struct deliver_lane *l)
{
	if (l->state == DELIVER_LANE_READY)
		l->asked_of = deliver_turn_ask(d, l);
	else
		unplace(d, l);
	l->state = DELIVER_LANE_ASKED;
	l->again = false;
}

void
deliver_lane_answered(struct deliver *d, struct deliver_lane *l, bool more)
{
	struct deliver_turn *turn = l->asked_of;

	l->asked_of = NULL;
	l->state = DELIVER_LANE_WAITING;
	if ((more || l->again) && !l->gone)
		deliver_lane_place(d, l);
	else
		deliver_lane_forget(d, l);
	deliver_turn_answered(d, turn);
}

void
deliver_lane_again(struct deliver *d)
{
	struct list *it, due;

	list_init(&due);
	while ((it = list_pop(&d->later)) != NULL)
		list_append(&due, it);
	while ((it = list_pop(&due)) != NULL)
		deliver_lane_place(
		    d, LIST_ENTRY(it, struct deliver_lane, link));
}

static void
on_later(void *arg)
{
	deliver_lane_again(arg);
}

void
deliver_lane_refused(struct deliver *d, struct deliver_lane *l)
{
	struct store_campaign *sc = l->campaign->sc;

	if (l->gone || sc->state != STORE_ACTIVE) {
		deliver_lane_answered(d, l, sc->state == STORE_PAUSED);
		return;
	}
	deliver_turn_answered(d, l->asked_of);
	l->asked_of = NULL;
	l->state = DELIVER_LANE_LATER;
	list_append(&d->later, &l->link);
	d->later_timer.fn = on_later;
	d->later_timer.arg = d;
	if (d->later_timer.at == 0)
		deliver_sched_at(d, &d->later_timer, clock_mono() + LATER_MS);
}

void
deliver_lane_forget(struct deliver *d, struct deliver_lane *l)
{
	if (l->state == DELIVER_LANE_ASKED) {
		l->gone = true;
		l->again = false;
		return;
	}
	unplace(d, l);
	deliver_turn_leave(d, l);
	list_remove(&l->of_domain);
	list_remove(&l->of_campaign);
	HASH_DEL(d->lanes, l);
	free(l);
}

/* Items that have not begun go back, or end, with their campaign. */
static void
withdraw(struct deliver *d, struct deliver_campaign *c)
{
	struct list *it, *tmp;

	LIST_FOREACH (it, tmp, &c->ready) {
		struct deliver_item *i =
		    LIST_ENTRY(it, struct deliver_item, of_campaign);
		struct deliver_route *r = i->lot->route;

		deliver_place_take(i);
		if (c->sc->state == STORE_CANCELLED)
			deliver_settle_cancelled(d, i);
		else
			deliver_item_release(d, i);
		deliver_sched_kick(d, r);
	}
}

void
deliver_lane_campaign_changed(struct deliver *d, uint64_t id)
{
	struct deliver_campaign *c;

	HASH_FIND(hh, d->campaigns, &id, sizeof(id), c);
	if (c == NULL)
		return;
	campaign_load(d, c);
	if (c->sc == NULL)
		return;
	switch (c->sc->state) {
	case STORE_ACTIVE:
		lanes_of(d, c);
		return;
	case STORE_PAUSED:
		withdraw(d, c);
		lanes_of(d, c);
		return;
	case STORE_CANCELLED:
	case STORE_DONE:
		withdraw(d, c);
		forget_all(d, c);
		return;
	}
}

void
deliver_lane_shard_lost(struct deliver *d, unsigned shard)
{
	struct deliver_lane *l, *tmp;

	HASH_ITER(hh, d->lanes, l, tmp)
	if (l->key.shard == shard)
		deliver_lane_forget(d, l);
}

void
deliver_lane_free_all(struct deliver *d)
{
	struct deliver_campaign *c, *ctmp;
	struct deliver_tenant *t, *ttmp;
	struct deliver_lane *l, *ltmp;
	struct list *it;

	HASH_ITER(hh, d->lanes, l, ltmp)
	{
		if (l->state == DELIVER_LANE_ASKED) {
			deliver_turn_answered(d, l->asked_of);
			l->asked_of = NULL;
			l->state = DELIVER_LANE_WAITING;
		}
		deliver_lane_forget(d, l);
	}
	HASH_ITER(hh, d->campaigns, c, ctmp)
	{
		store_cancel(&c->load);
		while ((it = list_pop(&c->loading)) != NULL)
			deliver_item_free(
			    d, LIST_ENTRY(it, struct deliver_item, job.link));
		if (c->sc != NULL)
			c->sc->deliver = NULL;
		HASH_DEL(d->campaigns, c);
		free(c);
	}
	HASH_ITER(hh, d->tenants, t, ttmp)
	{
		HASH_DEL(d->tenants, t);
		free(t->name);
		free(t);
	}
}
