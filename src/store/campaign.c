#include "config.h"
#include "store/campaign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/intern.h"
#include "store/parts.h"

static const char letters[] = "APXF"; /* by enum store_campaign_state */

enum store_campaign_state
store_campaign_state_of(struct view st)
{
	const char *at = st.n == 1 ? memchr(letters, st.p[0], 4) : NULL;

	return at ? (enum store_campaign_state)(at - letters) : STORE_ACTIVE;
}

char
store_campaign_letter(enum store_campaign_state st)
{
	return letters[st];
}

/* --- the cache --------------------------------------------------------- */

void
store_campaign_meta(struct buf *out, const char *const names[3],
    enum store_class class, const uint64_t numbers[2])
{
	int i;

	for (i = 0; i < 3; i++)
		buf_addlv(out, view_str(names[i]));
	buf_varint(out, class);
	buf_varint(out, numbers[0]);
	buf_varint(out, numbers[1]);
}

void
store_campaign_scopes(struct buf *out, const uint64_t numbers[2])
{
	buf_addf(out, "g t%llu", (unsigned long long)numbers[0]);
	if (numbers[1])
		buf_addf(out, " l%llu", (unsigned long long)numbers[1]);
}

struct store_camp *
store_campaign_find(struct store *s, const char *key)
{
	struct store_camp *c;

	HASH_FIND(hn, s->camps_named, key, strlen(key), c);
	return c;
}

static struct store_camp *
by_id(struct store *s, uint64_t id)
{
	struct store_camp *c;

	HASH_FIND(hh, s->camps, &id, sizeof(id), c);
	return c;
}

struct store_campaign *
store_campaign_by_id(struct store *s, uint64_t id)
{
	struct store_camp *c = by_id(s, id);

	return c ? &c->c : NULL;
}

uint64_t
store_campaign_tenant(struct store *s, uint64_t campaign)
{
	struct store_camp *c = by_id(s, campaign);

	return c ? c->tenant_no : 0;
}

uint64_t
store_campaign_pinned(struct store *s, uint64_t campaign, unsigned shard)
{
	struct store_camp *c = by_id(s, campaign);

	return c ? c->pinned[shard] : 0;
}

void
store_campaign_pin(struct store *s, uint64_t campaign, unsigned shard,
    uint64_t base)
{
	struct store_camp *c = by_id(s, campaign);

	if (c)
		c->pinned[shard] = base;
}

struct store_camp *
store_campaign_camp(struct store_campaign *c)
{
	return LIST_ENTRY(c, struct store_camp, c);
}

struct store_camp *
store_campaign_add(struct store *s, uint64_t id, struct view meta)
{
	struct store_camp *c = by_id(s, id);
	struct view names[3];
	uint64_t class, numbers[2];

	if (c)
		return c;
	if (buf_get_lv(&meta, &names[0]) || buf_get_lv(&meta, &names[1]) ||
	    buf_get_lv(&meta, &names[2]) || buf_get_varint(&meta, &class) ||
	    class > STORE_TRANSACTIONAL || buf_get_varint(&meta, &numbers[0]) ||
	    buf_get_varint(&meta, &numbers[1]))
		return NULL;
	c = mem_zalloc(sizeof(*c));
	c->store = s;
	c->tenant = mem_strndup(names[0].p, names[0].n);
	c->name = mem_strndup(names[1].p, names[1].n);
	c->list = mem_strndup(names[2].p, names[2].n);
	c->key = store_intern_campaign_key(c->tenant, c->name,
	    (enum store_class)class, c->list);
	c->tenant_no = numbers[0];
	c->list_no = numbers[1];
	c->pinned = mem_zalloc(s->nshards * sizeof(c->pinned[0]));
	list_init(&c->waiters);
	c->c = (struct store_campaign){ .id = id, .tenant = c->tenant,
		.name = c->name, .list = c->list,
		.class = (enum store_class)class };
	HASH_ADD(hh, s->camps, c.id, sizeof(c->c.id), c);
	HASH_ADD_KEYPTR(hn, s->camps_named, c->key, strlen(c->key), c);
	return c;
}

