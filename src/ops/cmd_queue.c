#include "config.h"
#include "ops/cmd_queue.h"

#include <string.h>

#include "deliver/deliver.h"
#include "deliver/session.h"
#include "ops/command.h"
#include "ops/control.h"
#include "ops/store_text.h"
#include "smtp/address.h"
#include "store/store.h"

/* Ends the call when st is not OK. */
static bool
failed(struct ops_call *c, enum store_status st)
{
	c->req = NULL;
	if (st == STORE_OK)
		return false;
	ops_command_fail(c, "%s", ops_store_text_status(st));
	return true;
}

static void
done(void *arg, enum store_status st)
{
	struct ops_call *c = arg;

	if (!failed(c, st))
		ops_command_ok(c);
}

/* --- queues ------------------------------------------------------------ */

static void
stat_done(void *arg, enum store_status st, const struct store_shard_stat *s)
{
	struct ops_call *c = arg;
	struct ops_report *r = &c->report;

	if (failed(c, st))
		return;
	ops_report_row(r);
	ops_report_count(r, "shard", c->step);
	ops_report_bool(r, "ours", s->ours);
	ops_report_count(r, "queued", s->queued);
	ops_report_count(r, "deferred", s->deferred);
	ops_report_count(r, "in_flight", s->in_flight);
	ops_report_count(r, "parked", s->parked);
	ops_report_count(r, "campaigns", s->campaigns);
	ops_report_count(r, "bases", s->bases);
	ops_report_count(r, "memory_bytes", s->memory_bytes);
	if (++c->step < store_shards(c->env->store))
		c->req = store_stat(c->env->store, (unsigned)c->step,
		    stat_done, c);
	else
		ops_command_ok(c);
}

void
ops_cmd_queue_queues(struct ops_call *c)
{
	ops_report_start(&c->report, OPS_REPORT_TABLE);
	c->req = store_stat(c->env->store, 0, stat_done, c);
}

/* --- sites and sessions ------------------------------------------------ */

static void
site_each(void *arg, const struct deliver_site_info *i)
{
	struct ops_report *r = arg;

	ops_report_row(r);
	ops_report_text(r, "site", i->name);
	ops_report_text(r, "state", i->state);
	ops_report_count(r, "connections", i->connections);
	ops_report_count(r, "connecting", i->connecting);
	ops_report_count(r, "max", i->connections_max);
	ops_report_count(r, "lanes", i->lanes);
	ops_report_count(r, "waiting", i->waiting);
	ops_report_count(r, "sent", i->sent);
	ops_report_count(r, "deferred", i->deferred);
	ops_report_count(r, "bounced", i->bounced);
	ops_report_time(r, "held_until", i->held_until_ms);
	ops_report_text(r, "reason", i->reason);
	ops_report_text(r, "last_reply", i->last_reply);
}

void
ops_cmd_queue_sites(struct ops_call *c)
{
	ops_report_start(&c->report, OPS_REPORT_TABLE);
	deliver_sites(c->env->deliver, site_each, &c->report);
	ops_command_ok(c);
}

static void
session_each(void *arg, const char *site, const struct deliver_session_info *i)
{
	struct ops_report *r = arg;

	ops_report_row(r);
	ops_report_text(r, "site", site);
	ops_report_text(r, "mx", i->mx);
	ops_report_text(r, "address", i->address);
	ops_report_text(r, "state", i->state);
	ops_report_text(r, "tls", i->tls);
	ops_report_count(r, "transactions", i->transactions);
	ops_report_time(r, "since", i->since_ms);
}

void
ops_cmd_queue_sessions(struct ops_call *c)
{
	ops_report_start(&c->report, OPS_REPORT_TABLE);
	deliver_sessions(c->env->deliver, session_each, &c->report);
	ops_command_ok(c);
}

/* --- flush ------------------------------------------------------------- */

static void
flush_end(struct ops_call *c, uint64_t due)
{
	unsigned lifted = deliver_flush(c->env->deliver, c->argv[0]);

	ops_report_start(&c->report, OPS_REPORT_CARD);
	ops_report_count(&c->report, "holds_lifted", lifted);
	ops_report_count(&c->report, "retries_made_due", due);
	ops_command_ok(c);
}

static void
flush_done(void *arg, enum store_status st, uint64_t made_due)
{
	struct ops_call *c = arg;

	if (!failed(c, st))
		flush_end(c, made_due);
}

