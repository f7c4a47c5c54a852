/*
 * One TLS connection over a socket: OpenSSL reads the socket itself, in as
 * few calls as possible, and appends what it has to send to a buffer of the
 * connection, so that a flight or many records leave in one write.
 */
#ifndef IO_TLS_STREAM_H
#define IO_TLS_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct tls_ctx;
struct tls_info;
struct tls_stream;

enum tls_step { TLS_FAILED = -1, TLS_MORE, TLS_DONE, TLS_EOF };

/* fd and wire are borrowed.  name, port: the peer, for a client's SNI, check
 * and resumption; name may be NULL. */
struct tls_stream *tls_stream_new(struct tls_ctx *ctx, int fd,
    struct buf *wire, const char *name, unsigned port);
void tls_stream_free(struct tls_stream *s);

/* Before anything that may read after the socket became readable. */
void tls_stream_readable(struct tls_stream *s);
enum tls_step tls_stream_handshake(struct tls_stream *s);
/* Appends to in until the socket is empty or in holds max bytes.  DONE: there
 * may be more. */
enum tls_step tls_stream_read(struct tls_stream *s, struct buf *in,
    size_t max);
bool tls_stream_pending(const struct tls_stream *s); /* bytes taken in */
int tls_stream_write(struct tls_stream *s, struct view v); /* all, or -1 */
void tls_stream_shutdown(struct tls_stream *s); /* close_notify to wire */
const char *tls_stream_error(const struct tls_stream *s);
const struct tls_info *tls_stream_info(const struct tls_stream *s);

#endif
