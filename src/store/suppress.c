#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/intern.h"
#include "store/walk.h"

enum verb { V_ADD, V_REMOVE, V_TEST };

struct one {
	struct store_req req;
	enum verb verb;
	struct store_addr addr;
	enum store_scope scope;
	char reason;
	char *tenant, *list; /* owned */
	void (*done)(void *arg, enum store_status st);
	void (*tested)(void *arg, enum store_status st, enum store_scope scope,
	    char reason);
	void *arg;
};

static void
release(void *p)
{
	struct one *o = p;

	free(o->tenant);
	free(o->list);
	free(o);
}

static void
end(struct one *o, enum store_status st, enum store_scope scope, char reason)
{
	store_req_end(&o->req);
	if (o->req.dead)
		return;
	if (o->verb == V_TEST)
		o->tested(o->arg, st, scope, reason);
	else
		o->done(o->arg, st);
}

static void
on_answer(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct one *o = arg;
	enum store_status st = store_call_status(rst, r);
	size_t i;

	if (st != STORE_OK || o->verb == V_ADD) {
		end(o, st, STORE_SCOPE_GLOBAL, 0);
		return;
	}
	if (o->verb == V_REMOVE) {
		end(o, rdb_reply_int(r) ? STORE_OK : STORE_NOT_FOUND,
		    STORE_SCOPE_GLOBAL, 0);
		return;
	}
	for (i = 0; i < rdb_reply_n(r); i++) {
		struct view v = rdb_reply_view_at(r, i);

		if (v.n == 0)
			continue;
		end(o, STORE_OK, (enum store_scope)i, v.p[0]);
		return;
	}
	end(o, STORE_NOT_FOUND, STORE_SCOPE_GLOBAL, 0);
}

static void
write_scope(struct rdb_codec *c, enum store_scope scope, const uint64_t *n)
{
	char text[32] = "g";

	if (scope == STORE_SCOPE_TENANT)
		snprintf(text, sizeof(text), "t%" PRIu64, n[1]);
	else if (scope == STORE_SCOPE_LIST)
		snprintf(text, sizeof(text), "l%" PRIu64, n[2]);
	rdb_codec_str(c, text);
}

static void
on_numbers(void *arg, enum store_status st, const uint64_t *n)
{
	struct one *o = arg;
	struct store_shard *sh;
	struct rdb_codec *c;
	struct view hash = view_of(o->addr.hash, sizeof(o->addr.hash));

	if (st != STORE_OK) {
		end(o, st, STORE_SCOPE_GLOBAL, 0);
		return;
	}
	sh = &o->req.store->shard[o->addr.shard];
	switch (o->verb) {
	case V_ADD:
		c = store_call_begin(sh, "suppress_add", 3);
		rdb_codec_view(c, hash);
		write_scope(c, o->scope, n);
		rdb_codec_view(c, view_of(&o->reason, 1));
		break;
	case V_REMOVE:
		c = store_call_begin(sh, "suppress", 3);
		rdb_codec_str(c, "remove");
		rdb_codec_view(c, hash);
		write_scope(c, o->scope, n);
		break;
	case V_TEST:
		c = store_call_begin(sh, "suppress", 3 + (size_t)!!n[1] +
			(size_t)!!n[2]);
		rdb_codec_str(c, "test");
		rdb_codec_view(c, hash);
		write_scope(c, STORE_SCOPE_GLOBAL, n);
		if (n[1])
			write_scope(c, STORE_SCOPE_TENANT, n);
		if (n[2])
			write_scope(c, STORE_SCOPE_LIST, n);
		break;
	}
	store_call_send(sh, on_answer, o);
}

static void
start(void *arg)
{
	struct one *o = arg;
	struct store *s = o->req.store;

	if (s->phase != STORE_UP)
		end(o, STORE_UNAVAILABLE, STORE_SCOPE_GLOBAL, 0);
	else if ((o->scope != STORE_SCOPE_GLOBAL && o->tenant == NULL) ||
	    (o->scope == STORE_SCOPE_LIST && (!o->list || !o->list[0])))
		end(o, STORE_REFUSED, STORE_SCOPE_GLOBAL, 0);
	else
		store_intern_names(s, o->tenant, o->list, on_numbers, o);
}

