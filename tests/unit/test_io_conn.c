#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io_calls.h"

#include "base/buf.h"
#include "base/mem.h"
#include "io/conn.h"
#include "io/listener.h"

/* One end of a connection, driven by what a test sets. */
struct end {
	struct conn *conn;
	struct buf got;
	int connects, reads, drains, closes;
	enum conn_end how;
	char why[64];
	bool echo, keep, close_in_read, flush_in_read;
	size_t stop_at; /* break the loop when so much has come */
	int fd;
};

static void
on_connect(void *arg)
{
	((struct end *)arg)->connects++;
}

static void
on_read(void *arg)
{
	struct end *e = arg;
	struct buf *in = conn_in(e->conn);

	e->reads++;
	if (e->keep)
		return;
	buf_addv(&e->got, buf_view(in));
	if (e->echo)
		conn_write(e->conn, buf_view(in));
	buf_drop(in, in->n);
	if (e->close_in_read)
		conn_close(&e->conn);
	if (e->flush_in_read)
		conn_close_flushed(&e->conn, 1000);
	if (e->stop_at && e->got.n >= e->stop_at)
		loop_break(loop);
}

static void
on_drain(void *arg)
{
	((struct end *)arg)->drains++;
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

static const struct conn_ops ops = { .on_connect = on_connect,
	.on_read = on_read, .on_drain = on_drain, .on_close = on_close };

static struct end a, b;

static int
setup(void **state)
{
	(void)state;
	loop = loop_new();
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	conn_close(&a.conn);
	conn_close(&b.conn);
	buf_fini(&a.got);
	buf_fini(&b.got);
	loop_free(&loop);
	return 0;
}

static void
pair(void)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    fd), 0);
	a.conn = conn_accept(loop, fd[0], &ops, &a);
	b.conn = conn_accept(loop, fd[1], &ops, &b);
}

static void
write_text(struct end *e, const char *s)
{
	conn_write(e->conn, view_str(s));
}

/* One exchange is one write and one read on either side. */
static void
what_one_turn_appends_leaves_in_one_write(void **state)
{
	(void)state;
	pair();
	b.echo = true;
	a.stop_at = 15;
	write_text(&a, "MAIL\r\n");
	write_text(&a, "RCPT\r\n");
	buf_adds(conn_out(a.conn), "..\n");
	conn_kick(a.conn);
	assert_int_equal(conn_unsent(a.conn), 15);
	memset(&calls, 0, sizeof(calls));
	RUN();
	assert_int_equal(calls.sends, 2);
	assert_int_equal(calls.recvs, 2);
	assert_int_equal(b.reads, 1);
	assert_int_equal(a.drains, 1);
	assert_string_equal(buf_str(&a.got), "MAIL\r\nRCPT\r\n..\n");
	assert_int_equal(conn_unsent(a.conn), 0);
}

static void
megabytes_pass_unharmed(void **state)
{
	size_t n = 8 << 20, i;
	char *p = mem_alloc(n);

	(void)state;
	for (i = 0; i < n; i++)
		p[i] = (char)(i * 2654435761u >> 13);
	pair();
	b.echo = true;
	a.stop_at = n;
	conn_write(a.conn, view_of(p, n));
	RUN();
	assert_int_equal(a.got.n, n);
	assert_memory_equal(buf_ptr(&a.got), p, n);
	free(p);
}

static void
unread_input_is_bounded(void **state)
{
	size_t n = 4 * CONN_IN_MAX;
	char *p = mem_zalloc(n);

	(void)state;
	pair();
	b.keep = true;
	conn_write(a.conn, view_of(p, n));
	free(p);
	RUN_FOR(50);
	assert_in_range(conn_in(b.conn)->n, CONN_IN_MAX, 2 * CONN_IN_MAX);
	assert_true(conn_unsent(a.conn) > 0);
	/* Nothing dropped: no call again, however often it is asked for. */
	b.reads = 0;
	conn_resume(b.conn);
	RUN_FOR(20);
	assert_int_equal(b.reads, 0);
	buf_drop(conn_in(b.conn), CONN_IN_MAX);
	conn_resume(b.conn);
	b.keep = false;
	b.stop_at = n - CONN_IN_MAX;
	RUN();
	assert_int_equal(b.got.n, n - CONN_IN_MAX);
}

