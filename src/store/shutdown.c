#include "config.h"

#include "base/log.h"
#include "conf/conf.h"
#include "rdb/server.h"
#include "store/parts.h"

#define LOOK_MS 10
#define DISOWN_MS 1000

enum step { SETTLING, DISOWNING, STOPPING };

static void
finish(void *arg)
{
	struct store *s = arg;
	void (*done)(void *arg) = s->shut_done;

	loop_timer_stop(&s->shut);
	s->shut_done = NULL;
	if (done)
		done(s->shut_arg);
}

static void
on_disowned(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store_shard *sh = arg;

	(void)r;
	if (rst == RDB_OK)
		sh->ours = false;
	sh->store->shut_open--;
}

static void
disown(struct store *s)
{
	unsigned i;

	for (i = 0; i < s->nshards && rdb_is_up(s->rdb); i++) {
		struct store_shard *sh = &s->shard[i];
		struct rdb_codec *c;

		if (!sh->ours)
			continue;
		c = store_call_begin(sh, "disown", 1);
		rdb_codec_u64(c, sh->epoch);
		store_call_send(sh, on_disowned, sh);
		s->shut_open++;
	}
}

static void
step(void *arg)
{
	struct store *s = arg;
	bool over = loop_ms() >= s->shut_until_ms || !rdb_is_up(s->rdb);

	switch ((enum step)s->shut_step) {
	case SETTLING:
		if (!over && (!store_settled(s) || !list_empty(&s->timed) ||
			!list_empty(&s->commits)))
			break;
		if (!store_settled(s))
			log_warn("store.unsettled",
			    "text=\"outcomes stay in the journal\"");
		s->shut_step = DISOWNING;
		s->shut_until_ms = loop_ms() + DISOWN_MS;
		disown(s);
		break;
	case DISOWNING:
		if (!over && s->shut_open)
			break;
		s->shut_step = STOPPING;
		if (s->server) {
			rdb_server_stop(s->server, s->rdb, finish, s);
			return;
		}
		finish(s);
		return;
	case STOPPING:
		return;
	}
	loop_timer_start(&s->shut, LOOK_MS);
}

void
store_shutdown(struct store *s, void (*done)(void *arg), void *arg)
{
	unsigned i;

	s->shut_done = done;
	s->shut_arg = arg;
	s->stopping = true;
	s->shut_step = SETTLING;
	s->shut_until_ms = loop_ms() + s->conf->redis.call_timeout_ms;
	for (i = 0; i < s->nshards; i++)
		store_settle_flush(&s->shard[i], true);
	loop_timer_init(&s->shut, s->loop, step, s);
	loop_timer_start(&s->shut, 0);
}
