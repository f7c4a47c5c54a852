#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "store/message.h"

#define RECORD_BYTES 160 /* beside addresses and patch, with its framing */

/* An id: shard (10 bits), incarnation (18), counter (36).  Unique within a
 * shard for as long as any record lives; the shard makes it so in the whole
 * queue, and lets an operator's question go to one shard. */
static uint64_t
next_id(struct store_shard *sh)
{
	const uint64_t inc = sh->inc & ((1u << 18) - 1);
	const uint64_t counter = ++sh->counter & ((UINT64_C(1) << 36) - 1);

	return (uint64_t)sh->no << 54 | inc << 36 | counter;
}

bool
store_enqueue_alive(const struct store_enqueue *q)
{
	return !q->answered && !q->req.dead;
}

static void
release(void *p)
{
	struct store_enqueue *q = p;

	list_remove(&q->timed);
	free(q->order);
	free(q->parts);
	free(q);
}

/* Who fell out is told like those whom reap drops. */
static void
tell_suppressed(struct store_enqueue *q)
{
	struct store *s = q->req.store;
	struct buf packed = { 0 };
	size_t i;

	for (i = 0; i < q->m->nrcpt && !s->dead; i++) {
		const struct store_new *r = &q->m->rcpt[i];
		struct store_record rec = r->record;

		if (!r->suppressed)
			continue;
		rec.patch = VIEW("");
		buf_clear(&packed);
		store_record_pack(&rec, &packed);
		s->ops->on_dropped(s->arg, q->m->campaign->id, r->domain,
		    buf_view(&packed), 's');
	}
	buf_fini(&packed);
}

void
store_enqueue_answer(struct store_enqueue *q, enum store_status st,
    const char *text)
{
	bool alive = store_enqueue_alive(q);

	if (alive && st == STORE_OK && q->req.store->ops->on_dropped != NULL)
		tell_suppressed(q);
	q->answered = true;
	q->m = NULL;
	list_remove(&q->timed);
	if (q->open == 0)
		store_req_end(&q->req);
	if (alive)
		q->done(q->arg, st, text);
}

static void
all_done(struct store_enqueue *q)
{
	if (!store_enqueue_alive(q)) {
		if (q->stage[0])
			store_stage_abort(q);
		store_req_end(&q->req);
	} else if (q->failed != STORE_OK) {
		if (q->stage[0])
			store_stage_abort(q);
		store_enqueue_answer(q, q->failed, q->text);
	} else if (q->stage[0]) {
		store_stage_commit(q);
	} else {
		store_enqueue_answer(q, STORE_OK, "");
	}
}

void
store_enqueue_part_done(struct store_part *p, enum store_status st,
    const char *text)
{
	struct store_enqueue *q = p->q;

	list_remove(&p->on);
	p->done = true;
	p->ok = st == STORE_OK;
	q->open--;
	if (st != STORE_OK && q->failed == STORE_OK) {
		q->failed = st;
		snprintf(q->text, sizeof(q->text), "%s", text);
	}
	if (q->open == 0)
		all_done(q);
}

/* Parts that did not leave yet need not leave. */
static void
take_back(struct store_enqueue *q)
{
	size_t i;

	for (i = 0; i < q->nparts; i++) {
		struct store_part *p = &q->parts[i];

		if (p->sent || p->done)
			continue;
		list_remove(&p->on);
		p->done = true;
		q->open--;
	}
}

/* Nobody waits any more.  What is under way ends by itself. */
static void
leave(struct store_enqueue *q)
{
	take_back(q);
	if (q->open || !q->stage[0])
		return;
	if (q->committing)
		store_stage_forget(q);
	else
		store_stage_abort(q);
}

static void
cancelled(struct store_req *r)
{
	struct store_enqueue *q = LIST_ENTRY(r, struct store_enqueue, req);

	q->m = NULL;
	list_remove(&q->timed);
	if (q->answered)
		return;
	leave(q);
	if (q->open == 0)
		store_req_end(r);
}

void
store_enqueue_deadlines(struct store *s, int64_t now)
{
	while (!list_empty(&s->timed)) {
		struct store_enqueue *q =
		    LIST_ENTRY(s->timed.next, struct store_enqueue, timed);

		if (q->deadline_ms > now)
			return;
		leave(q);
		store_enqueue_answer(q, STORE_UNAVAILABLE,
		    "the queue does not answer in time");
		if (s->dead)
			return;
	}
}

void
store_enqueue_flush(struct store *s)
{
	unsigned i;

	if (s->phase != STORE_UP)
		return;
	for (i = 0; i < s->nshards; i++)
		if (!list_empty(&s->shard[i].parts))
			store_batch_flush(&s->shard[i]);
}

/* --- a message comes in ------------------------------------------------ */

static void
refuse(void *arg)
{
	struct store_enqueue *q = arg;

	store_enqueue_answer(q, q->failed, q->text);
}

