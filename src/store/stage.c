#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "store/message.h"

/*
 * A message of several calls is staged in each shard; the mark of its home
 * shard, which the stage's name tells ("3.00g..."), decides.  A stage that is
 * old was left by a crash, and the sweep asks its home what became of it.
 */
#define SWEEP_MS 5000
#define ORPHAN_MS 30000

struct commit {
	struct list on; /* on store->commits */
	struct store *store;     /* borrowed */
	struct store_enqueue *q; /* borrowed; NULL: nobody waits */
	char stage[STORE_STAGE_MAX];
	bool flying, decided;
	unsigned open;  /* shards that have not yet moved their stage */
	unsigned nshards;
	unsigned shard[]; /* each once; the first is the home */
};

/* One orphan. */
struct sweep {
	struct list on;            /* on store->sweeps */
	struct store_shard *shard; /* borrowed: where it lies */
	char stage[STORE_STAGE_MAX];
};

static void
commit_free(struct commit *c)
{
	list_remove(&c->on);
	free(c);
}

static void
commit_call(struct store_shard *sh, const char *stage, bool home,
    rdb_done_fn *done, void *arg)
{
	struct rdb_codec *cmd = store_call_begin(sh, "commit", 3);

	rdb_codec_str(cmd, stage);
	rdb_codec_num(cmd, clock_now());
	rdb_codec_str(cmd, home ? "1" : "0");
	store_call_send(sh, done, arg);
}

static void
unstage(struct store_shard *sh, const char *stage)
{
	struct rdb_codec *cmd = store_call_begin(sh, "unstage", 1);

	rdb_codec_str(cmd, stage);
	store_call_send(sh, NULL, NULL);
}

static void
forget_mark(struct store_shard *sh, const char *stage)
{
	struct rdb_codec *cmd = store_call_begin(sh, "forget", 1);

	rdb_codec_str(cmd, stage);
	store_call_send(sh, NULL, NULL);
}

/* --- commit ------------------------------------------------------------ */

/* A lost answer is left to the sweep. */
static void
on_moved(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct commit *c = arg;

	if (rst == RDB_OK && rdb_reply_is(rdb_reply_at(r, 0), "COMMITTED"))
		c->open--;
	if (--c->nshards)
		return;
	if (c->open == 0)
		forget_mark(&c->store->shard[c->shard[0]], c->stage);
	commit_free(c);
}

static void
move_others(struct commit *c)
{
	unsigned i, n = c->nshards;

	for (i = 0; i < n; i++)
		store_tick_soon(&c->store->shard[c->shard[i]]);
	c->nshards = c->open = n - 1;
	if (n == 1) {
		forget_mark(&c->store->shard[c->shard[0]], c->stage);
		commit_free(c);
		return;
	}
	for (i = 1; i < n; i++)
		commit_call(&c->store->shard[c->shard[i]], c->stage, false,
		    on_moved, c);
}

static void
answer(struct commit *c, enum store_status st, const char *text)
{
	struct store_enqueue *q = c->q;

	c->q = NULL;
	if (q)
		store_enqueue_answer(q, st, text);
}

static void
on_decided(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct commit *c = arg;
	struct store *s = c->store;
	enum store_status st = store_call_status(rst, r);
	unsigned i;

	c->flying = false;
	if (rst == RDB_LOST || rst == RDB_DOWN) {
		if (c->q == NULL)
			commit_free(c);
		return; /* else asked again when Redis is back */
	}
	if (st == STORE_OK && rdb_reply_is(rdb_reply_at(r, 0), "COMMITTED")) {
		c->decided = true;
		answer(c, STORE_OK, "");
		if (!s->dead)
			move_others(c);
		return;
	}
	for (i = 0; st == STORE_OK && i < c->nshards; i++)
		unstage(&s->shard[c->shard[i]], c->stage);
	answer(c, st == STORE_OK ? STORE_UNAVAILABLE : st,
	    "the message was not committed");
	if (!s->dead)
		commit_free(c);
}

static void
ask(struct commit *c)
{
	c->flying = true;
	commit_call(&c->store->shard[c->shard[0]], c->stage, true, on_decided,
	    c);
}

