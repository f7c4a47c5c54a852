/*
 * A question that goes from shard to shard, and in each by a cursor that "0"
 * starts and ends.
 */
#ifndef STORE_WALK_H
#define STORE_WALK_H

#include "store/parts.h"

#define STORE_CURSOR_MAX 512

struct store_walk { /* first member of a request */
	struct store_req req;
	void (*ask)(struct store_walk *w); /* one call, for w->shard */
	void (*end)(struct store_walk *w); /* answers; st says how it went */
	enum store_status st;
	unsigned shard, last; /* goes from shard to last */
	bool owned_only;      /* leaves out what another daemon owns */
	char cursor[STORE_CURSOR_MAX];
};

/* Fields are set but st and cursor. */
void store_walk_start(struct store_walk *w);
/* After an answer: status and its cursor ("0" or empty: on to the next). */
void store_walk_next(struct store_walk *w, enum store_status st,
    struct view cursor);
struct store_shard *store_walk_shard(const struct store_walk *w);

#endif
