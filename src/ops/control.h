/*
 * The stats socket: a unix socket with a line protocol, for facteur(1) and
 * for scripts.
 *
 * A client sends a command in a line; "json " before it asks for JSON.  The
 * answer is any number of lines, of which those that begin with a dot have
 * another dot put before them, and then ".ok", or ".error " and the reason.
 * Commands are answered one after the other; any number may be sent.  Who
 * closes its side before the answer has come does not get it.
 *
 * Who may: root, the daemon's own user, and control_users; the others are
 * told so and cut.  Who reads slowly or asks nothing loses the connection.
 */
#ifndef OPS_CONTROL_H
#define OPS_CONTROL_H

#include <stdint.h>

#include "base/err.h"

struct conf;
struct deliver;
struct loop;
struct ops_control;
struct store;

struct ops_control_params { /* all borrowed */
	struct loop *loop;
	struct conf *conf;
	struct store *store;
	struct deliver *deliver;
	int (*reload)(void *arg, struct err *e);
	void (*drain)(void *arg); /* called after the answer is on its way */
	void (*stop)(void *arg);
	void *arg;
	int64_t started_ms; /* 0: now */
};

struct ops_control *ops_control_open(const struct ops_control_params *p,
    struct err *e);
/* Users and mode come from conf; a new socket path needs a restart. */
void ops_control_reload(struct ops_control *c, struct conf *conf);
/* Answers that are complete still reach their clients. */
void ops_control_close(struct ops_control **c);

#endif
