/*
 * Bases in memory, least recently used out first; what is missing is fetched
 * from the queue, once for all who wait for it.
 */
#ifndef DELIVER_BASE_H
#define DELIVER_BASE_H

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "store/store.h"

struct deliver_base;
struct mail_base;

struct deliver_base *deliver_base_new(struct store *s, uint64_t max_bytes);
/* Nobody may wait any more. */
void deliver_base_free(struct deliver_base **c);
void deliver_base_limit(struct deliver_base *c, uint64_t max_bytes);

/* Borrowed until the next call of this file; NULL: not in memory. */
struct mail_base *
deliver_base_find(struct deliver_base *c, unsigned shard, uint64_t id);

struct deliver_base_wait { /* the waiter's; all-zero waits for nothing */
	struct list link;
	/* From the loop, once.  base NULL: with the status (STORE_OK: its
	 * bytes are damaged), and why. */
	void (*done)(void *arg, struct mail_base *base, enum store_status st,
	    const char *why);
	void *arg;
};

void deliver_base_get(struct deliver_base *c, unsigned shard, uint64_t id,
    struct deliver_base_wait *w);
void deliver_base_unwait(struct deliver_base_wait *w);

#endif
