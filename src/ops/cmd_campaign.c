#include "config.h"
#include "ops/cmd_campaign.h"

#include <string.h>

#include "base/mem.h"
#include "ops/command.h"
#include "ops/control.h"
#include "ops/store_text.h"
#include "store/store.h"

/* Campaigns named by a command, to be set one after the other. */
struct chosen {
	enum store_campaign_state want;
	const char *said;
	size_t n;
	struct store_campaign *v[]; /* borrowed: they live with the store */
};

#define CHOSEN_MAX 1000

static void
row(struct ops_report *r, const struct store_campaign *g)
{
	ops_report_row(r);
	ops_report_text(r, "campaign", g->name);
	ops_report_text(r, "tenant", g->tenant);
	ops_report_text(r, "list", g->list);
	ops_report_text(r, "class",
	    g->class == STORE_BULK ? "bulk" : "transactional");
	ops_report_text(r, "state", ops_store_text_campaign(g->state));
	ops_report_count(r, "queued", g->n.queued);
	ops_report_count(r, "sent", g->n.sent);
	ops_report_count(r, "deferrals", g->n.deferrals);
	ops_report_count(r, "bounced", g->n.bounced);
	ops_report_count(r, "expired", g->n.expired);
	ops_report_count(r, "suppressed", g->n.suppressed);
	ops_report_count(r, "cancelled", g->n.cancelled);
	ops_report_time(r, "created", g->created_ms);
}

static bool
named(const struct ops_call *c, const struct store_campaign *g)
{
	return strcmp(g->name, c->argv[0]) == 0 &&
	    (c->argc < 2 || strcmp(g->tenant, c->argv[1]) == 0);
}

static void
list_each(void *arg, struct store_campaign *g)
{
	struct ops_call *c = arg;

	if (c->argc == 0 || named(c, g))
		row(&c->report, g);
}

static void
list_done(void *arg, enum store_status st)
{
	struct ops_call *c = arg;

	c->req = NULL;
	if (st != STORE_OK)
		ops_command_fail(c, "%s", ops_store_text_status(st));
	else if (c->argc && c->report.rows == 0)
		ops_command_fail(c, "no such campaign");
	else
		ops_command_ok(c);
}

void
ops_cmd_campaign_list(struct ops_call *c)
{
	ops_report_start(&c->report, OPS_REPORT_TABLE);
	c->req = store_campaign_list(c->env->store, list_each, list_done, c);
}

void
ops_cmd_campaign_show(struct ops_call *c)
{
	ops_report_start(&c->report, OPS_REPORT_CARDS);
	c->req = store_campaign_list(c->env->store, list_each, list_done, c);
}

static void
choose_each(void *arg, struct store_campaign *g)
{
	struct ops_call *c = arg;
	struct chosen *ch = c->state;

	if (named(c, g) && ch->n < CHOSEN_MAX)
		ch->v[ch->n++] = g;
}

static void set_next(struct ops_call *c);

static void
set_done(void *arg, enum store_status st)
{
	struct ops_call *c = arg;
	struct chosen *ch = c->state;
	const struct store_campaign *g = ch->v[c->step];

	c->req = NULL;
	if (st != STORE_OK) {
		ops_command_fail(c, "%s of %s: %s", g->name, g->tenant,
		    ops_store_text_status(st));
		return;
	}
	ops_report_row(&c->report);
	ops_report_text(&c->report, "campaign", g->name);
	ops_report_text(&c->report, "tenant", g->tenant);
	ops_report_text(&c->report, "list", g->list);
	ops_report_text(&c->report, "state", ch->said);
	c->step++;
	set_next(c);
}

static void
set_next(struct ops_call *c)
{
	struct chosen *ch = c->state;

	/* A cancelled campaign takes no other state (queue/README.md). */
	while (c->step < ch->n && ch->want != STORE_CANCELLED &&
	    ch->v[c->step]->state == STORE_CANCELLED)
		c->step++;
	if (c->step < ch->n)
		c->req = store_campaign_set(c->env->store, ch->v[c->step],
		    ch->want, set_done, c);
	else if (c->report.rows == 0)
		ops_command_fail(c,
		    ch->n ? "it is cancelled" : "no such campaign");
	else
		ops_command_ok(c);
}

static void
choose_done(void *arg, enum store_status st)
{
	struct ops_call *c = arg;

	c->req = NULL;
	if (st != STORE_OK)
		ops_command_fail(c, "%s", ops_store_text_status(st));
	else
		set_next(c);
}

static void
set(struct ops_call *c, enum store_campaign_state want, const char *said)
{
	struct chosen *ch = mem_zalloc(sizeof(*ch) +
	    CHOSEN_MAX * sizeof(ch->v[0]));

	ch->want = want;
	ch->said = said;
	c->state = ch;
	ops_report_start(&c->report, OPS_REPORT_TABLE);
	c->req = store_campaign_list(c->env->store, choose_each, choose_done,
	    c);
}

void
ops_cmd_campaign_pause(struct ops_call *c)
{
	set(c, STORE_PAUSED, "paused");
}

void
ops_cmd_campaign_resume(struct ops_call *c)
{
	set(c, STORE_ACTIVE, "active");
}

void
ops_cmd_campaign_cancel(struct ops_call *c)
{
	set(c, STORE_CANCELLED, "cancelled");
}
