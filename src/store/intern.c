#include "config.h"
#include "store/intern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/mem.h"
#include "store/parts.h"

struct store_name {
	char *key; /* owned: kind, line feed, name */
	uint64_t number;
	UT_hash_handle hh;
};

/* One question to Redis. */
struct ask {
	struct store_req req;
	char *key[3]; /* owned: kind, line feed, name; NULL: not asked for */
	void (*done)(void *arg, enum store_status st, const uint64_t *n);
	void *arg;
};

static void
ask_release(void *p)
{
	struct ask *a = p;
	int i;

	for (i = 0; i < 3; i++)
		free(a->key[i]);
	free(a);
}

char *
store_intern_campaign_key(const char *tenant, const char *name,
    enum store_class class, const char *list)
{
	return mem_printf("%s\n%s\n%c\n%s", tenant, name,
	    class == STORE_BULK ? 'b' : 't', list);
}

static uint64_t
known(struct store *s, const char *key)
{
	struct store_name *n = NULL;

	HASH_FIND_STR(s->names, key, n);
	return n ? n->number : 0;
}

static void
learn(struct store *s, const char *key, uint64_t number)
{
	struct store_name *n;

	if (known(s, key) || number == 0)
		return;
	n = mem_zalloc(sizeof(*n));
	n->key = mem_strdup(key);
	n->number = number;
	HASH_ADD_KEYPTR(hh, s->names, n->key, strlen(n->key), n);
}

static void
on_intern(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct ask *a = arg;
	enum store_status st = store_call_status(rst, r);
	uint64_t n[3] = { 0 };
	size_t i, at = 0;

	for (i = 0; st == STORE_OK && i < 3; i++) {
		if (a->key[i] == NULL)
			continue;
		n[i] = (uint64_t)rdb_reply_int_at(r, at++);
		if (n[i] == 0)
			st = STORE_REFUSED;
		else if (i > 0) /* campaigns have a cache of their own */
			learn(a->req.store, a->key[i], n[i]);
	}
	store_req_end(&a->req);
	if (!a->req.dead)
		a->done(a->arg, st, st == STORE_OK ? n : NULL);
}

static void
ask_send(struct ask *a)
{
	struct store_shard *sh = &a->req.store->shard[0];
	struct rdb_codec *c;
	size_t i, n = 0;

	for (i = 0; i < 3; i++)
		n += a->key[i] != NULL;
	c = store_call_begin(sh, "intern", 2 * n);
	for (i = 0; i < 3; i++) {
		if (a->key[i] == NULL)
			continue;
		rdb_codec_view(c, view_of(a->key[i], 1));
		rdb_codec_str(c, a->key[i] + 2);
	}
	store_call_send(sh, on_intern, a);
}

static struct ask *
ask_new(struct store *s, const char *tenant, const char *list,
    void (*done)(void *arg, enum store_status st, const uint64_t *n),
    void *arg)
{
	struct ask *a = store_req_new(s, sizeof(*a), ask_release);

	if (tenant)
		a->key[1] = mem_printf("t\n%s", tenant);
	/* Two tenants may have a list of the same name. */
	if (tenant && list && list[0])
		a->key[2] = mem_printf("l\n%s\n%s", tenant, list);
	a->done = done;
	a->arg = arg;
	return a;
}

void
store_intern_campaign(struct store *s, const char *key, const char *tenant,
    const char *list,
    void (*done)(void *arg, enum store_status st, const uint64_t *n),
    void *arg)
{
	struct ask *a = ask_new(s, tenant, list, done, arg);

	a->key[0] = mem_printf("c\n%s", key);
	ask_send(a);
}

void
store_intern_names(struct store *s, const char *tenant, const char *list,
    void (*done)(void *arg, enum store_status st, const uint64_t *n),
    void *arg)
{
	struct ask *a = ask_new(s, tenant, list, done, arg);
	uint64_t n[3] = { 0 };
	bool all = true;
	size_t i;

	for (i = 1; i < 3; i++) {
		if (a->key[i])
			n[i] = known(s, a->key[i]);
		all = all && (a->key[i] == NULL || n[i]);
	}
	if (!all) {
		ask_send(a);
		return;
	}
	store_req_end(&a->req);
	done(arg, STORE_OK, n);
}

const char *
store_intern_scope(struct store *s, const char *scope)
{
	uint64_t number = store_call_u64(view_str(scope + 1));
	struct store_name *n, *tmp;

	HASH_ITER(hh, s->names, n, tmp)
		if (n->key[0] == scope[0] && n->number == number)
			return n->key + 2;
	return NULL;
}

void
store_intern_close(struct store *s)
{
	struct store_name *n, *tmp;

	HASH_ITER(hh, s->names, n, tmp) {
		HASH_DELETE(hh, s->names, n);
		free(n->key);
		free(n);
	}
}
