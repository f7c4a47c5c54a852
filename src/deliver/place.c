#include "config.h"

#include "deliver/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "deliver/domain.h"
#include "deliver/item.h"
#include "deliver/lane.h"
#include "deliver/sched.h"
#include "site/site.h"

/* Who has transactional items first, then who was served longest ago. */
static bool
before(const struct deliver_route *a, const struct deliver_route *b)
{
	if ((a->nready[0] > 0) != (b->nready[0] > 0))
		return a->nready[0] > 0;
	return a->served < b->served;
}

static void
on_site_timer(void *arg)
{
	struct deliver_site *s = arg;
	struct list *it, *at, due;

	list_init(&due);
	while ((it = list_pop(&s->stalled)) != NULL) {
		struct deliver_route *r =
		    LIST_ENTRY(it, struct deliver_route, stalled);

		for (at = due.prev; at != &due; at = at->prev)
			if (!before(r,
				LIST_ENTRY(at, struct deliver_route, stalled)))
				break;
		list_insert_after(at, it);
	}
	while ((it = list_pop(&due)) != NULL)
		deliver_sched_kick(
		    s->d, LIST_ENTRY(it, struct deliver_route, stalled));
	deliver_sched_slot(s->d, s);
}

static void
on_hold_end(void *arg)
{
	struct deliver_route *r = arg;

	r->held_until = 0;
	deliver_sched_kick(r->site->d, r);
}

struct deliver_site *
deliver_place_site(
    struct deliver *d, const char *name, const struct conf_site *policy)
{
	struct deliver_site *s;
	unsigned class;

	HASH_FIND_STR(d->sites, name, s);
	if (s != NULL)
		return s;
	s = mem_zalloc(sizeof(*s));
	s->name = mem_strdup(name);
	s->d = d;
	s->policy = policy;
	list_init(&s->routes);
	for (class = 0; class < DELIVER_CLASSES; class ++)
		list_init(&s->waiting[class]);
	list_init(&s->returning);
	list_init(&s->stalled);
	list_init(&s->idle);
	site_bucket_init(&s->rate, policy->rate, clock_mono());
	site_bucket_init(&s->connects, policy->connect_rate, clock_mono());
	s->timer.fn = on_site_timer;
	s->timer.arg = s;
	s->busy = mem_zalloc(SITE_SOURCE_MAX * sizeof(*s->busy));
	s->used = clock_mono();
	HASH_ADD_KEYPTR(hh, d->sites, s->name, strlen(s->name), s);
	return s;
}

static struct deliver_route *
route_new(struct deliver *d, const struct site_target *t, char *key, char *site)
{
	struct deliver_route *r = mem_zalloc(sizeof(*r));
	unsigned class;

	r->key = key;
	r->site = deliver_place_site(d, site, t->policy);
	r->hosts = mem_dup(t->hosts, t->nhosts * sizeof(t->hosts[0]));
	r->nhosts = t->nhosts;
	r->literal = t->literal;
	r->depth = 4;
	list_init(&r->domains);
	list_init(&r->lots);
	list_init(&r->peers);
	for (class = 0; class < DELIVER_CLASSES; class ++)
		list_init(&r->turns[class]);
	r->timer.fn = on_hold_end;
	r->timer.arg = r;
	list_append(&r->site->routes, &r->of_site);
	r->site->nroutes++;
	HASH_ADD_KEYPTR(hh, d->routes, r->key, strlen(r->key), r);
	return r;
}

struct deliver_route *
deliver_place_route(
    struct deliver *d, const struct site_target *t, unsigned families)
{
	struct buf key = {0}, site = {0};
	struct deliver_route *r;

	buf_addv(&key, buf_view(&t->route));
	buf_addv(&site, buf_view(&t->site));
	HASH_FIND_STR(d->routes, buf_str(&key), r);
	if (r == NULL) {
		char *name = buf_take(&key);

		r = route_new(d, t, name, (char *)(uintptr_t)buf_str(&site));
	}
	r->families = families == 0 ? SITE_IPV4 | SITE_IPV6 : families;
	r->used = r->site->used = clock_mono();
	buf_fini(&key);
	buf_fini(&site);
	return r;
}

struct deliver_lot *
deliver_place_lot(struct deliver_route *r, const struct site_source_set *s)
{
	struct deliver_lot *lot;
	struct list *it, *tmp;
	unsigned class;

	LIST_FOREACH (it, tmp, &r->lots) {
		lot = LIST_ENTRY(it, struct deliver_lot, link);
		if (site_source_same(&lot->sources, s))
			return lot;
	}
	lot = mem_zalloc(sizeof(*lot));
	lot->route = r;
	lot->sources = *s;
	for (class = 0; class < DELIVER_CLASSES; class ++)
		list_init(&lot->ready[class]);
	list_append(&r->lots, &lot->link);
	return lot;
}

void
deliver_place_push(struct deliver_route *r, struct deliver_item *i, bool front)
{
	struct site_source_set set = i->campaign->tenant->sources;
	struct deliver_lot *lot;

	if (i->job.lease->record.source.n > 0)
		site_source_allowed(r->site->d->conf, i->campaign->tenant->conf,
		    i->job.lease->record.source, &set);
	lot = deliver_place_lot(r, &set);
	if (front)
		list_prepend(&lot->ready[i->class], &i->job.link);
	else
		list_append(&lot->ready[i->class], &i->job.link);
	list_append(&i->campaign->ready, &i->of_campaign);
	i->lot = lot;
	i->site = r->site->name;
	lot->nready++;
	r->nready[i->class]++;
	r->site->waiting_items++;
}

