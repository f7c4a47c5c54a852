/*
 * A byte stream over TCP, a unix socket or TLS, with buffers.
 *
 * Reading: bytes gather in conn_in(); on_read() is called when more came.
 * What it does not drop stays there.  Above CONN_IN_MAX unread bytes reading
 * pauses by itself until some are dropped (then call conn_resume()).
 * Writing: conn_write() only appends; all that was appended in one turn of
 * the loop leaves in one write at its end (TCP_NODELAY is set here for
 * outgoing connections, by the listener for incoming ones).
 *
 * Bytes that came before a failure of writing are still read and given to
 * on_read before on_close: a peer's last "421" is not lost.
 *
 * Callbacks come from the loop, never from inside a call of these functions.
 * on_close is called once: the peer closed, an error, or the deadline; after
 * it the owner must still conn_close().  conn_close() may be called inside
 * any callback and promises silence.
 */
#ifndef IO_CONN_H
#define IO_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/socket.h>

#include "base/buf.h"

struct loop;
struct conn;
struct tls_ctx;
struct tls_info;

#define CONN_IN_MAX (256 * 1024)

enum conn_end {
	CONN_EOF,     /* the peer closed its side in order */
	CONN_ERROR,   /* errno-like failure; why says it */
	CONN_TIMEOUT, /* the deadline passed */
	CONN_TLS_FAILED /* handshake or certificate */
};

struct conn_ops {
	void (*on_connect)(void *arg); /* outgoing only: connected */
	void (*on_read)(void *arg);
	void (*on_secure)(void *arg);  /* handshake done */
	void (*on_drain)(void *arg);   /* optional: all output left */
	void (*on_close)(void *arg, enum conn_end end, const char *why);
};

/* fd: connected, becomes ours. */
struct conn *conn_accept(struct loop *l, int fd, const struct conn_ops *ops,
    void *arg);
/* local may be NULL.  Failure to even start (no such local address, no file
 * descriptor) comes through on_close like any other. */
struct conn *conn_connect(struct loop *l, const struct sockaddr *peer,
    socklen_t peer_len, const struct sockaddr *local, socklen_t local_len,
    const struct conn_ops *ops, void *arg);
void conn_close(struct conn **c);
/* Closes once the output has left and the peer closed its side too (what it
 * still sends is thrown away), or after within_ms; silent from now on.  The
 * caller's pointer is NULLed. */
void conn_close_flushed(struct conn **c, int64_t within_ms);

struct buf *conn_in(struct conn *c);
void conn_write(struct conn *c, struct view v);
struct buf *conn_out(struct conn *c); /* append here, then conn_kick() */
void conn_kick(struct conn *c);
size_t conn_unsent(const struct conn *c); /* bytes not yet with the kernel */
void conn_pause(struct conn *c);  /* no more reading */
void conn_resume(struct conn *c); /* on_read is called again, from the loop,
				   * when unread bytes are there */

/* on_close(CONN_TIMEOUT) after ms; ms < 0 takes it off. */
void conn_deadline(struct conn *c, int64_t ms);

/* Handshake; unread clear-text input is thrown away (RFC 3207 4.2). */
void conn_starttls_server(struct conn *c, struct tls_ctx *ctx);
/* name: SNI, and what the certificate must match when ctx verifies. */
void conn_starttls_client(struct conn *c, struct tls_ctx *ctx,
    const char *name);
/* NULL while in clear. */
const struct tls_info *conn_tls(struct conn *c);

const struct sockaddr *conn_peer(const struct conn *c, socklen_t *len);
const struct sockaddr *conn_local(const struct conn *c, socklen_t *len);
/* "192.0.2.1", "2001:db8::1" or "unix". */
#define CONN_ADDR_MAX 64
void conn_addr_text(const struct sockaddr *sa, char out[CONN_ADDR_MAX]);
/* An IPv4 address written as IPv6 (::ffff:192.0.2.1) becomes AF_INET. */
void conn_addr_unmap(struct sockaddr_storage *sa);
unsigned conn_addr_port(const struct sockaddr *sa); /* 0 for unix */
int conn_fd(const struct conn *c);

#endif
