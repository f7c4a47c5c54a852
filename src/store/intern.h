/*
 * Numbers of names (campaigns, tenants, lists), given out by shard 00 and kept
 * here for good.
 */
#ifndef STORE_INTERN_H
#define STORE_INTERN_H

#include "store/store.h"

/* owned by the caller */
char *store_intern_campaign_key(const char *tenant, const char *name,
    enum store_class class, const char *list);
/* done(n) with n[0] campaign, n[1] tenant, n[2] list (0: none); n is NULL on
 * failure.  Answers once, or never when the store is closed. */
void store_intern_campaign(struct store *s, const char *key,
    const char *tenant, const char *list,
    void (*done)(void *arg, enum store_status st, const uint64_t *n),
    void *arg);
/* The same without a campaign; answers at once when both are known. */
void store_intern_names(struct store *s, const char *tenant, const char *list,
    void (*done)(void *arg, enum store_status st, const uint64_t *n),
    void *arg);
/* The tenant or list of a scope ("t7"); NULL: not seen yet. */
const char *store_intern_scope(struct store *s, const char *scope);
void store_intern_close(struct store *s);

#endif
