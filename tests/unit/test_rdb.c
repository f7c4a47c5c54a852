#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>
#include <ev.h>

#include "base/buf.h"
#include "base/log.h"
#include "io/conn.h"
#include "io/listener.h"
#include "io/loop.h"
#include "rdb/codec.h"
#include "rdb/rdb.h"
#include "rdb/reply.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct loop *loop;
static char dir[] = "/tmp/facteur-rdb-XXXXXX";
static char address[128];
static pid_t redis;

static struct {
	unsigned ups, downs;
	char why[200];
} seen;

static void
on_up(void *arg)
{
	(void)arg;
	seen.ups++;
}

static void
on_down(void *arg, const char *why)
{
	(void)arg;
	seen.downs++;
	snprintf(seen.why, sizeof(seen.why), "%s", why);
}

static const struct rdb_ops ops = { .on_up = on_up, .on_down = on_down };

static bool over;

static void
on_over(void *arg)
{
	(void)arg;
	over = true;
}

/* Turns the loop until *n reaches want; fails after 5 s. */
static void
turn_until(unsigned *n, unsigned want)
{
	struct loop_timer t;

	over = false;
	loop_timer_init(&t, loop, on_over, NULL);
	loop_timer_start(&t, 5000);
	while (*n < want && !over)
		ev_run(loop_ev(loop), EVRUN_ONCE);
	loop_timer_stop(&t);
	if (*n < want)
		fail_msg("%u of %u: %s", *n, want, seen.why);
}

static void
turn_for(int ms)
{
	struct loop_timer t;

	over = false;
	loop_timer_init(&t, loop, on_over, NULL);
	loop_timer_start(&t, ms);
	while (!over)
		ev_run(loop_ev(loop), EVRUN_ONCE);
}

static void
start_redis(void)
{
	char sock[96];

	snprintf(sock, sizeof(sock), "%s/s", dir);
	redis = fork();
	if (redis == 0) {
		if (freopen("/dev/null", "w", stdout) == NULL)
			_exit(1);
		execlp("redis-server", "redis-server", "--port", "0",
		    "--unixsocket", sock, "--save", "", "--dir", dir, "--user",
		    "joe", "on", ">secret", "~*", "&*", "+@all", (char *)NULL);
		_exit(1);
	}
	snprintf(address, sizeof(address), "unix:%s", sock);
}

static void
stop_redis(void)
{
	kill(redis, SIGKILL);
	waitpid(redis, NULL, 0);
}

static struct rdb *
open_to(const char *to, const char *password, unsigned db)
{
	const struct rdb_params p = { .address = to, .user = "joe",
		.password = password, .database = db, .timeout_ms = 1000 };
	struct rdb *r;
	struct err e;

	memset(&seen, 0, sizeof(seen));
	r = rdb_open(loop, &p, &ops, NULL, &e);
	assert_non_null(r);
	return r;
}

struct answers {
	unsigned n, ok, error, lost, down, next;
	bool in_order;
};

static void
on_answer(void *arg, enum rdb_status st, struct rdb_reply *r)
{
	struct answers *a = arg;

	a->n++;
	a->ok += st == RDB_OK;
	a->error += st == RDB_ERROR;
	a->lost += st == RDB_LOST;
	a->down += st == RDB_DOWN;
	if (st == RDB_OK)
		a->in_order = a->in_order && rdb_reply_int(r) == ++a->next;
	else if (st != RDB_ERROR)
		assert_null(r);
}

static void
logs_in(void **st)
{
	struct rdb *r = open_to(address, "wrong", 0);
	int i;

	(void)st;
	for (i = 0; i < 20 && strcmp(seen.why, "Redis refuses us") != 0; i++)
		turn_until(&seen.downs, seen.downs + 1);
	assert_string_equal(seen.why, "Redis refuses us");
	assert_int_equal(seen.ups, 0);
	rdb_close(&r);
	assert_null(r);
	r = open_to(address, "secret", 3);
	turn_until(&seen.ups, 1);
	assert_true(rdb_is_up(r));
	rdb_close(&r);
	turn_for(1);
}

static void
pipelines(void **st)
{
	struct rdb *r = open_to(address, "secret", 0);
	struct answers a = { .in_order = true };
	struct rdb_call *c;
	unsigned i;

	(void)st;
	turn_until(&seen.ups, 1);
	rdb_words(r, "DEL n", NULL, NULL);
	for (i = 0; i < 1000; i++)
		rdb_words(r, "INCR n", on_answer, &a);
	assert_int_equal(a.n, 0); /* never from inside the call */
	c = rdb_words(r, "INCR m", on_answer, &a);
	rdb_cancel(&c);
	assert_null(c);
	turn_until(&a.n, 1000);
	turn_for(20);
	assert_int_equal(a.n, 1000);
	assert_int_equal(a.ok, 1000);
	assert_true(a.in_order);
	assert_int_equal(rdb_unanswered(r), 0);
	rdb_words(r, "NOSUCH command", on_answer, &a);
	turn_until(&a.error, 1);
	rdb_close(&r);
	turn_for(1);
}

