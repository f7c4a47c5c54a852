#include "config.h"
#include "ops/command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "ops/cmd_campaign.h"
#include "ops/cmd_daemon.h"
#include "ops/cmd_queue.h"
#include "ops/cmd_suppress.h"
#include "store/store.h"

/* clang-format off */
static const struct ops_command commands[] = {
	{ "help", "[names]", "This list; with names only the commands, one a line.", ops_command_help, 0, 1, false },
	{ "status", "", "Version, state of the queue, what 250 promises, totals.", ops_cmd_daemon_status, 0, 0, false },
	{ "stats", "[json|prometheus]", "All statistics.", ops_cmd_daemon_stats, 0, 1, false },
	{ "queues", "", "Numbers of queued, deferred, leased and parked recipients, by shard.", ops_cmd_queue_queues, 0, 0, false },
	{ "sites", "", "Destinations with work or connections, and what holds them.", ops_cmd_queue_sites, 0, 0, false },
	{ "sessions", "", "Outgoing connections.", ops_cmd_queue_sessions, 0, 0, false },
	{ "campaign list", "", "All campaigns with their counters.", ops_cmd_campaign_list, 0, 0, false },
	{ "campaign show", "NAME [TENANT]", "One campaign; several where more than one has the name.", ops_cmd_campaign_show, 1, 2, false },
	{ "campaign pause", "NAME [TENANT]", "Sends no more of it for now.", ops_cmd_campaign_pause, 1, 2, true },
	{ "campaign resume", "NAME [TENANT]", "Goes on after a pause.", ops_cmd_campaign_resume, 1, 2, true },
	{ "campaign cancel", "NAME [TENANT]", "Drops what is queued of it, for good.", ops_cmd_campaign_cancel, 1, 2, true },
	{ "suppress add", "ADDRESS [SCOPE [REASON]]", "Never mail this address again. SCOPE: global (default), tenant=NAME, list=TENANT/NAME. REASON: manual (default), bounce, complaint, unsubscribed, invalid, erased.", ops_cmd_suppress_add, 1, 3, true },
	{ "suppress remove", "ADDRESS [SCOPE]", "Takes that back.", ops_cmd_suppress_remove, 1, 2, true },
	{ "suppress test", "ADDRESS [TENANT [LIST]]", "Whether mail to the address is dropped, and why.", ops_cmd_suppress_test, 1, 3, false },
	{ "suppress list", "", "Numbers of suppressed addresses by scope and reason; the addresses are stored as hashes.", ops_cmd_suppress_list, 0, 0, false },
	{ "flush", "SITE|DOMAIN", "Lifts a hold and makes waiting retries of the domain due now.", ops_cmd_queue_flush, 1, 1, true },
	{ "parked list", "", "Recipients whose message could not be rebuilt.", ops_cmd_queue_parked, 0, 0, false },
	{ "parked release", "ID|all", "Puts them back into the queue.", ops_cmd_queue_release, 1, 1, true },
	{ "parked drop", "ID|all", "Removes them.", ops_cmd_queue_drop, 1, 1, true },
	{ "message show", "ID", "Where a recipient's message is.", ops_cmd_queue_show, 1, 1, false },
	{ "message remove", "ID", "Removes it from the queue without a report.", ops_cmd_queue_remove, 1, 1, true },
	{ "reload", "", "Reads the configuration again.", ops_cmd_daemon_reload, 0, 0, true },
	{ "drain", "", "No new work; what is under way ends within drain_time.", ops_cmd_daemon_drain, 0, 0, true },
	{ "stop", "", "Drains, then ends the daemon.", ops_cmd_daemon_stop, 0, 0, true }
};
/* clang-format on */

#define N (sizeof(commands) / sizeof(commands[0]))

/* Splits s in place: words at blanks; "..." holds blanks, \ takes the next
 * character as it is. */
static int
split(char *s, char **words, size_t *n, struct err *e)
{
	char *out, quote;

	for (*n = 0;; (*n)++) {
		s += strspn(s, " \t\r");
		if (*s == '\0')
			return 0;
		if (*n == OPS_COMMAND_WORDS)
			return err_set(e, "too many words");
		words[*n] = out = s;
		for (quote = 0; *s && (quote || !strchr(" \t\r", *s)); s++) {
			if (*s == '"') {
				quote = !quote;
				continue;
			}
			if (*s == '\\' && s[1])
				s++;
			*out++ = *s;
		}
		if (quote)
			return err_set(e, "a quote is not closed");
		if (*s)
			s++;
		*out = '\0';
	}
}

