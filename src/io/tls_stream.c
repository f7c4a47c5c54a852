#include "config.h"
#include "io/tls_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/bug.h"
#include "base/mem.h"
#include "io/tls_priv.h"

struct tls_stream {
	char key[280]; /* "name:port" of the session; "": none */

	struct tls_ctx *ctx; /* a reference */
	SSL *ssl;            /* owned */
	struct buf *wire;    /* borrowed: the connection's */
	int fd;              /* borrowed */

	bool empty; /* the socket had no more when it was last read */
	bool eof;
	int error; /* errno of a failed read */
	char text[160];
	struct tls_info info;
};

/* The BIO between OpenSSL and the connection. */
static int
bio_write(BIO *b, const char *p, int n)
{
	struct tls_stream *s = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (n > 0)
		buf_add(s->wire, p, (size_t)n);
	return n;
}

static int
bio_read(BIO *b, char *p, int n)
{
	struct tls_stream *s = BIO_get_data(b);
	ssize_t got;

	BIO_clear_retry_flags(b);
	if (s->eof)
		return 0;
	if (s->empty) {
		BIO_set_retry_read(b);
		return -1;
	}
	got = recv(s->fd, p, (size_t)n, MSG_DONTWAIT);
	/* A short read has emptied the socket: no call to hear EAGAIN. */
	s->empty = got < n;
	if (got == 0) {
		s->eof = true;
	} else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		BIO_set_retry_read(b);
	} else if (got < 0) {
		s->error = errno;
	}
	return (int)got;
}

static long
bio_ctrl(BIO *b, int cmd, long num, void *p)
{
	struct tls_stream *s = BIO_get_data(b);

	(void)num;
	(void)p;
	if (cmd == BIO_CTRL_EOF)
		return s->eof;
	return cmd == BIO_CTRL_FLUSH;
}

static BIO_METHOD *
bio_method(void)
{
	static BIO_METHOD *m;

	if (m)
		return m;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "conn");
	BUG_ON(m == NULL);
	BIO_meth_set_write(m, bio_write);
	BIO_meth_set_read(m, bio_read);
	BIO_meth_set_ctrl(m, bio_ctrl);
	return m;
}

static bool
is_address(const char *name)
{
	unsigned char a[16];

	return inet_pton(AF_INET, name, a) == 1 ||
	    inet_pton(AF_INET6, name, a) == 1;
}

static void
prepare_client(struct tls_stream *s, const char *name, unsigned port)
{
	SSL_SESSION *session;

	SSL_set_connect_state(s->ssl);
	if (name == NULL)
		return;
	snprintf(s->key, sizeof(s->key), "%s:%u", name, port);
	SSL_set_app_data(s->ssl, s->key);
	if (is_address(name)) {
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(s->ssl), name);
	} else {
		SSL_set_tlsext_host_name(s->ssl, name);
		SSL_set_hostflags(s->ssl,
		    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
		SSL_set1_host(s->ssl, name);
	}
	session = tls_session_get(s->ctx, s->key);
	if (session)
		SSL_set_session(s->ssl, session);
}

struct tls_stream *
tls_stream_new(struct tls_ctx *ctx, int fd, struct buf *wire,
    const char *name, unsigned port)
{
	struct tls_stream *s = mem_zalloc(sizeof(*s));
	BIO *bio = BIO_new(bio_method());

	s->ssl = SSL_new(tls_ctx_ssl(ctx));
	if (s->ssl == NULL || bio == NULL)
		bug_die("out of memory", __FILE__, __LINE__);
	s->ctx = tls_ctx_ref(ctx);
	s->fd = fd;
	s->wire = wire;
	s->empty = true;
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(s->ssl, bio, bio);
	if (tls_ctx_is_server(ctx))
		SSL_set_accept_state(s->ssl);
	else
		prepare_client(s, name, port);
	return s;
}

void
tls_stream_free(struct tls_stream *s)
{
	if (s == NULL)
		return;
	/* Not having said goodbye does not spoil the session. */
	SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(s->ssl);
	tls_ctx_free(&s->ctx);
	free(s);
}

void
tls_stream_readable(struct tls_stream *s)
{
	s->empty = false;
}

static void
describe_failure(struct tls_stream *s)
{
	long verify = SSL_get_verify_result(s->ssl);
	const char *why;

	if (s->error)
		why = strerror(s->error);
	else if (tls_ctx_verifies(s->ctx) && verify != X509_V_OK)
		why = X509_verify_cert_error_string(verify);
	else if (s->eof && ERR_peek_error() == 0)
		why = "closed by the peer";
	else
		why = tls_error_text();
	snprintf(s->text, sizeof(s->text), "%s", why);
	ERR_clear_error();
}

static enum tls_step
step_of(struct tls_stream *s, int rc)
{
	switch (SSL_get_error(s->ssl, rc)) {
	case SSL_ERROR_NONE:
		return TLS_DONE;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return TLS_MORE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_EOF;
	default:
		describe_failure(s);
		return TLS_FAILED;
	}
}

static void
fill_info(struct tls_stream *s)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(s->ssl);

	s->info.version = SSL_get_version(s->ssl);
	s->info.cipher = SSL_CIPHER_get_name(cipher);
	s->info.bits = SSL_CIPHER_get_bits(cipher, NULL);
	s->info.resumed = SSL_session_reused(s->ssl);
	s->info.verified = tls_ctx_verifies(s->ctx) &&
	    SSL_get_verify_result(s->ssl) == X509_V_OK;
}

enum tls_step
tls_stream_handshake(struct tls_stream *s)
{
	enum tls_step step;

	ERR_clear_error();
	step = step_of(s, SSL_do_handshake(s->ssl));
	if (step == TLS_EOF) {
		describe_failure(s);
		step = TLS_FAILED;
	}
	if (step == TLS_DONE)
		fill_info(s);
	else if (step == TLS_FAILED && s->key[0])
		tls_session_drop(s->ctx, s->key);
	return step;
}

enum tls_step
tls_stream_read(struct tls_stream *s, struct buf *in, size_t max)
{
	static char plain[SSL3_RT_MAX_PLAIN_LENGTH];
	int n;

	ERR_clear_error();
	while (in->n < max) {
		n = SSL_read(s->ssl, plain, sizeof(plain));
		if (n <= 0)
			return step_of(s, n);
		buf_add(in, plain, (size_t)n);
	}
	return TLS_DONE;
}

bool
tls_stream_pending(const struct tls_stream *s)
{
	return SSL_has_pending(s->ssl);
}

int
tls_stream_write(struct tls_stream *s, struct view v)
{
	int n;

	ERR_clear_error();
	while (v.n) {
		n = SSL_write(s->ssl, v.p, v.n > INT_MAX ? INT_MAX : (int)v.n);
		/* Our BIO always takes all, and there is no renegotiation that
		 * would have to read first. */
		if (n <= 0) {
			describe_failure(s);
			return -1;
		}
		v = view_skip(v, (size_t)n);
	}
	return 0;
}

void
tls_stream_shutdown(struct tls_stream *s)
{
	ERR_clear_error();
	if (SSL_is_init_finished(s->ssl) && s->text[0] == '\0')
		SSL_shutdown(s->ssl);
	ERR_clear_error();
}

const char *
tls_stream_error(const struct tls_stream *s)
{
	return s->text;
}

const struct tls_info *
tls_stream_info(const struct tls_stream *s)
{
	return &s->info;
}
