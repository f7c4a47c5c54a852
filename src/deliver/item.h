/*
 * One leased record on its way: the job that sessions see, and where it is.
 */
#ifndef DELIVER_ITEM_H
#define DELIVER_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "deliver/job.h"

struct deliver;
struct deliver_campaign;
struct deliver_lot;
struct deliver_peer;
struct store_lease;

struct deliver_item {
	struct deliver_job job; /* first: the link of lots */
	struct deliver_campaign *campaign;
	struct list of_campaign; /* while it waits */
	struct deliver_lot *lot; /* while it waits */
	struct deliver_peer *peer; /* while a session has it */
	const char *site; /* borrowed name, for accounting; never NULL */
	unsigned char class;
	unsigned char untried; /* times it came back unasked */
	char dropped; /* code of a record that left without a lease */
	bool grouped; /* shared its transaction */
};

/* Takes the lease over.  NULL: its address can't be read (it was parked). */
struct deliver_item *deliver_item_new(struct deliver *d,
    struct store_lease *l, struct deliver_campaign *c);
/* Fills job.rcpt from the lease; -1: it can't be read. */
int deliver_item_address(struct deliver_item *i);
void deliver_item_free(struct deliver *d, struct deliver_item *i);
/* Back to the head of its lane, no attempt used. */
void deliver_item_release(struct deliver *d, struct deliver_item *i);
struct deliver_item *deliver_item_of(struct deliver_job *j);
/* May travel in one transaction with first. */
bool deliver_item_groups(const struct deliver_item *first,
    const struct deliver_item *i);
bool deliver_item_is_expired(const struct deliver *d,
    const struct deliver_item *i, int64_t now);

#endif