/* How many of the words are the command's name; 0: it is another one. */
static size_t
matches(const char *name, char *const *words, size_t n)
{
	size_t i;

	for (i = 0; *name; i++) {
		size_t len = strcspn(name, " ");

		if (i == n || strlen(words[i]) != len ||
		    memcmp(words[i], name, len) != 0)
			return 0;
		name += len + (name[len] == ' ');
	}
	return i;
}

/* "campaign" or "campaign sing": say what there is. */
static int
unknown(const char *first, struct err *e)
{
	size_t len = strlen(first), i;
	struct buf b = { 0 };

	for (i = 0; i < N; i++)
		if (strncmp(commands[i].name, first, len) == 0 &&
		    commands[i].name[len] == ' ')
			buf_addf(&b, "%s%s", b.n ? ", " : "",
			    commands[i].name);
	if (b.n)
		err_set(e, "not a command; there are: %s", buf_str(&b));
	else
		err_set(e, "not a command; \"help\" lists them");
	buf_fini(&b);
	return -1;
}

int
ops_command_parse(struct view line, struct ops_call *c, struct err *e)
{
	char *words[OPS_COMMAND_WORDS + 1];
	size_t n, i, k, used = 0, from = 0;

	if (line.n && memchr(line.p, '\0', line.n))
		return err_set(e, "NUL in a command");
	c->line = mem_strndup(line.p, line.n);
	if (split(c->line, words, &n, e))
		return -1;
	if (n && (strcmp(words[0], "json") == 0 ||
		     strcmp(words[0], "--json") == 0)) {
		c->json = true;
		from = 1;
	}
	if (n == from)
		return err_set(e, "no command; \"help\" lists them");
	for (i = 0; i < N && used == 0; i++) {
		used = matches(commands[i].name, words + from, n - from);
		c->command = &commands[i];
	}
	if (used == 0)
		return unknown(words[from], e);
	from += used;
	for (k = from; k < n; k++)
		c->argv[c->argc++] = words[k];
	if (c->argc < c->command->min || c->argc > c->command->max)
		return err_set(e, "usage: %s %s", c->command->name,
		    c->command->args);
	return 0;
}

void
ops_command_fini(struct ops_call *c)
{
	store_cancel(&c->req);
	ops_report_fini(&c->report);
	buf_fini(&c->body);
	free(c->line);
	free(c->state);
	free(c->error);
	*c = (struct ops_call){ 0 };
}

void
ops_command_run(struct ops_call *c)
{
	c->command->run(c);
}

static void
end(struct ops_call *c)
{
	void (*ended)(struct ops_call *) = c->ended;

	BUG_ON(ended == NULL);
	c->ended = NULL;
	ended(c);
}

void
ops_command_ok(struct ops_call *c)
{
	end(c);
}

void
ops_command_say(struct ops_call *c, const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	if (c->json) {
		ops_report_start(&c->report, OPS_REPORT_CARD);
		ops_report_view(&c->report, "result", buf_view(&b));
	} else {
		buf_addv(&c->body, buf_view(&b));
		buf_addc(&c->body, '\n');
	}
	buf_fini(&b);
	end(c);
}

void
ops_command_fail(struct ops_call *c, const char *fmt, ...)
{
	struct buf b = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	free(c->error);
	c->error = buf_take(&b);
	end(c);
}

static void
help_row(struct ops_report *r, const struct ops_command *cmd, bool json)
{
	struct buf b = { 0 };

	ops_report_row(r);
	if (json) {
		ops_report_text(r, "command", cmd->name);
		ops_report_text(r, "arguments", cmd->args);
		ops_report_bool(r, "changes", cmd->changes);
	} else {
		buf_addf(&b, "%s %s", cmd->name, cmd->args);
		ops_report_view(r, "command", buf_view(&b));
		buf_fini(&b);
	}
	ops_report_text(r, "help", cmd->help);
}

void
ops_command_help(struct ops_call *c)
{
	bool names = c->argc == 1;
	size_t i;

	if (names && strcmp(c->argv[0], "names") != 0) {
		ops_command_fail(c, "usage: help [names]");
		return;
	}
	ops_report_start(&c->report, OPS_REPORT_TABLE);
	for (i = 0; i < N; i++) {
		if (names && !c->json)
			buf_addf(&c->body, "%s\n", commands[i].name);
		else
			help_row(&c->report, &commands[i], c->json);
	}
	ops_command_ok(c);
}

void
ops_command_reference(struct buf *out)
{
	const char *p;
	size_t i;

	for (i = 0; i < N; i++) {
		buf_addf(out, ".TP\n.BR \"%s\" \" ", commands[i].name);
		for (p = commands[i].args; *p; p++)
			buf_adds(out, *p == '|' ? " | " : (char[]){ *p, 0 });
		buf_addf(out, "\"\n%s\n", commands[i].help);
	}
}
