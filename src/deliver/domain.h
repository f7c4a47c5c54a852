/*
 * Recipient domains: which route leads there, for as long as DNS says so.
 * Domains without an answer are held with a growing back-off, domains that
 * can never be reached condemn what is queued for them.
 */
#ifndef DELIVER_DOMAIN_H
#define DELIVER_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "base/list.h"
#include "deliver/heap.h"
#include "deliver/job.h"

struct deliver;
struct deliver_route;
struct dns_req;
struct site_target;

enum deliver_domain_state {
	DELIVER_DOMAIN_UNKNOWN,
	DELIVER_DOMAIN_ROUTED,
	DELIVER_DOMAIN_NEVER, /* result says why */
	DELIVER_DOMAIN_HELD
};

struct deliver_domain {
	UT_hash_handle hh;
	char *name; /* owned */
	struct deliver *d;
	enum deliver_domain_state state;
	struct list lanes;
	struct list link;      /* in a queue for the resolver */
	struct list of_route;
	struct deliver_route *route; /* of ROUTED */
	struct deliver_heap_node timer; /* of HELD */
	int64_t held_until;  /* mono */
	int64_t fresh_until; /* mono: the answer's life */
	unsigned failures;
	struct deliver_result *result; /* owned; of NEVER */
	/* a look-up under way */
	bool asking;
	struct dns_req *req;
	struct site_target *target; /* owned */
	int64_t ttl_ms;
	unsigned families;
	size_t host; /* whose addresses are asked for */
	int64_t used;
};

struct deliver_domain *deliver_domain_get(struct deliver *d,
    const char *name);
struct deliver_domain *deliver_domain_find(struct deliver *d,
    const char *name);
/* Looks it up, once; lanes are placed by the answer. */
void deliver_domain_resolve(struct deliver *d, struct deliver_domain *dom);
/* A session learned that no host of the route can ever be reached, or that it
 * leads to ourselves: all its domains are condemned for some minutes. */
void deliver_domain_condemn(struct deliver *d, struct deliver_route *r,
    const struct deliver_result *why);
/* Condemned by an answer whose life is over. */
bool deliver_domain_stale_never(const struct deliver_domain *dom);
bool deliver_domain_unhold(struct deliver *d, struct deliver_domain *dom);
/* Routes under a new configuration. */
void deliver_domain_reload(struct deliver *d);
void deliver_domain_sweep(struct deliver *d);
void deliver_domain_free_all(struct deliver *d);

#endif
