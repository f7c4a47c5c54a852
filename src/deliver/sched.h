/*
 * The scheduler's own state and its turn: routes that something happened to
 * are looked at once, at the end of the loop's turn; what they want leaves in
 * one lease call per shard.
 */
#ifndef DELIVER_SCHED_H
#define DELIVER_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "deliver/deliver.h"
#include "deliver/heap.h"
#include "deliver/session.h"
#include "io/loop.h"

struct conf;
struct deliver_campaign;
struct deliver_content;
struct deliver_domain;
struct deliver_item;
struct deliver_lane;
struct deliver_report;
struct deliver_route;
struct deliver_site;
struct deliver_tenant;
struct deliver_turn;
struct deliver_turn_queue;
struct deliver_turn_tenant;
struct store_want;

#define DELIVER_STARVING 4
#define DELIVER_OWN_MAX 32

struct deliver_shard {
	struct deliver *d;
	struct list calls; /* of lease calls under way */
	struct store_want *want; /* of this turn */
	struct deliver_lane **lane;
	unsigned nwant, sum;
	struct store_req *expire;
	bool lost;
};

struct deliver {
	struct deliver_params p;
	struct conf *conf; /* referenced */
	struct deliver_env env;
	struct tls_ctx *tls_any, *tls_verified; /* owned */
	char hostname[256];
	const char *own[DELIVER_OWN_MAX]; /* our names, for MX loops */
	size_t nown;
	/* owners */
	struct deliver_domain *domains;
	struct deliver_site *sites;
	struct deliver_route *routes;
	struct deliver_lane *lanes;
	struct deliver_campaign *campaigns;
	struct deliver_tenant *tenants;
	struct deliver_turn *turns;
	struct deliver_turn_tenant *turn_tenants;
	struct deliver_turn_queue *turn_queues;
	struct deliver_shard *shards;
	unsigned nshards;
	/* watchers */
	struct deliver_heap heap;
	struct loop_timer timer;
	int64_t armed; /* mono; 0: not */
	struct loop_task turn;
	struct deliver_heap_node sweep, expiry, later_timer;
	/* queues */
	struct list kicked;    /* routes */
	struct list condemned; /* lanes */
	struct list choked;    /* routes */
	struct list later;     /* lanes refused just now */
	struct list starving[DELIVER_STARVING]; /* sites */
	struct list idle;      /* peers, longest first */
	struct list ask_first, ask_again; /* domains */
	struct list reports, writing;
	/* state */
	bool up, draining;
	bool freeing, freed; /* freed: only sessions' ends are awaited */
	struct loop_timer drain_timer;
	void (*drained)(void *arg);
	void *drained_arg;
	struct loop_task drained_task;
	/* counters */
	unsigned npeers, nunproven, nstopping, reserved;
	unsigned nasking;   /* domains at the resolver */
	unsigned ncalls;    /* lease and expire calls under way */
	unsigned nitems;    /* leased records in memory */
	unsigned ncondemned; /* records asked for or held of dead domains */
	unsigned nreports, nwriting;
};

/* The route is looked at in this turn. */
void deliver_sched_kick(struct deliver *d, struct deliver_route *r);
void deliver_sched_soon(struct deliver *d); /* the turn happens */
/* node->fn(node->arg) at that time of clock_mono(). */
void deliver_sched_at(struct deliver *d, struct deliver_heap_node *node,
    int64_t at);
void deliver_sched_never(struct deliver *d, struct deliver_heap_node *node);
/* A session of this site ended, went idle, or may be opened again. */
void deliver_sched_slot(struct deliver *d, struct deliver_site *s);
/* Memory was freed: routes that wait for it are looked at. */
void deliver_sched_unchoke(struct deliver *d);
#define DELIVER_ITEMS_MAX 20000
#define DELIVER_REPORTS_MAX 1000
void deliver_sched_init(struct deliver *d);
/* deliver.c: the last memory of a freed struct deliver. */
void deliver_destroy(struct deliver *d);
bool deliver_sched_running(const struct deliver *d);

#endif
