#include "config.h"

#include "deliver/batch.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/clock.h"
#include "base/mem.h"
#include "deliver/job.h"
#include "store/store.h"

static_assert(
    (int)SMTP_CLIENT_NOTIFY_NEVER == (int)STORE_NOTIFY_NEVER &&
	(int)SMTP_CLIENT_NOTIFY_SUCCESS == (int)STORE_NOTIFY_SUCCESS &&
	(int)SMTP_CLIENT_NOTIFY_FAILURE == (int)STORE_NOTIFY_FAILURE &&
	(int)SMTP_CLIENT_NOTIFY_DELAY == (int)STORE_NOTIFY_DELAY,
    "notify bits are the same");
static_assert((int)SMTP_CLIENT_RET_FULL == (int)STORE_RET_FULL &&
		  (int)SMTP_CLIENT_RET_HDRS == (int)STORE_RET_HDRS,
    "ret values are the same");

void
deliver_batch_reserve(struct deliver_batch *b, size_t n)
{
	if (n <= b->cap)
		return;
	b->jobs = mem_realloc(b->jobs, n * sizeof(b->jobs[0]));
	b->cap = n;
}

static void
on_content(void *arg, enum deliver_content_status st, struct buf *bytes,
    const char *text)
{
	struct deliver_batch *b = arg;

	b->req = NULL;
	b->ready = true;
	b->status = st;
	if (st == DELIVER_CONTENT_OK)
		buf_swap(&b->bytes, bytes);
	snprintf(b->text, sizeof(b->text), "%s", text ? text : "");
	b->on_ready(b->arg);
}

void
deliver_batch_prepare(struct deliver_batch *b, struct deliver_content *c,
    bool eightbit_ok, void (*on_ready)(void *arg), void *arg)
{
	BUG_ON(b->n == 0 || b->req);
	b->ready = false;
	b->eightbit_ok = eightbit_ok;
	b->on_ready = on_ready;
	b->arg = arg;
	b->started_ms = clock_now();
	buf_clear(&b->bytes);
	b->req = deliver_content_get(c, b->jobs[0]->lease, b->jobs[0]->campaign,
	    eightbit_ok, on_content, b);
}

void
deliver_batch_clear(struct deliver_batch *b)
{
	deliver_content_cancel(&b->req);
	b->n = 0;
	b->ready = false;
	buf_fini(&b->bytes); /* idle sessions hold no contents */
}

void
deliver_batch_fini(struct deliver_batch *b)
{
	deliver_batch_clear(b);
	free(b->jobs);
	free(b->rcpt);
	*b = (struct deliver_batch){0};
}

static struct deliver_job *
take_out(struct deliver_batch *b, size_t i)
{
	struct deliver_job *j = b->jobs[i];

	memmove(
	    b->jobs + i, b->jobs + i + 1, (b->n - i - 1) * sizeof(b->jobs[0]));
	b->n--;
	return j;
}

static bool
is_8bit(struct view v)
{
	size_t i;

	for (i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] > 127)
			return true;
	return false;
}

static bool
needs_utf8(const struct deliver_job *j)
{
	return j->lease->record.smtputf8 || j->rcpt.utf8 ||
	       is_8bit(j->lease->record.sender);
}

static void
refuse(struct deliver_result *r, int kind, int code, int subject, int detail,
    const char *text)
{
	r->kind = kind;
	r->stage = MAIL_STAGE_LOCAL;
	r->code = code;
	r->enhanced[0] = code / 100;
	r->enhanced[1] = subject;
	r->enhanced[2] = detail;
	snprintf(r->text, sizeof(r->text), "%s", text);
}

/* What a content that is not there means for its jobs. */
static void
no_content(const struct deliver_batch *b, struct deliver_result *r)
{
	switch (b->status) {
	case DELIVER_CONTENT_OK:
		return;
	case DELIVER_CONTENT_LATER:
		refuse(r, DELIVER_UNTRIED, 450, 3, 0, b->text);
		return;
	case DELIVER_CONTENT_UNSIGNED:
		refuse(r, DELIVER_TEMPORARY, 450, 3, 0, b->text);
		return;
	case DELIVER_CONTENT_DAMAGED:
		refuse(r, DELIVER_UNREBUILT, 550, 6, 0, b->text);
		return;
	case DELIVER_CONTENT_NOT_7BIT:
		refuse(r, DELIVER_PERMANENT, 554, 6, 3, b->text);
		return;
	}
}

bool
deliver_batch_needs_7bit(
    const struct deliver_batch *b, const struct smtp_client_caps *caps)
{
	return b->n > 0 && b->ready && b->status == DELIVER_CONTENT_OK &&
	       b->eightbit_ok && b->jobs[0]->lease->record.eightbit &&
	       !caps->eightbit;
}

struct deliver_job *
deliver_batch_misfit(struct deliver_batch *b,
    const struct smtp_client_caps *caps, struct deliver_result *r)
{
	size_t i;

	if (b->n == 0)
		return NULL;
	/* RFC 6531 3.5; asked first, as nothing can make it fit. */
	for (i = 0; i < b->n && !caps->smtputf8; i++)
		if (needs_utf8(b->jobs[i])) {
			refuse(r, DELIVER_PERMANENT, 553, 6, 7,
			    "the message needs SMTPUTF8, which the peer does "
			    "not offer");
			return take_out(b, i);
		}
	if (b->status != DELIVER_CONTENT_OK) {
		no_content(b, r);
		return take_out(b, 0);
	}
	if (caps->size_max > 0 && b->bytes.n > caps->size_max) {
		refuse(r, DELIVER_PERMANENT, 552, 3, 4,
		    "the message is larger than the peer accepts");
		return take_out(b, 0);
	}
	return NULL;
}

struct deliver_job *
deliver_batch_fenced(struct deliver_batch *b, const struct store *s)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (!store_owns(s, b->jobs[i]->lease->shard))
			return take_out(b, i);
	return NULL;
}

bool
deliver_batch_owned(const struct deliver_batch *b, const struct store *s)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (!store_owns(s, b->jobs[i]->lease->shard))
			return false;
	return true;
}

struct smtp_client_tx *
deliver_batch_tx(struct deliver_batch *b)
{
	const struct store_record *first = &b->jobs[0]->lease->record;
	struct smtp_client_tx *tx = &b->tx;
	size_t i;

	if (b->n > b->rcpt_cap) {
		free(b->rcpt);
		b->rcpt = mem_zalloc(b->n * sizeof(b->rcpt[0]));
		b->rcpt_cap = b->n;
	}
	*tx = (struct smtp_client_tx){
	    .ret = (enum smtp_client_ret)first->ret,
	    .envid = first->envid,
	    .sender = first->sender,
	    .content = buf_view(&b->bytes),
	    .rcpt = b->rcpt,
	    .nrcpt = b->n,
	    .eightbit = first->eightbit && b->eightbit_ok,
	};
	for (i = 0; i < b->n; i++) {
		const struct deliver_job *j = b->jobs[i];

		b->rcpt[i].address = j->rcpt.text;
		b->rcpt[i].notify = j->lease->record.notify;
		b->rcpt[i].orcpt = j->lease->record.orcpt;
		tx->smtputf8 |= needs_utf8(j);
	}
	return tx;
}
