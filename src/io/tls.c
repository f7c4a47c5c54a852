#include "config.h"
#include "io/tls.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <uthash.h>

#include "base/mem.h"
#include "io/tls_priv.h"

#define SESSIONS_MAX 4096

struct session {
	char *key;        /* owned: "name:port" */
	SSL_SESSION *ssl; /* owned: one reference */
	UT_hash_handle hh;
};

struct tls_ctx {
	unsigned refs; /* the maker's and one of each connection */
	bool server;
	bool verify;
	SSL_CTX *ssl;             /* owned */
	struct session *sessions; /* owned; oldest first */
};

const char *
tls_error_text(void)
{
	unsigned long code = ERR_peek_error(); /* the first: the cause */
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	if (code && ERR_SYSTEM_ERROR(code))
		text = strerror((int)ERR_GET_REASON(code));
	ERR_clear_error();
	return text ? text : "unknown TLS error";
}

static struct tls_ctx *
ctx_new(bool server)
{
	struct tls_ctx *ctx = mem_zalloc(sizeof(*ctx));
	SSL_CTX *ssl;

	ERR_clear_error();
	ssl = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	if (ssl == NULL) {
		free(ctx);
		return NULL;
	}
	ctx->refs = 1;
	ctx->server = server;
	ctx->ssl = ssl;
	SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* SMTP says itself where it ends, and many peers just close. */
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_read_ahead(ssl, 1); /* whole records in one read */
	return ctx;
}

struct tls_ctx *
tls_ctx_server(const char *certificate, const char *key, struct err *e)
{
	struct tls_ctx *ctx = ctx_new(true);
	const char *bad = NULL;

	if (ctx == NULL) {
		err_set(e, "TLS: %s", tls_error_text());
		return NULL;
	}
	SSL_CTX_set_options(ctx->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
	/* Tickets only: the sessions are the clients' to keep. */
	SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(ctx->ssl, (const void *)"facteur", 7);
	if (SSL_CTX_use_certificate_chain_file(ctx->ssl, certificate) != 1)
		bad = certificate;
	else if (SSL_CTX_use_PrivateKey_file(ctx->ssl, key,
	    SSL_FILETYPE_PEM) != 1)
		bad = key;
	else if (SSL_CTX_check_private_key(ctx->ssl) != 1)
		bad = key;
	if (bad) {
		err_set(e, "%s: %s", bad, tls_error_text());
		tls_ctx_free(&ctx);
	}
	return ctx;
}

static int
accept_any(X509_STORE_CTX *store, void *arg)
{
	(void)store;
	(void)arg;
	return 1;
}

static int
set_verify(struct tls_ctx *ctx, const char *ca_file, struct err *e)
{
	int rc;

	ctx->verify = true;
	SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_PEER, NULL);
	rc = ca_file ? SSL_CTX_load_verify_file(ctx->ssl, ca_file) :
	    SSL_CTX_set_default_verify_paths(ctx->ssl);
	if (rc != 1)
		return err_set(e, "%s: %s", ca_file ? ca_file :
		    "the system's CA certificates", tls_error_text());
	return 0;
}

/* OpenSSL keeps no session for us: TLS 1.3 tickets come after the handshake,
 * and the key is ours (tls_stream.c set it as app data). */
static int
on_new_session(SSL *ssl, SSL_SESSION *s)
{
	struct tls_ctx *ctx = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	const char *key = SSL_get_app_data(ssl);

	if (ctx == NULL || key == NULL || key[0] == '\0')
		return 0;
	tls_session_put(ctx, key, s);
	return 1;
}

struct tls_ctx *
tls_ctx_client(bool verify, const char *ca_file, struct err *e)
{
	struct tls_ctx *ctx = ctx_new(false);

	if (ctx == NULL) {
		err_set(e, "TLS: %s", tls_error_text());
		return NULL;
	}
	if (verify && set_verify(ctx, ca_file, e)) {
		tls_ctx_free(&ctx);
		return NULL;
	}
	if (!verify) {
		/* Weak encryption is better than the clear text that would be
		 * the alternative (RFC 7435); nobody looks at the chain, so it
		 * need not be checked. */
		SSL_CTX_set_security_level(ctx->ssl, 0);
		SSL_CTX_set_cipher_list(ctx->ssl, "DEFAULT:!aNULL:!eNULL");
		SSL_CTX_set_verify(ctx->ssl, SSL_VERIFY_NONE, NULL);
		SSL_CTX_set_cert_verify_callback(ctx->ssl, accept_any, NULL);
	}
	SSL_CTX_set_app_data(ctx->ssl, ctx);
	SSL_CTX_set_session_cache_mode(ctx->ssl, SSL_SESS_CACHE_CLIENT |
	    SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx->ssl, on_new_session);
	return ctx;
}

static void
session_free(struct tls_ctx *ctx, struct session *s)
{
	HASH_DEL(ctx->sessions, s);
	SSL_SESSION_free(s->ssl);
	free(s->key);
	free(s);
}

void
tls_ctx_free(struct tls_ctx **ctxp)
{
	struct tls_ctx *ctx = *ctxp;
	struct session *s, *tmp;

	*ctxp = NULL;
	if (ctx == NULL || --ctx->refs)
		return;
	HASH_ITER(hh, ctx->sessions, s, tmp)
		session_free(ctx, s);
	SSL_CTX_free(ctx->ssl);
	free(ctx);
}

struct tls_ctx *
tls_ctx_ref(struct tls_ctx *ctx)
{
	ctx->refs++;
	return ctx;
}

SSL_CTX *
tls_ctx_ssl(struct tls_ctx *ctx)
{
	return ctx->ssl;
}

bool
tls_ctx_is_server(const struct tls_ctx *ctx)
{
	return ctx->server;
}

bool
tls_ctx_verifies(const struct tls_ctx *ctx)
{
	return ctx->verify;
}

SSL_SESSION *
tls_session_get(struct tls_ctx *ctx, const char *key)
{
	struct session *s;

	HASH_FIND_STR(ctx->sessions, key, s);
	if (s && !SSL_SESSION_is_resumable(s->ssl)) {
		session_free(ctx, s);
		s = NULL;
	}
	return s ? s->ssl : NULL;
}

void
tls_session_drop(struct tls_ctx *ctx, const char *key)
{
	struct session *s;

	HASH_FIND_STR(ctx->sessions, key, s);
	if (s)
		session_free(ctx, s);
}

void
tls_session_put(struct tls_ctx *ctx, const char *key, SSL_SESSION *ssl)
{
	struct session *s;

	HASH_FIND_STR(ctx->sessions, key, s);
	if (s) {
		SSL_SESSION_free(s->ssl);
		s->ssl = ssl;
		return;
	}
	/* uthash keeps the order of insertion: the first is the oldest. */
	if (HASH_COUNT(ctx->sessions) >= SESSIONS_MAX)
		session_free(ctx, ctx->sessions);
	s = mem_zalloc(sizeof(*s));
	s->key = mem_strdup(key);
	s->ssl = ssl;
	HASH_ADD_KEYPTR(hh, ctx->sessions, s->key, strlen(s->key), s);
}
