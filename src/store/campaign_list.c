#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/campaign.h"
#include "store/parts.h"

#define PAGE 32

struct row {
	struct walk *walk; /* borrowed */
	struct store_camp *camp; /* NULL: not readable */
	uint64_t id;
	bool first; /* the state is shard 00's */
};

struct walk {
	struct store_req req;
	void (*each)(void *arg, struct store_campaign *c);
	void (*done)(void *arg, enum store_status st);
	void *arg;
	char *cursor; /* owned */
	struct row row[PAGE];
	size_t n, open;
	enum store_status st;
};

static void page(void *arg);

static void
release(void *p)
{
	struct walk *w = p;

	free(w->cursor);
	free(w);
}

static void
end(struct walk *w, enum store_status st)
{
	store_req_end(&w->req);
	if (!w->req.dead)
		w->done(w->arg, st);
}

static void
row_read(struct row *row, const struct rdb_reply *r)
{
	struct store *s = row->walk->req.store;
	struct view meta = VIEW(""), st = VIEW("");
	uint64_t created = 0;
	size_t i;

	for (i = 0; i + 1 < rdb_reply_n(r); i += 2) {
		if (rdb_reply_is(rdb_reply_at(r, i), "meta"))
			meta = rdb_reply_view_at(r, i + 1);
		else if (rdb_reply_is(rdb_reply_at(r, i), "st"))
			st = rdb_reply_view_at(r, i + 1);
		else if (rdb_reply_is(rdb_reply_at(r, i), "created"))
			created = (uint64_t)rdb_reply_int_at(r, i + 1);
	}
	if (meta.n == 0)
		return;
	row->camp = store_campaign_add(s, row->id, meta);
	if (row->camp == NULL)
		return;
	if (row->first) {
		memset(&row->camp->c.n, 0, sizeof(row->camp->c.n));
		row->camp->c.created_ms = (int64_t)created;
		if (!list_linked(&row->camp->setting))
			row->camp->c.state = store_campaign_state_of(st);
		row->first = false;
	}
	store_campaign_read(row->camp, r);
}

static void
on_row(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct row *row = arg;
	struct walk *w = row->walk;
	enum store_status st = store_call_status(rst, r);
	size_t i;

	if (st != STORE_OK)
		w->st = st;
	else
		row_read(row, r);
	if (--w->open)
		return;
	for (i = 0; i < w->n && !w->req.dead; i++)
		if (w->row[i].camp && w->st == STORE_OK)
			w->each(w->arg, &w->row[i].camp->c);
	if (w->req.dead || w->st != STORE_OK || strcmp(w->cursor, "0") == 0)
		end(w, w->st);
	else
		page(w);
}

static void
on_page(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct walk *w = arg;
	struct store *s = w->req.store;
	enum store_status st = store_call_status(rst, r);
	struct view next = rdb_reply_view_at(r, 0);
	size_t i;
	unsigned k;

	if (st != STORE_OK || w->req.dead || rdb_reply_n(r) < 2) {
		end(w, st);
		return;
	}
	free(w->cursor);
	w->cursor = mem_strndup(next.p, next.n);
	w->n = rdb_reply_n(r) - 1 < PAGE ? rdb_reply_n(r) - 1 : PAGE;
	for (i = 0; i < w->n; i++) {
		w->row[i] = (struct row){ .walk = w, .first = true,
			.id = store_call_u64(rdb_reply_view_at(r, i + 1)) };
		for (k = 0; k < s->nshards; k++) {
			struct rdb_codec *c =
			    store_call_begin(&s->shard[k], "campaign", 2);

			rdb_codec_str(c, "get");
			rdb_codec_u64(c, w->row[i].id);
			store_call_send(&s->shard[k], on_row, &w->row[i]);
			w->open++;
		}
	}
}

static void
page(void *arg)
{
	struct walk *w = arg;
	struct store_shard *sh = &w->req.store->shard[0];
	struct rdb_codec *c;

	if (w->req.store->phase != STORE_UP) {
		end(w, STORE_UNAVAILABLE);
		return;
	}
	c = store_call_begin(sh, "campaign", 3);
	rdb_codec_str(c, "list");
	rdb_codec_str(c, w->cursor);
	rdb_codec_u64(c, PAGE);
	store_call_send(sh, on_page, w);
}

/* Every campaign is in shard 00, its counters in all. */
struct store_req *
store_campaign_list(struct store *s,
    void (*each)(void *arg, struct store_campaign *c),
    void (*done)(void *arg, enum store_status st), void *arg)
{
	struct walk *w = store_req_new(s, sizeof(*w), release);

	w->each = each;
	w->done = done;
	w->arg = arg;
	w->cursor = mem_strdup("0");
	loop_defer(s->loop, &w->req.task, page, w);
	return &w->req;
}
