#include "config.h"
#include "ops/control.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "io/conn.h"
#include "io/listener.h"
#include "io/loop.h"
#include "ops/command.h"
#include "stats/stats.h"

#define CLIENTS_MAX 64
#define IDLE_MS (10 * 60 * 1000) /* for the next command, or to read */
#define LINGER_MS 2000
#define UNSENT_MAX (1024 * 1024) /* no further command is begun above it */

struct ops_control {
	struct ops_control_params p;
	struct conf *conf;         /* a reference */
	struct listener *listener; /* owned */
	struct list clients;
	unsigned nclients;
};

struct client {
	struct list link;
	uid_t uid;

	struct ops_control *control; /* borrowed: outlives it */
	struct conn *conn;           /* owned */
	struct loop_task more;       /* the next line, from the loop */

	struct ops_call call;
	bool busy; /* call is under way */
};

static void next_line(void *arg);

static void
release(void *p)
{
	free(p);
}

static void
client_close(struct client *k, bool flush)
{
	struct ops_control *c = k->control;

	ops_command_fini(&k->call);
	loop_undefer(&k->more);
	list_remove(&k->link);
	c->nclients--;
	if (flush)
		conn_close_flushed(&k->conn, LINGER_MS);
	else
		conn_close(&k->conn);
	loop_bury(c->p.loop, k, release);
}

/* --- answers ----------------------------------------------------------- */

/* Lines that begin with a dot get another. */
static void
put_body(struct buf *out, struct view body)
{
	while (body.n) {
		struct view rest = body, line = view_cut(&rest, '\n');

		if (line.n && line.p[0] == '.')
			buf_addc(out, '.');
		buf_addv(out, line);
		buf_addc(out, '\n');
		body = rest;
	}
}

static void
put_error(struct conn *conn, const char *text)
{
	struct buf *out = conn_out(conn);
	const char *p;

	buf_adds(out, ".error ");
	for (p = text; *p; p++)
		buf_addc(out, *p == '\n' ? ' ' : *p);
	buf_addc(out, '\n');
	conn_kick(conn);
}

/* The call has ended, perhaps inside its own start. */
static void
answer(struct ops_call *call)
{
	struct client *k = call->owner;
	struct ops_control *c = k->control;
	void (*after)(const struct ops_control_params *) = call->after;
	struct buf text = { 0 };

	if (call->error) {
		after = NULL;
		put_error(k->conn, call->error);
	} else {
		if (call->body.n == 0)
			ops_report_print(&call->report, call->json, &text);
		put_body(conn_out(k->conn),
		    buf_view(call->body.n ? &call->body : &text));
		buf_adds(conn_out(k->conn), ".ok\n");
		conn_kick(k->conn);
		buf_fini(&text);
	}
	/* The handler above us on the stack may still look at its call. */
	k->busy = false;
	loop_defer(c->p.loop, &k->more, next_line, k);
	if (after)
		after(&c->p);
}

/* --- commands ---------------------------------------------------------- */

static void
begin(struct client *k, struct view line)
{
	struct ops_call *call = &k->call;
	struct err e = { "" };

	stats_add(STATS_CONTROL_COMMANDS, 1);
	call->env = &k->control->p;
	call->owner = k;
	call->ended = answer;
	k->busy = true;
	if (ops_command_parse(line, call, &e)) {
		ops_command_fail(call, "%s", e.text);
		return;
	}
	if (call->command->changes)
		log_info("control.command", "uid=%u command=%s",
		    (unsigned)k->uid, log_q(line));
	ops_command_run(call);
}

/* Takes the next whole line, if the former command is answered. */
static void
next_line(void *arg)
{
	struct client *k = arg;
	struct buf *in = conn_in(k->conn);
	ptrdiff_t end = view_chr(buf_view(in), '\n');
	char *line;

	if (k->busy || conn_unsent(k->conn) > UNSENT_MAX)
		return;
	ops_command_fini(&k->call);
	if (end < 0 && in->n > OPS_COMMAND_LINE) {
		put_error(k->conn, "line too long");
		client_close(k, true);
		return;
	}
	conn_deadline(k->conn, IDLE_MS);
	conn_resume(k->conn); /* where it had sent very much */
	if (end < 0)
		return;
	line = mem_strndup(buf_ptr(in), (size_t)end);
	buf_drop(in, (size_t)end + 1);
	begin(k, view_of(line, (size_t)end));
	free(line);
}

