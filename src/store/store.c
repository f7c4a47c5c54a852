#include "config.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "rdb/functions.h"
#include "rdb/server.h"
#include "stats/stats.h"
#include "store/journal.h"
#include "store/intern.h"
#include "store/parts.h"
#include "store/spool.h"

#define BEAT_MAX_MS 100
#define BEAT_MIN_MS 2

static void
on_up(void *arg)
{
	store_start_begin(arg);
}

static void
on_down(void *arg, const char *why)
{
	store_start_lost(arg, why);
}

static const struct rdb_ops rdb_ops = { .on_up = on_up, .on_down = on_down };

/* --- turns and beats --------------------------------------------------- */

/* All that this turn of the loop brought leaves together. */
void
store_turn(void *store)
{
	struct store *s = store;
	unsigned i;

	store_settle_turn(s);
	store_enqueue_flush(s);
	for (i = 0; i < s->nshards && !s->dead; i++)
		store_lease_flush(&s->shard[i]);
}

void
store_beat_by(struct store *s, int64_t ms)
{
	int64_t at = loop_ms() + ms;

	if (s->dead || (loop_timer_pending(&s->beat) && s->beat_ms <= at))
		return;
	s->beat_ms = at;
	loop_timer_start(&s->beat, ms);
}

static int64_t
next_beat(const struct store *s, int64_t now)
{
	int64_t ms = BEAT_MAX_MS;
	unsigned i;

	for (i = 0; i < s->nshards; i++)
		if (s->shard[i].state == STORE_SHARD_UP &&
		    s->shard[i].tick_at_ms - now < ms)
			ms = s->shard[i].tick_at_ms - now;
	return ms < BEAT_MIN_MS ? BEAT_MIN_MS : ms;
}

static void
beat_up(struct store *s, int64_t now)
{
	unsigned i;

	if (s->phase == STORE_AWAY && s->retry_ms && now >= s->retry_ms)
		store_start_begin(s);
	if (s->phase != STORE_OWNING && s->phase != STORE_UP)
		return;
	store_owner_renew(s, now);
	for (i = 0; i < s->nshards; i++)
		if (s->shard[i].unsettled)
			store_settle_flush(&s->shard[i], true);
	store_tick_run(s, now);
	store_campaign_set_retry(s, now);
	store_stage_sweep(s, now);
	store_reap_run(s, now);
	store_guard_run(s, now);
}

static void
beat(void *arg)
{
	struct store *s = arg;
	int64_t now = loop_ms();

	if (rdb_is_up(s->rdb))
		beat_up(s, now);
	store_enqueue_deadlines(s, now);
	if (!s->dead)
		store_beat_by(s, next_beat(s, now));
}

/* --- open -------------------------------------------------------------- */

static int
open_server(struct store *s, struct err *e)
{
	char *dir = mem_printf("%s/redis", s->spool);
	const struct rdb_server_params p = {
		.program = s->conf->redis.server ? s->conf->redis.server :
						   REDIS_SERVER_PATH,
		.dir = dir,
		.fsync_always =
		    s->conf->redis.durability == CONF_DURABLE_ALWAYS,
		.max_memory_bytes = store_guard_memory(s),
	};

	s->server = rdb_server_open(s->loop, &p, e);
	free(dir);
	return s->server ? 0 : -1;
}

static int
open_redis(struct store *s, struct err *e)
{
	const struct conf_redis *r = &s->conf->redis;
	struct rdb_params p = { .address = r->address, .user = r->user,
		.password = r->password, .database = r->database,
		.timeout_ms = r->call_timeout_ms };

	if (r->embedded) {
		if (open_server(s, e))
			return -1;
		p = (struct rdb_params){
			.address = rdb_server_address(s->server),
			.timeout_ms = r->call_timeout_ms
		};
	} else if (r->address == NULL || r->address[0] == '\0') {
		return err_set(e, "redis: neither embedded nor an address");
	}
	s->rdb = rdb_open(s->loop, &p, &rdb_ops, s, e);
	return s->rdb ? 0 : -1;
}

static struct store *
store_new(struct loop *l, struct conf *conf, const struct store_ops *ops,
    void *arg)
{
	struct store *s = mem_zalloc(sizeof(*s));

	s->ops = ops;
	s->arg = arg;
	s->loop = l;
	s->conf = conf_ref(conf);
	s->lock_fd = -1;
	list_init(&s->reqs);
	list_init(&s->timed);
	list_init(&s->commits);
	list_init(&s->sweeps);
	list_init(&s->setting);
	loop_timer_init(&s->beat, l, beat, s);
	loop_timer_init(&s->shut, l, NULL, s);
	store_settle_load(s);
	return s;
}

