#include "config.h"
#include "dns/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "dns/answer.h"

#define KEY_MAX 272 /* "65535 " and a name */

struct entry {
	struct list link; /* by use, the latest last */
	struct dns_answer *answer; /* a reference */
	int64_t until_ms; /* clock_mono */
	size_t bytes;
	UT_hash_handle hh;
	char key[]; /* "type name" */
};

struct dns_cache {
	size_t max_entries, max_bytes;
	size_t bytes;
	struct entry *entries; /* owned */
	struct list by_use;
};

struct dns_cache *
dns_cache_new(size_t max_entries, size_t max_bytes)
{
	struct dns_cache *c = mem_zalloc(sizeof(*c));

	c->max_entries = max_entries;
	c->max_bytes = max_bytes;
	list_init(&c->by_use);
	return c;
}

static void
drop(struct dns_cache *c, struct entry *e)
{
	HASH_DEL(c->entries, e);
	list_remove(&e->link);
	c->bytes -= e->bytes;
	dns_answer_unref(&e->answer);
	free(e);
}

void
dns_cache_clear(struct dns_cache *c)
{
	while (!list_empty(&c->by_use))
		drop(c, LIST_ENTRY(c->by_use.next, struct entry, link));
}

void
dns_cache_free(struct dns_cache **cp)
{
	struct dns_cache *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	dns_cache_clear(c);
	free(c);
}

static struct entry *
find(struct dns_cache *c, uint16_t type, const char *name,
    char key[KEY_MAX])
{
	struct entry *e;

	snprintf(key, KEY_MAX, "%u %s", type, name);
	HASH_FIND_STR(c->entries, key, e);
	return e;
}

struct dns_answer *
dns_cache_get(struct dns_cache *c, uint16_t type, const char *name,
    int64_t *left_ms)
{
	char key[KEY_MAX];
	struct entry *e = find(c, type, name, key);

	if (e == NULL)
		return NULL;
	*left_ms = e->until_ms - clock_mono();
	if (*left_ms <= 0) {
		drop(c, e);
		return NULL;
	}
	list_remove(&e->link);
	list_append(&c->by_use, &e->link);
	return e->answer;
}

void
dns_cache_put(struct dns_cache *c, uint16_t type, const char *name,
    struct dns_answer *a, int64_t ttl_ms)
{
	char key[KEY_MAX];
	struct entry *e = find(c, type, name, key);
	size_t n = strlen(key) + 1;

	if (e)
		drop(c, e);
	if (ttl_ms <= 0)
		return;
	e = mem_zalloc(sizeof(*e) + n);
	memcpy(e->key, key, n);
	e->answer = dns_answer_ref(a);
	e->until_ms = clock_mono() + ttl_ms;
	e->bytes = sizeof(*e) + n + sizeof(*a) + a->bytes;
	c->bytes += e->bytes;
	HASH_ADD_STR(c->entries, key, e);
	list_append(&c->by_use, &e->link);
	while (c->bytes > c->max_bytes ||
	    HASH_COUNT(c->entries) > c->max_entries)
		drop(c, LIST_ENTRY(c->by_use.next, struct entry, link));
}

size_t
dns_cache_count(const struct dns_cache *c)
{
	return HASH_COUNT(c->entries);
}