void
store_stage_commit(struct store_enqueue *q)
{
	struct store *s = q->req.store;
	struct commit *c = mem_zalloc(
	    sizeof(*c) + q->nparts * sizeof(c->shard[0]));
	size_t i;

	q->committing = true;
	c->store = s;
	c->q = q;
	memcpy(c->stage, q->stage, sizeof(c->stage));
	for (i = 0; i < q->nparts; i++)
		if (i == 0 ||
		    q->parts[i].shard->no != c->shard[c->nshards - 1])
			c->shard[c->nshards++] = q->parts[i].shard->no;
	list_append(&s->commits, &c->on);
	ask(c);
}

void
store_stage_forget(struct store_enqueue *q)
{
	struct list *it, *tmp;

	LIST_FOREACH(it, tmp, &q->req.store->commits) {
		struct commit *c = LIST_ENTRY(it, struct commit, on);

		if (c->q != q)
			continue;
		c->q = NULL;
		if (!c->flying && !c->decided)
			commit_free(c);
	}
}

void
store_stage_abort(struct store_enqueue *q)
{
	struct store *s = q->req.store;
	size_t i;

	for (i = 0; i < q->nparts; i++)
		if (q->parts[i].sent && s->phase == STORE_UP &&
		    (i == 0 || q->parts[i].shard != q->parts[i - 1].shard))
			unstage(q->parts[i].shard, q->stage);
}

void
store_stage_resend(struct store *s)
{
	struct list *it, *tmp;

	LIST_FOREACH(it, tmp, &s->commits) {
		struct commit *c = LIST_ENTRY(it, struct commit, on);

		if (!c->flying && !c->decided)
			ask(c);
	}
}

/* --- orphans ----------------------------------------------------------- */

static void
sweep_free(struct sweep *w)
{
	list_remove(&w->on);
	free(w);
}

static void
on_mark(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct sweep *w = arg;
	struct view mark = rdb_reply_view_at(r, 0);

	if (rst == RDB_OK && mark.n == 1) {
		log_info("stage.orphan", "shard=%u stage=%s mark=%c",
		    w->shard->no, w->stage, mark.p[0] == 'C' ? 'C' : 'A');
		if (mark.p[0] == 'C')
			commit_call(w->shard, w->stage, false, NULL, NULL);
		else
			unstage(w->shard, w->stage);
		store_tick_soon(w->shard);
	}
	sweep_free(w);
}

static void
resolve(struct store_shard *sh, struct view stage)
{
	struct store *s = sh->store;
	struct view rest = stage;
	uint64_t home;
	struct sweep *w;
	struct rdb_codec *cmd;

	if (stage.n >= STORE_STAGE_MAX || view_u64(view_cut(&rest, '.'), &home) ||
	    home >= s->nshards) {
		log_error("stage.strange", "shard=%u stage=%s", sh->no,
		    log_q(stage));
		return;
	}
	w = mem_zalloc(sizeof(*w));
	w->shard = sh;
	memcpy(w->stage, stage.p, stage.n);
	list_append(&s->sweeps, &w->on);
	cmd = store_call_begin(&s->shard[home], "decide", 2);
	rdb_codec_str(cmd, w->stage);
	rdb_codec_num(cmd, clock_now());
	store_call_send(&s->shard[home], on_mark, w);
}

static void
on_stages(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store_shard *sh = arg;
	size_t i;

	sh->sweeping = false;
	for (i = 0; rst == RDB_OK && i < rdb_reply_n(r); i++)
		resolve(sh, rdb_reply_view_at(r, i));
}

void
store_stage_sweep(struct store *s, int64_t now)
{
	int64_t age = ORPHAN_MS + 2 * s->conf->redis.call_timeout_ms;
	unsigned i;

	if (now < s->sweep_ms || s->nshards == 0)
		return;
	s->sweep_ms = now + SWEEP_MS;
	for (i = 0; i < s->nshards; i++) {
		struct store_shard *sh = &s->shard[i];
		struct rdb_codec *cmd;

		if (sh->sweeping || !store_owner_ready(sh))
			continue;
		sh->sweeping = true;
		cmd = store_call_begin(sh, "stages", 2);
		rdb_codec_num(cmd, clock_now() - age);
		rdb_codec_u64(cmd, 64);
		store_call_send(sh, on_stages, sh);
	}
}

void
store_stage_close(struct store *s)
{
	while (!list_empty(&s->commits))
		commit_free(LIST_ENTRY(s->commits.next, struct commit, on));
	while (!list_empty(&s->sweeps))
		sweep_free(LIST_ENTRY(s->sweeps.next, struct sweep, on));
}
