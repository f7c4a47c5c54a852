#include "config.h"
#include "io/conn_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/tls_stream.h"

/* What a read can take beyond the connection's own buffer; shared, as only
 * one connection reads at a time. */
#define SCRATCH (64 * 1024)
/* Clear text encrypted ahead of a socket that may be slow. */
#define ENCRYPT_AHEAD (256 * 1024)
/* Buffers kept for the next connection that needs one, so that idle ones hold
 * none and busy ones do not allocate. */
#define SPARE_BYTES (256 * 1024)
#ifdef __SANITIZE_ADDRESS__
#define SPARES 1 /* a late user of a buffer shall be seen */
#else
#define SPARES 32
#endif

static char scratch[SCRATCH];
static struct buf spare[SPARES];
static unsigned nspare;

static void
buffer_give(struct buf *b)
{
	if (b->mem == NULL)
		return;
	if (b->cap > SPARE_BYTES || nspare == SPARES) {
		buf_fini(b);
		return;
	}
	buf_clear(b);
	spare[nspare++] = *b;
	*b = (struct buf){ 0 };
}

static void
buffer_take(struct buf *b)
{
	if (b->mem == NULL && nspare)
		*b = spare[--nspare];
}

void
conn_io_watch(struct conn *c)
{
	bool on = (c->state == CONN_OPEN || c->state == CONN_HANDSHAKE) &&
	    !c->paused && !c->full;

	if (on == (bool)ev_is_active(&c->rd))
		return;
	if (on)
		ev_io_start(loop_ev(c->loop), &c->rd);
	else
		ev_io_stop(loop_ev(c->loop), &c->rd);
}

static void
stop(struct conn *c)
{
	ev_io_stop(loop_ev(c->loop), &c->rd);
	ev_io_stop(loop_ev(c->loop), &c->wr);
	loop_timer_stop(&c->timer);
	loop_undefer(&c->flush);
	loop_undefer(&c->task);
}

static void
release(void *p)
{
	struct conn *c = p;

	tls_stream_free(c->tls);
	buffer_give(&c->in);
	buffer_give(&c->out);
	buffer_give(&c->wire);
	free(c);
}

void
conn_io_destroy(struct conn *c)
{
	c->dead = true;
	c->state = CONN_ENDED;
	stop(c);
	loop_undefer(&c->at_free);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	loop_bury(c->loop, c, release);
}

void
conn_io_end(struct conn *c, enum conn_end end, const char *why)
{
	stop(c);
	c->state = CONN_ENDED;
	if (c->closing)
		conn_io_destroy(c);
	else
		c->ops->on_close(c->arg, end, why);
}

void
conn_io_fail_start(void *arg)
{
	struct conn *c = arg;

	conn_io_end(c, CONN_ERROR, strerror(c->error));
}

void
conn_io_opened(void *arg)
{
	struct conn *c = arg;

	c->state = CONN_OPEN;
	conn_io_watch(c);
	if (conn_unsent(c) || c->closing)
		conn_kick(c);
	if (!c->closing && c->ops->on_connect)
		c->ops->on_connect(c->arg);
}

/* Gives what is unread to the owner; false when the connection is over. */
static bool
tell_read(struct conn *c)
{
	c->ops->on_read(c->arg);
	if (c->dead || c->closing || c->state == CONN_ENDED)
		return false;
	if (c->in.n == 0)
		buffer_give(&c->in);
	c->full = c->in.n >= CONN_IN_MAX;
	conn_io_watch(c);
	return true;
}

/* One system call: into the free end of the buffer, and beyond. */
static ssize_t
receive(struct conn *c, size_t *room)
{
	struct msghdr msg = { 0 };
	struct iovec v[2];
	struct buf *in = &c->in;
	size_t tail;
	ssize_t n;

	buffer_take(in);
	tail = in->cap - in->off - in->n;
	v[0].iov_base = in->mem ? in->mem + in->off + in->n : scratch;
	v[0].iov_len = tail;
	v[1].iov_base = scratch;
	v[1].iov_len = SCRATCH;
	*room = tail + SCRATCH;
	msg.msg_iov = tail ? v : v + 1;
	msg.msg_iovlen = tail ? 2 : 1;
	n = recvmsg(c->fd, &msg, MSG_DONTWAIT);
	if (n <= 0) {
		if (in->n == 0)
			buffer_give(in);
		return n;
	}
	if ((size_t)n <= tail) {
		buf_grown(in, (size_t)n);
	} else {
		buf_grown(in, tail);
		buf_add(in, scratch, (size_t)n - tail);
	}
	return n;
}

