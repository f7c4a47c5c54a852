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

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "io/loop.h"
#include "smtp/address.h"
#include "store/addr.h"
#include "tests/unit/store_world.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static bool
up_again(void *arg)
{
	struct world *w = arg;

	return w->ups >= 2 && store_is_up(w->store);
}

static bool
is_down(void *arg)
{
	return !store_is_up(((struct world *)arg)->store);
}

/* kill -9 of redis in the middle: what is in flight stays ours, outcomes are
 * kept and sent when it is back. */
static void
redis_killed(void **st)
{
	struct store_lease *l[50];
	struct store_campaign *c;
	struct world w;
	const char *text;
	pid_t pid;

	(void)st;
	world_init(&w, 1, NULL);
	world_start(&w);
	c = world_campaign(&w, "spring");
	assert_int_equal(world_enqueue(&w, c, "a.example", 0, 100, 9),
	    STORE_OK);
	assert_int_equal(world_lease(&w, 0, c, "a.example", 50, l), 50);
	pid = world_redis_pid(&w);
	kill(pid, SIGKILL);
	world_settle_all(&w, l, 30, STORE_SENT);
	assert_true(world_until(is_down, &w, 2000));
	assert_false(store_accepting(w.store, &text));
	assert_int_equal(world_enqueue(&w, c, "a.example", 0, 1, 9),
	    STORE_UNAVAILABLE);
	assert_int_equal(world_lease(&w, 0, c, "a.example", 50, l + 30), 0);
	assert_false(store_settled(w.store));
	assert_true(world_until(up_again, &w, 8000));
	assert_int_not_equal(world_redis_pid(&w), pid);
	assert_true(world_settled(&w, 2000));
	assert_int_equal(w.lost, 0);
	assert_int_equal(world_stat(&w, 0).in_flight, 20);
	assert_int_equal(world_stat(&w, 0).queued, 50);
	world_settle_all(&w, l + 30, 20, STORE_SENT);
	assert_int_equal(world_lease(&w, 0, c, "a.example", 50, l), 50);
	world_settle_all(&w, l, 50, STORE_SENT);
	assert_true(world_settled(&w, 2000));
	assert_int_equal(world_stat(&w, 0).in_flight, 0);
	world_stop(&w);
	world_fini(&w);
}

struct sent {
	bool done;
	enum store_status st;
};

static void
on_sent(void *arg, enum store_status st, const char *text)
{
	struct sent *s = arg;

	(void)text;
	s->done = true;
	s->st = st;
}

static bool
is_done(void *arg)
{
	return ((struct sent *)arg)->done;
}

/* The reply is lost, the call is repeated: it happens once. */
static void
reply_lost(void **st)
{
	struct store_campaign *c;
	struct world w;
	unsigned round, want = 0;

	(void)st;
	world_init(&w, 1, NULL);
	w.conf->redis.call_timeout_ms = 6000;
	world_start(&w);
	c = world_campaign(&w, "spring");
	for (round = 0; round < 4; round++) {
		struct store_new rcpt[20];
		struct store_message m = { .campaign = c, .rcpt = rcpt,
			.nrcpt = N(rcpt) };
		struct sent s = { false };
		unsigned i;

		memset(rcpt, 0, sizeof(rcpt));
		for (i = 0; i < N(rcpt); i++) {
			rcpt[i].domain = "b.example";
			rcpt[i].record.rcpt = VIEW("x@b.example");
			rcpt[i].record.expires_s = UINT32_MAX;
		}
		w.ups = 1;
		store_enqueue(w.store, &m, on_sent, &s);
		world_until(is_done, &s, 0); /* it is on its way */
		usleep(round * 300);
		kill(world_redis_pid(&w), SIGKILL);
		assert_true(world_until(is_done, &s, 8000));
		assert_int_equal(s.st, STORE_OK);
		want += N(rcpt);
		assert_true(world_until(up_again, &w, 8000) || w.ups == 1);
		assert_int_equal(world_stat(&w, 0).queued, want);
	}
	world_stop(&w);
	world_fini(&w);
}

/* A stopped Redis: every call ends by its deadline, nothing is taken for
 * done, and a lease whose answer was lost goes back to its lane. */