static void
pause_and_resume(void **state)
{
	(void)state;
	pair();
	b.keep = true;
	write_text(&a, "one");
	RUN_FOR(20);
	assert_int_equal(b.reads, 1);
	conn_pause(b.conn);
	write_text(&a, "two");
	RUN_FOR(20);
	assert_int_equal(b.reads, 1);
	b.keep = false;
	conn_resume(b.conn);
	assert_int_equal(b.reads, 1); /* not from inside the call */
	b.stop_at = 6;
	RUN();
	assert_string_equal(buf_str(&b.got), "onetwo");
}

static void
close_inside_on_read(void **state)
{
	(void)state;
	pair();
	b.close_in_read = true;
	write_text(&a, "x");
	RUN();
	assert_null(b.conn);
	assert_int_equal(b.closes, 0); /* silence was promised */
	assert_int_equal(a.closes, 1);
	assert_int_equal(a.how, CONN_EOF);
}

static void
the_last_words_of_the_peer_are_read(void **state)
{
	(void)state;
	pair();
	write_text(&b, "421 too busy\r\n");
	conn_close_flushed(&b.conn, 1000);
	assert_null(b.conn);
	RUN();
	assert_string_equal(buf_str(&a.got), "421 too busy\r\n");
	assert_int_equal(a.how, CONN_EOF);
}

/* The peer is gone with its farewell unread here: our write fails, and the
 * farewell still comes before the end. */
static void
a_failed_write_loses_no_input(void **state)
{
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	a.conn = conn_accept(loop, fd[0], &ops, &a);
	assert_int_equal(write(fd[1], "421 bye\r\n", 9), 9);
	close(fd[1]);
	write_text(&a, "EHLO x\r\n");
	RUN();
	assert_string_equal(buf_str(&a.got), "421 bye\r\n");
	assert_int_equal(a.closes, 1);
}

static void
a_flushed_close_gives_up_in_time(void **state)
{
	char *p = mem_zalloc(4 << 20);
	int64_t began = loop_ms();

	(void)state;
	pair();
	conn_pause(b.conn); /* reads nothing */
	conn_write(a.conn, view_of(p, 4 << 20));
	free(p);
	conn_close_flushed(&a.conn, 60);
	RUN_FOR(100);
	conn_resume(b.conn);
	RUN();
	assert_int_equal(b.how, CONN_EOF);
	assert_true(b.got.n < 4 << 20);
	assert_true(loop_ms() - began < 2000);
}

static void
a_flushed_close_ends_with_the_loop(void **state)
{
	(void)state;
	pair();
	conn_close_flushed(&a.conn, 60000);
	/* teardown frees the loop; the sanitizer would see what is left */
}

static void
deadlines(void **state)
{
	int64_t began = loop_ms();
	int i;

	(void)state;
	pair();
	conn_deadline(a.conn, 200);
	for (i = 0; i < 5; i++) {
		RUN_FOR(50);
		conn_deadline(a.conn, 200);
	}
	assert_int_equal(a.closes, 0);
	RUN();
	assert_int_equal(a.how, CONN_TIMEOUT);
	assert_string_equal(a.why, "timed out");
	assert_in_range(loop_ms() - began, 440, 4000);
}

static void
a_deadline_can_be_taken_off_and_brought_forward(void **state)
{
	(void)state;
	pair();
	conn_deadline(a.conn, 5);
	conn_deadline(a.conn, -1);
	conn_deadline(b.conn, 4000);
	conn_deadline(b.conn, 20);
	RUN();
	assert_int_equal(a.closes + b.closes, 1);
	assert_int_equal(b.how, CONN_TIMEOUT);
}

/* Listeners */

static struct listener *ls;
static struct sockaddr_storage last_peer;
static int accepted_n;

static void
accepted(void *arg, int fd, const struct sockaddr *peer)
{
	struct end *e = arg;

	accepted_n++;
	memcpy(&last_peer, peer, sizeof(struct sockaddr_in));
	if (e->conn) {
		close(fd);
		return;
	}
	e->fd = fd;
	e->conn = conn_accept(loop, fd, &ops, e);
}