static struct one *
one_new(struct store *s, enum verb verb, const struct smtp_address *a,
    const char *tenant, const char *list)
{
	struct one *o = store_req_new(s, sizeof(*o), release);

	o->verb = verb;
	store_addr_of(s, a, &o->addr);
	o->tenant = mem_strdup(tenant);
	o->list = mem_strdup(list);
	loop_defer(s->loop, &o->req.task, start, o);
	return o;
}

struct store_req *
store_suppress_add(struct store *s, const struct smtp_address *a,
    enum store_scope scope, const char *tenant, const char *list, char reason,
    void (*done)(void *arg, enum store_status st), void *arg)
{
	struct one *o = one_new(s, V_ADD, a, tenant, list);

	o->scope = scope;
	o->reason = reason;
	o->done = done;
	o->arg = arg;
	return &o->req;
}

struct store_req *
store_suppress_remove(struct store *s, const struct smtp_address *a,
    enum store_scope scope, const char *tenant, const char *list,
    void (*done)(void *arg, enum store_status st), void *arg)
{
	struct one *o = one_new(s, V_REMOVE, a, tenant, list);

	o->scope = scope;
	o->done = done;
	o->arg = arg;
	return &o->req;
}

struct store_req *
store_suppress_test(struct store *s, const struct smtp_address *a,
    const char *tenant, const char *list,
    void (*done)(void *arg, enum store_status st, enum store_scope scope,
	char reason),
    void *arg)
{
	struct one *o = one_new(s, V_TEST, a, tenant, list);

	o->tested = done;
	o->arg = arg;
	return &o->req;
}

/* --- counts ------------------------------------------------------------ */

#define ROWS_MAX 4096

struct row {
	char scope[24];
	char reason;
	uint64_t n;
};

struct counts {
	struct store_walk walk;
	struct row *row; /* owned */
	size_t n;
	void (*each)(void *arg, const char *scope, char reason, uint64_t count);
	void (*done)(void *arg, enum store_status st);
	void *arg;
};

static void
counts_release(void *p)
{
	struct counts *c = p;

	free(c->row);
	free(c);
}

static void
counts_add(struct counts *c, struct view name, uint64_t n)
{
	struct view scope = view_cut(&name, ' ');
	struct row *r;
	size_t i;

	if (name.n != 1 || scope.n >= sizeof(r->scope))
		return;
	for (i = 0; i < c->n; i++)
		if (c->row[i].reason == name.p[0] &&
		    view_eq(view_str(c->row[i].scope), scope))
			break;
	if (i == ROWS_MAX)
		return;
	if (i == c->n) {
		c->row = mem_realloc(c->row, (c->n + 1) * sizeof(*r));
		r = &c->row[c->n++];
		*r = (struct row){ .reason = name.p[0] };
		memcpy(r->scope, scope.p, scope.n);
	}
	c->row[i].n += n;
}

static void
on_counts(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct counts *c = arg;
	size_t i;

	for (i = 0; i + 1 < rdb_reply_n(r); i += 2)
		counts_add(c, rdb_reply_view_at(r, i),
		    (uint64_t)rdb_reply_int_at(r, i + 1));
	store_walk_next(&c->walk, store_call_status(rst, r), VIEW("0"));
}

static void
counts_ask(struct store_walk *w)
{
	struct rdb_codec *c =
	    store_call_begin(store_walk_shard(w), "suppress", 1);

	rdb_codec_str(c, "count");
	store_call_send(store_walk_shard(w), on_counts, w);
}

static void
counts_end(struct store_walk *w)
{
	struct counts *c = LIST_ENTRY(w, struct counts, walk);
	size_t i;

	for (i = 0; i < c->n && !w->req.dead; i++)
		c->each(c->arg, c->row[i].scope, c->row[i].reason, c->row[i].n);
	if (!w->req.dead)
		c->done(c->arg, w->st);
}

struct store_req *
store_suppress_list(struct store *s,
    void (*each)(void *arg, const char *scope, char reason, uint64_t count),
    void (*done)(void *arg, enum store_status st), void *arg)
{
	struct counts *c = store_req_new(s, sizeof(*c), counts_release);

	c->each = each;
	c->done = done;
	c->arg = arg;
	c->walk.ask = counts_ask;
	c->walk.end = counts_end;
	c->walk.last = s->nshards - 1;
	store_walk_start(&c->walk);
	return &c->walk.req;
}
