#include "config.h"

#include "deliver/sign.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "io/pool.h"
#include "mail/dkim.h"
#include "mail/header.h"
#include "stats/stats.h"

/* The keys as the workers see them.  They outlive a reload only here. */
struct keys {
	struct mail_dkim *dkim; /* borrowed; not to be touched once retired */
	atomic_bool retired;
	atomic_uint busy; /* workers that sign with them */
	unsigned refs;    /* the loop's: jobs, and the current set */
};

struct deliver_sign {
	struct pool *pool; /* borrowed */
	struct keys *keys;
};

struct deliver_sign_req {
	struct deliver_sign *s; /* borrowed: outlives what is not cancelled */
	struct keys *keys;
	struct pool_job *job;
	char *tenant; /* owned */
	struct buf bytes;
	int n;      /* signatures; -1: failed */
	bool stale; /* the keys were retired first */
	struct err e;
	void (*done)(void *arg, struct buf *bytes, const char *error);
	void *arg;
};

static struct keys *
keys_new(struct mail_dkim *dkim)
{
	struct keys *k = mem_zalloc(sizeof(*k));

	k->dkim = dkim;
	k->refs = 1;
	return k;
}

static void
keys_unref(struct keys *k)
{
	if (--k->refs == 0)
		free(k);
}

static void
keys_retire(struct keys *k)
{
	atomic_store(&k->retired, true);
	while (atomic_load(&k->busy) > 0)
		sched_yield();
	keys_unref(k);
}

struct deliver_sign *
deliver_sign_new(struct pool *pool, struct mail_dkim *dkim)
{
	struct deliver_sign *s = mem_zalloc(sizeof(*s));

	s->pool = pool;
	s->keys = keys_new(dkim);
	return s;
}

void
deliver_sign_free(struct deliver_sign **s)
{
	if (*s == NULL)
		return;
	keys_retire((*s)->keys);
	free(*s);
	*s = NULL;
}

void
deliver_sign_reload(struct deliver_sign *s, struct mail_dkim *dkim)
{
	struct keys *old = s->keys;

	s->keys = keys_new(dkim);
	keys_retire(old);
}

bool
deliver_sign_wanted(const struct deliver_sign *s)
{
	return s->keys->dkim != NULL && mail_dkim_at(s->keys->dkim, 0) != NULL;
}

static void
sign(struct deliver_sign_req *r)
{
	struct view message = buf_view(&r->bytes);
	struct view header = view_head(message, mail_header_bytes(message));
	struct buf out = {0};
	char from[256];

	r->n = 0;
	if (mail_header_from_domain(header, from) == -1)
		return; /* no domain, no key of it */
	r->n = mail_dkim_sign(
	    r->keys->dkim, r->tenant, from, message, &out, &r->e);
	if (r->n > 0) {
		buf_addv(&out, message);
		buf_swap(&out, &r->bytes);
	}
	buf_fini(&out);
}

static void
work(void *arg)
{
	struct deliver_sign_req *r = arg;

	atomic_fetch_add(&r->keys->busy, 1);
	r->stale = atomic_load(&r->keys->retired);
	if (!r->stale)
		sign(r);
	atomic_fetch_sub(&r->keys->busy, 1);
}

static void
release(void *arg)
{
	struct deliver_sign_req *r = arg;

	keys_unref(r->keys);
	buf_fini(&r->bytes);
	free(r->tenant);
	free(r);
}

static void
on_signed(void *arg)
{
	struct deliver_sign_req *r = arg;

	r->job = NULL;
	if (r->stale) {
		keys_unref(r->keys);
		r->keys = r->s->keys;
		r->keys->refs++;
		r->job = pool_submit(r->s->pool, work, on_signed, release, r);
		return;
	}
	if (r->n > 0)
		stats_add(STATS_DKIM_SIGNED, r->n);
	if (r->n < 0)
		stats_add(STATS_DKIM_FAILED, 1);
	r->done(r->arg, &r->bytes, r->n < 0 ? r->e.text : NULL);
	release(r);
}

struct deliver_sign_req *
deliver_sign_submit(struct deliver_sign *s, const char *tenant,
    struct buf *content,
    void (*done)(void *arg, struct buf *bytes, const char *error), void *arg)
{
	struct deliver_sign_req *r = mem_zalloc(sizeof(*r));

	r->s = s;
	r->keys = s->keys;
	r->keys->refs++;
	r->tenant = mem_strdup(tenant);
	buf_swap(&r->bytes, content);
	r->done = done;
	r->arg = arg;
	r->job = pool_submit(s->pool, work, on_signed, release, r);
	return r;
}

void
deliver_sign_cancel(struct deliver_sign_req **r)
{
	if (*r == NULL)
		return;
	pool_cancel(&(*r)->job);
	*r = NULL;
}