static void
big(struct rdb *r, struct answers *a, size_t bytes)
{
	char *text = calloc(1, bytes);
	struct rdb_codec c;

	rdb_codec_begin(&c, rdb_begin(r), 3);
	rdb_codec_str(&c, "APPEND");
	rdb_codec_str(&c, "big");
	rdb_codec_view(&c, view_of(text, bytes));
	rdb_codec_end(&c);
	rdb_send(r, on_answer, a, 0);
	free(text);
}

/* What is beyond the limit waits, and leaves in order. */
static void
back_pressure(void **st)
{
	struct rdb *r = open_to(address, "secret", 0);
	struct answers a = { 0 };
	unsigned i;

	(void)st;
	turn_until(&seen.ups, 1);
	for (i = 0; i < 24; i++)
		big(r, &a, 1 << 20);
	assert_true(rdb_unanswered(r) > 24u << 20);
	turn_until(&a.n, 24);
	assert_int_equal(a.ok, 24);
	assert_int_equal(rdb_unanswered(r), 0);
	rdb_close(&r);
	turn_for(1);
}

/* Every call is answered once, whatever happens. */
static void
connection_lost(void **st)
{
	struct rdb *r = open_to(address, "secret", 0);
	struct answers a = { 0 };
	unsigned i;

	(void)st;
	turn_until(&seen.ups, 1);
	kill(redis, SIGSTOP);
	for (i = 0; i < 10; i++)
		big(r, &a, 1 << 20);
	turn_until(&seen.downs, 1); /* by the deadline */
	assert_non_null(strstr(seen.why, "in time"));
	assert_int_equal(a.n, 10);
	assert_true(a.lost >= 4 && a.down >= 4);
	rdb_words(r, "PING", on_answer, &a);
	assert_int_equal(a.n, 10);
	turn_until(&a.n, 11);
	kill(redis, SIGCONT);
	turn_until(&seen.ups, 2);
	rdb_words(r, "DEBUG SLEEP 3", on_answer, &a);
	rdb_words(r, "PING", on_answer, &a);
	turn_for(20);
	stop_redis();
	turn_until(&a.n, 13);
	start_redis();
	turn_until(&seen.ups, 3);
	turn_for(50);
	assert_int_equal(a.n, 13);
	rdb_close(&r);
	turn_for(1);
}

/* --- a Redis that loads ------------------------------------------------ */

static unsigned callers;
static int caller_fd = -1;

static void
on_caller(void *arg, int fd, const struct sockaddr *peer)
{
	static const char loading[] = "-LOADING Redis is loading the dataset "
				      "in memory\r\n";
	static const char fine[] = "+OK\r\n+PONG\r\n";

	(void)arg;
	(void)peer;
	if (callers++ < 2)
		assert_true(write(fd, loading, sizeof(loading) - 1) > 0);
	else
		assert_true(write(fd, fine, sizeof(fine) - 1) > 0);
	if (caller_fd >= 0)
		close(caller_fd);
	caller_fd = fd;
}

static void
loading(void **st)
{
	struct listener *ls;
	struct rdb *r;
	struct err e;
	char to[64];

	(void)st;
	ls = listener_open(loop, "127.0.0.1:0", 0, on_caller, NULL, &e);
	assert_non_null(ls);
	snprintf(to, sizeof(to), "127.0.0.1:%u", listener_port(ls));
	r = open_to(to, "x", 0);
	turn_until(&seen.ups, 1);
	assert_int_equal(seen.downs, 2);
	assert_non_null(strstr(seen.why, "loading"));
	assert_int_equal(callers, 3);
	rdb_close(&r);
	listener_close(&ls);
	close(caller_fd);
	turn_for(1);
}

struct closer {
	struct rdb *r;
	unsigned n;
};

static void
on_answer_close(void *arg, enum rdb_status st, struct rdb_reply *r)
{
	struct closer *c = arg;

	(void)st;
	(void)r;
	c->n++;
	rdb_close(&c->r);
}

/* Closing in a callback is silence for the others. */
static void
closed_inside(void **st)
{
	struct closer c = { .n = 0 };
	unsigned i;

	(void)st;
	c.r = open_to(address, "secret", 0);
	turn_until(&seen.ups, 1);
	for (i = 0; i < 5; i++)
		rdb_words(c.r, "PING", on_answer_close, &c);
	turn_until(&c.n, 1);
	turn_for(20);
	assert_int_equal(c.n, 1);
	c.n = 0;
	c.r = open_to(address, "secret", 0); /* in a refusal */
	rdb_words(c.r, "PING", on_answer_close, &c);
	rdb_words(c.r, "PING", on_answer_close, &c);
	turn_until(&c.n, 1);
	turn_for(20);
	assert_int_equal(c.n, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs_in),
		cmocka_unit_test(pipelines),
		cmocka_unit_test(back_pressure),
		cmocka_unit_test(connection_lost),
		cmocka_unit_test(loading),
		cmocka_unit_test(closed_inside),
	};
	char cmd[64];
	int rc;

	log_open(NULL, getenv("VERBOSE") ? LOG_DEBUG_ : LOG_ERROR_, NULL);
	if (mkdtemp(dir) == NULL)
		return 99;
	start_redis();
	loop = loop_new();
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	stop_redis();
	loop_free(&loop);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd) ? 99 : rc;
}