static void
redis_hangs(void **st)
{
	struct store_lease *l[40];
	struct store_campaign *c;
	struct world w;
	int64_t t;
	pid_t pid;

	(void)st;
	world_init(&w, 1, NULL);
	w.conf->redis.call_timeout_ms = 400;
	w.conf->redis.lease_ms = 20000;
	world_start(&w);
	c = world_campaign(&w, "spring");
	assert_int_equal(world_enqueue(&w, c, "a.example", 0, 30, 0), STORE_OK);
	assert_int_equal(world_lease(&w, 0, c, "a.example", 10, l), 10);
	pid = world_redis_pid(&w);
	kill(pid, SIGSTOP);
	t = loop_ms();
	assert_int_equal(world_lease(&w, 0, c, "a.example", 10, l + 10), 0);
	assert_true(loop_ms() - t < 2000);
	assert_int_equal(world_enqueue(&w, c, "c.example", 0, 1, 0),
	    STORE_UNAVAILABLE);
	assert_true(loop_ms() - t < 2000);
	assert_false(store_is_up(w.store));
	kill(pid, SIGCONT);
	assert_true(world_until(up_again, &w, 5000));
	assert_true(world_settled(&w, 2000));
	assert_int_equal(world_redis_pid(&w), pid);
	assert_int_equal(w.lost, 0);
	assert_int_equal(world_stat(&w, 0).in_flight, 10);
	assert_int_equal(world_stat(&w, 0).queued, 20);
	world_settle_all(&w, l, 10, STORE_SENT);
	assert_true(world_settled(&w, 2000));
	assert_int_equal(world_stat(&w, 0).in_flight, 0);
	world_stop(&w);
	world_fini(&w);
}

/* The daemon dies with outcomes that Redis did not hear of: the journal has
 * them, the rest goes back to its lanes, the server is adopted. */
static void
daemon_killed(void **st)
{
	struct store_lease *l[50];
	struct store_campaign *c;
	struct world w;
	pid_t pid;
	unsigned i;

	(void)st;
	world_init(&w, 1, NULL);
	world_start(&w);
	c = world_campaign(&w, "spring");
	assert_int_equal(world_enqueue(&w, c, "a.example", 0, 50, 9), STORE_OK);
	assert_int_equal(world_lease(&w, 0, c, "a.example", 50, l), 50);
	pid = world_redis_pid(&w);
	kill(pid, SIGSTOP);
	world_settle_all(&w, l, 20, STORE_SENT);
	store_settle(w.store, &l[20], STORE_DEFERRED, clock_now() + 60000, 0);
	world_sleep(30);
	assert_false(store_settled(w.store));
	world_crash(&w);
	for (i = 21; i < 50; i++)
		store_lease_free(&l[i]);
	kill(pid, SIGCONT);
	world_command(&w, NULL, "FUNCTION DELETE facteur1"); /* an old one */
	world_start(&w);
	assert_int_equal(world_redis_pid(&w), pid); /* never doubled */
	assert_true(store_settled(w.store));
	assert_int_equal(world_stat(&w, 0).in_flight, 0);
	assert_int_equal(world_stat(&w, 0).queued, 29);
	assert_int_equal(world_stat(&w, 0).deferred, 1);
	assert_int_equal(w.lanes, 1);
	c = world_campaign(&w, "spring");
	assert_int_equal(world_lease(&w, 0, c, "a.example", 50, l), 29);
	world_settle_all(&w, l, 29, STORE_SENT);
	assert_true(world_settled(&w, 2000));
	world_stop(&w); /* an adopted server is stopped as well */
	assert_int_equal(kill(pid, 0), -1);
	world_fini(&w);
}

/* While we slept another daemon took over: our outcomes go to `late`, and are
 * found there by whoever comes next. */
