#include "config.h"
#include "rdb/functions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/loop.h"
#include "queue/lua.h"
#include "rdb/codec.h"
#include "rdb/rdb.h"
#include "rdb/reply.h"

#define LIBRARY "facteur1"
#define SCHEMA 1

struct rdb_functions {
	struct loop *loop; /* borrowed */
	struct rdb *rdb;   /* borrowed */
	char *schema_key;  /* owned */
	void (*done)(void *arg, const char *why);
	void *arg;
	struct rdb_call *call;
};

static void
release(void *p)
{
	struct rdb_functions *f = p;

	free(f->schema_key);
	free(f);
}

void
rdb_functions_cancel(struct rdb_functions **fp)
{
	struct rdb_functions *f = *fp;

	if (f == NULL)
		return;
	*fp = NULL;
	rdb_cancel(&f->call);
	f->done = NULL;
	loop_bury(f->loop, f, release);
}

static void
finish(struct rdb_functions *f, const char *why)
{
	void (*done)(void *arg, const char *why) = f->done;

	f->done = NULL;
	loop_bury(f->loop, f, release);
	done(f->arg, why);
}

/* True when the call went wrong; then done was called. */
static bool
failed(struct rdb_functions *f, enum rdb_status st, struct rdb_reply *r,
    const char *what)
{
	struct view v = rdb_reply_view(r);
	char text[300];

	f->call = NULL;
	if (st == RDB_OK)
		return false;
	if (st == RDB_ERROR)
		snprintf(text, sizeof(text), "%s: %.*s", what,
		    VIEW_ARG(view_head(v, 200)));
	else
		snprintf(text, sizeof(text), "%s: connection lost", what);
	finish(f, text);
	return true;
}

static void
on_loaded(void *arg, enum rdb_status st, struct rdb_reply *r)
{
	struct rdb_functions *f = arg;

	if (!failed(f, st, r, "FUNCTION LOAD"))
		finish(f, NULL);
}

static void
load(struct rdb_functions *f)
{
	struct rdb_codec c;

	rdb_codec_begin(&c, rdb_begin(f->rdb), 4);
	rdb_codec_str(&c, "FUNCTION");
	rdb_codec_str(&c, "LOAD");
	rdb_codec_str(&c, "REPLACE");
	rdb_codec_view(&c, view_of(queue_lua, queue_lua_len));
	rdb_codec_end(&c);
	f->call = rdb_send(f->rdb, on_loaded, f, 0);
}

/* [["library_name", ..., "library_code", code]] */
static bool
same_code(const struct rdb_reply *r)
{
	const struct rdb_reply *lib = rdb_reply_at(r, 0);
	size_t i;

	for (i = 0; i + 1 < rdb_reply_n(lib); i += 2)
		if (rdb_reply_is(rdb_reply_at(lib, i), "library_code"))
			return view_eq(rdb_reply_view_at(lib, i + 1),
			    view_of(queue_lua, queue_lua_len));
	return false;
}

static void
on_list(void *arg, enum rdb_status st, struct rdb_reply *r)
{
	struct rdb_functions *f = arg;

	if (failed(f, st, r, "FUNCTION LIST"))
		return;
	if (same_code(r))
		finish(f, NULL);
	else
		load(f);
}

static void
on_schema(void *arg, enum rdb_status st, struct rdb_reply *r)
{
	struct rdb_functions *f = arg;
	int64_t schema;
	char text[128];

	if (failed(f, st, r, "HGET schema"))
		return;
	schema = rdb_reply_int(r);
	if (schema > SCHEMA) {
		snprintf(text, sizeof(text),
		    "the queue has schema %lld, this daemon knows %d only",
		    (long long)schema, SCHEMA);
		finish(f, text);
		return;
	}
	f->call = rdb_words(f->rdb,
	    "FUNCTION LIST LIBRARYNAME " LIBRARY " WITHCODE", on_list, f);
}

struct rdb_functions *
rdb_functions_load(struct loop *l, struct rdb *r, const char *schema_key,
    void (*done)(void *arg, const char *why), void *arg)
{
	struct rdb_functions *f = mem_zalloc(sizeof(*f));
	struct rdb_codec c;

	f->loop = l;
	f->rdb = r;
	f->schema_key = mem_strdup(schema_key);
	f->done = done;
	f->arg = arg;
	rdb_codec_begin(&c, rdb_begin(r), 3);
	rdb_codec_str(&c, "HGET");
	rdb_codec_str(&c, f->schema_key);
	rdb_codec_str(&c, "schema");
	rdb_codec_end(&c);
	f->call = rdb_send(r, on_schema, f, 0);
	return f;
}
