#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "stats/stats.h"
#include "store/journal.h"
#include "store/parts.h"

#define SETTLE_BATCH 64   /* so many leave at the end of the turn */
#define SETTLE_WAIT_MS 20 /* fewer wait so long */
#define REFUSED_WAIT_MS 500
#define TRIES_MAX 20
#define NO_FILE 255 /* not in the journal */

/* Outcomes of one call, until Redis confirmed them. */
struct batch {
	struct list link; /* on shard->settling */
	struct store_shard *shard;
	struct rdb_call *call; /* NULL: to be sent again */
	bool late; /* told to a shard that is no longer ours */
	unsigned tries;
	size_t n;
	struct store_journal_entry x[];
};

static const char codes[] = {
	[STORE_SENT] = 'k',
	[STORE_DEFERRED] = 'd',
	[STORE_BOUNCED] = 'b',
	[STORE_EXPIRED] = 'x',
	[STORE_DROPPED] = 'f',
	[STORE_CANCELLED_] = 'c',
	[STORE_RELEASED] = 'r',
	[STORE_PARK] = 'p',
};

static void
add(struct store_shard *sh, const struct store_journal_entry *x)
{
	if (sh->nout == sh->out_cap) {
		sh->out_cap = sh->out_cap ? 2 * sh->out_cap : 256;
		sh->out = mem_realloc(sh->out, sh->out_cap * sizeof(*x));
	}
	sh->out[sh->nout++] = *x;
	sh->unsettled++;
}

static void
on_replayed(void *arg, const struct store_journal_entry *x)
{
	struct store *s = arg;

	if (x->shard < s->nshards)
		add(&s->shard[x->shard], x);
}

int
store_settle_open(struct store *s, struct err *e)
{
	char *path = mem_printf("%s/outcomes", s->spool);
	unsigned i;

	s->journal = store_journal_open(path, on_replayed, s, e);
	free(path);
	for (i = 0; s->journal && i < s->nshards; i++)
		if (s->shard[i].unsettled)
			log_info("journal.replay", "shard=%u outcomes=%zu", i,
			    s->shard[i].unsettled);
	return s->journal ? 0 : -1;
}

void
store_settle_close(struct store *s)
{
	unsigned i;

	for (i = 0; s->shard && i < s->nshards; i++) {
		struct list *it;

		while ((it = list_pop(&s->shard[i].settling)) != NULL)
			free(LIST_ENTRY(it, struct batch, link));
		free(s->shard[i].out);
		s->shard[i].out = NULL;
		s->shard[i].nout = 0;
	}
	store_journal_close(&s->journal);
}

/* --- confirmed --------------------------------------------------------- */

static void
confirm(struct batch *b)
{
	struct store_shard *sh = b->shard;
	struct store *s = sh->store;
	size_t i;

	for (i = 0; i < b->n; i++)
		if (b->x[i].file != NO_FILE)
			store_journal_confirm(s->journal, b->x[i].file);
	stats_set(STATS_STORE_JOURNAL_BYTES,
	    (int64_t)store_journal_bytes(s->journal));
	sh->unsettled -= b->n;
	list_remove(&b->link);
	free(b);
	if (sh->unsettled == 0)
		store_owner_on_settled(sh);
}

/* Redis names a damaged key, or is short of something: again, but not for
 * ever and not at once. */
static void
put_off(struct batch *b, struct view text)
{
	b->call = NULL;
	if (++b->tries >= TRIES_MAX) {
		log_error("settle.given_up", "shard=%u outcomes=%zu text=%s",
		    b->shard->no, b->n, log_q(text));
		confirm(b);
		return;
	}
	b->shard->settle_after_ms = loop_ms() + REFUSED_WAIT_MS;
}

