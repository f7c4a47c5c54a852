#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "rdb/codec.h"
#include "store/campaign.h"
#include "store/message.h"

/* Calls under way in a shard.  The shard remembers the answers to the last 64
 * (a repeat after a lost connection must find its own), and what waits
 * meanwhile travels together. */
#define FLYING_MAX 8
#define TRIES_MAX 6
#define BASES_MAX (2 * STORE_BATCH_MAX) /* a message has two at most */
#define KNOWN_MAX 4096

struct base {
	uint64_t id;
	uint64_t campaign; /* pinned for it; 0: not pinned */
	struct view stored;
};

struct store_batch {
	struct list on; /* on shard->batches or shard->again */
	struct store_shard *shard; /* borrowed */
	struct list parts;
	size_t nrec, bytes;
	struct buf cmd; /* as sent: a repeat must be the same */
	struct rdb_call *call;
	unsigned tries;
	struct base base[BASES_MAX]; /* given with it */
	size_t nbase;
	uint64_t need[BASES_MAX]; /* asked for by NOBASE */
	size_t nneed;
};

static void send_batch(struct store_batch *b);

static void
batch_free(struct store_batch *b)
{
	if (list_linked(&b->on)) {
		list_remove(&b->on);
		b->shard->nbatches--;
	}
	buf_fini(&b->cmd);
	free(b);
}

/* Ends every part; the batch is gone afterwards. */
static void
batch_end(struct store_batch *b, enum store_status st, const char *text)
{
	struct store *s = b->shard->store;
	struct list parts, *it;

	list_init(&parts);
	while ((it = list_pop(&b->parts)) != NULL)
		list_append(&parts, it);
	batch_free(b);
	while ((it = list_pop(&parts)) != NULL) {
		store_enqueue_part_done(LIST_ENTRY(it, struct store_part, on),
		    st, text);
		if (s->dead)
			return;
	}
}

/* --- writing ----------------------------------------------------------- */

static bool
is_needed(const struct store_batch *b, uint64_t id)
{
	size_t i;

	for (i = 0; i < b->nneed; i++)
		if (b->need[i] == id)
			return true;
	return false;
}

bool
store_batch_knows(const struct store_shard *sh, uint64_t base)
{
	return sh->known && sh->known[base % KNOWN_MAX] == base;
}

static void
learn(struct store_shard *sh, uint64_t base)
{
	if (sh->known == NULL)
		sh->known = mem_zalloc(KNOWN_MAX * sizeof(sh->known[0]));
	sh->known[base % KNOWN_MAX] = base;
}

/* A base goes along when Redis asked for it, or when, as far as we know, it is
 * not there or not yet pinned. */
static void
gather_bases(struct store_batch *b, const struct store_part *p)
{
	const struct store_message *m = p->q->m;
	uint64_t c = m->campaign->id;
	size_t i, k;

	for (i = 0; i < m->nbase; i++) {
		uint64_t id = m->base[i].id;
		bool pin = m->base[i].pin &&
		    store_campaign_pinned(b->shard->store, c, b->shard->no) !=
			id;

		if (!pin && store_batch_knows(b->shard, id) &&
		    !is_needed(b, id))
			continue;
		for (k = 0; k < b->nbase; k++)
			if (b->base[k].id == id)
				break;
		if (k == BASES_MAX)
			continue;
		if (k == b->nbase)
			b->base[b->nbase++] = (struct base){ .id = id,
				.stored = m->base[i].stored };
		if (pin && b->base[k].campaign == 0)
			b->base[k].campaign = c;
	}
}

static void
write_records(struct rdb_codec *c, const struct store_part *p, struct buf *rec)
{
	const struct store_message *m = p->q->m;
	size_t i;

	for (i = 0; i < p->n; i++) {
		const struct store_new *r = &m->rcpt[p->q->order[p->from + i]];

		buf_clear(rec);
		store_record_pack(&r->record, rec);
		rdb_codec_u64(c, m->campaign->id);
		rdb_codec_str(c, r->domain);
		rdb_codec_num(c, store_call_due(r->due_ms));
		rdb_codec_view(c, buf_view(rec));
	}
}

