#include "config.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/campaign.h"
#include "store/parts.h"

/* Somebody who waits for a change of state. */
struct waiter {
	struct store_req req;
	struct list on; /* on camp->waiters */
	void (*done)(void *arg, enum store_status st);
	void *arg;
};

static void send_open(struct store_camp *c);

static void
waiter_cancelled(struct store_req *r)
{
	struct waiter *w = LIST_ENTRY(r, struct waiter, req);

	list_remove(&w->on);
	store_req_end(r);
}

static void
finish(struct store_camp *c)
{
	struct store *s = c->store;
	struct list now, *it;
	bool refused = c->result != store_campaign_state_of(
					view_of(&c->want, 1));

	list_remove(&c->setting);
	c->c.state = c->result;
	log_info("campaign.state", "campaign=%llu name=%s state=%c",
	    (unsigned long long)c->c.id, log_q(view_str(c->name)),
	    store_campaign_letter(c->result));
	if (c->result == STORE_CANCELLED)
		s->reap_ms = 0;
	list_init(&now);
	while ((it = list_pop(&c->waiters)) != NULL)
		list_append(&now, it);
	if (s->ops->on_campaign)
		s->ops->on_campaign(s->arg, c->c.id);
	while ((it = list_pop(&now)) != NULL) {
		struct waiter *w = LIST_ENTRY(it, struct waiter, on);

		store_req_end(&w->req);
		w->done(w->arg, refused ? STORE_REFUSED : STORE_OK);
	}
}

static void
on_set(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store_camp_at *at = arg;
	struct store_camp *c = at->camp;
	unsigned i;

	at->flying = false;
	if (!list_linked(&c->setting))
		return;
	if (at->sent != c->want) { /* it changed meanwhile */
		send_open(c);
		return;
	}
	if (store_call_status(rst, r) != STORE_OK)
		return; /* the beat tries again */
	at->confirmed = true;
	if (rdb_reply_n(r) && at->shard == 0)
		c->result = store_campaign_state_of(rdb_reply_view_at(r, 0));
	for (i = 0; i < c->store->nshards; i++)
		if (!c->at[i].confirmed)
			return;
	finish(c);
}

static void
send_open(struct store_camp *c)
{
	struct store *s = c->store;
	unsigned i;

	for (i = 0; i < s->nshards; i++) {
		struct store_camp_at *at = &c->at[i];
		struct rdb_codec *cmd;

		if (at->confirmed || at->flying)
			continue;
		at->flying = true;
		at->sent = c->want;
		cmd = store_call_begin(&s->shard[i], "campaign", 4);
		rdb_codec_str(cmd, "set");
		rdb_codec_u64(cmd, c->c.id);
		rdb_codec_num(cmd, clock_now());
		rdb_codec_view(cmd, view_of(&c->want, 1));
		store_call_send(&s->shard[i], on_set, at);
	}
}

void
store_campaign_set_retry(struct store *s, int64_t now)
{
	struct list *it, *tmp;

	(void)now;
	LIST_FOREACH(it, tmp, &s->setting)
		send_open(LIST_ENTRY(it, struct store_camp, setting));
}

static void
open_change(struct store_camp *c, char want)
{
	struct store *s = c->store;
	unsigned i;

	if (c->at == NULL)
		c->at = mem_zalloc(s->nshards * sizeof(c->at[0]));
	for (i = 0; i < s->nshards; i++) {
		c->at[i].camp = c;
		c->at[i].shard = i;
		c->at[i].confirmed = false;
	}
	c->want = want;
	c->result = store_campaign_state_of(view_of(&want, 1));
	if (!list_linked(&c->setting))
		list_append(&s->setting, &c->setting);
	send_open(c);
}

static void
unavailable(void *arg)
{
	struct waiter *w = arg;

	store_req_end(&w->req);
	if (!w->req.dead)
		w->done(w->arg, STORE_UNAVAILABLE);
}

struct store_req *
store_campaign_set(struct store *s, struct store_campaign *c,
    enum store_campaign_state state,
    void (*done)(void *arg, enum store_status st), void *arg)
{
	struct store_camp *camp = store_campaign_camp(c);
	struct waiter *w = store_req_new(s, sizeof(*w), free);

	w->done = done;
	w->arg = arg;
	w->req.cancelled = waiter_cancelled;
	if (s->phase != STORE_UP) {
		loop_defer(s->loop, &w->req.task, unavailable, w);
		return &w->req;
	}
	list_append(&camp->waiters, &w->on);
	open_change(camp, store_campaign_letter(state));
	return &w->req;
}
