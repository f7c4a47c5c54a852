/*
 * The inside of a connection, shared by conn.c (what owners call) and
 * conn_io.c (what the loop calls).
 *
 * Output takes two steps: `out` holds what the owner appended, `wire` what is
 * ready for the socket.  In clear, `out` goes to the socket itself and `wire`
 * is empty but for clear text appended just before STARTTLS.
 */
#ifndef IO_CONN_PRIV_H
#define IO_CONN_PRIV_H

#include "io/conn.h"
#include "io/loop.h"

struct tls_stream;

enum conn_state {
	CONN_CONNECTING,
	CONN_OPEN,
	CONN_HANDSHAKE,
	CONN_ENDED /* on_close was called, or nobody is to be told */
};

struct conn {
	enum conn_state state;
	int fd; /* owned; -1: never opened, or closed */
	int error; /* errno of a connect that could not start */
	struct sockaddr_storage peer, local;
	socklen_t peer_len, local_len; /* 0: not yet asked for */

	struct loop *loop;          /* borrowed */
	const struct conn_ops *ops; /* borrowed, static */
	void *arg;                  /* borrowed */
	struct tls_stream *tls;     /* owned; NULL in clear */

	ev_io rd, wr;
	struct loop_timer timer;
	int64_t deadline_ms; /* 0: none; the timer may be earlier */
	int64_t timer_ms;    /* when the timer fires, if it runs */
	struct loop_task flush;
	struct loop_task task; /* a start that is already known, or a resume */
	struct loop_task at_free;

	struct buf in, out, wire;

	bool paused;     /* by the owner */
	bool full;       /* CONN_IN_MAX reached */
	bool out_broken; /* writing failed; reading tells the rest */
	bool closing;    /* conn_close_flushed */
	bool shut;       /* our side is shut down, the peer's not yet */
	bool dead;
};

void conn_io_init(struct conn *c);
void conn_io_watch(struct conn *c); /* reading on or off, as the flags say */
void conn_io_opened(void *arg);     /* connected */
void conn_io_resume(void *arg);     /* unread bytes to the owner again */
void conn_io_fail_start(void *arg);
void conn_io_end(struct conn *c, enum conn_end end, const char *why);
void conn_io_disown(struct conn *c); /* lives on without an owner */
void conn_io_destroy(struct conn *c);
void conn_io_on_flush(void *arg);

#endif
