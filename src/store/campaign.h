/*
 * The inside of a cached campaign, for the store's own files.
 */
#ifndef STORE_CAMPAIGN_H
#define STORE_CAMPAIGN_H

#include <uthash.h>

#include "store/state.h"

struct rdb_codec;

struct store_camp_at { /* a state change on its way to one shard */
	struct store_camp *camp; /* borrowed: owns this */
	unsigned shard;
	bool flying, confirmed;
	char sent;
};

struct store_camp {
	struct store_campaign c; /* what others see */
	struct store *store;     /* borrowed */
	char *tenant, *name, *list, *key; /* owned */
	uint64_t tenant_no, list_no; /* 0: no list */
	uint64_t *pinned; /* owned: base by shard, as far as we know */

	struct list setting; /* on store->setting while a change is open */
	struct list waiters; /* requests for it */
	struct store_camp_at *at; /* owned, or NULL; by shard */
	char want;
	enum store_campaign_state result;
	UT_hash_handle hh;
	UT_hash_handle hn;
};

/* From names, or from what Redis keeps; NULL when meta is damaged.  Returns the
 * cached one where there is one. */
struct store_camp *store_campaign_add(struct store *s, uint64_t id,
    struct view meta);
void store_campaign_meta(struct buf *out, const char *const names[3],
    enum store_class class, const uint64_t numbers[2]);
void store_campaign_scopes(struct buf *out, const uint64_t numbers[2]);
struct store_camp *store_campaign_find(struct store *s, const char *key);
/* `campaign_new` with what the cache knows, for a shard that answered NOCAMP;
 * one call is sent. */
void store_campaign_create(struct store_shard *sh, struct store_camp *c);
enum store_campaign_state store_campaign_state_of(struct view st);
char store_campaign_letter(enum store_campaign_state st);
/* Fields of `campaign get`: adds the counters. */
void store_campaign_read(struct store_camp *c, const struct rdb_reply *r);

#endif