void
store_campaign_close(struct store *s)
{
	struct store_camp *c, *tmp;

	HASH_CLEAR(hn, s->camps_named);
	HASH_ITER(hh, s->camps, c, tmp) {
		HASH_DELETE(hh, s->camps, c);
		free(c->tenant);
		free(c->name);
		free(c->list);
		free(c->key);
		free(c->pinned);
		free(c->at);
		free(c);
	}
}

void
store_campaign_create(struct store_shard *sh, struct store_camp *c)
{
	const char *const names[3] = { c->tenant, c->name, c->list };
	const uint64_t numbers[2] = { c->tenant_no, c->list_no };
	const char st[2] = { letters[c->c.state], '\0' };
	struct buf b = { 0 };
	struct rdb_codec *cmd = store_call_begin(sh, "campaign_new", 5);

	rdb_codec_u64(cmd, c->c.id);
	rdb_codec_num(cmd, clock_now());
	rdb_codec_str(cmd, st);
	store_campaign_scopes(&b, numbers);
	rdb_codec_view(cmd, buf_view(&b));
	buf_clear(&b);
	store_campaign_meta(&b, names, c->c.class, numbers);
	rdb_codec_view(cmd, buf_view(&b));
	buf_fini(&b);
	store_call_send(sh, NULL, NULL);
}

static uint64_t
field(const struct rdb_reply *r, const char *name)
{
	size_t i;

	for (i = 0; i + 1 < rdb_reply_n(r); i += 2)
		if (rdb_reply_is(rdb_reply_at(r, i), name))
			return (uint64_t)rdb_reply_int_at(r, i + 1);
	return 0;
}

void
store_campaign_read(struct store_camp *c, const struct rdb_reply *r)
{
	uint64_t q = field(r, "q"), k = field(r, "k"), b = field(r, "b"),
		 x = field(r, "x"), f = field(r, "f"), u = field(r, "u"),
		 x2 = field(r, "c"), gone = k + b + x + f + u + x2;

	c->c.n.queued += q > gone ? q - gone : 0;
	c->c.n.sent += k;
	c->c.n.deferrals += field(r, "d");
	c->c.n.bounced += b;
	c->c.n.expired += x;
	c->c.n.suppressed += u;
	c->c.n.cancelled += x2;
}

/* --- get --------------------------------------------------------------- */

struct get {
	struct store_req req;
	char *names[3]; /* owned: tenant, name, list */
	char *key;      /* owned */
	enum store_class class;
	uint64_t id;
	struct buf meta;
	void (*done)(void *arg, enum store_status st, struct store_campaign *c);
	void *arg;
};

static void
get_release(void *p)
{
	struct get *g = p;
	int i;

	for (i = 0; i < 3; i++)
		free(g->names[i]);
	free(g->key);
	buf_fini(&g->meta);
	free(g);
}

static void
get_end(struct get *g, enum store_status st, struct store_camp *c)
{
	store_req_end(&g->req);
	if (!g->req.dead)
		g->done(g->arg, st, c ? &c->c : NULL);
}

/* [fields] of a campaign that Redis has: state, meta, created. */
static void
on_get(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct get *g = arg;
	enum store_status st = store_call_status(rst, r);
	struct store_camp *c;
	struct view meta = VIEW(""), state = VIEW("");
	size_t i;

	if (st == STORE_OK && rdb_reply_n(r) == 0)
		st = STORE_NOT_FOUND;
	if (st != STORE_OK) {
		get_end(g, st, NULL);
		return;
	}
	for (i = 0; i + 1 < rdb_reply_n(r); i += 2) {
		if (rdb_reply_is(rdb_reply_at(r, i), "meta"))
			meta = rdb_reply_view_at(r, i + 1);
		if (rdb_reply_is(rdb_reply_at(r, i), "st"))
			state = rdb_reply_view_at(r, i + 1);
	}
	c = store_campaign_add(g->req.store, g->id, meta);
	if (c == NULL) {
		get_end(g, STORE_REFUSED, NULL);
		return;
	}
	c->c.state = store_campaign_state_of(state);
	c->c.created_ms = (int64_t)field(r, "created");
	memset(&c->c.n, 0, sizeof(c->c.n));
	store_campaign_read(c, r);
	get_end(g, STORE_OK, c);
}

