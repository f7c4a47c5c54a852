#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io_calls.h"

#include "base/buf.h"
#include "base/mem.h"
#include "io/conn.h"
#include "io/listener.h"
#include "io/tls.h"

static char dir[] = "/tmp/test_io_tls.XXXXXX";

static const char *
in_dir(const char *name)
{
	static char path[4][128];
	static unsigned next;
	char *p = path[next++ & 3];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static int
make_certificates(void **state)
{
	static const char script[] =
	    "cd %s && exec >log 2>&1 && set -e; "
	    "ec='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'; "
	    "openssl req -x509 $ec -keyout ca.key -out ca.pem -days 9 "
	    "-subj /CN=ca; "
	    "openssl req $ec -keyout mx.key -out mx.csr -subj /CN=mx.test; "
	    "printf 'subjectAltName=DNS:mx.test,DNS:*.wild.test,"
	    "IP:127.0.0.1' >ext; "
	    "openssl x509 -req -in mx.csr -CA ca.pem -CAkey ca.key "
	    "-CAcreateserial -extfile ext -days 9 -out mx.pem; "
	    "openssl req -x509 $ec -keyout self.key -out self.pem -days 9 "
	    "-subj /CN=mx.test; "
	    "openssl req -x509 -newkey rsa:1024 -nodes -keyout weak.key "
	    "-out weak.pem -days 9 -subj /CN=mx.test; "
	    "echo rubbish >bad.pem";
	char cmd[1400];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(cmd, sizeof(cmd), script, dir);
	assert_int_equal(system(cmd), 0);
	return 0;
}

static int
remove_certificates(void **state)
{
	char cmd[64];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd);
}

struct end {
	struct conn *conn;
	struct buf got;
	int secures, closes;
	enum conn_end how;
	char why[128];
	bool up, echo;
	size_t stop_at;
	struct tls_ctx *start_at_dot; /* server: STARTTLS when "." comes */
	const char *say; /* once secure */
	struct tls_info info;
};

static struct end a, b; /* client and server */

static void
on_up(void *arg)
{
	((struct end *)arg)->up = true;
	if (a.up && b.up)
		loop_break(loop);
}

static void
on_read(void *arg)
{
	struct end *e = arg;
	struct buf *in = conn_in(e->conn);

	buf_addv(&e->got, buf_view(in));
	if (e->start_at_dot && e->got.n && buf_ptr(&e->got)[0] == '.') {
		buf_drop(in, 1); /* what follows the command stays unread */
		buf_clear(&e->got);
		conn_write(e->conn, VIEW("220 go\r\n"));
		conn_starttls_server(e->conn, e->start_at_dot);
		e->start_at_dot = NULL;
		return;
	}
	if (e->echo)
		conn_write(e->conn, buf_view(in));
	buf_drop(in, in->n);
	if (e->stop_at && e->got.n >= e->stop_at)
		loop_break(loop);
}

static void
on_secure(void *arg)
{
	struct end *e = arg;

	e->secures++;
	e->info = *conn_tls(e->conn);
	if (e->say)
		conn_write(e->conn, view_str(e->say));
}

static void
on_close(void *arg, enum conn_end how, const char *why)
{
	struct end *e = arg;

	e->closes++;
	e->how = how;
	snprintf(e->why, sizeof(e->why), "%s", why);
	conn_close(&e->conn);
	loop_break(loop);
}

static const struct conn_ops ops = { .on_connect = on_up, .on_read = on_read,
	.on_secure = on_secure, .on_close = on_close };

static struct tls_ctx *client, *server;
static struct listener *ls;

static void
accepted(void *arg, int fd, const struct sockaddr *peer)
{
	(void)arg;
	(void)peer;
	b.conn = conn_accept(loop, fd, &ops, &b);
	if (b.start_at_dot == NULL)
		conn_starttls_server(b.conn, server);
	on_up(&b);
}

static void
ends_clear(void)
{
	conn_close(&a.conn);
	conn_close(&b.conn);
	buf_fini(&a.got);
	buf_fini(&b.got);
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
}

static int
setup(void **state)
{
	struct err e;

	(void)state;
	loop = loop_new();
	ls = listener_open(loop, "127.0.0.1:0", 0, accepted, NULL, &e);
	assert_non_null(ls);
	server = tls_ctx_server(in_dir("mx.pem"), in_dir("mx.key"), &e);
	assert_non_null(server);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	ends_clear();
	listener_close(&ls);
	tls_ctx_free(&client);
	tls_ctx_free(&server);
	loop_free(&loop);
	return 0;
}

static void
dial(void)
{
	struct sockaddr_storage sa;
	char to[32];
	socklen_t len;
	struct err e;

	snprintf(to, sizeof(to), "127.0.0.1:%u", listener_port(ls));
	assert_int_equal(listener_parse(to, &sa, &len, &e), 0);
	a.conn = conn_connect(loop, (void *)&sa, len, NULL, 0, &ops, &a);
	RUN(); /* until both ends are there */
}

