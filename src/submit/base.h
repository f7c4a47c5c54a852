/*
 * Bases: which one a campaign's messages are cut against, and the cache of
 * those made here, for delivery.
 *
 * A base holds only spans that messages to different recipients share, so no
 * person's data gets into everyone's dictionary.
 */
#ifndef SUBMIT_BASE_H
#define SUBMIT_BASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct mail_base;
struct store_campaign;
struct submit_bases;
struct submit_base_pack; /* a packed base, refcounted */

struct submit_bases *submit_base_new(void);
/* Before the store closes: its campaigns hold state of ours. */
void submit_base_free(struct submit_bases **b);

struct submit_base_cut { /* a content as it is stored; all-zero at first */
	uint64_t base;     /* 0: none */
	struct buf patch;
	struct view stored; /* the base packed; borrowed from pack */
	bool pin;
	struct submit_base_pack *pack;
};
/* who: hash of the recipient's address; many: it goes to several. */
void submit_base_cut(struct submit_bases *b, struct store_campaign *c,
    struct view content, const unsigned char who[8], bool many,
    struct submit_base_cut *out);
void submit_base_cut_fini(struct submit_base_cut *cut);

/* A reference, or NULL: it is not cached. */
struct mail_base *submit_base_find(struct submit_bases *b, uint64_t id);

#endif
