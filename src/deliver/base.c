#include "config.h"

#include "deliver/base.h"

#include <stdlib.h>

#include <uthash.h>

#include "base/bug.h"
#include "base/mem.h"
#include "mail/patch.h"

#define UNPACKED_MAX (256u << 20) /* of a base; intake's limit is far below */

struct key {
	uint64_t id;
	uint64_t shard; /* as wide, so that the key has no padding */
};

struct entry {
	struct key key;
	UT_hash_handle hh;
	struct deliver_base *cache;
	struct list used;       /* by last use, once it is here */
	struct mail_base *base; /* owned reference; NULL: on its way */
	size_t bytes;
	struct store_req *req;
	struct list waiters;
};

struct deliver_base {
	struct store *store; /* borrowed */
	struct entry *entries;
	struct list used; /* latest first */
	uint64_t bytes, max_bytes;
};

static void
drop(struct entry *e)
{
	struct deliver_base *c = e->cache;

	store_cancel(&e->req);
	list_remove(&e->used);
	c->bytes -= e->bytes;
	mail_base_unref(&e->base);
	HASH_DEL(c->entries, e);
	free(e);
}

/* The one just used stays, however large it is. */
static void
shrink(struct deliver_base *c)
{
	while (c->bytes > c->max_bytes && c->used.next->next != &c->used)
		drop(LIST_ENTRY(c->used.prev, struct entry, used));
}

struct deliver_base *
deliver_base_new(struct store *s, uint64_t max_bytes)
{
	struct deliver_base *c = mem_zalloc(sizeof(*c));

	c->store = s;
	c->max_bytes = max_bytes;
	list_init(&c->used);
	return c;
}

void
deliver_base_free(struct deliver_base **c)
{
	struct entry *e, *tmp;

	if (*c == NULL)
		return;
	HASH_ITER(hh, (*c)->entries, e, tmp)
	{
		BUG_ON(!list_empty(&e->waiters));
		drop(e);
	}
	free(*c);
	*c = NULL;
}

void
deliver_base_limit(struct deliver_base *c, uint64_t max_bytes)
{
	c->max_bytes = max_bytes;
	if (!list_empty(&c->used))
		shrink(c);
}

static struct entry *
find(struct deliver_base *c, unsigned shard, uint64_t id)
{
	struct key k = {.id = id, .shard = shard};
	struct entry *e;

	HASH_FIND(hh, c->entries, &k, sizeof(k), e);
	return e;
}

struct mail_base *
deliver_base_find(struct deliver_base *c, unsigned shard, uint64_t id)
{
	struct entry *e = find(c, shard, id);

	if (e == NULL || e->base == NULL)
		return NULL;
	if (c->used.next != &e->used) {
		list_remove(&e->used);
		list_prepend(&c->used, &e->used);
	}
	return e->base;
}

static const char *
unpack(struct entry *e, struct view stored, struct err *err)
{
	struct deliver_base *c = e->cache;
	struct buf plain = {0};

	if (mail_base_unpack(stored, UNPACKED_MAX, &plain, err)) {
		buf_fini(&plain);
		return err->text;
	}
	e->base = mail_base_new(buf_view(&plain));
	buf_fini(&plain);
	e->bytes = mail_base_memory(e->base);
	c->bytes += e->bytes;
	list_prepend(&c->used, &e->used);
	return NULL;
}

static void
on_base(void *arg, enum store_status st, struct view stored)
{
	struct entry *e = arg;
	struct deliver_base *c = e->cache;
	const char *why = NULL;
	struct mail_base *base;
	struct list waiters, *it;
	struct err err = {""};

	e->req = NULL;
	if (st == STORE_OK)
		why = unpack(e, stored, &err);
	else
		why = st == STORE_NOT_FOUND ? "its base is missing"
					    : "the queue is not available";
	/* A waiter may ask for further bases or stop others from waiting. */
	list_init(&waiters);
	while ((it = list_pop(&e->waiters)) != NULL)
		list_append(&waiters, it);
	base = e->base ? mail_base_ref(e->base) : NULL;
	if (base)
		shrink(c);
	else
		drop(e);
	while ((it = list_pop(&waiters)) != NULL) {
		struct deliver_base_wait *w =
		    LIST_ENTRY(it, struct deliver_base_wait, link);

		w->done(w->arg, base, st, why);
	}
	mail_base_unref(&base);
}

void
deliver_base_get(struct deliver_base *c, unsigned shard, uint64_t id,
    struct deliver_base_wait *w)
{
	struct entry *e = find(c, shard, id);

	BUG_ON(list_linked(&w->link) || (e && e->base));
	if (e == NULL) {
		e = mem_zalloc(sizeof(*e));
		e->key = (struct key){.id = id, .shard = shard};
		e->cache = c;
		list_init(&e->waiters);
		HASH_ADD(hh, c->entries, key, sizeof(e->key), e);
		e->req = store_base_get(c->store, shard, id, on_base, e);
	}
	list_append(&e->waiters, &w->link);
}

void
deliver_base_unwait(struct deliver_base_wait *w)
{
	list_remove(&w->link);
}
