#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "io/loop.h"
#include "tests/unit/store_world.h"

static void
there_and_back(void **st)
{
	struct store_lease *l[64];
	struct store_campaign *c;
	struct world w;
	size_t n;
	pid_t pid;

	(void)st;
	world_init(&w, 1, NULL);
	world_start(&w);
	c = world_campaign(&w, "spring");
	assert_string_equal(c->name, "spring");
	assert_string_equal(c->list, "news");
	assert_int_equal(c->state, STORE_ACTIVE);
	assert_ptr_equal(c, world_campaign(&w, "spring"));
	assert_int_equal(world_enqueue(&w, c, "a.example", 0, 40, 77),
	    STORE_OK);
	assert_int_equal(world_stat(&w, 0).queued, 40);
	assert_int_equal(world_stat(&w, 0).bases, 1);
	world_sleep(150);
	assert_int_equal(w.lanes, 1); /* told by the tick */
	assert_string_equal(w.lane[0].domain, "a.example");
	n = world_lease(&w, 0, c, "a.example", 64, l);
	assert_int_equal(n, 40);
	assert_true(view_eq(l[0]->record.rcpt, VIEW("user0@a.example")));
	assert_int_equal(world_stat(&w, 0).in_flight, 40);
	store_settle(w.store, &l[0], STORE_DEFERRED, clock_now() + 300, 0);
	store_settle(w.store, &l[1], STORE_BOUNCED, 0, 'h');
	store_settle(w.store, &l[2], STORE_RELEASED, 0, 0);
	store_settle(w.store, &l[3], STORE_PARK, 0, 0);
	assert_null(l[0]);
	world_settle_all(&w, l + 4, n - 4, STORE_SENT);
	assert_true(world_settled(&w, 2000));
	assert_int_equal(world_stat(&w, 0).in_flight, 0);
	assert_int_equal(world_stat(&w, 0).deferred, 1);
	assert_int_equal(world_stat(&w, 0).parked, 1);
	assert_int_equal(world_stat(&w, 0).queued, 1);
	world_sleep(500); /* the deferral is due */
	n = world_lease(&w, 0, c, "a.example", 64, l);
	assert_int_equal(n, 2);
	assert_int_equal(l[0]->record.attempt + l[1]->record.attempt, 1);
	world_settle_all(&w, l, n, STORE_SENT);
	assert_true(world_settled(&w, 2000));
	/* user1 is suppressed for this tenant now. */
	assert_int_equal(world_enqueue(&w, c, "a.example", 1, 1, 77), STORE_OK);
	assert_int_equal(world_stat(&w, 0).queued, 0);
	pid = world_redis_pid(&w);
	assert_true(pid > 0 && kill(pid, 0) == 0);
	world_stop(&w);
	assert_int_equal(kill(pid, 0), -1);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
	};

	log_open(NULL, getenv("VERBOSE") ? LOG_DEBUG_ : LOG_ERROR_, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
