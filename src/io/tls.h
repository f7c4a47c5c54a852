/*
 * TLS contexts (OpenSSL, TLS 1.2 and up): one per policy, made once and
 * shared by many connections.
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include <stdbool.h>

#include "base/err.h"

struct tls_ctx;

/* For a listener: PEM chain and key.  NULL with e naming the file. */
struct tls_ctx *tls_ctx_server(const char *certificate, const char *key,
    struct err *e);
/* For deliveries.  verify: the peer's chain must be good (system CA store, or
 * ca_file) and its name match; else anything goes (RFC 7435).  Sessions are
 * kept for resumption by peer name and port. */
struct tls_ctx *tls_ctx_client(bool verify, const char *ca_file,
    struct err *e);
void tls_ctx_free(struct tls_ctx **ctx);

/* What a connection negotiated, for accounting and Received. */
struct tls_info {
	const char *version; /* "TLSv1.3"; borrowed, static */
	const char *cipher;
	int bits;
	bool verified;
	bool resumed;
};

#endif
