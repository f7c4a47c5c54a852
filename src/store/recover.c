#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/parts.h"

static void
on_recovered(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store_shard *sh = arg;
	enum store_status st = store_call_status(rst, r);

	if (sh->state != STORE_SHARD_RECOVERING)
		return;
	if (st == STORE_FENCED) {
		store_owner_fenced(sh);
		store_start_shard_done(sh->store);
		return;
	}
	if (rst == RDB_LOST || rst == RDB_DOWN)
		return; /* own starts it all over */
	/* What a damaged key holds back stays in flight; the rest goes on. */
	if (st == STORE_OK && rdb_reply_int_at(r, 0) > 0)
		store_recover_begin(sh);
	else
		store_owner_list(sh);
}

/* A former owner's records in flight, ours before a restart among them, back
 * to their lanes; the lanes are listed afterwards. */
void
store_recover_begin(struct store_shard *sh)
{
	struct rdb_codec *c = store_call_begin(sh, "recover", 3);

	rdb_codec_u64(c, sh->epoch);
	rdb_codec_num(c, clock_now());
	rdb_codec_u64(c, STORE_BATCH_MAX);
	store_call_send(sh, on_recovered, sh);
}

/* --- strays ------------------------------------------------------------ */

/* Leases whose reply was lost: in flight for Redis, unknown to us. */
struct store_strays {
	struct store_shard *shard;
	uint64_t *ids; /* owned */
	size_t n, at, asked;
};

static int
by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorted ids of all that we hold or still have to settle. */
static uint64_t *
known_ids(struct store_shard *sh, size_t *n)
{
	size_t max = store_settle_ids(sh, NULL, 0), k;
	struct list *it, *tmp;
	uint64_t *ids;

	LIST_FOREACH(it, tmp, &sh->leases)
		max++;
	ids = mem_alloc((max + 1) * sizeof(*ids));
	k = store_settle_ids(sh, ids, max);
	LIST_FOREACH(it, tmp, &sh->leases)
		ids[k++] = LIST_ENTRY(it, struct store_lease, link)->record.id;
	qsort(ids, k, sizeof(*ids), by_id);
	*n = k;
	return ids;
}

static void strays_ask(struct store_strays *t);

void
store_recover_close(struct store_shard *sh)
{
	if (sh->strays)
		free(sh->strays->ids);
	free(sh->strays);
	sh->strays = NULL;
}

static void
strays_end(struct store_strays *t, bool on)
{
	struct store_shard *sh = t->shard;

	store_recover_close(sh);
	if (on)
		store_owner_list(sh);
}

static void
on_stray_records(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store_strays *t = arg;
	size_t i;

	if (rst != RDB_OK || t->shard->state != STORE_SHARD_RECOVERING) {
		strays_end(t, rst == RDB_ERROR &&
			t->shard->state == STORE_SHARD_RECOVERING);
		return;
	}
	for (i = 0; i < rdb_reply_n(r); i++) {
		struct view v = rdb_reply_view_at(r, i);

		view_cut(&v, '\n');
		view_cut(&v, '\n');
		if (v.n >= STORE_RECORD_HEAD)
			store_settle_release(t->shard, store_call_id(v),
			    (uint16_t)((unsigned char)v.p[24] << 8 |
				(unsigned char)v.p[25]));
	}
	t->at += t->asked;
	strays_ask(t);
}

static void
strays_ask(struct store_strays *t)
{
	struct store_shard *sh = t->shard;
	struct rdb_codec c;
	char key[24];
	size_t i;

	t->asked = t->n - t->at < STORE_BATCH_MAX ? t->n - t->at :
						    STORE_BATCH_MAX;
	if (t->asked == 0) {
		strays_end(t, true);
		return;
	}
	snprintf(key, sizeof(key), "{%02u}:inf", sh->no);
	rdb_codec_begin(&c, rdb_begin(sh->store->rdb), t->asked + 2);
	rdb_codec_str(&c, "HMGET");
	rdb_codec_str(&c, key);
	for (i = 0; i < t->asked; i++)
		rdb_codec_id(&c, t->ids[t->at + i]);
	rdb_codec_end(&c);
	rdb_send(sh->store->rdb, on_stray_records, t, 0);
}

static void
on_inflight(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store_strays *t = arg;
	struct store_shard *sh = t->shard;
	size_t i, nknown;
	uint64_t *known, id;

	if (rst != RDB_OK || sh->state != STORE_SHARD_RECOVERING) {
		strays_end(t, rst == RDB_ERROR &&
			sh->state == STORE_SHARD_RECOVERING);
		return;
	}
	known = known_ids(sh, &nknown);
	t->ids = mem_alloc((rdb_reply_n(r) + 1) * sizeof(*t->ids));
	for (i = 0; i < rdb_reply_n(r); i++) {
		id = store_call_id(rdb_reply_view_at(r, i));
		if (!bsearch(&id, known, nknown, sizeof(id), by_id))
			t->ids[t->n++] = id;
	}
	free(known);
	if (t->n)
		log_info("shard.strays", "shard=%u records=%zu", sh->no, t->n);
	strays_ask(t);
}

/* The connection was lost and our lease of the shard holds: only answers to
 * lease calls may be missing. */
void
store_recover_strays(struct store_shard *sh)
{
	struct store_strays *t = mem_zalloc(sizeof(*t));
	char words[40];

	store_recover_close(sh);
	sh->strays = t;
	t->shard = sh;
	snprintf(words, sizeof(words), "HKEYS {%02u}:inf", sh->no);
	rdb_words(sh->store->rdb, words, on_inflight, t);
}
