#include "config.h"
#include "io/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "io/conn_priv.h"
#include "io/loop.h"
#include "io/tls_stream.h"

static struct conn *
conn_new(struct loop *l, const struct conn_ops *ops, void *arg)
{
	struct conn *c = mem_zalloc(sizeof(*c));

	c->fd = -1;
	c->loop = l;
	c->ops = ops;
	c->arg = arg;
	return c;
}

struct conn *
conn_accept(struct loop *l, int fd, const struct conn_ops *ops, void *arg)
{
	struct conn *c = conn_new(l, ops, arg);

	c->fd = fd;
	c->state = CONN_OPEN;
	conn_io_init(c);
	conn_io_watch(c);
	return c;
}

/* 0: under way; 1: connected at once; -1: errno says why not. */
static int
start_connect(struct conn *c, const struct sockaddr *local,
    socklen_t local_len)
{
	int on = 1;

	c->fd = socket(c->peer.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -1;
	if (c->peer.ss_family != AF_UNIX)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (local) {
		/* One source address serves more connections when the port is
		 * chosen with the peer known. */
		if (conn_addr_port(local) == 0)
			setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT,
			    &on, sizeof(on));
		if (bind(c->fd, local, local_len))
			return -1;
	}
	if (connect(c->fd, (const void *)&c->peer, c->peer_len) == 0)
		return 1;
	return errno == EINPROGRESS ? 0 : -1;
}

struct conn *
conn_connect(struct loop *l, const struct sockaddr *peer, socklen_t peer_len,
    const struct sockaddr *local, socklen_t local_len,
    const struct conn_ops *ops, void *arg)
{
	struct conn *c = conn_new(l, ops, arg);
	int rc;

	BUG_ON(peer_len > sizeof(c->peer));
	memcpy(&c->peer, peer, peer_len);
	c->peer_len = peer_len;
	c->state = CONN_CONNECTING;
	rc = start_connect(c, local, local_len);
	c->error = errno;
	conn_io_init(c);
	if (rc < 0)
		loop_defer(l, &c->task, conn_io_fail_start, c);
	else if (rc > 0)
		loop_defer(l, &c->task, conn_io_opened, c);
	else
		ev_io_start(loop_ev(l), &c->wr);
	return c;
}

void
conn_close(struct conn **cp)
{
	struct conn *c = *cp;

	*cp = NULL;
	if (c && !c->dead)
		conn_io_destroy(c);
}

void
conn_close_flushed(struct conn **cp, int64_t within_ms)
{
	struct conn *c = *cp;

	*cp = NULL;
	if (c == NULL || c->dead)
		return;
	if (c->state == CONN_ENDED) {
		conn_io_destroy(c);
		return;
	}
	c->closing = true;
	conn_io_disown(c);
	c->paused = c->full = false;
	if (c->tls == NULL)
		buf_fini(&c->in);
	conn_deadline(c, within_ms > 0 ? within_ms : 0);
	if (c->state != CONN_CONNECTING)
		loop_undefer(&c->task);
	conn_io_watch(c);
	conn_kick(c);
}

struct buf *
conn_in(struct conn *c)
{
	return &c->in;
}

struct buf *
conn_out(struct conn *c)
{
	return &c->out;
}

void
conn_write(struct conn *c, struct view v)
{
	buf_addv(&c->out, v);
	conn_kick(c);
}

void
conn_kick(struct conn *c)
{
	if (c->state == CONN_OPEN || c->state == CONN_HANDSHAKE)
		loop_flush_later(c->loop, &c->flush, conn_io_on_flush, c);
}

size_t
conn_unsent(const struct conn *c)
{
	return c->out.n + c->wire.n;
}

void
conn_pause(struct conn *c)
{
	c->paused = true;
	conn_io_watch(c);
}

void
conn_resume(struct conn *c)
{
	bool again = c->paused;

	if (c->full && c->in.n < CONN_IN_MAX) {
		c->full = false;
		again = true;
	}
	c->paused = false;
	if (!again || c->state != CONN_OPEN)
		return;
	conn_io_watch(c);
	if (c->in.n || (c->tls && tls_stream_pending(c->tls)))
		loop_defer(c->loop, &c->task, conn_io_resume, c);
}