static void
write_batch(struct store_batch *b)
{
	struct store_shard *sh = b->shard;
	struct store_part *first =
	    LIST_ENTRY(b->parts.next, struct store_part, on);
	struct list *it, *tmp;
	struct buf rec = { 0 };
	struct rdb_codec c;
	size_t i;

	b->nbase = 0;
	LIST_FOREACH(it, tmp, &b->parts)
		gather_bases(b, LIST_ENTRY(it, struct store_part, on));
	buf_clear(&b->cmd);
	store_call_write(&c, &b->cmd, sh, "enqueue",
	    5 + 3 * b->nbase + 4 * b->nrec);
	rdb_codec_u64(&c, sh->inc);
	rdb_codec_u64(&c, ++sh->seq);
	rdb_codec_num(&c, clock_now());
	rdb_codec_str(&c, first->q->stage);
	rdb_codec_u64(&c, b->nbase);
	for (i = 0; i < b->nbase; i++) {
		rdb_codec_id(&c, b->base[i].id);
		rdb_codec_view(&c, b->base[i].stored);
		if (b->base[i].campaign)
			rdb_codec_u64(&c, b->base[i].campaign);
		else
			rdb_codec_str(&c, "");
	}
	LIST_FOREACH(it, tmp, &b->parts)
		write_records(&c, LIST_ENTRY(it, struct store_part, on), &rec);
	rdb_codec_end(&c);
	buf_fini(&rec);
}

/* --- answers ----------------------------------------------------------- */

static bool
anyone_alive(const struct store_batch *b)
{
	struct list *it, *tmp;

	LIST_FOREACH(it, tmp, &b->parts)
		if (store_enqueue_alive(
			LIST_ENTRY(it, struct store_part, on)->q))
			return true;
	return false;
}

/* Before it is written anew: m of those who went can't be read any more. */
static void
drop_dead(struct store_batch *b)
{
	struct list *it, *tmp;

	LIST_FOREACH(it, tmp, &b->parts) {
		struct store_part *p = LIST_ENTRY(it, struct store_part, on);

		if (store_enqueue_alive(p->q))
			continue;
		b->nrec -= p->n;
		store_enqueue_part_done(p, STORE_UNAVAILABLE, "cancelled");
	}
}

static void
write_again(struct store_batch *b, const char *why)
{
	drop_dead(b);
	if (list_empty(&b->parts)) {
		batch_end(b, STORE_UNAVAILABLE, why);
	} else if (++b->tries > TRIES_MAX) {
		log_error("enqueue.refused", "shard=%u why=%s", b->shard->no,
		    why);
		batch_end(b, STORE_UNAVAILABLE, why);
	} else {
		write_batch(b);
		send_batch(b);
	}
}

static void
apply_letters(struct store_batch *b, struct view letters)
{
	struct list *it, *tmp;
	size_t at = 0, i;

	LIST_FOREACH(it, tmp, &b->parts) {
		struct store_part *p = LIST_ENTRY(it, struct store_part, on);

		for (i = 0; i < p->n && at < letters.n; i++, at++) {
			struct store_new *r;

			if (!store_enqueue_alive(p->q))
				continue;
			r = &p->q->m->rcpt[p->q->order[p->from + i]];
			r->suppressed = letters.p[at] == 's';
			r->cancelled = letters.p[at] == 'x';
		}
	}
	for (i = 0; i < b->nbase; i++) {
		learn(b->shard, b->base[i].id);
		if (b->base[i].campaign)
			store_campaign_pin(b->shard->store,
			    b->base[i].campaign, b->shard->no, b->base[i].id);
	}
}

static void
on_replicated(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store_batch *b = arg;
	struct store *s = b->shard->store;

	b->call = NULL;
	if (rst == RDB_OK && rdb_reply_int(r) >= s->conf->redis.replicas)
		batch_end(b, STORE_OK, "");
	else
		batch_end(b, STORE_UNAVAILABLE, "too few replicas confirm");
}

static void
on_ok(struct store_batch *b, struct view letters)
{
	struct store_shard *sh = b->shard;
	struct store *s = sh->store;
	char words[64];

	if (letters.n != b->nrec) {
		batch_end(b, STORE_REFUSED, "a strange answer of the queue");
		return;
	}
	apply_letters(b, letters);
	store_tick_soon(sh);
	if (s->conf->redis.durability != CONF_DURABLE_REPLICA) {
		batch_end(b, STORE_OK, "");
		return;
	}
	snprintf(words, sizeof(words), "WAIT %u %lld",
	    s->conf->redis.replicas,
	    (long long)s->conf->redis.call_timeout_ms / 2);
	b->call = rdb_words(s->rdb, words, on_replicated, b);
}

static void
on_missing_bases(struct store_batch *b, const struct rdb_reply *r)
{
	size_t i;

	for (i = 1; i < rdb_reply_n(r) && b->nneed < BASES_MAX; i++) {
		uint64_t id = store_call_id(rdb_reply_view_at(r, i));

		if (!is_needed(b, id))
			b->need[b->nneed++] = id;
	}
	write_again(b, "a base is missing");
}

static void
on_missing_campaigns(struct store_batch *b, const struct rdb_reply *r)
{
	struct store *s = b->shard->store;
	size_t i;

	for (i = 1; i < rdb_reply_n(r); i++) {
		struct store_campaign *c = store_campaign_by_id(s,
		    store_call_u64(rdb_reply_view_at(r, i)));

		if (c)
			store_campaign_create(b->shard,
			    store_campaign_camp(c));
	}
	write_again(b, "a campaign is missing");
}