static void
fenced(void **st)
{
	struct store_lease *l[30];
	struct store_addr_key *key;
	struct store_campaign *c;
	char path[160];
	struct world w;
	struct err e;
	unsigned i;

	(void)st;
	world_init(&w, 1, NULL);
	w.conf->redis.lease_ms = 600;
	world_start(&w);
	c = world_campaign(&w, "spring");
	assert_int_equal(world_enqueue(&w, c, "a.example", 0, 30, 0), STORE_OK);
	assert_int_equal(world_lease(&w, 0, c, "a.example", 30, l), 30);
	assert_true(store_owns(w.store, 0));
	usleep(700000);
	assert_false(store_owns(w.store, 0));
	snprintf(path, sizeof(path), "%s/address.key", w.dir);
	key = store_addr_key_open(path, &e);
	world_command(&w, NULL, "FCALL facteur1_own 1 {00}:m other 1000 1 1 %s "
	    "4096", store_addr_key_fp(key));
	store_addr_key_close(&key);
	world_settle_all(&w, l, 20, STORE_SENT);
	assert_true(world_settled(&w, 3000));
	assert_int_equal(w.lost, 1);
	assert_int_equal(world_command(&w, NULL, "HLEN {00}:late"), 20);
	assert_int_equal(world_lease(&w, 0, c, "a.example", 10, l), 0);
	for (i = 20; i < 30; i++)
		store_lease_free(&l[i]);
	/* The other daemon's lease runs out: ours again, recovered. */
	w.lanes = 0;
	for (i = 0; i < 40 && w.lanes == 0; i++)
		world_sleep(100);
	assert_true(store_owns(w.store, 0));
	assert_int_equal(world_stat(&w, 0).in_flight, 0);
	assert_int_equal(world_stat(&w, 0).queued, 10);
	world_stop(&w);
	world_fini(&w);
}

static bool
owns_it(void *arg)
{
	return store_owns(((struct world *)arg)->store, 0);
}

/* A second daemon on the same Redis waits, and takes over. */
static void
two_daemons(void **st)
{
	char cmd[400], address[200];
	struct store_lease *l[10];
	struct store_campaign *c;
	struct world a, b;

	(void)st;
	world_init(&a, 1, NULL);
	a.conf->redis.lease_ms = 900;
	world_start(&a);
	snprintf(address, sizeof(address), "unix:%s/redis/redis.sock", a.dir);
	world_init(&b, 1, address);
	b.conf->redis.lease_ms = 900;
	world_open(&b); /* with a key of its own: refused */
	world_sleep(300);
	assert_int_equal(b.ups, 0);
	assert_non_null(strstr(b.why, "address.key"));
	world_crash(&b);
	snprintf(cmd, sizeof(cmd), "cp %s/address.key %s/", a.dir, b.dir);
	assert_int_equal(system(cmd), 0);
	world_start(&b);
	assert_true(store_owns(a.store, 0));
	assert_false(store_owns(b.store, 0));
	c = world_campaign(&b, "spring");
	assert_int_equal(world_enqueue(&b, c, "a.example", 0, 10, 0), STORE_OK);
	assert_int_equal(world_lease(&b, 0, c, "a.example", 10, l), 0);
	c = world_campaign(&a, "spring");
	assert_int_equal(world_lease(&a, 0, c, "a.example", 4, l), 4);
	/* a goes without a word; its server stays. */
	world_crash(&a);
	store_lease_free(&l[0]);
	store_lease_free(&l[1]);
	store_lease_free(&l[2]);
	store_lease_free(&l[3]);
	assert_true(world_until(owns_it, &b, 5000));
	c = world_campaign(&b, "spring");
	world_sleep(200);
	assert_int_equal(world_lease(&b, 0, c, "a.example", 10, l), 10);
	world_settle_all(&b, l, 10, STORE_SENT);
	assert_true(world_settled(&b, 2000));
	world_stop(&b);
	world_fini(&b);
	world_fini(&a);
}

static void
out_of_memory(void **st)
{
	static char big[60000];
	struct store_lease *l[4];
	struct store_campaign *c;
	struct world w;
	struct store_new rcpt;
	const char *text = "";
	unsigned i, n = 0;
	struct sent s = { false };

	(void)st;
	for (i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7919 >> 3);
	world_init(&w, 1, NULL);
	w.conf->redis.max_memory_bytes = 8 << 20;
	world_start(&w);
	c = world_campaign(&w, "spring");
	for (i = 0; i < 400 && s.st == STORE_OK; i++) {
		struct store_message m = { .campaign = c, .rcpt = &rcpt,
			.nrcpt = 1 };

		s.done = false;
		memset(&rcpt, 0, sizeof(rcpt));
		rcpt.domain = "a.example";
		rcpt.record.rcpt = VIEW("x@a.example");
		rcpt.record.expires_s = UINT32_MAX;
		rcpt.record.patch = view_of(big, sizeof(big));
		store_enqueue(w.store, &m, on_sent, &s);
		assert_true(world_until(is_done, &s, 5000));
		n += s.st == STORE_OK;
	}
	assert_int_equal(s.st, STORE_FULL);
	assert_true(n > 5);
	world_sleep(1200);
	assert_false(store_accepting(w.store, &text));
	assert_non_null(strstr(text, "memory"));
	assert_int_equal(world_lease(&w, 0, c, "a.example", 4, l), 4);
	world_settle_all(&w, l, 4, STORE_SENT); /* these work when it is full */
	assert_true(world_settled(&w, 2000));
	assert_int_equal(world_stat(&w, 0).queued, n - 4);
	world_stop(&w);
	world_fini(&w);
}

