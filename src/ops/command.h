/*
 * The commands of the control socket, a row each: words, arguments, help,
 * handler.  The help command, the manual page and shell completion come from
 * the rows.
 */
#ifndef OPS_COMMAND_H
#define OPS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "ops/report.h"

struct ops_control_params;
struct store_req;

#define OPS_COMMAND_WORDS 8    /* of a line, with the command's */
#define OPS_COMMAND_LINE 4096 /* octets of a line */

struct ops_command;

/* One command under way. */
struct ops_call {
	const struct ops_command *command;
	const struct ops_control_params *env; /* borrowed */
	char *line;                         /* owned: the words lie in it */
	char *argv[OPS_COMMAND_WORDS];      /* arguments only */
	size_t argc;
	bool json;
	/* What the handler uses as it likes */
	struct store_req *req; /* cancelled when the client goes */
	void *state;           /* freed with the call */
	size_t step;
	struct ops_report report;
	/* The end: exactly once */
	void (*ended)(struct ops_call *c);
	void *owner;
	/* result */
	struct buf body; /* printed instead of the report, if any */
	char *error;     /* owned; NULL: success */
	void (*after)(const struct ops_control_params *env); /* or NULL */
};

struct ops_command {
	const char *name; /* one or two words */
	const char *args; /* "NAME [TENANT]" */
	const char *help;
	void (*run)(struct ops_call *c);
	size_t min, max; /* number of arguments */
	bool changes;    /* something: it is logged with who asked */
};

/* Reads a line into c->command and arguments; -1 with the reason. */
int ops_command_parse(struct view line, struct ops_call *c, struct err *e);
void ops_command_fini(struct ops_call *c);
/* Calls the handler.  c->ended may be called inside. */
void ops_command_run(struct ops_call *c);

/* For handlers: exactly one of these ends a call. */
void ops_command_ok(struct ops_call *c);
/* A card with one line. */
void ops_command_say(struct ops_call *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void ops_command_fail(struct ops_call *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void ops_command_help(struct ops_call *c); /* the command "help" */
/* All commands in man(7) macros. */
void ops_command_reference(struct buf *out);

#endif
