#include "config.h"

#include <string.h>

#include "base/log.h"
#include "base/rand.h"
#include "rdb/codec.h"
#include "rdb/rdb.h"
#include "stats/stats.h"
#include "store/parts.h"

void
store_call_write(struct rdb_codec *c, struct buf *out,
    const struct store_shard *sh, const char *fn, size_t nargs)
{
	char name[48] = "facteur1_";

	strncat(name, fn, sizeof(name) - 16);
	rdb_codec_begin(c, out, nargs + 4);
	rdb_codec_str(c, "FCALL");
	rdb_codec_str(c, name);
	rdb_codec_str(c, "1");
	rdb_codec_str(c, sh->key);
}

struct rdb_codec *
store_call_begin(struct store_shard *sh, const char *fn, size_t nargs)
{
	struct store *s = sh->store;

	store_call_write(&s->cmd, rdb_begin(s->rdb), sh, fn, nargs);
	return &s->cmd;
}

struct rdb_call *
store_call_send(struct store_shard *sh, rdb_done_fn *done, void *arg)
{
	struct store *s = sh->store;

	rdb_codec_end(&s->cmd);
	return rdb_send(s->rdb, done, arg, 0);
}

/* What an error reply means, by its first word. */
static const struct {
	const char *word;
	enum store_status st;
} errors[] = {
	{ "OOM", STORE_FULL },
	{ "FENCED", STORE_FENCED },
	{ "LOADING", STORE_UNAVAILABLE },
	{ "READONLY", STORE_UNAVAILABLE },
	{ "MISCONF", STORE_UNAVAILABLE },
	{ "MASTERDOWN", STORE_UNAVAILABLE },
	{ "NOREPLICAS", STORE_UNAVAILABLE },
	{ "CLUSTERDOWN", STORE_UNAVAILABLE },
	{ "TRYAGAIN", STORE_UNAVAILABLE },
	{ "ASK", STORE_UNAVAILABLE },
	{ "MOVED", STORE_UNAVAILABLE },
	{ "BUSY", STORE_UNAVAILABLE },
	{ "NOSHARD", STORE_UNAVAILABLE },
	{ "BADSHARDS", STORE_REFUSED },
	{ "BADKEY", STORE_REFUSED },
};

enum store_status
store_call_status(enum rdb_status st, const struct rdb_reply *r)
{
	struct view text = rdb_reply_view(r), rest = text, word;
	size_t i;

	if (st == RDB_OK)
		return STORE_OK;
	if (st != RDB_ERROR)
		return STORE_UNAVAILABLE;
	word = view_word(&rest);
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (!view_eq(word, view_str(errors[i].word)))
			continue;
		if (errors[i].st == STORE_FENCED)
			stats_add(STATS_STORE_FENCED, 1);
		return errors[i].st;
	}
	log_error("store.error", "text=%s", log_q(text));
	return STORE_REFUSED;
}

uint64_t
store_call_u64(struct view v)
{
	uint64_t n;

	return view_u64(v, &n) ? 0 : n;
}

uint64_t
store_call_id(struct view v)
{
	uint64_t id;

	return buf_get_be(&v, 8, &id) ? 0 : id;
}

int
store_call_lane(struct view v, uint64_t *campaign, struct view *domain)
{
	struct view c = view_cut(&v, '\n');

	*domain = v;
	return view_u64(c, campaign) || v.n == 0 ? -1 : 0;
}

int64_t
store_call_due(int64_t ms)
{
	const int64_t most = INT64_C(999999999999999);

	return ms < 0 ? 0 : ms > most ? most : ms;
}