static void
ask(struct get *g)
{
	struct store_shard *sh = &g->req.store->shard[0];
	struct rdb_codec *cmd = store_call_begin(sh, "campaign", 2);

	rdb_codec_str(cmd, "get");
	rdb_codec_u64(cmd, g->id);
	store_call_send(sh, on_get, g);
}

static void
on_new(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct get *g = arg;
	enum store_status st = store_call_status(rst, r);

	if (st != STORE_OK)
		get_end(g, st, NULL);
	else
		ask(g);
}

static void
on_numbers(void *arg, enum store_status st, const uint64_t *n)
{
	struct get *g = arg;
	struct store_shard *sh = &g->req.store->shard[0];
	const char *const names[3] = { g->names[0], g->names[1], g->names[2] };
	const uint64_t numbers[2] = { n ? n[1] : 0, n ? n[2] : 0 };
	struct rdb_codec *cmd;
	struct store_camp *c;

	if (st != STORE_OK) {
		get_end(g, st, NULL);
		return;
	}
	g->id = n[0];
	c = by_id(g->req.store, g->id);
	if (c) { /* asked for twice at once */
		get_end(g, STORE_OK, c);
		return;
	}
	cmd = store_call_begin(sh, "campaign_new", 5);
	rdb_codec_u64(cmd, g->id);
	rdb_codec_num(cmd, clock_now());
	rdb_codec_str(cmd, "A");
	store_campaign_scopes(&g->meta, numbers);
	rdb_codec_view(cmd, buf_view(&g->meta));
	buf_clear(&g->meta);
	store_campaign_meta(&g->meta, names, g->class, numbers);
	rdb_codec_view(cmd, buf_view(&g->meta));
	store_call_send(sh, on_new, g);
}

static void
get_start(void *arg)
{
	struct get *g = arg;
	struct store *s = g->req.store;
	struct store_camp *c = g->key ? store_campaign_find(s, g->key) :
					by_id(s, g->id);

	if (c)
		get_end(g, STORE_OK, c);
	else if (s->phase != STORE_UP)
		get_end(g, STORE_UNAVAILABLE, NULL);
	else if (g->key == NULL)
		ask(g);
	else if (strchr(g->names[0], '\n') || strchr(g->names[1], '\n') ||
	    strchr(g->names[2], '\n'))
		get_end(g, STORE_REFUSED, NULL);
	else
		store_intern_campaign(s, g->key, g->names[0], g->names[2],
		    on_numbers, g);
}

struct store_req *
store_campaign_get(struct store *s, const char *tenant, const char *name,
    enum store_class class, const char *list,
    void (*done)(void *arg, enum store_status st, struct store_campaign *c),
    void *arg)
{
	struct get *g = store_req_new(s, sizeof(*g), get_release);

	g->names[0] = mem_strdup(tenant);
	g->names[1] = mem_strdup(name);
	g->names[2] = mem_strdup(list ? list : "");
	g->class = class;
	g->key = store_intern_campaign_key(tenant, name, class, g->names[2]);
	g->done = done;
	g->arg = arg;
	loop_defer(s->loop, &g->req.task, get_start, g);
	return &g->req;
}

struct store_req *
store_campaign_load(struct store *s, uint64_t id,
    void (*done)(void *arg, enum store_status st, struct store_campaign *c),
    void *arg)
{
	struct get *g = store_req_new(s, sizeof(*g), get_release);

	g->id = id;
	g->done = done;
	g->arg = arg;
	loop_defer(s->loop, &g->req.task, get_start, g);
	return &g->req;
}
