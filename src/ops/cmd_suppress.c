#include "config.h"
#include "ops/cmd_suppress.h"

#include <string.h>

#include "ops/command.h"
#include "ops/control.h"
#include "ops/store_text.h"
#include "smtp/address.h"
#include "store/store.h"

struct scope {
	enum store_scope scope;
	char *tenant; /* borrowed from the line */
	char *list;
};

/* argv[0] as an address; -1: the call has ended. */
static int
address(struct ops_call *c, struct smtp_address *a)
{
	struct err e = { "" };

	if (smtp_address_parse(view_str(c->argv[0]), a, &e) == 0)
		return 0;
	ops_command_fail(c, "not an address: %s", e.text);
	return -1;
}

/* "global", "tenant=NAME", "list=TENANT/NAME"; -1: the call has ended. */
static int
scope(struct ops_call *c, struct scope *s)
{
	char *arg = c->argc > 1 ? c->argv[1] : NULL, *slash;

	*s = (struct scope){ .scope = STORE_SCOPE_GLOBAL };
	if (arg == NULL || strcmp(arg, "global") == 0)
		return 0;
	if (strncmp(arg, "tenant=", 7) == 0 && arg[7]) {
		s->scope = STORE_SCOPE_TENANT;
		s->tenant = arg + 7;
		return 0;
	}
	slash = strncmp(arg, "list=", 5) == 0 ? strchr(arg + 5, '/') : NULL;
	if (slash && slash > arg + 5 && slash[1]) {
		*slash = '\0';
		*s = (struct scope){ STORE_SCOPE_LIST, arg + 5, slash + 1 };
		return 0;
	}
	ops_command_fail(c,
	    "the scope must be global, tenant=NAME or list=TENANT/NAME");
	return -1;
}

static void
done(void *arg, enum store_status st)
{
	struct ops_call *c = arg;

	c->req = NULL;
	if (st == STORE_OK)
		ops_command_say(c, "%s",
		    c->command->run == ops_cmd_suppress_add ? "suppressed" :
							      "removed");
	else if (st == STORE_NOT_FOUND)
		ops_command_fail(c, "it was not suppressed");
	else
		ops_command_fail(c, "%s", ops_store_text_status(st));
}

void
ops_cmd_suppress_add(struct ops_call *c)
{
	char reason = 'm';
	struct smtp_address a;
	struct scope s;

	if (address(c, &a) || scope(c, &s))
		return;
	if (c->argc > 2)
		reason = ops_store_text_reason_letter(c->argv[2]);
	if (reason == 0) {
		ops_command_fail(c, "not a reason: %s", c->argv[2]);
		return;
	}
	c->req = store_suppress_add(c->env->store, &a, s.scope, s.tenant,
	    s.list, reason, done, c);
}

void
ops_cmd_suppress_remove(struct ops_call *c)
{
	struct smtp_address a;
	struct scope s;

	if (address(c, &a) || scope(c, &s))
		return;
	c->req = store_suppress_remove(c->env->store, &a, s.scope, s.tenant,
	    s.list, done, c);
}

static void
test_done(void *arg, enum store_status st, enum store_scope sc, char reason)
{
	struct ops_call *c = arg;
	bool is = st == STORE_OK;

	c->req = NULL;
	if (!is && st != STORE_NOT_FOUND) {
		ops_command_fail(c, "%s", ops_store_text_status(st));
		return;
	}
	ops_report_start(&c->report, OPS_REPORT_CARD);
	ops_report_bool(&c->report, "suppressed", is);
	ops_report_text(&c->report, "scope",
	    is ? ops_store_text_scope(sc) : "");
	ops_report_text(&c->report, "reason",
	    is ? ops_store_text_reason(reason) : "");
	ops_command_ok(c);
}

void
ops_cmd_suppress_test(struct ops_call *c)
{
	struct smtp_address a;

	if (address(c, &a))
		return;
	c->req = store_suppress_test(c->env->store, &a,
	    c->argc > 1 ? c->argv[1] : NULL, c->argc > 2 ? c->argv[2] : NULL,
	    test_done, c);
}

static void
list_each(void *arg, const char *scope_, char reason, uint64_t count)
{
	struct ops_call *c = arg;

	ops_report_row(&c->report);
	ops_report_text(&c->report, "scope", scope_);
	ops_report_text(&c->report, "reason", ops_store_text_reason(reason));
	ops_report_count(&c->report, "addresses", count);
}

static void
list_done(void *arg, enum store_status st)
{
	struct ops_call *c = arg;

	c->req = NULL;
	if (st == STORE_OK)
		ops_command_ok(c);
	else
		ops_command_fail(c, "%s", ops_store_text_status(st));
}

void
ops_cmd_suppress_list(struct ops_call *c)
{
	ops_report_start(&c->report, OPS_REPORT_TABLE);
	c->req = store_suppress_list(c->env->store, list_each, list_done, c);
}