static void
connect_to(struct end *e, const char *address, const char *local)
{
	struct sockaddr_storage sa, from;
	socklen_t len, from_len = 0;
	struct err err;

	assert_int_equal(listener_parse(address, &sa, &len, &err), 0);
	if (local)
		assert_int_equal(listener_parse(local, &from, &from_len, &err),
		    0);
	e->conn = conn_connect(loop, (void *)&sa, len,
	    local ? (void *)&from : NULL, from_len, &ops, e);
}

static void
open_listener(const char *address)
{
	struct err e;

	accepted_n = 0;
	ls = listener_open(loop, address, 0600, accepted, &b, &e);
	if (ls == NULL)
		fail_msg("%s", e.text);
}

static void
over_tcp(const char *address, const char *host, const char *local,
    const char *seen)
{
	char to[64], text[CONN_ADDR_MAX];
	socklen_t len;
	int on = 0;

	open_listener(address);
	snprintf(to, sizeof(to), "%s:%u", host, listener_port(ls));
	connect_to(&a, to, local);
	write_text(&a, "hello"); /* before it is connected */
	b.echo = true;
	a.stop_at = 5;
	RUN();
	assert_int_equal(a.connects, 1);
	assert_string_equal(buf_str(&a.got), "hello");
	conn_addr_text(conn_peer(b.conn, &len), text);
	assert_string_equal(text, seen);
	conn_addr_text(conn_local(a.conn, &len), text);
	assert_string_equal(text, seen);
	conn_addr_text((void *)&last_peer, text);
	assert_int_equal(conn_addr_port((void *)&last_peer),
	    conn_addr_port(conn_local(a.conn, &len)));
	len = sizeof(on);
	getsockopt(b.fd, IPPROTO_TCP, TCP_NODELAY, &on, &len);
	assert_true(on);
	listener_close(&ls);
	assert_null(ls);
}

static void
tcp_ipv4(void **state)
{
	(void)state;
	over_tcp("127.0.0.1:0", "127.0.0.1", "127.0.0.9:0", "127.0.0.9");
}

static void
tcp_any_address_shows_ipv4_as_such(void **state)
{
	(void)state;
	over_tcp("*:0", "127.0.0.1", NULL, "127.0.0.1");
}

