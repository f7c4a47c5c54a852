#include "config.h"
#include "ops/cmd_daemon.h"

#include <string.h>
#include <unistd.h>

#include "ops/command.h"
#include "ops/control.h"
#include "stats/stats.h"
#include "store/store.h"

void
ops_cmd_daemon_status(struct ops_call *c)
{
	static const struct {
		const char *name;
		enum stats_id id;
	} totals[] = { { "incoming_connections", STATS_INTAKE_OPEN },
		{ "accepted", STATS_INTAKE_RECIPIENTS },
		{ "outgoing_sessions", STATS_DELIVER_SESSIONS },
		{ "sent", STATS_DELIVER_SENT },
		{ "deferred", STATS_DELIVER_DEFERRED },
		{ "bounced", STATS_DELIVER_BOUNCED },
		{ "expired", STATS_DELIVER_EXPIRED },
		{ "parked", STATS_DELIVER_PARKED } };
	struct store *s = c->env->store;
	const char *why = NULL;
	bool accepting = store_accepting(s, &why);
	size_t i;

	ops_report_start(&c->report, OPS_REPORT_CARD);
	ops_report_text(&c->report, "version", PACKAGE_VERSION);
	ops_report_count(&c->report, "pid", (uint64_t)getpid());
	ops_report_time(&c->report, "started", c->env->started_ms);
	ops_report_text(&c->report, "queue", store_is_up(s) ? "up" : "down");
	ops_report_text(&c->report, "intake",
	    accepting  ? "accepting" :
		why    ? why :
			 "refusing");
	ops_report_text(&c->report, "durability", store_durability_text(s));
	for (i = 0; i < sizeof(totals) / sizeof(totals[0]); i++)
		ops_report_count(&c->report, totals[i].name,
		    (uint64_t)stats_get(totals[i].id));
	ops_command_ok(c);
}

void
ops_cmd_daemon_stats(struct ops_call *c)
{
	enum stats_format format = c->json ? STATS_JSON : STATS_TEXT;

	if (c->argc && strcmp(c->argv[0], "json") == 0) {
		format = STATS_JSON;
	} else if (c->argc && strcmp(c->argv[0], "prometheus") == 0) {
		format = STATS_PROMETHEUS;
	} else if (c->argc) {
		ops_command_fail(c, "usage: stats [json|prometheus]");
		return;
	}
	stats_print(&c->body, format);
	ops_command_ok(c);
}

void
ops_cmd_daemon_reload(struct ops_call *c)
{
	struct err e = { "" };

	if (c->env->reload(c->env->arg, &e))
		ops_command_fail(c, "the former configuration stays: %s",
		    e.text);
	else
		ops_command_say(c, "reloaded");
}

static void
drain(const struct ops_control_params *env)
{
	env->drain(env->arg);
}

static void
stop(const struct ops_control_params *env)
{
	env->stop(env->arg);
}

void
ops_cmd_daemon_drain(struct ops_call *c)
{
	c->after = drain;
	ops_command_say(c, "draining");
}

void
ops_cmd_daemon_stop(struct ops_call *c)
{
	c->after = stop;
	ops_command_say(c, "stopping");
}
