#include "config.h"
#include "intake/intake.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "intake/auth.h"
#include "intake/intake_priv.h"
#include "io/listener.h"

#define PORT(l) LIST_ENTRY(l, struct intake_port, link)
#define SESSION(l) LIST_ENTRY(l, struct intake_session, link)

static struct intake_port *
port_at(const struct intake *i, const char *address)
{
	struct list *l, *next;

	LIST_FOREACH(l, next, &i->ports)
		if (strcmp(PORT(l)->door->listen->address, address) == 0)
			return PORT(l);
	return NULL;
}

/* The socket goes, its sessions end after their transaction. */
static void
port_close(struct intake_port *p)
{
	struct intake *i = p->intake;
	struct list *l, *next;

	LIST_FOREACH(l, next, &i->sessions) {
		struct intake_session *s = SESSION(l);

		if (s->port != p)
			continue;
		s->port = NULL;
		intake_session_drain(s);
	}
	listener_close(&p->listener);
	intake_door_unref(&p->door);
	intake_door_unref(&p->coming);
	list_remove(&p->link);
	free(p);
}

static int
port_open(struct intake *i, struct intake_door *d, struct err *e)
{
	struct intake_port *p = mem_zalloc(sizeof(*p));

	p->intake = i;
	p->listener = listener_open(i->loop, d->listen->address,
	    d->listen->socket_mode, intake_accept, p, e);
	if (p->listener == NULL) {
		free(p);
		return -1;
	}
	p->door = intake_door_ref(d);
	p->coming = d;
	list_append(&i->ports, &p->link);
	return 0;
}

/* A door for each listen block, with its port where there is none yet. */
static int
prepare(struct intake *i, struct intake_generation *g, struct err *e)
{
	size_t k;

	for (k = 0; k < g->conf->nlisten; k++) {
		const struct conf_listen *l = &g->conf->listen[k];
		struct intake_port *p = port_at(i, l->address);
		struct intake_door *d = intake_door_new(g, l, e);

		if (d == NULL)
			return -1;
		if (p && p->coming) {
			intake_door_unref(&d);
			return err_set(e, "listen %s: %s is taken by another "
			    "listen block", l->name, l->address);
		}
		if (p) {
			p->coming = d;
		} else if (port_open(i, d, e)) {
			intake_door_unref(&d);
			return -1;
		}
	}
	return 0;
}

/* Back to before prepare(): ports it opened are those whose door is already
 * the coming one. */
static void
undo(struct intake *i)
{
	struct list *l, *next;

	LIST_FOREACH(l, next, &i->ports) {
		struct intake_port *p = PORT(l);

		if (p->coming == p->door)
			port_close(p);
		else
			intake_door_unref(&p->coming);
	}
}

static void
port_switch(struct intake_port *p)
{
	const struct conf_listen *was = p->door->listen;
	const struct conf_listen *now = p->coming->listen;
	bool other = was->protocol != now->protocol;
	struct list *l, *next;

	if (was->socket_mode != now->socket_mode &&
	    strncmp(now->address, "unix:", 5) == 0 &&
	    chmod(now->address + 5, now->socket_mode))
		log_error("intake.chmod_failed", "address=%s", now->address);
	intake_door_unref(&p->door);
	p->door = p->coming;
	p->coming = NULL;
	if (!other)
		return;
	LIST_FOREACH(l, next, &p->intake->sessions) {
		struct intake_session *s = SESSION(l);

		if (s->port != p)
			continue;
		s->port = NULL;
		p->nsessions--;
		intake_session_drain(s);
	}
}

static void
commit(struct intake *i, struct intake_generation *g)
{
	struct list *l, *next;

	LIST_FOREACH(l, next, &i->ports) {
		if (PORT(l)->coming)
			port_switch(PORT(l));
		else
			port_close(PORT(l));
	}
	intake_door_generation_unref(&i->generation);
	i->generation = g;
}

struct intake *
intake_new(const struct intake_params *p, struct err *e)
{
	struct intake *i = mem_zalloc(sizeof(*i));
	struct intake_generation *g;

	i->loop = p->loop;
	i->store = p->store;
	i->submit = p->submit;
	i->sinks = p->sinks;
	i->nsinks = p->nsinks;
	list_init(&i->ports);
	list_init(&i->sessions);
	list_init(&i->messages);
	i->auth = intake_auth_new(p->loop, p->pool);
	g = intake_door_generation(p->conf);
	if (prepare(i, g, e)) {
		undo(i);
		intake_door_generation_unref(&g);
		intake_free(&i);
		return NULL;
	}
	commit(i, g);
	return i;
}

int
intake_reload(struct intake *i, struct conf *conf, struct err *e)
{
	struct intake_generation *g = intake_door_generation(conf);

	if (i->draining) {
		intake_door_generation_unref(&i->generation);
		i->generation = g;
		return 0;
	}
	if (prepare(i, g, e)) {
		undo(i);
		intake_door_generation_unref(&g);
		return -1;
	}
	commit(i, g);
	return 0;
}

void
intake_drain(struct intake *i)
{
	struct list *l, *next;

	if (i->draining)
		return;
	i->draining = true;
	LIST_FOREACH(l, next, &i->ports)
		port_close(PORT(l));
}

void
intake_free(struct intake **ip)
{
	struct intake *i = *ip;
	struct list *l, *next;

	if (i == NULL)
		return;
	*ip = NULL;
	intake_message_cancel_all(i);
	LIST_FOREACH(l, next, &i->sessions) {
		struct intake_session *s = SESSION(l);

		intake_session_close(&s);
	}
	LIST_FOREACH(l, next, &i->ports)
		port_close(PORT(l));
	intake_auth_free(&i->auth);
	intake_tenant_rates_free(i);
	intake_door_generation_unref(&i->generation);
	free(i);
}

size_t
intake_open(const struct intake *i)
{
	return i->nsessions;
}

size_t
intake_busy(const struct intake *i)
{
	return i->nmessages;
}

unsigned
intake_port(const struct intake *i, const char *listener)
{
	struct list *l, *next;

	LIST_FOREACH(l, next, &i->ports)
		if (strcmp(PORT(l)->door->listen->name, listener) == 0)
			return listener_port(PORT(l)->listener);
	return 0;
}

void
intake_sessions(const struct intake *i,
    void (*each)(void *arg, const struct intake_info *info), void *arg)
{
	struct list *l, *next;

	LIST_FOREACH(l, next, &i->sessions) {
		struct intake_info info;

		intake_session_info(SESSION(l), &info);
		each(arg, &info);
	}
}