static void
on_settled(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct batch *b = arg;
	struct store_shard *sh = b->shard;
	struct view text = rdb_reply_view(r);
	size_t i;
	int64_t none = 0;

	b->call = NULL;
	switch (store_call_status(rst, r)) {
	case STORE_OK:
		break;
	case STORE_FENCED:
		store_owner_fenced(sh);
		return; /* goes out again, as late */
	case STORE_UNAVAILABLE:
		if (rst == RDB_ERROR)
			sh->settle_after_ms = loop_ms() + REFUSED_WAIT_MS;
		return;
	case STORE_FULL:
	case STORE_REFUSED:
	case STORE_NOT_FOUND:
		put_off(b, text);
		return;
	}
	for (i = 0; i < text.n; i++)
		none += text.p[i] == '-';
	if (none)
		log_info("settle.unknown", "shard=%u outcomes=%" PRId64, sh->no,
		    none);
	stats_add(STATS_STORE_SETTLED, (int64_t)b->n);
	confirm(b);
}

static void
on_late(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct batch *b = arg;
	enum store_status st = store_call_status(rst, r);

	b->call = NULL;
	if (st == STORE_OK)
		confirm(b);
	else if (st != STORE_UNAVAILABLE)
		put_off(b, rdb_reply_view(r));
}

/* --- sending ----------------------------------------------------------- */

static void
write_settle(struct batch *b)
{
	struct store_shard *sh = b->shard;
	struct rdb_codec *c = store_call_begin(sh, "settle", 2 + 5 * b->n);
	size_t i;

	rdb_codec_u64(c, sh->epoch);
	rdb_codec_num(c, clock_now());
	for (i = 0; i < b->n; i++) {
		rdb_codec_id(c, b->x[i].id);
		rdb_codec_u64(c, b->x[i].attempt);
		rdb_codec_view(c, view_of(&b->x[i].code, 1));
		rdb_codec_str(c, b->x[i].a);
		rdb_codec_str(c, "");
	}
	b->call = store_call_send(sh, on_settled, b);
}

/* What is final is told to whoever has the shard now; the rest went back to
 * the lanes with the take-over. */
static void
write_late(struct batch *b)
{
	struct store_shard *sh = b->shard;
	struct rdb_codec *c = store_call_begin(sh, "late", 3 * b->n);
	size_t i;

	for (i = 0; i < b->n; i++) {
		rdb_codec_id(c, b->x[i].id);
		rdb_codec_u64(c, b->x[i].attempt);
		rdb_codec_view(c, view_of(&b->x[i].code, 1));
	}
	b->call = store_call_send(sh, on_late, b);
}

static void
write_batch(struct batch *b)
{
	b->late = !b->shard->ours;
	if (b->late)
		write_late(b);
	else
		write_settle(b);
}

static void
cut_batch(struct store_shard *sh, size_t at, size_t n)
{
	struct batch *b = mem_alloc(sizeof(*b) + n * sizeof(b->x[0]));

	*b = (struct batch){ .shard = sh, .n = n };
	memcpy(b->x, sh->out + at, n * sizeof(b->x[0]));
	list_append(&sh->settling, &b->link);
	write_batch(b);
}

/* all: those that could wait for more, too. */
void
store_settle_flush(struct store_shard *sh, bool all)
{
	struct list *it, *tmp;
	size_t at = 0, n;

	if (!rdb_is_up(sh->store->rdb) || sh->state == STORE_SHARD_OWNING ||
	    (!sh->ours && !sh->settled) || loop_ms() < sh->settle_after_ms)
		return;
	LIST_FOREACH(it, tmp, &sh->settling) {
		struct batch *b = LIST_ENTRY(it, struct batch, link);

		if (b->call == NULL)
			write_batch(b);
	}
	while ((n = sh->nout - at) >= SETTLE_BATCH || (all && n)) {
		if (n > STORE_BATCH_MAX)
			n = STORE_BATCH_MAX;
		cut_batch(sh, at, n);
		at += n;
	}
	sh->nout -= at;
	if (at && sh->nout)
		memmove(sh->out, sh->out + at, sh->nout * sizeof(sh->out[0]));
}

void
store_settle_away(struct store_shard *sh)
{
	struct list *it, *tmp;

	LIST_FOREACH(it, tmp, &sh->settling)
		rdb_cancel(&LIST_ENTRY(it, struct batch, link)->call);
}

