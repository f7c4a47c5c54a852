/* The scripted server of session_world.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/view.h"
#include "io/conn.h"
#include "tests/unit/session_peer.h"
#include "tests/unit/session_world.h"

struct caller {
	struct list link;
	struct conn *conn;
	size_t left; /* octets of a BDAT still to come */
	bool in_data;
	unsigned messages;
};

static struct list callers;
static struct tls_ctx *server_tls;

static void
drop(struct caller *c)
{
	list_remove(&c->link);
	conn_close(&c->conn);
	free(c);
}

/* False: hung up. */
static bool
say(struct caller *c, const char *text, const char *usual)
{
	if (text == NULL)
		text = usual;
	if (strcmp(text, "close") == 0) {
		drop(c);
		return false;
	}
	if (strcmp(text, "silent") != 0)
		conn_write(c->conn, view_str(text));
	return true;
}

static bool
ended(struct caller *c)
{
	world.messages++;
	c->messages++;
	if (!say(c, world.peer->end, "250 2.0.0 queued\r\n"))
		return false;
	if (world.peer->close_after == c->messages) {
		conn_close_flushed(&c->conn, 1000);
		list_remove(&c->link);
		free(c);
		return false;
	}
	return true;
}

static bool
rcpt(struct caller *c, struct view line)
{
	const char *of = world.peer->rcpt_of;

	if (of) {
		struct view rest = view_str(of), who = view_cut(&rest, ' ');

		if (view_find(line, who) != -1)
			return say(c, rest.p, NULL);
	}
	return say(c, world.peer->rcpt, "250 2.1.5 ok\r\n");
}

static bool
command(struct caller *c, struct view line)
{
	const struct world_peer *p = world.peer;

	buf_addv(&world.lines, line);
	buf_addc(&world.lines, '\n');
	if (view_starts(line, VIEW("EHLO")))
		return say(c, p->ehlo, "250-mx.example\r\n250 PIPELINING\r\n");
	if (view_starts(line, VIEW("HELO")))
		return say(c, p->helo, "250 mx.example\r\n");
	if (view_starts(line, VIEW("MAIL")))
		return say(c, p->mail, "250 2.1.0 ok\r\n");
	if (view_starts(line, VIEW("RCPT")))
		return rcpt(c, line);
	if (view_starts(line, VIEW("DATA"))) {
		c->in_data = p->data == NULL || p->data[0] == '3';
		buf_clear(&world.content);
		return say(c, p->data, "354 go\r\n");
	}
	if (view_starts(line, VIEW("BDAT"))) {
		buf_clear(&world.content);
		c->left = strtoul(line.p + 5, NULL, 10);
		return c->left > 0 || ended(c);
	}
	if (view_starts(line, VIEW("STARTTLS"))) {
		if (!say(c, p->starttls, "220 go\r\n"))
			return false;
		if (p->broken_tls)
			conn_write(c->conn, VIEW("not a handshake at all\r\n"));
		else if (p->starttls == NULL)
			conn_starttls_server(c->conn, server_tls);
		return true;
	}
	if (view_starts(line, VIEW("QUIT"))) {
		conn_write(c->conn, VIEW("221 bye\r\n"));
		conn_close_flushed(&c->conn, 1000);
		list_remove(&c->link);
		free(c);
		return false;
	}
	return say(c, "250 ok\r\n", NULL);
}

static void
on_read(void *arg)
{
	struct caller *c = arg;
	struct buf *in = conn_in(c->conn);

	while (in->n > 0) {
		struct view v = buf_view(in), line;
		ptrdiff_t nl;

		if (c->left > 0) {
			line = view_head(v, c->left);
			buf_addv(&world.content, line);
			c->left -= line.n;
			buf_drop(in, line.n);
			if (c->left == 0 && !ended(c))
				return;
			continue;
		}
		nl = view_find(v, VIEW("\r\n"));
		if (nl == -1)
			return;
		line = view_head(v, (size_t)nl);
		if (c->in_data) {
			c->in_data = !view_eq(line, VIEW("."));
			if (c->in_data)
				buf_addv(&world.content,
				    view_head(v, (size_t)nl + 2));
			buf_drop(in, (size_t)nl + 2);
			if (!c->in_data && !ended(c))
				return;
			continue;
		}
		{
			char *text = mem_strndup(line.p, line.n);
			bool on;

			buf_drop(in, (size_t)nl + 2);
			on = command(c, view_str(text));
			free(text);
			if (!on)
				return;
		}
	}
}

static void
on_secure(void *arg)
{
	(void)arg;
	world.tls++;
}

static void
on_close(void *arg, enum conn_end end, const char *why)
{
	(void)end;
	(void)why;
	drop(arg);
}

static const struct conn_ops ops = {
    .on_read = on_read, .on_secure = on_secure, .on_close = on_close};

void
session_peer_accept(void *arg, int fd, const struct sockaddr *peer)
{
	struct caller *c = mem_zalloc(sizeof(*c));
	const char *greeting = world.peer->greeting;

	(void)arg;
	(void)peer;
	if (callers.next == NULL)
		list_init(&callers);
	list_append(&callers, &c->link);
	c->conn = conn_accept(world.loop, fd, &ops, c);
	if (world.connections++ > 0 && world.peer->second)
		greeting = world.peer->second;
	say(c, greeting, "220 mx.example ESMTP\r\n");
}

void
session_peer_tls(struct tls_ctx *ctx)
{
	server_tls = ctx;
}

void
session_peer_close(void)
{
	struct list *it, *tmp;

	if (callers.next == NULL)
		return;
	LIST_FOREACH (it, tmp, &callers)
		drop(LIST_ENTRY(it, struct caller, link));
}
