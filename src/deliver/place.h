/*
 * Where mail goes: sites (what throttles count), their routes (an MX set in
 * its order), and the lots of leased items that wait on a route, one lot for
 * each set of sources they may use.
 *
 * A site outlives its routes, a route its lots, domains, items and peers;
 * those that nothing refers to are swept after an hour.
 */
#ifndef DELIVER_PLACE_H
#define DELIVER_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "base/list.h"
#include "deliver/heap.h"
#include "deliver/turn.h"
#include "dns/dns.h"
#include "site/bucket.h"
#include "site/source.h"

struct conf_site;
struct deliver;
struct deliver_item;
struct deliver_result;
struct site_target;

#define DELIVER_REASON_MAX 300

struct deliver_site {
	UT_hash_handle hh;
	char *name; /* owned */
	struct deliver *d;
	const struct conf_site *policy; /* borrowed from d->conf */
	struct list routes;
	struct list waiting[DELIVER_CLASSES]; /* turn queues */
	struct list returning; /* routes with items and no session */
	struct list stalled;   /* routes that wait for the timer */
	struct list idle;      /* peers without work */
	struct list starving;  /* link: waits for a session of all sites' */
	struct site_bucket rate, connects;
	struct deliver_heap_node timer;
	unsigned *busy; /* owned; sessions by source; SITE_SOURCE_MAX */
	unsigned nroutes, npeers, nconnecting, nstopping, reserved;
	int64_t full_until; /* mono; no more than full_at sessions until then */
	unsigned full_at;
	char reason[DELIVER_REASON_MAX];
	char last_reply[DELIVER_REASON_MAX];
	uint64_t turns; /* handed out to routes */
	uint64_t lanes, waiting_items, sent, deferred, bounced;
	int64_t used; /* mono */
};

struct deliver_route {
	UT_hash_handle hh;
	char *key; /* owned */
	struct deliver_site *site;
	struct list of_site;
	struct list domains;
	struct dns_mx_host *hosts; /* owned */
	size_t nhosts;
	bool literal;
	unsigned families; /* of the hosts; both where not asked */
	struct list turns[DELIVER_CLASSES];
	struct list lots;
	struct list peers;
	struct list kick;      /* link: to be looked at in this turn */
	struct list returning; /* link */
	struct list stalled;   /* link */
	struct list choked;    /* link: waits for room in memory */
	unsigned npeers, nconnecting, lanes;
	unsigned lanes_ready[DELIVER_CLASSES];
	unsigned nready[DELIVER_CLASSES], nasked[DELIVER_CLASSES];
	uint64_t served; /* number of the site's turn that it had last */
	unsigned depth; /* items in reserve for each connection */
	bool waiting;   /* for a first session */
	bool reserved;  /* has one coming */
	bool proven;    /* greeted us since the last failure */
	bool failing;   /* a session failed while others still try */
	unsigned failures;
	int64_t held_until; /* mono; 0: not held */
	int64_t rest_until; /* mono; items came back unasked twice */
	struct deliver_heap_node timer;
	char reason[DELIVER_REASON_MAX];
	int64_t used; /* mono */
};

struct deliver_lot {
	struct list link; /* in the route's lots */
	struct deliver_route *route;
	struct site_source_set sources;
	struct list ready[DELIVER_CLASSES]; /* of deliver_job.link */
	unsigned nready, npeers, nconnecting, nidle;
};

/* Found, or made. */
struct deliver_route *deliver_place_route(struct deliver *d,
    const struct site_target *t, unsigned families);
struct deliver_lot *deliver_place_lot(struct deliver_route *r,
    const struct site_source_set *s);
struct deliver_site *deliver_place_site(struct deliver *d, const char *name,
    const struct conf_site *policy);
/* At the end (front: at the head) of its lot. */
void deliver_place_push(struct deliver_route *r, struct deliver_item *i,
    bool front);
void deliver_place_take(struct deliver_item *i);
/* Nothing is leased or begun there until then. */
void deliver_place_hold(struct deliver *d, struct deliver_route *r,
    int64_t ms, const char *reason);
void deliver_place_unhold(struct deliver *d, struct deliver_route *r);
bool deliver_place_held(const struct deliver_route *r);
/* Everything that waits on the route goes back to its lane. */
void deliver_place_release(struct deliver *d, struct deliver_route *r);
/* The site's timer runs out at the latest then (mono); the route is looked at
 * then. */
void deliver_place_stall(struct deliver *d, struct deliver_route *r,
    int64_t at);
/* The site's last reply, as it is shown. */
void deliver_place_note(struct deliver_site *s,
    const struct deliver_result *r);
/* Routes of the site wait for their first session. */
bool deliver_place_wanted(const struct deliver_site *s);
/* The peer refused one more session than it has. */
bool deliver_place_full(const struct deliver_site *s, int64_t now);
/* Policies of a new configuration. */
void deliver_place_reload(struct deliver *d);
void deliver_place_sweep(struct deliver *d, int64_t idle_ms);
void deliver_place_free_all(struct deliver *d);

#endif