static size_t
bytes_of(const struct store_new *r)
{
	return RECORD_BYTES + r->record.patch.n + r->record.sender.n +
	    r->record.rcpt.n + r->record.envid.n + r->record.orcpt.n;
}

static size_t
bases_of(const struct store_message *m, const struct store_shard *sh)
{
	size_t i, n = 0;

	for (i = 0; i < m->nbase; i++)
		if (!store_batch_knows(sh, m->base[i].id))
			n += m->base[i].stored.n;
	return n;
}

/* Recipients in the order of their shards (counting sort). */
static void
sort_by_shard(struct store_enqueue *q)
{
	struct store *s = q->req.store;
	size_t *start = mem_zalloc((s->nshards + 1) * sizeof(*start)), i;

	for (i = 0; i < q->m->nrcpt; i++)
		start[q->m->rcpt[i].addr.shard + 1]++;
	for (i = 0; i < s->nshards; i++)
		start[i + 1] += start[i];
	for (i = 0; i < q->m->nrcpt; i++)
		q->order[start[q->m->rcpt[i].addr.shard]++] = i;
	free(start);
}

static void
cut_parts(struct store_enqueue *q)
{
	struct store *s = q->req.store;
	struct store_part *p = NULL;
	size_t i;

	q->parts = mem_zalloc(q->m->nrcpt * sizeof(q->parts[0]));
	for (i = 0; i < q->m->nrcpt; i++) {
		struct store_new *r = &q->m->rcpt[q->order[i]];
		struct store_shard *sh = &s->shard[r->addr.shard];

		if (p == NULL || p->shard != sh || p->n == STORE_BATCH_MAX ||
		    p->bytes > STORE_BATCH_BYTES) {
			p = &q->parts[q->nparts++];
			*p = (struct store_part){ .q = q, .shard = sh,
				.from = i };
		}
		r->id = next_id(sh);
		r->suppressed = r->cancelled = false;
		r->record.id = r->id;
		memcpy(r->record.addr_hash, r->addr.hash,
		    sizeof(r->addr.hash));
		p->n++;
		p->bytes += bytes_of(r);
		if (p->n == 1)
			p->bytes += bases_of(q->m, sh);
	}
}

static void
name_stage(struct store_enqueue *q)
{
	char id[STORE_ID_MAX];

	store_record_id_text(q->m->rcpt[q->order[0]].id, id);
	snprintf(q->stage, sizeof(q->stage), "%u.%s", q->parts[0].shard->no,
	    id);
}

/* What Lua would refuse, and with it the mail of others in the same call. */
static bool
good_recipient(const struct store *s, const struct store_new *r)
{
	size_t n = r->domain ? strlen(r->domain) : 0;

	return r->addr.shard < s->nshards && n > 0 && n < 256 &&
	    strchr(r->domain, '\n') == NULL;
}

/* 0, or -1 with the refusal in q. */
static int
check(struct store_enqueue *q)
{
	struct store *s = q->req.store;
	size_t i;

	if (s->phase != STORE_UP) {
		q->failed = STORE_UNAVAILABLE;
		snprintf(q->text, sizeof(q->text), "the queue is not there: %.100s", s->why);
		return -1;
	}
	for (i = 0; i < q->m->nrcpt; i++)
		if (!good_recipient(s, &q->m->rcpt[i]))
			break;
	if (q->m->nrcpt == 0 || i < q->m->nrcpt ||
	    q->m->nbase > sizeof(q->m->base) / sizeof(q->m->base[0])) {
		q->failed = STORE_REFUSED;
		snprintf(q->text, sizeof(q->text), "no recipient that can be queued");
		return -1;
	}
	return 0;
}

struct store_req *
store_enqueue(struct store *s, struct store_message *m,
    void (*done)(void *arg, enum store_status st, const char *text), void *arg)
{
	struct store_enqueue *q = store_req_new(s, sizeof(*q), release);
	size_t i;

	q->m = m;
	q->done = done;
	q->arg = arg;
	q->req.cancelled = cancelled;
	q->deadline_ms = loop_ms() + s->conf->redis.call_timeout_ms;
	if (check(q)) {
		loop_defer(s->loop, &q->req.task, refuse, q);
		return &q->req;
	}
	q->order = mem_alloc(m->nrcpt * sizeof(q->order[0]));
	if (s->nshards == 1)
		for (i = 0; i < m->nrcpt; i++)
			q->order[i] = i;
	else
		sort_by_shard(q);
	cut_parts(q);
	q->open = q->nparts;
	if (q->nparts > 1)
		name_stage(q);
	for (i = 0; i < q->nparts; i++)
		list_append(&q->parts[i].shard->parts, &q->parts[i].on);
	list_append(&s->timed, &q->timed);
	loop_flush_later(s->loop, &s->flush, store_turn, s);
	return &q->req;
}
