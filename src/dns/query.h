/*
 * One question in flight however many ask it, the cache before it, and every
 * answer given from the loop.
 */
#ifndef DNS_QUERY_H
#define DNS_QUERY_H

#include <stdint.h>

#include "base/list.h"

struct conf_dns;
struct dns_answer;
struct dns_cache;
struct dns_chan;
struct dns_query;
struct dns_query_set;
struct loop;

/* chan and cache are borrowed. */
struct dns_query_set *dns_query_open(struct loop *l, struct dns_chan *chan,
    struct dns_cache *cache, const struct conf_dns *conf);
/* After the channel; nobody may be waiting any more. */
void dns_query_close(struct dns_query_set **s);

/* One who waits for an answer; embedded by its owner, all-zero is idle.  The
 * answer is borrowed until done returns. */
struct dns_query_wait {
	struct list link;
	struct dns_query *query;   /* in flight, borrowed */
	struct dns_answer *answer; /* known and about to be told: a reference */
	int64_t ttl_ms;
	void (*done)(void *arg, struct dns_answer *a, int64_t ttl_ms);
	void *arg;
};
/* name: lower case, without the final dot. */
void dns_query_ask(struct dns_query_set *s, uint16_t type, const char *name,
    struct dns_query_wait *w);
void dns_query_forget(struct dns_query_wait *w);

#endif
