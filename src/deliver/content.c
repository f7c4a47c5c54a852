#include "config.h"

#include "deliver/content.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "deliver/base.h"
#include "deliver/sign.h"
#include "io/loop.h"
#include "mail/encode.h"
#include "mail/patch.h"
#include "store/store.h"

struct deliver_content {
	struct loop *loop; /* borrowed */
	struct deliver_base *bases;
	struct deliver_sign *sign;
};

struct deliver_content_req {
	struct deliver_content *c;
	const struct store_lease *lease; /* borrowed until done or cancel */
	const char *tenant;              /* NULL: not to be signed */
	bool eightbit_ok;
	/* what it waits for: one of these */
	struct deliver_base_wait wait;
	struct deliver_sign_req *signing;
	struct loop_task answer;
	/* the answer */
	enum deliver_content_status status;
	struct buf bytes;
	struct err e;
	void (*done)(void *arg, enum deliver_content_status st,
	    struct buf *bytes, const char *text);
	void *arg;
};

struct deliver_content *
deliver_content_new(struct loop *l, struct store *s, struct pool *pool,
    struct mail_dkim *dkim, struct conf *conf)
{
	struct deliver_content *c = mem_zalloc(sizeof(*c));

	c->loop = l;
	c->bases =
	    deliver_base_new(s, conf->limits.max_content_bytes_in_memory);
	c->sign = deliver_sign_new(pool, dkim);
	return c;
}

void
deliver_content_free(struct deliver_content **c)
{
	if (*c == NULL)
		return;
	deliver_base_free(&(*c)->bases);
	deliver_sign_free(&(*c)->sign);
	free(*c);
	*c = NULL;
}

void
deliver_content_reload(
    struct deliver_content *c, struct mail_dkim *dkim, struct conf *conf)
{
	deliver_base_limit(c->bases, conf->limits.max_content_bytes_in_memory);
	deliver_sign_reload(c->sign, dkim);
}

static void
req_free(struct deliver_content_req *r)
{
	deliver_base_unwait(&r->wait);
	deliver_sign_cancel(&r->signing);
	loop_undefer(&r->answer);
	buf_fini(&r->bytes);
	free(r);
}

static void
answer(void *arg)
{
	struct deliver_content_req *r = arg;

	r->done(r->arg, r->status,
	    r->status == DELIVER_CONTENT_OK ? &r->bytes : NULL, r->e.text);
	req_free(r);
}

static void
on_signed(void *arg, struct buf *bytes, const char *error)
{
	struct deliver_content_req *r = arg;

	r->signing = NULL;
	buf_swap(&r->bytes, bytes);
	if (error) {
		r->status = DELIVER_CONTENT_UNSIGNED;
		err_set(&r->e, "%s", error);
	}
	answer(r);
}

static enum deliver_content_status
rebuild(struct deliver_content_req *r, const struct mail_base *base)
{
	const struct store_record *rec = &r->lease->record;
	struct view v;

	if (mail_patch_apply(
		base, rec->patch, rec->content_bytes, &r->bytes, &r->e))
		return DELIVER_CONTENT_DAMAGED;
	v = buf_view(&r->bytes);
	if (v.n != rec->content_bytes ||
	    mail_patch_hash(v) != rec->content_hash) {
		err_set(&r->e, "the rebuilt content is not what was accepted");
		return DELIVER_CONTENT_DAMAGED;
	}
	return DELIVER_CONTENT_OK;
}

static enum deliver_content_status
make_7bit(struct deliver_content_req *r)
{
	struct buf out = {0};
	int rc = mail_encode_7bit(buf_view(&r->bytes), &out, &r->e);

	if (rc == 0)
		buf_swap(&out, &r->bytes);
	buf_fini(&out);
	return rc == 0 ? DELIVER_CONTENT_OK : DELIVER_CONTENT_NOT_7BIT;
}

/* True: the answer is known; false: it is being signed. */
static bool
build(struct deliver_content_req *r, const struct mail_base *base)
{
	r->status = rebuild(r, base);
	if (r->status == DELIVER_CONTENT_OK && !r->eightbit_ok &&
	    r->lease->record.eightbit)
		r->status = make_7bit(r);
	if (r->status != DELIVER_CONTENT_OK)
		return true;
	/* DATA ends with a line's end: so does what is signed. */
	if (!view_iends(buf_view(&r->bytes), VIEW("\r\n")))
		buf_addv(&r->bytes, VIEW("\r\n"));
	if (r->tenant == NULL || !deliver_sign_wanted(r->c->sign))
		return true;
	r->signing =
	    deliver_sign_submit(r->c->sign, r->tenant, &r->bytes, on_signed, r);
	return false;
}

static void
on_base(
    void *arg, struct mail_base *base, enum store_status st, const char *why)
{
	struct deliver_content_req *r = arg;

	if (base == NULL) {
		r->status = st == STORE_OK || st == STORE_NOT_FOUND
				? DELIVER_CONTENT_DAMAGED
				: DELIVER_CONTENT_LATER;
		err_set(&r->e, "%s", why);
		answer(r);
	} else if (build(r, base)) {
		answer(r);
	}
}

static struct deliver_content_req *
start(struct deliver_content_req *r)
{
	const struct store_lease *l = r->lease;
	struct mail_base *base = NULL;

	if (l->record.base != 0) {
		base = deliver_base_find(r->c->bases, l->shard, l->record.base);
		if (base == NULL) {
			r->wait.done = on_base;
			r->wait.arg = r;
			deliver_base_get(
			    r->c->bases, l->shard, l->record.base, &r->wait);
			return r;
		}
	}
	if (build(r, base))
		loop_defer(r->c->loop, &r->answer, answer, r);
	return r;
}

/* tenant NULL: not to be signed. */
static struct deliver_content_req *
req_new(struct deliver_content *c, const struct store_lease *l,
    const char *tenant,
    void (*done)(void *arg, enum deliver_content_status st, struct buf *bytes,
	const char *text),
    void *arg)
{
	struct deliver_content_req *r = mem_zalloc(sizeof(*r));

	r->c = c;
	r->lease = l;
	r->tenant = tenant;
	r->eightbit_ok = true;
	r->done = done;
	r->arg = arg;
	return r;
}

struct deliver_content_req *
deliver_content_get(struct deliver_content *c, const struct store_lease *l,
    const struct store_campaign *campaign, bool eightbit_ok,
    void (*done)(void *arg, enum deliver_content_status st, struct buf *bytes,
	const char *text),
    void *arg)
{
	struct deliver_content_req *r =
	    req_new(c, l, campaign->tenant, done, arg);

	r->eightbit_ok = eightbit_ok;
	return start(r);
}

struct deliver_content_req *
deliver_content_original(struct deliver_content *c, const struct store_lease *l,
    void (*done)(void *arg, enum deliver_content_status st, struct buf *bytes,
	const char *text),
    void *arg)
{
	return start(req_new(c, l, NULL, done, arg));
}

void
deliver_content_cancel(struct deliver_content_req **r)
{
	if (*r == NULL)
		return;
	req_free(*r);
	*r = NULL;
}
