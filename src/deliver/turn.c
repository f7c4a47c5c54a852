#include "config.h"

#include "deliver/turn.h"

#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"
#include "deliver/lane.h"
#include "deliver/place.h"
#include "deliver/sched.h"
#include "store/store.h"

unsigned
deliver_turn_class(const struct deliver_campaign *c)
{
	return c->sc != NULL && c->sc->class == STORE_TRANSACTIONAL ? 0 : 1;
}

struct deliver_route *
deliver_turn_route(const struct deliver_lane *l)
{
	return l->turn == NULL ? NULL : l->turn->tenant->route;
}

static struct deliver_turn_key
key_of(const void *place, const void *who, unsigned class)
{
	return (struct deliver_turn_key){
	    .place = place, .who = who, .class = class};
}

static struct deliver_turn_tenant *
tenant_get(struct deliver *d, struct deliver_route *r,
    struct deliver_tenant *who, unsigned class)
{
	struct deliver_turn_key key = key_of(r, who, class);
	struct deliver_turn_tenant *t;

	HASH_FIND(hh, d->turn_tenants, &key, sizeof(key), t);
	if (t != NULL)
		return t;
	t = mem_zalloc(sizeof(*t));
	t->key = key;
	t->route = r;
	t->tenant = who;
	list_init(&t->ring);
	HASH_ADD(hh, d->turn_tenants, key, sizeof(t->key), t);
	return t;
}

static struct deliver_turn *
turn_get(struct deliver *d, struct deliver_route *r, struct deliver_campaign *c)
{
	unsigned class = deliver_turn_class(c);
	struct deliver_turn_key key = key_of(r, c, class);
	struct deliver_turn *t;

	HASH_FIND(hh, d->turns, &key, sizeof(key), t);
	if (t != NULL)
		return t;
	t = mem_zalloc(sizeof(*t));
	t->key = key;
	list_init(&t->lanes);
	t->tenant = tenant_get(d, r, c->tenant, class);
	t->tenant->turns++;
	HASH_ADD(hh, d->turns, key, sizeof(t->key), t);
	return t;
}

void
deliver_turn_join(
    struct deliver *d, struct deliver_route *r, struct deliver_lane *l)
{
	BUG_ON(l->turn != NULL);
	l->turn = turn_get(d, r, l->campaign);
	l->turn->refs++;
	r->site->lanes++;
	r->lanes++;
}

static void
dequeue(struct deliver *d, struct deliver_turn_tenant *t)
{
	struct deliver_turn_queue *q = t->queue;

	if (q == NULL)
		return;
	list_remove(&t->waiting);
	t->queue = NULL;
	if (!list_empty(&q->ring))
		return;
	list_remove(&q->link);
	HASH_DEL(d->turn_queues, q);
	free(q);
}

static void
enqueue(struct deliver *d, struct deliver_turn_tenant *t)
{
	struct deliver_site *site = t->route->site;
	struct deliver_turn_key key;
	struct deliver_turn_queue *q;

	if (t->queue != NULL)
		return;
	key = key_of(site, t->tenant, (unsigned)t->key.class);
	HASH_FIND(hh, d->turn_queues, &key, sizeof(key), q);
	if (q == NULL) {
		q = mem_zalloc(sizeof(*q));
		q->key = key;
		q->site = site;
		list_init(&q->ring);
		list_append(&site->waiting[key.class], &q->link);
		HASH_ADD(hh, d->turn_queues, key, sizeof(q->key), q);
	}
	t->queue = q;
	list_append(&q->ring, &t->waiting);
}

static void
put(struct deliver *d, struct deliver_turn *t)
{
	struct deliver_turn_tenant *tt = t->tenant;

	if (--t->refs > 0)
		return;
	HASH_DEL(d->turns, t);
	free(t);
	if (--tt->turns > 0)
		return;
	dequeue(d, tt);
	HASH_DEL(d->turn_tenants, tt);
	free(tt);
}

static void
to_end(struct list *ring, struct list *link)
{
	list_remove(link);
	list_append(ring, link);
}

/* Links follow what is there: a turn or tenant with lanes that are ready or in
 * a lease call keeps its place, or fair turns would begin anew at each call. */
static void
relink(struct deliver *d, struct deliver_turn *t)
{
	struct deliver_turn_tenant *tt = t->tenant;

	if (list_empty(&t->lanes) && t->asked == 0)
		list_remove(&t->link);
	else if (!list_linked(&t->link))
		list_append(&tt->ring, &t->link);
	if (list_empty(&tt->ring))
		list_remove(&tt->link);
	else if (!list_linked(&tt->link))
		list_append(&tt->route->turns[tt->key.class], &tt->link);
	if (tt->ready == 0)
		dequeue(d, tt);
	else if (tt->route->waiting)
		enqueue(d, tt);
}