static const char *
text_of(enum store_status st)
{
	switch (st) {
	case STORE_FULL:
		return "the queue is full";
	case STORE_UNAVAILABLE:
	case STORE_FENCED:
		return "the queue is not available";
	case STORE_OK:
	case STORE_REFUSED:
	case STORE_NOT_FOUND:
		break;
	}
	return "the queue refused the message";
}

/* One damaged lane must not refuse everybody's mail: each on its own. */
static void
split(struct store_batch *b)
{
	struct store_shard *sh = b->shard;
	struct list *it;

	while (!list_empty(&b->parts)) {
		struct store_part *p =
		    LIST_ENTRY(b->parts.prev, struct store_part, on);

		it = &p->on;
		list_remove(it);
		if (!store_enqueue_alive(p->q)) {
			store_enqueue_part_done(p, STORE_UNAVAILABLE,
			    "cancelled");
			continue;
		}
		p->alone = true;
		p->sent = false;
		list_prepend(&sh->parts, it);
	}
	batch_free(b);
}

static void
on_enqueued(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store_batch *b = arg;
	struct store_shard *sh = b->shard;
	struct store *s = sh->store;
	enum store_status st = store_call_status(rst, r);
	const struct rdb_reply *word = rdb_reply_at(r, 0);

	b->call = NULL;
	if (rst == RDB_LOST || rst == RDB_DOWN) {
		/* Repeated with the same number, it happens once. */
		list_remove(&b->on);
		list_append(&sh->again, &b->on);
		return;
	}
	if (st == STORE_REFUSED && b->parts.next != b->parts.prev)
		split(b);
	else if (st != STORE_OK)
		batch_end(b, st, text_of(st));
	else if (rdb_reply_is(word, "OK"))
		on_ok(b, rdb_reply_view_at(r, 1));
	else if (rdb_reply_is(word, "NOBASE"))
		on_missing_bases(b, r);
	else if (rdb_reply_is(word, "NOCAMP"))
		on_missing_campaigns(b, r);
	else
		batch_end(b, STORE_REFUSED, "a strange answer of the queue");
	if (!s->dead && s->phase == STORE_UP && !list_empty(&sh->parts))
		store_batch_flush(sh);
}

/* --- sending ----------------------------------------------------------- */

static void
send_batch(struct store_batch *b)
{
	struct store *s = b->shard->store;
	struct buf *out = rdb_begin(s->rdb);

	buf_addv(out, buf_view(&b->cmd));
	b->call = rdb_send(s->rdb, on_enqueued, b, 0);
}

/* As many whole parts as fit; a staged one travels alone. */
static struct store_batch *
fill(struct store_shard *sh)
{
	struct store_batch *b = mem_alloc(sizeof(*b));

	/* The arrays need no zeroes. */
	memset(b, 0, offsetof(struct store_batch, base));
	b->nbase = b->nneed = 0;
	b->shard = sh;
	list_init(&b->parts);
	while (!list_empty(&sh->parts)) {
		struct store_part *p =
		    LIST_ENTRY(sh->parts.next, struct store_part, on);
		bool alone = p->alone || p->q->stage[0];

		if (b->nrec &&
		    (alone || b->nrec + p->n > STORE_BATCH_MAX ||
			b->bytes + p->bytes > STORE_BATCH_BYTES))
			break;
		list_remove(&p->on);
		list_append(&b->parts, &p->on);
		p->sent = true;
		b->nrec += p->n;
		b->bytes += p->bytes;
		if (alone)
			break;
	}
	return b;
}

void
store_batch_flush(struct store_shard *sh)
{
	while (!list_empty(&sh->parts) && sh->nbatches < FLYING_MAX) {
		struct store_batch *b = fill(sh);

		list_append(&sh->batches, &b->on);
		sh->nbatches++;
		write_batch(b);
		send_batch(b);
	}
}

void
store_batch_resend(struct store_shard *sh)
{
	struct list now, *it;

	list_init(&now);
	while ((it = list_pop(&sh->again)) != NULL)
		list_append(&now, it);
	while ((it = list_pop(&now)) != NULL) {
		struct store_batch *b = LIST_ENTRY(it, struct store_batch, on);

		list_append(&sh->batches, &b->on);
		if (anyone_alive(b))
			send_batch(b);
		else
			batch_end(b, STORE_UNAVAILABLE, "too late");
	}
}

void
store_batch_close(struct store_shard *sh)
{
	while (!list_empty(&sh->batches))
		batch_free(
		    LIST_ENTRY(sh->batches.next, struct store_batch, on));
	while (!list_empty(&sh->again))
		batch_free(LIST_ENTRY(sh->again.next, struct store_batch, on));
	free(sh->known);
	sh->known = NULL;
}
