/*
 * Answers by type and name until their TTL ends; bounded in entries and
 * bytes, the least recently used leaves first.
 */
#ifndef DNS_CACHE_H
#define DNS_CACHE_H

#include <stddef.h>
#include <stdint.h>

struct dns_answer;
struct dns_cache;

struct dns_cache *dns_cache_new(size_t max_entries, size_t max_bytes);
void dns_cache_free(struct dns_cache **c);
void dns_cache_clear(struct dns_cache *c);
/* Borrowed, NULL when there is none in force; *left_ms: of its TTL. */
struct dns_answer *dns_cache_get(struct dns_cache *c, uint16_t type,
    const char *name, int64_t *left_ms);
/* Takes a reference of its own; replaces what was there. */
void dns_cache_put(struct dns_cache *c, uint16_t type, const char *name,
    struct dns_answer *a, int64_t ttl_ms);
size_t dns_cache_count(const struct dns_cache *c);

#endif