void
conn_deadline(struct conn *c, int64_t ms)
{
	if (ms < 0 || c->state == CONN_ENDED) {
		/* A running timer fires once, in vain. */
		c->deadline_ms = 0;
		return;
	}
	c->deadline_ms = loop_ms() + ms;
	if (loop_timer_pending(&c->timer) && c->timer_ms <= c->deadline_ms)
		return;
	c->timer_ms = c->deadline_ms;
	loop_timer_start(&c->timer, ms);
}

static void
start_tls(struct conn *c, struct tls_ctx *ctx, const char *name)
{
	socklen_t len;

	/* The protocol engines refuse a second STARTTLS. */
	BUG_ON(c->tls || c->state == CONN_CONNECTING);
	buf_clear(&c->in);
	if (c->state == CONN_ENDED)
		return;
	/* What was appended so far still leaves in clear. */
	buf_addv(&c->wire, buf_view(&c->out));
	buf_clear(&c->out);
	c->tls = tls_stream_new(ctx, c->fd, &c->wire, name,
	    name ? conn_addr_port(conn_peer(c, &len)) : 0);
	c->state = CONN_HANDSHAKE;
	loop_undefer(&c->task);
	c->paused = c->full = false;
	conn_io_watch(c);
	conn_kick(c);
}

void
conn_starttls_server(struct conn *c, struct tls_ctx *ctx)
{
	start_tls(c, ctx, NULL);
}

void
conn_starttls_client(struct conn *c, struct tls_ctx *ctx, const char *name)
{
	start_tls(c, ctx, name);
}

const struct tls_info *
conn_tls(struct conn *c)
{
	if (c->tls == NULL || c->state == CONN_HANDSHAKE)
		return NULL;
	return tls_stream_info(c->tls);
}

const struct sockaddr *
conn_peer(const struct conn *cc, socklen_t *len)
{
	struct conn *c = (struct conn *)cc; /* fills in what it is asked for */

	if (c->peer_len == 0 && c->fd >= 0) {
		c->peer_len = sizeof(c->peer);
		if (getpeername(c->fd, (void *)&c->peer, &c->peer_len))
			c->peer_len = 0;
		conn_addr_unmap(&c->peer);
	}
	*len = c->peer_len;
	return (const void *)&c->peer;
}

const struct sockaddr *
conn_local(const struct conn *cc, socklen_t *len)
{
	struct conn *c = (struct conn *)cc;

	if (c->local_len == 0 && c->fd >= 0) {
		c->local_len = sizeof(c->local);
		if (getsockname(c->fd, (void *)&c->local, &c->local_len))
			c->local_len = 0;
		conn_addr_unmap(&c->local);
	}
	*len = c->local_len;
	return (const void *)&c->local;
}

void
conn_addr_unmap(struct sockaddr_storage *sa)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in = { .sin_family = AF_INET };

	memcpy(&in6, sa, sizeof(in6));
	if (sa->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
		return;
	in.sin_port = in6.sin6_port;
	memcpy(&in.sin_addr, in6.sin6_addr.s6_addr + 12, 4);
	memset(sa, 0, sizeof(*sa));
	memcpy(sa, &in, sizeof(in));
}

unsigned
conn_addr_port(const struct sockaddr *sa)
{
	struct sockaddr_in in; /* the port is at the same place in IPv6 */

	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return 0;
	memcpy(&in, sa, sizeof(in));
	return ntohs(in.sin_port);
}

void
conn_addr_text(const struct sockaddr *sa, char out[CONN_ADDR_MAX])
{
	struct sockaddr_storage ss = { 0 };
	const struct sockaddr_in *in = (const void *)&ss;
	const struct sockaddr_in6 *in6 = (const void *)&ss;

	memcpy(&ss, sa, sa->sa_family == AF_INET6 ? sizeof(*in6) :
	    sa->sa_family == AF_INET ? sizeof(*in) : sizeof(sa_family_t));
	conn_addr_unmap(&ss);
	if (ss.ss_family == AF_INET)
		inet_ntop(AF_INET, &in->sin_addr, out, CONN_ADDR_MAX);
	else if (ss.ss_family == AF_INET6)
		inet_ntop(AF_INET6, &in6->sin6_addr, out, CONN_ADDR_MAX);
	else
		snprintf(out, CONN_ADDR_MAX, "unix");
}

int
conn_fd(const struct conn *c)
{
	return c->fd;
}
