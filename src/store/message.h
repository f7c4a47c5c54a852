/*
 * A message on its way into the queue, for enqueue.c (its life), batch.c (the
 * calls that carry it) and stage.c (when it needs several calls).
 */
#ifndef STORE_MESSAGE_H
#define STORE_MESSAGE_H

#include "store/parts.h"

#define STORE_BATCH_BYTES (1024 * 1024)
#define STORE_STAGE_MAX 48 /* name of a stage */

struct store_enqueue;

/* Recipients that travel in one call. */
struct store_part {
	struct list on; /* on shard->parts, then on a batch */
	struct store_enqueue *q;   /* borrowed: owns this */
	struct store_shard *shard; /* borrowed */
	size_t from, n; /* of q->order */
	size_t bytes;   /* about */
	bool sent, done, ok;
	bool alone; /* refused in company: in a call of its own */
};

struct store_enqueue {
	struct store_req req;
	struct list timed; /* on store->timed until answered */
	struct store_message *m; /* borrowed while alive */
	void (*done)(void *arg, enum store_status st, const char *text);
	void *arg;
	int64_t deadline_ms;
	size_t *order; /* owned: recipients by shard */
	struct store_part *parts; /* owned */
	size_t nparts, open; /* not yet done */
	enum store_status failed;
	char text[160]; /* of the failure */
	bool answered, committing;
	char stage[STORE_STAGE_MAX]; /* "" : one call does it all */
};

/* Somebody still waits, and m may be read. */
bool store_enqueue_alive(const struct store_enqueue *q);
void store_enqueue_part_done(struct store_part *p, enum store_status st,
    const char *text);
/* After store_stage_commit. */
void store_enqueue_answer(struct store_enqueue *q, enum store_status st,
    const char *text);
/* Redis had that base not long ago. */
bool store_batch_knows(const struct store_shard *sh, uint64_t base);
void store_stage_commit(struct store_enqueue *q);
void store_stage_abort(struct store_enqueue *q);
/* It is going away; the commit goes on. */
void store_stage_forget(struct store_enqueue *q);

#endif