/* Connects, and waits until the echo of "hello" is back, or the end. */
static void
hello(const char *name)
{
	dial();
	b.echo = true;
	a.say = "hello";
	a.stop_at = 5;
	conn_starttls_client(a.conn, client, name);
	assert_null(conn_tls(a.conn));
	RUN();
}

static void
new_client(bool verify, const char *ca)
{
	struct err e;

	tls_ctx_free(&client);
	client = tls_ctx_client(verify, ca ? in_dir(ca) : NULL, &e);
	if (client == NULL)
		fail_msg("%s", e.text);
}

static void
new_server(const char *name)
{
	char pem[32], key[32];
	struct err e;

	snprintf(pem, sizeof(pem), "%s.pem", name);
	snprintf(key, sizeof(key), "%s.key", name);
	tls_ctx_free(&server);
	server = tls_ctx_server(in_dir(pem), in_dir(key), &e);
	if (server == NULL)
		fail_msg("%s", e.text);
}

static void
handshake_and_echo(void **state)
{
	(void)state;
	new_client(false, NULL);
	memset(&calls, 0, sizeof(calls));
	hello("mx.test");
	assert_string_equal(buf_str(&a.got), "hello");
	assert_int_equal(a.secures, 1);
	assert_int_equal(b.secures, 1);
	assert_string_equal(a.info.version, "TLSv1.3");
	assert_non_null(a.info.cipher);
	assert_true(a.info.bits >= 128);
	assert_false(a.info.verified);
	assert_false(a.info.resumed);
	/* ClientHello | flight | Finished and "hello" | tickets and echo */
	assert_in_range(calls.sends, 4, 5);
	assert_in_range(calls.recvs, 4, 6);
}