void
deliver_place_take(struct deliver_item *i)
{
	struct deliver_lot *lot = i->lot;

	list_remove(&i->job.link);
	list_remove(&i->of_campaign);
	i->lot = NULL;
	lot->nready--;
	lot->route->nready[i->class]--;
	lot->route->site->waiting_items--;
}

bool
deliver_place_held(const struct deliver_route *r)
{
	return r->held_until != 0;
}

void
deliver_place_release(struct deliver *d, struct deliver_route *r)
{
	struct list *lt, *ltmp;
	unsigned class;

	LIST_FOREACH (lt, ltmp, &r->lots) {
		struct deliver_lot *lot =
		    LIST_ENTRY(lt, struct deliver_lot, link);

		for (class = 0; class < DELIVER_CLASSES; class ++)
			/* from the end: each goes to the head of its lane */
			while (!list_empty(&lot->ready[class])) {
				struct deliver_item *i =
				    LIST_ENTRY(lot->ready[class].prev,
					struct deliver_item, job.link);

				deliver_place_take(i);
				deliver_item_release(d, i);
			}
	}
	list_remove(&r->returning);
}

void
deliver_place_hold(
    struct deliver *d, struct deliver_route *r, int64_t ms, const char *reason)
{
	if (ms < 1)
		ms = 1;
	r->held_until = clock_mono() + ms;
	r->proven = false;
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
	deliver_sched_at(d, &r->timer, r->held_until);
	deliver_turn_unwait(d, r);
	deliver_place_release(d, r);
}

void
deliver_place_unhold(struct deliver *d, struct deliver_route *r)
{
	deliver_sched_never(d, &r->timer);
	on_hold_end(r);
}

void
deliver_place_stall(struct deliver *d, struct deliver_route *r, int64_t at)
{
	struct deliver_site *s = r->site;

	if (!list_linked(&r->stalled))
		list_append(&s->stalled, &r->stalled);
	if (s->timer.at == 0 || s->timer.due_ms > at)
		deliver_sched_at(d, &s->timer, at);
}

void
deliver_place_note(struct deliver_site *s, const struct deliver_result *r)
{
	char *p;

	if (r->code > 0)
		snprintf(s->last_reply, sizeof(s->last_reply), "%d %.280s",
		    r->code, r->text);
	else
		snprintf(
		    s->last_reply, sizeof(s->last_reply), "%.290s", r->text);
	for (p = s->last_reply; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
}

bool
deliver_place_wanted(const struct deliver_site *s)
{
	return !list_empty(&s->returning) || !list_empty(&s->waiting[0]) ||
	       !list_empty(&s->waiting[1]);
}

bool
deliver_place_full(const struct deliver_site *s, int64_t now)
{
	return s->full_until > now && s->npeers + s->reserved >= s->full_at;
}

static const struct conf_site *
policy_of(const struct conf *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->nsite; i++)
		if (c->site[i].name != NULL &&
		    strcmp(c->site[i].name, name) == 0)
			return &c->site[i];
	return &c->site_default;
}

void
deliver_place_reload(struct deliver *d)
{
	struct deliver_site *s, *tmp;
	int64_t now = clock_mono();

	HASH_ITER(hh, d->sites, s, tmp)
	{
		s->policy = policy_of(d->conf, s->name);
		site_bucket_change(&s->rate, s->policy->rate, now);
		site_bucket_change(&s->connects, s->policy->connect_rate, now);
	}
}

static void
route_free(struct deliver *d, struct deliver_route *r)
{
	struct list *it;

	BUG_ON(r->npeers > 0 || r->lanes > 0);
	while ((it = list_pop(&r->lots)) != NULL)
		free(LIST_ENTRY(it, struct deliver_lot, link));
	deliver_sched_never(d, &r->timer);
	list_remove(&r->of_site);
	list_remove(&r->kick);
	list_remove(&r->returning);
	list_remove(&r->stalled);
	list_remove(&r->choked);
	r->site->nroutes--;
	if (r->reserved) {
		r->site->reserved--;
		d->reserved--;
	}
	HASH_DEL(d->routes, r);
	free(r->hosts);
	free(r->key);
	free(r);
}

static void
site_free(struct deliver *d, struct deliver_site *s)
{
	deliver_sched_never(d, &s->timer);
	list_remove(&s->starving);
	HASH_DEL(d->sites, s);
	free(s->busy);
	free(s->name);
	free(s);
}

static bool
route_unused(const struct deliver_route *r)
{
	return r->npeers == 0 && r->lanes == 0 && list_empty(&r->domains) &&
	       r->nready[0] + r->nready[1] + r->nasked[0] + r->nasked[1] == 0 &&
	       !r->reserved && r->held_until == 0;
}

void
deliver_place_sweep(struct deliver *d, int64_t idle_ms)
{
	int64_t before = clock_mono() - idle_ms;
	struct deliver_route *r, *rtmp;
	struct deliver_site *s, *stmp;

	HASH_ITER(hh, d->routes, r, rtmp)
	if (route_unused(r) && r->used < before)
		route_free(d, r);
	HASH_ITER(hh, d->sites, s, stmp)
	if (s->nroutes == 0 && s->used < before)
		site_free(d, s);
}

void
deliver_place_free_all(struct deliver *d)
{
	struct deliver_route *r, *rtmp;
	struct deliver_site *s, *stmp;

	HASH_ITER(hh, d->routes, r, rtmp)
	route_free(d, r);
	HASH_ITER(hh, d->sites, s, stmp)
	site_free(d, s);
}