void
ops_cmd_queue_flush(struct ops_call *c)
{
	char domain[SMTP_DOMAIN_MAX + 1];

	/* A site's name need not be a domain; then it has holds only. */
	if (smtp_address_ascii_domain(view_str(c->argv[0]), domain, NULL))
		flush_end(c, 0);
	else
		c->req = store_flush(c->env->store, domain, flush_done, c);
}

/* --- parked ------------------------------------------------------------ */

static void
add_campaign(struct ops_call *c, uint64_t id)
{
	struct store_campaign *g = store_campaign_by_id(c->env->store, id);

	ops_report_text(&c->report, "campaign", g ? g->name : "");
	ops_report_text(&c->report, "tenant", g ? g->tenant : "");
}

static void
add_record(struct ops_call *c, const struct store_record *rec)
{
	char id[STORE_ID_MAX] = "";

	if (rec->id)
		store_record_id_text(rec->id, id);
	ops_report_text(&c->report, "id", id);
	ops_report_view(&c->report, "sender", rec->sender);
	ops_report_view(&c->report, "recipient", rec->rcpt);
}

static void
parked_each(void *arg, uint64_t campaign, const char *domain,
    struct view packed)
{
	struct ops_call *c = arg;
	struct store_record rec = { 0 };

	/* A record that can't be read is shown by its domain alone. */
	if (store_record_unpack(packed, &rec, NULL))
		rec = (struct store_record){ 0 };
	ops_report_row(&c->report);
	add_record(c, &rec);
	ops_report_text(&c->report, "domain", domain);
	add_campaign(c, campaign);
	ops_report_time(&c->report, "created", rec.created_ms);
}

void
ops_cmd_queue_parked(struct ops_call *c)
{
	ops_report_start(&c->report, OPS_REPORT_TABLE);
	c->req = store_parked(c->env->store, parked_each, done, c);
}

static void
unpark_done(void *arg, enum store_status st, uint64_t n)
{
	struct ops_call *c = arg;
	bool all = strcmp(c->argv[0], "all") == 0;

	if (failed(c, st))
		return;
	if (n == 0 && !all) {
		ops_command_fail(c, "not parked");
		return;
	}
	ops_report_start(&c->report, OPS_REPORT_CARD);
	ops_report_count(&c->report,
	    c->command->run == ops_cmd_queue_release ? "released" : "dropped",
	    n);
	ops_command_ok(c);
}

/* argv[0] as an id; -1: the call has ended. */
static int
take_id(struct ops_call *c, uint64_t *id)
{
	if (store_record_id_parse(view_str(c->argv[0]), id) == 0 && *id)
		return 0;
	ops_command_fail(c, "not an id: 13 letters and digits are wanted");
	return -1;
}

static void
unpark(struct ops_call *c, bool release)
{
	uint64_t id = 0;

	if (strcmp(c->argv[0], "all") != 0 && take_id(c, &id))
		return;
	c->req = store_unpark(c->env->store, id, release, unpark_done, c);
}

void
ops_cmd_queue_release(struct ops_call *c)
{
	unpark(c, true);
}

void
ops_cmd_queue_drop(struct ops_call *c)
{
	unpark(c, false);
}

/* --- message ----------------------------------------------------------- */

static void
find_done(void *arg, enum store_status st, const char *where,
    uint64_t campaign, const char *domain, int64_t due_ms, struct view packed)
{
	struct ops_call *c = arg;
	struct ops_report *r = &c->report;
	struct store_record rec;
	struct err e = { "" };

	if (failed(c, st))
		return;
	if (store_record_unpack(packed, &rec, &e)) {
		ops_command_fail(c, "%s", e.text);
		return;
	}
	ops_report_start(r, OPS_REPORT_CARD);
	add_record(c, &rec);
	ops_report_text(r, "where", where);
	ops_report_text(r, "domain", domain);
	add_campaign(c, campaign);
	ops_report_count(r, "attempts", rec.attempt);
	ops_report_time(r, "due", due_ms);
	ops_report_time(r, "created", rec.created_ms);
	ops_report_time(r, "expires", (int64_t)rec.expires_s * 1000);
	ops_report_count(r, "bytes", rec.content_bytes);
	ops_command_ok(c);
}

void
ops_cmd_queue_show(struct ops_call *c)
{
	uint64_t id;

	if (take_id(c, &id) == 0)
		c->req = store_find(c->env->store, id, find_done, c);
}

static void
remove_done(void *arg, enum store_status st)
{
	struct ops_call *c = arg;

	if (!failed(c, st))
		ops_command_say(c, "removed");
}

void
ops_cmd_queue_remove(struct ops_call *c)
{
	uint64_t id;

	if (take_id(c, &id) == 0)
		c->req = store_remove(c->env->store, id, remove_done, c);
}
