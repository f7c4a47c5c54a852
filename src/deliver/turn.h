/*
 * Fair turns, O(1) each: on a route tenants take turns, within a tenant its
 * campaigns, within a campaign its lanes; per class, transactional first.  In
 * a site the routes without a session wait for one in the same order.
 */
#ifndef DELIVER_TURN_H
#define DELIVER_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "base/list.h"

struct deliver;
struct deliver_campaign;
struct deliver_lane;
struct deliver_route;
struct deliver_site;
struct deliver_tenant;

#define DELIVER_CLASSES 2 /* 0 transactional, 1 bulk */

struct deliver_turn_key {
	const void *place; /* route or site */
	const void *who;   /* campaign or tenant */
	uint64_t class;
};

struct deliver_turn_queue { /* (site, tenant, class): routes that wait */
	UT_hash_handle hh;
	struct deliver_turn_key key;
	struct deliver_site *site;
	struct list link; /* in the site's waiting[class] */
	struct list ring; /* of deliver_turn_tenant.waiting */
};

struct deliver_turn_tenant { /* (route, tenant, class) */
	UT_hash_handle hh;
	struct deliver_turn_key key;
	struct deliver_route *route;
	struct deliver_tenant *tenant;
	struct list link;    /* in the route's turns[class] */
	struct list ring;    /* of deliver_turn.link */
	struct list waiting; /* in a queue's ring */
	struct deliver_turn_queue *queue;
	unsigned turns; /* that refer to this */
	unsigned ready; /* lanes */
};

struct deliver_turn { /* (route, campaign) */
	UT_hash_handle hh;
	struct deliver_turn_key key;
	struct deliver_turn_tenant *tenant;
	struct list link;
	struct list lanes; /* ready ones */
	unsigned asked;    /* lanes in a lease call: the turn keeps its place */
	unsigned refs;     /* lanes on this route, ready or not */
};

unsigned deliver_turn_class(const struct deliver_campaign *c);
/* The lane belongs to the route from now on; not ready yet. */
void deliver_turn_join(struct deliver *d, struct deliver_route *r,
    struct deliver_lane *l);
void deliver_turn_leave(struct deliver *d, struct deliver_lane *l);
void deliver_turn_ready(struct deliver *d, struct deliver_lane *l);
void deliver_turn_unready(struct deliver *d, struct deliver_lane *l);
/* Into a lease call.  The turn is given back after the answer, when the lane
 * is in its new place. */
struct deliver_turn *deliver_turn_ask(struct deliver *d,
    struct deliver_lane *l);
void deliver_turn_answered(struct deliver *d, struct deliver_turn *t);
struct deliver_route *deliver_turn_route(const struct deliver_lane *l);
/* The lane whose turn it is; it stays ready, at the end of its ring.  NULL:
 * none is ready. */
struct deliver_lane *deliver_turn_pick(struct deliver_route *r,
    unsigned class);
bool deliver_turn_any(const struct deliver_route *r);
/* The route waits for a session of its site, or no more. */
void deliver_turn_wait(struct deliver *d, struct deliver_route *r);
void deliver_turn_unwait(struct deliver *d, struct deliver_route *r);
/* The waiting route whose turn it is; NULL: none. */
struct deliver_route *deliver_turn_waiting(struct deliver_site *s);

#endif