struct store *
store_open(struct loop *l, struct conf *conf, const struct store_ops *ops,
    void *arg, struct err *e)
{
	struct store *s = store_new(l, conf, ops, arg);

	if (conf->limits.spool == NULL)
		err_set(e, "limits: no spool directory");
	else if (store_spool_open(s, conf->limits.spool, e) == 0) {
		store_owner_init(s);
		if (store_settle_open(s, e) == 0 && open_redis(s, e) == 0) {
			store_beat_by(s, BEAT_MAX_MS);
			return s;
		}
	}
	store_close(&s);
	return NULL;
}

void
store_reload(struct store *s, struct conf *conf)
{
	struct conf *old = s->conf;

	s->conf = conf_ref(conf);
	if (conf->redis.shards != s->nshards)
		log_warn("store.reload", "shards=%u text=\"fixed when the "
		    "queue was made: %u\"", conf->redis.shards, s->nshards);
	if (s->server && s->phase == STORE_UP)
		store_start_settings(s);
	conf_unref(&old);
}

/* --- close ------------------------------------------------------------- */

static void
close_shard(struct store_shard *sh)
{
	store_batch_close(sh);
	store_lease_close(sh);
	store_recover_close(sh);
	free(sh->cursor);
	free(sh->expire_cursor);
	sh->cursor = sh->expire_cursor = NULL;
}

static void
release(void *p)
{
	struct store *s = p;

	conf_unref(&s->conf);
	free(s->shard);
	free(s);
}

void
store_close(struct store **sp)
{
	struct store *s = *sp;
	struct list *it;
	unsigned i;

	if (s == NULL)
		return;
	*sp = NULL;
	s->dead = true;
	s->phase = STORE_AWAY;
	loop_timer_stop(&s->beat);
	loop_timer_stop(&s->settle);
	loop_timer_stop(&s->shut);
	loop_undefer(&s->flush);
	rdb_functions_cancel(&s->functions);
	rdb_close(&s->rdb);
	rdb_server_close(&s->server);
	while ((it = list_pop(&s->reqs)) != NULL) {
		struct store_req *r = LIST_ENTRY(it, struct store_req, link);

		r->dead = true;
		store_req_end(r);
	}
	for (i = 0; s->shard && i < s->nshards; i++)
		close_shard(&s->shard[i]);
	store_stage_close(s);
	store_settle_close(s);
	store_campaign_close(s);
	store_intern_close(s);
	store_spool_close(s);
	loop_bury(s->loop, s, release);
}

/* --- what others ask --------------------------------------------------- */

void
store_cancel(struct store_req **rp)
{
	struct store_req *r = *rp;

	*rp = NULL;
	if (r == NULL || r->dead)
		return;
	r->dead = true;
	if (r->cancelled)
		r->cancelled(r);
}

bool
store_is_up(const struct store *s)
{
	return s->phase == STORE_UP;
}

bool
store_accepting(const struct store *s, const char **text)
{
	if (s->phase != STORE_UP)
		*text = "the queue is not available";
	else if (s->stopping)
		*text = "shutting down";
	else if (s->low_memory)
		*text = "the queue's memory is full";
	else if (s->low_disk)
		*text = "the queue's disk is full";
	else if (rdb_unanswered(s->rdb) > 4 * RDB_OUTSTANDING_MAX)
		*text = "the queue is too slow";
	else
		return true;
	return false;
}

const char *
store_durability_text(const struct store *s)
{
	switch (s->conf->redis.durability) {
	case CONF_DURABLE_ALWAYS:
		return "always: 250 follows the write to disk";
	case CONF_DURABLE_EVERYSEC:
		return "everysec: a crash of the machine may lose the last "
		       "second";
	case CONF_DURABLE_REPLICA:
		return "replica: 250 follows the copy in other servers";
	}
	return "";
}

unsigned
store_shards(const struct store *s)
{
	return s->nshards;
}

bool
store_owns(const struct store *s, unsigned shard)
{
	const struct store_shard *sh = &s->shard[shard];

	return shard < s->nshards && sh->ours && loop_ms() < sh->until_ms;
}

bool
store_settled(const struct store *s)
{
	unsigned i;

	for (i = 0; i < s->nshards; i++)
		if (s->shard[i].unsettled)
			return false;
	return true;
}

const char *
store_daemon(const struct store *s)
{
	return s->daemon;
}
