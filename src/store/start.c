#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conf/conf.h"
#include "rdb/functions.h"
#include "rdb/rdb.h"
#include "stats/stats.h"
#include "store/parts.h"

/* Refused for a reason that an operator must change: tried again so often. */
#define REFUSED_MS 3000

static void
say_down(struct store *s, const char *why)
{
	bool changed = strcmp(s->why, why) != 0;

	stats_set(STATS_STORE_UP, 0);
	if (changed || s->told_up)
		log_warn("store.down", "why=%s", log_q(view_str(why)));
	snprintf(s->why, sizeof(s->why), "%s", why);
	if (!changed && !s->told_up)
		return;
	s->told_up = false;
	if (s->ops->on_down)
		s->ops->on_down(s->arg, s->why);
}

void
store_start_lost(struct store *s, const char *why)
{
	unsigned i;

	s->phase = STORE_AWAY;
	rdb_functions_cancel(&s->functions);
	rdb_cancel(&s->call);
	for (i = 0; i < s->nshards; i++)
		store_owner_away(&s->shard[i]);
	if (!s->stopping)
		say_down(s, why);
}

void
store_start_refused(struct store *s, const char *why)
{
	log_error("store.refused", "text=%s", log_q(view_str(why)));
	s->phase = STORE_AWAY;
	s->retry_ms = loop_ms() + REFUSED_MS;
	say_down(s, why);
}

/* Up when every shard is either at work or known to be another's. */
void
store_start_shard_done(struct store *s)
{
	unsigned i;

	if (s->phase != STORE_OWNING)
		return;
	for (i = 0; i < s->nshards; i++)
		if (!s->shard[i].settled)
			return;
	s->phase = STORE_UP;
	s->told_up = true;
	s->why[0] = '\0';
	stats_set(STATS_STORE_UP, 1);
	log_info("store.up", "shards=%u", s->nshards);
	for (i = 0; i < s->nshards; i++)
		store_batch_resend(&s->shard[i]);
	if (s->ops->on_up)
		s->ops->on_up(s->arg);
}

static void
on_functions(void *arg, const char *why)
{
	struct store *s = arg;
	unsigned i;

	s->functions = NULL;
	if (why) {
		if (rdb_is_up(s->rdb))
			store_start_refused(s, why);
		return;
	}
	s->phase = STORE_OWNING;
	for (i = 0; i < s->nshards; i++)
		store_owner_begin(&s->shard[i]);
}

static void
load_functions(struct store *s)
{
	s->functions = rdb_functions_load(s->loop, s->rdb, s->shard[0].key,
	    on_functions, s);
}

/* --- settings of Redis ------------------------------------------------- */

/* What breaks the promise of 250 (doc/ARCHITECTURE.md), with the value that
 * keeps it; everysec is enough for those who chose it. */
static const struct setting {
	const char *name;
	const char *want[2];
	bool always_only;
} settings[] = {
	{ "appendonly", { "yes", NULL }, false },
	{ "appendfsync", { "always", "everysec" }, false },
	{ "no-appendfsync-on-rewrite", { "no", NULL }, true },
	{ "maxmemory-policy", { "noeviction", NULL }, false },
};
#define NSETTINGS (sizeof(settings) / sizeof(settings[0]))

static struct view
value_of(const struct rdb_reply *r, const char *name)
{
	size_t i;

	for (i = 0; i + 1 < rdb_reply_n(r); i += 2)
		if (rdb_reply_is(rdb_reply_at(r, i), name))
			return rdb_reply_view_at(r, i + 1);
	return VIEW("");
}

static int
check_setting(const struct store *s, const struct setting *t,
    const struct rdb_reply *r, char *why, size_t cap)
{
	struct view v = value_of(r, t->name);
	bool always = s->conf->redis.durability == CONF_DURABLE_ALWAYS;

	if (t->always_only && !always)
		return 0;
	if (view_eq(v, view_str(t->want[0])) ||
	    (!always && t->want[1] && view_eq(v, view_str(t->want[1]))))
		return 0;
	snprintf(why, cap,
	    "Redis has \"%s %.*s\", which breaks \"durability = %s\": set it "
	    "to \"%s\"",
	    t->name, VIEW_ARG(view_head(v, 40)),
	    always ? "always" : "everysec or replica", t->want[0]);
	return -1;
}

static void
on_settings(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store *s = arg;
	char why[256];
	size_t i;

	s->call = NULL;
	if (rst == RDB_LOST || rst == RDB_DOWN)
		return;
	if (rst == RDB_ERROR) {
		snprintf(why, sizeof(why),
		    "Redis lets us not check its settings (CONFIG GET): %.*s",
		    VIEW_ARG(view_head(rdb_reply_view(r), 120)));
		store_start_refused(s, why);
		return;
	}
	for (i = 0; i < NSETTINGS; i++) {
		if (check_setting(s, &settings[i], r, why, sizeof(why))) {
			store_start_refused(s, why);
			return;
		}
	}
	load_functions(s);
}

static void
on_set(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store *s = arg;
	char why[256];

	s->call = NULL;
	if (rst == RDB_LOST || rst == RDB_DOWN)
		return;
	if (rst == RDB_ERROR) {
		snprintf(why, sizeof(why), "CONFIG SET: %.*s",
		    VIEW_ARG(view_head(rdb_reply_view(r), 120)));
		store_start_refused(s, why);
		return;
	}
	load_functions(s);
}

/* A server that survived the former daemon has the former settings. */
static struct rdb_call *
set_embedded(struct store *s, rdb_done_fn *done)
{
	char words[200];

	snprintf(words, sizeof(words),
	    "CONFIG SET appendonly yes appendfsync %s maxmemory %llu "
	    "maxmemory-policy noeviction no-appendfsync-on-rewrite no",
	    s->conf->redis.durability == CONF_DURABLE_ALWAYS ? "always" :
							      "everysec",
	    (unsigned long long)store_guard_memory(s));
	return rdb_words(s->rdb, words, done, s);
}

static void
on_set_again(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	(void)arg;
	if (rst == RDB_ERROR)
		log_error("store.reload", "text=%s", log_q(rdb_reply_view(r)));
}

void
store_start_settings(struct store *s)
{
	set_embedded(s, on_set_again);
}

void
store_start_begin(struct store *s)
{
	if (s->phase != STORE_AWAY || s->stopping)
		return;
	s->phase = STORE_CHECKING;
	s->retry_ms = 0;
	if (s->server)
		s->call = set_embedded(s, on_set);
	else
		s->call = rdb_words(s->rdb,
		    "CONFIG GET appendonly appendfsync "
		    "no-appendfsync-on-rewrite maxmemory-policy",
		    on_settings, s);
}