static bool
is_again(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static void
read_clear(struct conn *c)
{
	size_t room = 0, got = 0;
	ssize_t n = 0;
	int error;

	/* A short read has emptied the socket: no call to hear EAGAIN. */
	while (c->in.n < CONN_IN_MAX && got == room) {
		n = receive(c, &room);
		if (n <= 0)
			break;
		got = (size_t)n;
	}
	error = errno;
	if (room && got && !tell_read(c))
		return;
	if (n == 0 && room)
		conn_io_end(c, CONN_EOF, "closed by the peer");
	else if (n < 0 && !is_again(error))
		conn_io_end(c, CONN_ERROR, strerror(error));
}

static void
read_tls(struct conn *c)
{
	enum tls_step step;
	size_t before = c->in.n;

	buffer_take(&c->in);
	step = tls_stream_read(c->tls, &c->in, CONN_IN_MAX);
	if (c->wire.n) /* an alert, or the answer to a key update */
		conn_kick(c);
	if (c->in.n > before) {
		if (!tell_read(c))
			return;
	} else if (c->in.n == 0) {
		buffer_give(&c->in);
	}
	if (step == TLS_EOF)
		conn_io_end(c, CONN_EOF, "closed by the peer");
	else if (step == TLS_FAILED)
		conn_io_end(c, CONN_ERROR, tls_stream_error(c->tls));
}

/* The owner is gone: what still comes is thrown away, until the end. */
static void
read_discard(struct conn *c)
{
	ssize_t n = recv(c->fd, scratch, sizeof(scratch), MSG_DONTWAIT);

	if (n == 0 && !c->shut && conn_unsent(c) && !c->out_broken) {
		/* It may still read; writing will tell. */
		c->paused = true;
		conn_io_watch(c);
	} else if (n == 0 || (n < 0 && !is_again(errno))) {
		conn_io_destroy(c);
	}
}

static void
handshake(struct conn *c)
{
	enum tls_step step = tls_stream_handshake(c->tls);

	if (step == TLS_FAILED) {
		/* The alert says why; it gets one chance to leave. */
		if (c->wire.n)
			send(c->fd, buf_ptr(&c->wire), c->wire.n,
			    MSG_DONTWAIT | MSG_NOSIGNAL);
		conn_io_end(c, CONN_TLS_FAILED, tls_stream_error(c->tls));
		return;
	}
	if (step == TLS_DONE)
		c->state = CONN_OPEN;
	if (conn_unsent(c))
		conn_kick(c);
	if (step == TLS_DONE && !c->closing && c->ops->on_secure)
		c->ops->on_secure(c->arg);
	/* Data may have come behind the handshake's last record. */
	if (!c->dead && c->state == CONN_OPEN && tls_stream_pending(c->tls))
		loop_defer(c->loop, &c->task, conn_io_resume, c);
}

static void
on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct conn *c = w->data;

	(void)ev;
	(void)revents;
	if (c->tls)
		tls_stream_readable(c->tls);
	if (c->state == CONN_HANDSHAKE)
		handshake(c);
	else if (c->closing)
		read_discard(c);
	else if (c->tls)
		read_tls(c);
	else
		read_clear(c);
}

void
conn_io_resume(void *arg)
{
	struct conn *c = arg;

	if (c->state != CONN_OPEN || c->paused || c->closing)
		return;
	if (c->in.n && !tell_read(c))
		return;
	/* No event will tell of what OpenSSL has already taken in. */
	if (c->tls && !c->paused && !c->full && tls_stream_pending(c->tls))
		read_tls(c);
}

/* The owner is gone and all has left: our side is over, and the peer gets the
 * time to read it.  Closing at once would throw a reset after the last reply
 * when the peer is still sending. */