static void
names_are_verified(void **state)
{
	static const struct {
		const char *server, *ca, *name, *why;
	} rows[] = {
		{ "mx", "ca.pem", "mx.test", NULL },
		{ "mx", "ca.pem", "a.wild.test", NULL },
		{ "mx", "ca.pem", "127.0.0.1", NULL },
		{ "mx", "ca.pem", "127.0.0.2", "IP address mismatch" },
		{ "mx", "ca.pem", "wild.test", "hostname mismatch" },
		{ "mx", "ca.pem", "other.test", "hostname mismatch" },
		{ "mx", "self.pem", "mx.test", "unable to get local issuer" },
		{ "self", "ca.pem", "mx.test", "self-signed certificate" },
		{ "mx", NULL, "mx.test", "unable to get local issuer" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ends_clear();
		new_server(rows[i].server);
		new_client(true, rows[i].ca);
		hello(rows[i].name);
		if (rows[i].why == NULL) {
			assert_string_equal(buf_str(&a.got), "hello");
			assert_true(a.info.verified);
			continue;
		}
		if (a.closes == 0)
			RUN();
		assert_int_equal(a.how, CONN_TLS_FAILED);
		if (!strstr(a.why, rows[i].why))
			fail_msg("row %zu: %s", i, a.why);
		if (b.closes == 0)
			RUN();
		assert_int_equal(b.how, CONN_TLS_FAILED);
		assert_non_null(strstr(b.why, "alert"));
	}
}

static void
weak_certificates_are_better_than_clear_text(void **state)
{
	struct err e;

	(void)state;
	tls_ctx_free(&server);
	/* Our own listener refuses to use such a key. */
	server = tls_ctx_server(in_dir("weak.pem"), in_dir("weak.key"), &e);
	assert_null(server);
	assert_non_null(strstr(e.text, "weak.pem"));
	new_server("self");
	new_client(false, NULL);
	hello(NULL);
	assert_string_equal(buf_str(&a.got), "hello");
}

static void
sessions_are_resumed(void **state)
{
	(void)state;
	new_client(true, "ca.pem");
	hello("mx.test");
	assert_false(a.info.resumed);
	ends_clear();
	hello("mx.test");
	assert_true(a.info.resumed);
	assert_true(b.info.resumed);
	assert_true(a.info.verified);
	/* Another name is another session. */
	ends_clear();
	hello("b.wild.test");
	assert_false(a.info.resumed);
	/* A new certificate knows no old tickets, and all goes on. */
	ends_clear();
	new_server("mx");
	hello("mx.test");
	assert_false(a.info.resumed);
	assert_string_equal(buf_str(&a.got), "hello");
}

static void
a_reload_leaves_connections_alone(void **state)
{
	(void)state;
	new_client(false, NULL);
	hello("mx.test");
	new_server("self");
	tls_ctx_free(&client);
	conn_write(a.conn, VIEW("again"));
	a.stop_at = 10;
	RUN();
	assert_string_equal(buf_str(&a.got), "helloagain");
}

/* RFC 3207 4.2, CVE-2011-0411: what a man in the middle put behind STARTTLS
 * is not read as if it had come under TLS. */
static void
injected_clear_text_is_thrown_away(void **state)
{
	(void)state;
	new_client(false, NULL);
	b.start_at_dot = server;
	b.echo = true;
	dial();
	conn_write(a.conn, VIEW(".RCPT TO:<victim>\r\n"));
	a.stop_at = 8;
	RUN();
	assert_string_equal(buf_str(&a.got), "220 go\r\n");
	buf_clear(&a.got);
	a.say = "hello";
	a.stop_at = 5;
	conn_starttls_client(a.conn, client, "mx.test");
	RUN();
	assert_string_equal(buf_str(&b.got), "hello");
	assert_string_equal(buf_str(&a.got), "hello");
}

static void
megabytes_pass_unharmed(void **state)
{
	size_t n = 5 << 20, i;
	char *p = mem_alloc(n);

	(void)state;
	for (i = 0; i < n; i++)
		p[i] = (char)(i * 2654435761u >> 13);
	new_client(false, NULL);
	hello("mx.test");
	buf_clear(&a.got);
	a.stop_at = n;
	conn_write(a.conn, view_of(p, n));
	RUN_FOR(10);
	conn_pause(a.conn);
	conn_pause(b.conn);
	RUN_FOR(30);
	conn_resume(b.conn);
	conn_resume(a.conn);
	if (a.got.n < n)
		RUN();
	assert_int_equal(a.got.n, n);
	assert_memory_equal(buf_ptr(&a.got), p, n);
	free(p);
}

static void
many_records_leave_in_one_write(void **state)
{
	char *p = mem_zalloc(60000);

	(void)state;
	new_client(false, NULL);
	hello("mx.test");
	RUN_FOR(20);
	b.echo = false;
	buf_clear(&b.got);
	b.stop_at = 60000;
	memset(&calls, 0, sizeof(calls));
	conn_write(a.conn, view_of(p, 60000));
	RUN();
	assert_int_equal(calls.sends, 1);
	free(p);
}

static void
a_peer_that_just_closes_is_at_its_end(void **state)
{
	(void)state;
	new_client(false, NULL);
	hello("mx.test");
	conn_close(&b.conn); /* no close_notify */
	RUN();
	assert_int_equal(a.how, CONN_EOF);
	ends_clear();
	hello("mx.test");
	conn_write(b.conn, VIEW("221 bye"));
	conn_close_flushed(&b.conn, 1000); /* with one */
	RUN();
	assert_string_equal(buf_str(&a.got), "hello221 bye");
	assert_int_equal(a.how, CONN_EOF);
}

static void
garbage_fails_the_handshake(void **state)
{
	(void)state;
	dial();
	conn_write(a.conn, VIEW("EHLO this is not TLS at all\r\n"));
	RUN();
	if (b.closes == 0)
		RUN();
	assert_int_equal(b.how, CONN_TLS_FAILED);
	assert_true(strlen(b.why) > 5);
	/* The client speaks TLS to a server that does not. */
	ends_clear();
	new_client(false, NULL);
	b.start_at_dot = server;
	dial();
	b.echo = true;
	conn_starttls_client(a.conn, client, "mx.test");
	RUN();
	assert_int_equal(a.how, CONN_TLS_FAILED);
	/* And one that is gone. */
	ends_clear();
	dial();
	conn_starttls_client(a.conn, client, "mx.test");
	conn_close(&b.conn);
	RUN();
	assert_int_not_equal(a.how, CONN_EOF);
}

static void
a_handshake_can_be_closed_and_timed_out(void **state)
{
	(void)state;
	new_client(false, NULL);
	b.start_at_dot = server; /* never answers */
	dial();
	conn_starttls_client(a.conn, client, "mx.test");
	conn_deadline(a.conn, 20);
	RUN();
	assert_int_equal(a.how, CONN_TIMEOUT);
	ends_clear();
	b.start_at_dot = server;
	dial();
	conn_starttls_client(a.conn, client, "mx.test");
	RUN_FOR(5);
	conn_close(&a.conn);
	RUN_FOR(5);
	assert_int_equal(a.closes, 0);
}

static void
bad_files_are_named(void **state)
{
	struct err e;

	(void)state;
	assert_null(tls_ctx_server(in_dir("none.pem"), in_dir("mx.key"), &e));
	assert_non_null(strstr(e.text, "none.pem: No such file"));
	assert_null(tls_ctx_server(in_dir("bad.pem"), in_dir("mx.key"), &e));
	assert_non_null(strstr(e.text, "bad.pem"));
	assert_null(tls_ctx_server(in_dir("mx.pem"), in_dir("self.key"), &e));
	assert_non_null(strstr(e.text, "self.key"));
	assert_null(tls_ctx_client(true, in_dir("none.pem"), &e));
	assert_non_null(strstr(e.text, "none.pem: No such file"));
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(handshake_and_echo),
		T(names_are_verified),
		T(weak_certificates_are_better_than_clear_text),
		T(sessions_are_resumed),
		T(a_reload_leaves_connections_alone),
		T(injected_clear_text_is_thrown_away),
		T(megabytes_pass_unharmed),
		T(many_records_leave_in_one_write),
		T(a_peer_that_just_closes_is_at_its_end),
		T(garbage_fails_the_handshake),
		T(a_handshake_can_be_closed_and_timed_out),
		T(bad_files_are_named),
	};
	return cmocka_run_group_tests(tests, make_certificates,
	    remove_certificates);
}