static void
flush_all(void *arg)
{
	struct store *s = arg;
	bool left = false;
	unsigned i;

	for (i = 0; i < s->nshards; i++) {
		if (s->shard[i].unsettled == 0)
			continue;
		store_settle_flush(&s->shard[i], true);
		left = left || s->shard[i].nout;
	}
	if (left)
		loop_timer_start(&s->settle, SETTLE_WAIT_MS);
}

void
store_settle_load(struct store *s)
{
	loop_timer_init(&s->settle, s->loop, flush_all, s);
}

/* The journal first: one write for all of this turn. */
void
store_settle_turn(struct store *s)
{
	struct err e;
	bool wait = false;
	unsigned i;

	if (store_journal_flush(s->journal, &e) == 0) {
		s->journal_bad = false;
	} else if (!s->journal_bad) {
		log_error("journal.write", "error=%s",
		    log_q(view_str(e.text)));
		s->journal_bad = true;
	}
	for (i = 0; i < s->nshards; i++) {
		struct store_shard *sh = &s->shard[i];

		if (sh->nout >= SETTLE_BATCH)
			store_settle_flush(sh, false);
		wait = wait || sh->nout;
	}
	if (wait && !loop_timer_pending(&s->settle))
		loop_timer_start(&s->settle, SETTLE_WAIT_MS);
}

/* --- outcomes come in -------------------------------------------------- */

/* A hard bounce says something about the address, but to the tenant's mail
 * only: one tenant's word must not silence another's. */
static void
bounce_scope(struct store *s, uint64_t campaign, char reason,
    char out[STORE_JOURNAL_A_MAX])
{
	uint64_t tenant = store_campaign_tenant(s, campaign);

	if (tenant)
		snprintf(out, STORE_JOURNAL_A_MAX, "t%" PRIu64 "%c", tenant,
		    reason);
}

void
store_settle(struct store *s, struct store_lease **lp, enum store_outcome out,
    int64_t due_ms, char suppress_reason)
{
	struct store_lease *l = *lp;
	struct store_journal_entry x = { .id = l->record.id,
		.shard = l->shard,
		.attempt = l->record.attempt,
		.code = codes[out],
		.file = NO_FILE };

	BUG_ON(l->shard >= s->nshards);
	if (out == STORE_DEFERRED)
		snprintf(x.a, sizeof(x.a), "%" PRId64,
		    store_call_due(due_ms));
	else if (out == STORE_BOUNCED && suppress_reason)
		bounce_scope(s, l->campaign, suppress_reason, x.a);
	/* Released or parked again after a crash does no harm; but replayed
	 * into a later lease of the same attempt it would. */
	if (out != STORE_RELEASED && out != STORE_PARK)
		store_journal_add(s->journal, &x);
	add(&s->shard[l->shard], &x);
	store_lease_free(lp);
	loop_flush_later(s->loop, &s->flush, store_turn, s);
}

void
store_settle_release(struct store_shard *sh, uint64_t id, uint16_t attempt)
{
	struct store_journal_entry x = { .id = id, .shard = sh->no,
		.attempt = attempt, .code = 'r', .file = NO_FILE };

	add(sh, &x);
	loop_flush_later(sh->store->loop, &sh->store->flush, store_turn,
	    sh->store);
}

/* Ids with an outcome that Redis may not know yet; returns how many there
 * are, of which at most max were written. */
size_t
store_settle_ids(struct store_shard *sh, uint64_t *ids, size_t max)
{
	struct list *it, *tmp;
	size_t i, n = 0;

	for (i = 0; i < sh->nout; i++, n++)
		if (n < max)
			ids[n] = sh->out[i].id;
	LIST_FOREACH(it, tmp, &sh->settling) {
		struct batch *b = LIST_ENTRY(it, struct batch, link);

		for (i = 0; i < b->n; i++, n++)
			if (n < max)
				ids[n] = b->x[i].id;
	}
	return n;
}