static void
linger(struct conn *c)
{
	if (c->shut)
		return;
	c->shut = true;
	if (c->tls && c->state == CONN_OPEN) {
		tls_stream_shutdown(c->tls);
		send(c->fd, buf_ptr(&c->wire), c->wire.n,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		buf_clear(&c->wire);
	}
	if (c->paused || shutdown(c->fd, SHUT_WR)) {
		conn_io_destroy(c);
		return;
	}
	conn_io_watch(c);
}

static void
write_failed(struct conn *c, int error)
{
	ev_io_stop(loop_ev(c->loop), &c->wr);
	c->out_broken = true;
	buf_fini(&c->out);
	buf_fini(&c->wire);
	/* What the peer said before it went is still to be read, and then the
	 * error or the end of file. */
	if (!ev_is_active(&c->rd))
		conn_io_end(c, CONN_ERROR, strerror(error));
}

static void
encrypt(struct conn *c)
{
	struct view v;

	if (c->tls == NULL || c->state != CONN_OPEN || c->out.n == 0 ||
	    c->wire.n >= ENCRYPT_AHEAD)
		return;
	buffer_take(&c->wire);
	v = view_head(buf_view(&c->out), ENCRYPT_AHEAD);
	if (tls_stream_write(c->tls, v))
		conn_io_end(c, CONN_ERROR, tls_stream_error(c->tls));
	else
		buf_drop(&c->out, v.n);
}

/* Sends until all is out or the kernel takes no more: true, or false when
 * the socket failed. */
static bool
send_buffer(struct conn *c, struct buf *b, bool *blocked)
{
	ssize_t n;

	while (b->n && !*blocked) {
		n = send(c->fd, buf_ptr(b), b->n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && !is_again(errno)) {
			write_failed(c, errno);
			return false;
		}
		*blocked = n < 0 || (size_t)n < b->n;
		if (n > 0)
			buf_drop(b, (size_t)n);
	}
	return true;
}

static void
drained(struct conn *c)
{
	if (ev_is_active(&c->wr))
		ev_io_stop(loop_ev(c->loop), &c->wr);
	if (c->closing)
		linger(c);
	else if (c->state == CONN_OPEN && c->ops->on_drain)
		c->ops->on_drain(c->arg);
}

static void
send_some(struct conn *c)
{
	bool blocked = false, clear = c->tls == NULL;

	do {
		encrypt(c);
		if (c->state == CONN_ENDED || !send_buffer(c, &c->wire, &blocked))
			return;
		if (clear && !send_buffer(c, &c->out, &blocked))
			return;
	} while (!blocked && c->state == CONN_OPEN && c->out.n);
	if (c->wire.n == 0)
		buffer_give(&c->wire);
	if (c->out.n == 0)
		buffer_give(&c->out);
	if (blocked && !ev_is_active(&c->wr))
		ev_io_start(loop_ev(c->loop), &c->wr);
	else if (!blocked && c->out.n == 0)
		drained(c);
	else if (!blocked && ev_is_active(&c->wr)) /* until the handshake */
		ev_io_stop(loop_ev(c->loop), &c->wr);
}

void
conn_io_on_flush(void *arg)
{
	struct conn *c = arg;

	if (c->out_broken) {
		buf_clear(&c->out);
		return;
	}
	/* The first step of a handshake is the client's. */
	if (c->state == CONN_HANDSHAKE) {
		handshake(c);
		if (c->dead || c->state == CONN_ENDED)
			return;
	}
	loop_undefer(&c->flush);
	send_some(c);
}

static void
on_writable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct conn *c = w->data;
	socklen_t len = sizeof(c->error);

	(void)revents;
	if (c->state != CONN_CONNECTING) {
		/* Already at the end of a turn's work: write at once. */
		loop_undefer(&c->flush);
		send_some(c);
		return;
	}
	ev_io_stop(ev, w);
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &c->error, &len))
		c->error = errno;
	if (c->error)
		conn_io_end(c, CONN_ERROR, strerror(c->error));
	else
		conn_io_opened(c);
}

static void
on_timer(void *arg)
{
	struct conn *c = arg;
	int64_t left;

	if (c->deadline_ms == 0)
		return;
	left = c->deadline_ms - loop_ms();
	if (left > 0) { /* it was put off since */
		c->timer_ms = c->deadline_ms;
		loop_timer_start(&c->timer, left);
		return;
	}
	conn_io_end(c, CONN_TIMEOUT, "timed out");
}

static void
on_loop_free(void *arg)
{
	conn_io_destroy(arg);
}

void
conn_io_disown(struct conn *c)
{
	loop_at_free(c->loop, &c->at_free, on_loop_free, c);
}

void
conn_io_init(struct conn *c)
{
	ev_io_init(&c->rd, on_readable, c->fd, EV_READ);
	ev_io_init(&c->wr, on_writable, c->fd, EV_WRITE);
	c->rd.data = c->wr.data = c;
	loop_timer_init(&c->timer, c->loop, on_timer, c);
}