static void
take_ready(struct deliver_lane *l)
{
	struct deliver_turn_tenant *tt = l->turn->tenant;

	list_remove(&l->link);
	l->state = DELIVER_LANE_WAITING;
	tt->ready--;
	tt->route->lanes_ready[tt->key.class]--;
}

void
deliver_turn_ready(struct deliver *d, struct deliver_lane *l)
{
	struct deliver_turn_tenant *tt = l->turn->tenant;

	if (l->state == DELIVER_LANE_READY)
		return;
	l->state = DELIVER_LANE_READY;
	list_append(&l->turn->lanes, &l->link);
	tt->ready++;
	tt->route->lanes_ready[tt->key.class]++;
	relink(d, l->turn);
}

void
deliver_turn_unready(struct deliver *d, struct deliver_lane *l)
{
	if (l->state != DELIVER_LANE_READY)
		return;
	take_ready(l);
	relink(d, l->turn);
}

struct deliver_turn *
deliver_turn_ask(struct deliver *d, struct deliver_lane *l)
{
	struct deliver_turn *t = l->turn;

	if (t == NULL)
		return NULL;
	take_ready(l);
	t->asked++;
	t->refs++;
	relink(d, t);
	return t;
}

void
deliver_turn_answered(struct deliver *d, struct deliver_turn *t)
{
	if (t == NULL)
		return;
	t->asked--;
	relink(d, t);
	put(d, t);
}

void
deliver_turn_leave(struct deliver *d, struct deliver_lane *l)
{
	struct deliver_turn *t = l->turn;

	if (t == NULL)
		return;
	deliver_turn_unready(d, l);
	l->turn = NULL;
	t->tenant->route->site->lanes--;
	t->tenant->route->lanes--;
	put(d, t);
}

/* Past those whose lanes are all in lease calls: a few at most. */
static struct deliver_turn_tenant *
next_tenant(const struct list *ring)
{
	struct list *it, *tmp;

	LIST_FOREACH (it, tmp, ring) {
		struct deliver_turn_tenant *tt =
		    LIST_ENTRY(it, struct deliver_turn_tenant, link);

		if (tt->ready > 0)
			return tt;
	}
	return NULL;
}

static struct deliver_turn *
next_turn(const struct list *ring)
{
	struct list *it, *tmp;

	LIST_FOREACH (it, tmp, ring) {
		struct deliver_turn *t =
		    LIST_ENTRY(it, struct deliver_turn, link);

		if (!list_empty(&t->lanes))
			return t;
	}
	return NULL;
}

struct deliver_lane *
deliver_turn_pick(struct deliver_route *r, unsigned class)
{
	struct deliver_turn_tenant *tt;
	struct deliver_turn *t;
	struct deliver_lane *l;

	if (r->lanes_ready[class] == 0)
		return NULL;
	tt = next_tenant(&r->turns[class]);
	t = tt == NULL ? NULL : next_turn(&tt->ring);
	BUG_ON(t == NULL);
	l = LIST_ENTRY(t->lanes.next, struct deliver_lane, link);
	to_end(&t->lanes, &l->link);
	to_end(&tt->ring, &t->link);
	to_end(&r->turns[class], &tt->link);
	return l;
}

bool
deliver_turn_any(const struct deliver_route *r)
{
	return r->lanes_ready[0] + r->lanes_ready[1] > 0;
}

void
deliver_turn_wait(struct deliver *d, struct deliver_route *r)
{
	struct list *it, *tmp;
	unsigned class;

	r->waiting = true;
	for (class = 0; class < DELIVER_CLASSES; class ++)
		LIST_FOREACH (it, tmp, &r->turns[class]) {
			struct deliver_turn_tenant *tt =
			    LIST_ENTRY(it, struct deliver_turn_tenant, link);

			if (tt->ready > 0)
				enqueue(d, tt);
		}
}

void
deliver_turn_unwait(struct deliver *d, struct deliver_route *r)
{
	struct list *it, *tmp;
	unsigned class;

	if (!r->waiting)
		return;
	r->waiting = false;
	for (class = 0; class < DELIVER_CLASSES; class ++)
		LIST_FOREACH (it, tmp, &r->turns[class])
			dequeue(d,
			    LIST_ENTRY(it, struct deliver_turn_tenant, link));
}

struct deliver_route *
deliver_turn_waiting(struct deliver_site *s)
{
	struct deliver_turn_queue *q;
	struct deliver_turn_tenant *tt;
	unsigned class;

	for (class = 0; class < DELIVER_CLASSES; class ++) {
		if (list_empty(&s->waiting[class]))
			continue;
		q = LIST_ENTRY(
		    s->waiting[class].next, struct deliver_turn_queue, link);
		tt = LIST_ENTRY(
		    q->ring.next, struct deliver_turn_tenant, waiting);
		to_end(&q->ring, &tt->waiting);
		to_end(&s->waiting[class], &q->link);
		return tt->route;
	}
	return NULL;
}