/* One damaged lane refuses its own mail only. */
static void
damaged_lane(void **st)
{
	struct store_campaign *c;
	struct store_new rcpt[6];
	struct store_message m[6];
	struct sent s[6];
	struct world w;
	unsigned i;

	(void)st;
	world_init(&w, 1, NULL);
	world_start(&w);
	c = world_campaign(&w, "spring");
	world_command(&w, NULL, "SET {00}:q:%llu:bad.example x",
	    (unsigned long long)c->id);
	memset(rcpt, 0, sizeof(rcpt));
	memset(s, 0, sizeof(s));
	for (i = 0; i < N(m); i++) {
		m[i] = (struct store_message){ .campaign = c,
			.rcpt = &rcpt[i], .nrcpt = 1 };
		rcpt[i].domain = i == 2 ? "bad.example" : "a.example";
		rcpt[i].record.expires_s = UINT32_MAX;
		store_enqueue(w.store, &m[i], on_sent, &s[i]);
	}
	for (i = 0; i < N(m); i++) {
		assert_true(world_until(is_done, &s[i], 3000));
		assert_int_equal(s[i].st, i == 2 ? STORE_REFUSED : STORE_OK);
	}
	assert_int_equal(world_stat(&w, 0).queued, 5);
	world_stop(&w);
	world_fini(&w);
}

static void
disk_full(void **st)
{
	const char *text = "";
	struct world w;

	(void)st;
	world_init(&w, 1, NULL);
	w.conf->redis.min_free_bytes = UINT64_MAX / 4;
	world_start(&w);
	world_sleep(300);
	assert_false(store_accepting(w.store, &text));
	assert_non_null(strstr(text, "disk"));
	world_stop(&w);
	world_fini(&w);
}

/* Settings that break the promise, and data of another time, are refused. */
static void
refusals(void **st)
{
	struct world w, x;
	char address[200];

	(void)st;
	world_init(&w, 1, NULL);
	world_start(&w);
	snprintf(address, sizeof(address), "unix:%s/redis/redis.sock", w.dir);
	world_init(&x, 1, address);
	world_command(&w, NULL, "CONFIG SET appendfsync everysec");
	world_open(&x);
	world_sleep(300);
	assert_int_equal(x.ups, 0);
	assert_non_null(strstr(x.why, "appendfsync"));
	assert_non_null(strstr(x.why, "always"));
	world_crash(&x);
	world_command(&w, NULL, "CONFIG SET appendfsync always");
	world_command(&w, NULL, "HSET {00}:m schema 2");
	world_open(&x);
	world_sleep(300);
	assert_int_equal(x.ups, 0);
	assert_non_null(strstr(x.why, "schema 2"));
	world_crash(&x);
	world_command(&w, NULL, "HSET {00}:m schema 1");
	x.conf->redis.shards = 2;
	world_open(&x);
	world_sleep(300);
	assert_int_equal(x.ups, 0);
	assert_non_null(strstr(x.why, "shards = 1"));
	world_fini(&x);
	world_stop(&w);
	world_fini(&w);
}

static void
spool_is_locked(void **st)
{
	static const struct store_ops none = { .on_up = NULL };
	struct world w;
	struct store *s;
	struct err e;

	(void)st;
	world_init(&w, 1, NULL);
	world_start(&w);
	s = store_open(world_loop(), w.conf, &none, NULL, &e);
	assert_null(s);
	assert_non_null(strstr(e.text, "another facteurd"));
	world_stop(&w);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(redis_killed),
		cmocka_unit_test(reply_lost),
		cmocka_unit_test(redis_hangs),
		cmocka_unit_test(daemon_killed),
		cmocka_unit_test(fenced),
		cmocka_unit_test(two_daemons),
		cmocka_unit_test(out_of_memory),
		cmocka_unit_test(damaged_lane),
		cmocka_unit_test(disk_full),
		cmocka_unit_test(refusals),
		cmocka_unit_test(spool_is_locked),
	};

	log_open(NULL, getenv("VERBOSE") ? LOG_DEBUG_ : LOG_ERROR_, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