static void
on_read(void *arg)
{
	struct client *k = arg;

	if (!k->busy)
		next_line(k);
}

static void
on_drain(void *arg)
{
	struct client *k = arg;

	if (!k->busy)
		loop_defer(k->control->p.loop, &k->more, next_line, k);
}

static void
on_close(void *arg, enum conn_end end, const char *why)
{
	(void)end;
	(void)why;
	client_close(arg, false);
}

static const struct conn_ops client_ops = { .on_read = on_read,
	.on_drain = on_drain,
	.on_close = on_close };

/* --- who may ----------------------------------------------------------- */

static bool
user_is(const char *user, uid_t uid)
{
	struct passwd *pw = getpwnam(user);
	uint64_t number;

	if (pw)
		return pw->pw_uid == uid;
	return view_u64(view_str(user), &number) == 0 && number == uid;
}

static bool
allowed(const struct ops_control *c, uid_t uid)
{
	const struct conf_strs *users = &c->conf->limits.control_users;
	size_t i;

	if (uid == 0 || uid == geteuid())
		return true;
	for (i = 0; i < users->n; i++)
		if (user_is(users->v[i], uid))
			return true;
	return false;
}

static void
refuse(struct ops_control *c, int fd, const char *text)
{
	struct conn *conn = conn_accept(c->p.loop, fd, &client_ops, NULL);

	put_error(conn, text);
	conn_close_flushed(&conn, LINGER_MS);
}

static void
accepted(void *arg, int fd, const struct sockaddr *peer)
{
	struct ops_control *c = arg;
	struct ucred cred = { 0, (uid_t)-1, (gid_t)-1 };
	socklen_t len = sizeof(cred);
	struct client *k;

	(void)peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) ||
	    !allowed(c, cred.uid)) {
		log_warn("control.refused", "uid=%u", (unsigned)cred.uid);
		refuse(c, fd, "you may not use this socket");
		return;
	}
	if (c->nclients >= CLIENTS_MAX) {
		refuse(c, fd, "too many clients");
		return;
	}
	k = mem_zalloc(sizeof(*k));
	k->uid = cred.uid;
	k->control = c;
	k->conn = conn_accept(c->p.loop, fd, &client_ops, k);
	conn_deadline(k->conn, IDLE_MS);
	list_append(&c->clients, &k->link);
	c->nclients++;
}

/* --- life -------------------------------------------------------------- */

struct ops_control *
ops_control_open(const struct ops_control_params *p, struct err *e)
{
	struct ops_control *c = mem_zalloc(sizeof(*c));
	char *address = mem_printf("unix:%s", p->conf->limits.control_socket);

	c->p = *p;
	if (c->p.started_ms == 0)
		c->p.started_ms = clock_now();
	c->conf = conf_ref(p->conf);
	list_init(&c->clients);
	c->listener = listener_open(p->loop, address,
	    p->conf->limits.control_mode, accepted, c, e);
	free(address);
	if (c->listener == NULL) {
		conf_unref(&c->conf);
		free(c);
		return NULL;
	}
	return c;
}

void
ops_control_reload(struct ops_control *c, struct conf *conf)
{
	struct conf *old = c->conf;

	if (old->limits.control_mode != conf->limits.control_mode &&
	    chmod(old->limits.control_socket, conf->limits.control_mode))
		log_error("control.mode", "path=%s",
		    old->limits.control_socket);
	c->conf = conf_ref(conf);
	c->p.conf = c->conf;
	conf_unref(&old);
}

void
ops_control_close(struct ops_control **cp)
{
	struct ops_control *c = *cp;
	struct list *it, *tmp;

	*cp = NULL;
	if (c == NULL)
		return;
	listener_close(&c->listener);
	LIST_FOREACH(it, tmp, &c->clients)
		client_close(LIST_ENTRY(it, struct client, link), true);
	conf_unref(&c->conf);
	loop_bury(c->p.loop, c, release);
}