static void
unix_socket(void **state)
{
	char dir[] = "/tmp/test_io.XXXXXX", address[64], text[CONN_ADDR_MAX];
	struct sockaddr_storage sa;
	struct stat st;
	socklen_t len;
	struct err e;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(address, sizeof(address), "unix:%s/s", dir);
	open_listener(address);
	assert_int_equal(stat(address + 5, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	connect_to(&a, address, NULL);
	assert_int_equal(a.connects, 0); /* not from inside the call */
	write_text(&a, "ping");
	b.echo = true;
	a.stop_at = 4;
	RUN();
	assert_int_equal(a.connects, 1);
	conn_addr_text(conn_peer(b.conn, &len), text);
	assert_string_equal(text, "unix");
	/* One that is in use is left alone. */
	assert_null(listener_open(loop, address, 0600, accepted, &b, &e));
	assert_non_null(strstr(e.text, "Address already in use"));
	listener_close(&ls);
	assert_int_equal(stat(address + 5, &st), -1);
	/* A file left by a killed process is replaced. */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(listener_parse(address, &sa, &len, &e), 0);
	assert_int_equal(bind(fd, (void *)&sa, len), 0);
	close(fd);
	open_listener(address);
	listener_close(&ls);
	assert_int_equal(rmdir(dir), 0);
}

static void
refused_and_impossible_connections(void **state)
{
	(void)state;
	connect_to(&a, "127.0.0.1:1", NULL);
	RUN();
	assert_int_equal(a.how, CONN_ERROR);
	assert_string_equal(a.why, "Connection refused");
	connect_to(&a, "127.0.0.1:1", "192.0.2.1:0");
	assert_int_equal(a.closes, 1);
	RUN();
	assert_int_equal(a.closes, 2);
	assert_string_equal(a.why, "Cannot assign requested address");
	connect_to(&a, "unix:/nonexistent/s", NULL);
	RUN();
	assert_int_equal(a.closes, 3);
	assert_string_equal(a.why, "No such file or directory");
	connect_to(&a, "unix:/nonexistent/s", NULL);
	conn_close(&a.conn);
	RUN_FOR(10);
	assert_int_equal(a.closes, 3);
}

static void
a_paused_listener_keeps_callers_waiting(void **state)
{
	char to[64];

	(void)state;
	open_listener("127.0.0.1:0");
	snprintf(to, sizeof(to), "127.0.0.1:%u", listener_port(ls));
	listener_pause(ls);
	connect_to(&a, to, NULL);
	RUN_FOR(30);
	assert_int_equal(accepted_n, 0);
	listener_resume(ls);
	RUN_FOR(30);
	assert_int_equal(accepted_n, 1);
	listener_close(&ls);
}

static void
descriptors_run_out(void **state)
{
	struct rlimit was, low;
	char to[64];
	int64_t began;

	(void)state;
	open_listener("127.0.0.1:0");
	snprintf(to, sizeof(to), "127.0.0.1:%u", listener_port(ls));
	connect_to(&a, to, NULL);
	RUN_FOR(5);
	conn_close(&b.conn);
	RUN(); /* a hears of it */
	getrlimit(RLIMIT_NOFILE, &was);
	connect_to(&a, to, NULL);
	low = was;
	low.rlim_cur = (rlim_t)conn_fd(a.conn) + 1;
	setrlimit(RLIMIT_NOFILE, &low);
	accepted_n = 0;
	began = loop_ms();
	RUN(); /* let in by the reserve and closed */
	assert_int_equal(a.how, CONN_EOF);
	assert_int_equal(accepted_n, 0);
	assert_true(loop_ms() - began < 190);
	setrlimit(RLIMIT_NOFILE, &was);
	connect_to(&a, to, NULL);
	RUN_FOR(400);
	assert_int_equal(accepted_n, 1);
	listener_close(&ls);
}

static void
addresses(void **state)
{
	static const struct {
		const char *in, *error;
	} rows[] = {
		{ "127.0.0.1:25", NULL },
		{ "[::1]:25", NULL },
		{ "*:0", NULL },
		{ "unix:/x", NULL },
		{ "localhost:25", NULL },
		{ "127.0.0.1", "want \"host:port\"" },
		{ "::1:25", "want \"host:port\"" },
		{ ":25", "want \"host:port\"" },
		{ "[]:25", "want \"host:port\"" },
		{ "[::1:25", "want \"host:port\"" },
		{ "127.0.0.1:", "the port must be" },
		{ "127.0.0.1:smtp", "the port must be" },
		{ "127.0.0.1:65536", "the port must be" },
		{ "unix:", "the path has 0 bytes" },
		{ "unix:/123456789/123456789/123456789/123456789/123456789/"
		  "123456789/123456789/123456789/123456789/123456789/12345678",
		    "the path has" },
	};
	struct sockaddr_storage sa;
	struct err e;
	socklen_t len;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = listener_parse(rows[i].in, &sa, &len, &e);

		if (rc != (rows[i].error ? -1 : 0) ||
		    (rows[i].error && !strstr(e.text, rows[i].error)))
			fail_msg("%s: %d %s", rows[i].in, rc,
			    rc ? e.text : "");
	}
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_one_turn_appends_leaves_in_one_write),
		T(megabytes_pass_unharmed),
		T(unread_input_is_bounded),
		T(pause_and_resume),
		T(close_inside_on_read),
		T(the_last_words_of_the_peer_are_read),
		T(a_failed_write_loses_no_input),
		T(a_flushed_close_gives_up_in_time),
		T(a_flushed_close_ends_with_the_loop),
		T(deadlines),
		T(a_deadline_can_be_taken_off_and_brought_forward),
		T(tcp_ipv4),
		T(tcp_any_address_shows_ipv4_as_such),
		T(unix_socket),
		T(refused_and_impossible_connections),
		T(a_paused_listener_keeps_callers_waiting),
		T(descriptors_run_out),
		T(addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
