/*
 * The inside of a TLS context, for tls_stream.c.
 */
#ifndef IO_TLS_PRIV_H
#define IO_TLS_PRIV_H

#include <openssl/ssl.h>

#include "io/tls.h"

struct tls_ctx *tls_ctx_ref(struct tls_ctx *ctx);
SSL_CTX *tls_ctx_ssl(struct tls_ctx *ctx); /* borrowed */
bool tls_ctx_is_server(const struct tls_ctx *ctx);
bool tls_ctx_verifies(const struct tls_ctx *ctx);

/* Sessions by "name:port".  get borrows; put takes. */
SSL_SESSION *tls_session_get(struct tls_ctx *ctx, const char *key);
void tls_session_put(struct tls_ctx *ctx, const char *key, SSL_SESSION *s);
void tls_session_drop(struct tls_ctx *ctx, const char *key);

/* Reason of the oldest error in OpenSSL's queue; empties the queue. */
const char *tls_error_text(void);

#endif
