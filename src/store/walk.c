#include "config.h"
#include "store/walk.h"

#include <string.h>

struct store_shard *
store_walk_shard(const struct store_walk *w)
{
	return &w->req.store->shard[w->shard];
}

static void
end(struct store_walk *w, enum store_status st)
{
	w->st = st;
	store_req_end(&w->req);
	if (!w->req.dead)
		w->end(w);
}

/* Calls end or sends one question. */
static void
go(void *arg)
{
	struct store_walk *w = arg;

	if (w->req.store->phase != STORE_UP) {
		end(w, STORE_UNAVAILABLE);
		return;
	}
	while (w->shard <= w->last && w->owned_only &&
	    !store_owner_ready(store_walk_shard(w)))
		w->shard++;
	if (w->shard > w->last)
		end(w, w->st);
	else
		w->ask(w);
}

void
store_walk_start(struct store_walk *w)
{
	w->st = STORE_OK;
	strcpy(w->cursor, "0");
	loop_defer(w->req.store->loop, &w->req.task, go, w);
}

void
store_walk_next(struct store_walk *w, enum store_status st,
    struct view cursor)
{
	if (st != STORE_OK || w->req.dead) {
		end(w, st);
		return;
	}
	if (cursor.n == 0 || cursor.n >= sizeof(w->cursor) ||
	    view_eq(cursor, VIEW("0"))) {
		w->shard++;
		cursor = VIEW("0");
	}
	memcpy(w->cursor, cursor.p, cursor.n);
	w->cursor[cursor.n] = '\0';
	go(w);
}
