/*
 * The jobs of one transaction and their content: rebuilt and signed ahead,
 * held against what the peer offers, turned into the engine's transaction.
 */
#ifndef DELIVER_BATCH_H
#define DELIVER_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "deliver/content.h"
#include "smtp/client.h"

struct deliver_job;
struct deliver_result;
struct store;

/* All-zero: empty.  Not to be moved while its content is being prepared. */
struct deliver_batch {
	struct deliver_job **jobs; /* owned array of borrowed jobs */
	size_t n, cap;
	struct deliver_content_req *req; /* being prepared */
	bool ready;                      /* status is there */
	bool eightbit_ok;                /* how it was prepared */
	enum deliver_content_status status;
	struct buf bytes;
	char text[256]; /* why not */
	struct smtp_client_tx tx;
	struct smtp_client_rcpt *rcpt; /* owned array */
	size_t rcpt_cap;
	int64_t started_ms;
	void (*on_ready)(void *arg);
	void *arg;
};

/* Room for n jobs in jobs[]. */
void deliver_batch_reserve(struct deliver_batch *b, size_t n);
/* Asks for the content of the n jobs; on_ready comes once, from the loop. */
void deliver_batch_prepare(struct deliver_batch *b, struct deliver_content *c,
    bool eightbit_ok, void (*on_ready)(void *arg), void *arg);
/* Forgets jobs and content; keeps the memory. */
void deliver_batch_clear(struct deliver_batch *b);
void deliver_batch_fini(struct deliver_batch *b);

/* Takes the next job that can't go to a peer with these extensions out of the
 * batch, with kind, stage, code and text in r; NULL: the rest may go. */
struct deliver_job *deliver_batch_misfit(struct deliver_batch *b,
    const struct smtp_client_caps *caps, struct deliver_result *r);
/* 8-bit content, and the peer takes none: to be prepared anew. */
bool deliver_batch_needs_7bit(
    const struct deliver_batch *b, const struct smtp_client_caps *caps);
/* Takes the next job out whose shard is not ours any more. */
struct deliver_job *
deliver_batch_fenced(struct deliver_batch *b, const struct store *s);
bool deliver_batch_owned(const struct deliver_batch *b, const struct store *s);
/* Fills and returns the transaction of what is in the batch. */
struct smtp_client_tx *deliver_batch_tx(struct deliver_batch *b);

#endif
