#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "io/loop.h"
#include "io/pool.h"

static struct loop *loop;
static char trace[256];

/* A literal as a callback's argument. */
#define TEXT(s) ((void *)(uintptr_t)(s))

static void
note(const char *s)
{
	assert_true(strlen(trace) + strlen(s) < sizeof(trace));
	memcpy(trace + strlen(trace), s, strlen(s) + 1);
}

static int
setup(void **state)
{
	(void)state;
	loop = loop_new();
	trace[0] = '\0';
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(&loop);
	assert_null(loop);
	return 0;
}

static struct loop_task t1, t2, t3, fl;

static void
say(void *arg)
{
	note(arg);
}

static void
say_and_defer(void *arg)
{
	note(arg);
	loop_defer(loop, &t3, say, TEXT("c"));
	loop_flush_later(loop, &fl, say, TEXT("F"));
}

static void
deferred_tasks_run_before_flushes(void **state)
{
	(void)state;
	loop_flush_later(loop, &fl, say, TEXT("F"));
	loop_defer(loop, &t1, say_and_defer, TEXT("a"));
	loop_defer(loop, &t1, say, TEXT("never: it is pending"));
	loop_defer(loop, &t2, say, TEXT("b"));
	loop_run(loop);
	assert_string_equal(trace, "abcF");
}

static void
undefer_next(void *arg)
{
	note("u");
	loop_undefer(arg);
}

static void
undefer_silences_even_in_the_same_round(void **state)
{
	(void)state;
	loop_defer(loop, &t1, undefer_next, &t2);
	loop_defer(loop, &t2, say, TEXT("never"));
	loop_defer(loop, &t3, say, TEXT("c"));
	loop_undefer(&fl);
	loop_run(loop);
	assert_string_equal(trace, "uc");
}

static unsigned endless_runs;

static void
endless(void *arg)
{
	(void)arg;
	endless_runs++;
	loop_defer(loop, &t1, endless, NULL);
}

static void
stop_soon(void *arg)
{
	(void)arg;
	loop_undefer(&t1);
	loop_break(loop);
}

/* A task that always defers itself must not keep timers and sockets away. */
static void
tasks_do_not_starve_the_loop(void **state)
{
	struct loop_timer timer;

	(void)state;
	endless_runs = 0;
	loop_timer_init(&timer, loop, stop_soon, NULL);
	loop_timer_start(&timer, 20);
	loop_defer(loop, &t1, endless, NULL);
	loop_run(loop);
	assert_true(endless_runs > 16);
}

struct thing {
	struct loop_timer timer;
	int *freed;
};

static void
thing_release(void *p)
{
	struct thing *t = p;

	++*t->freed;
	free(t);
}

static void
close_itself(void *arg)
{
	struct thing *t = arg;

	loop_bury(loop, t, thing_release);
	assert_int_equal(*t->freed, 0); /* still there within the callback */
}

static void
the_dead_are_freed_at_the_end_of_the_turn(void **state)
{
	struct thing *t = mem_zalloc(sizeof(*t));
	int freed = 0;

	(void)state;
	t->freed = &freed;
	loop_timer_init(&t->timer, loop, close_itself, t);
	loop_timer_start(&t->timer, 1);
	assert_true(loop_timer_pending(&t->timer));
	loop_run(loop);
	assert_int_equal(freed, 1);
}

static void
a_timer_restarts_and_stops(void **state)
{
	struct loop_timer a, b, unused = { 0 };
	int64_t began = loop_ms();

	(void)state;
	loop_timer_stop(&unused);
	loop_timer_init(&a, loop, say, TEXT("a"));
	loop_timer_init(&b, loop, say, TEXT("b"));
	loop_timer_start(&a, 5);
	loop_timer_start(&a, 40);
	loop_timer_start(&b, 10);
	loop_timer_stop(&b);
	loop_run(loop);
	assert_string_equal(trace, "a");
	assert_in_range(loop_ms() - began, 38, 2000);
}

static void
two_loops_live_side_by_side(void **state)
{
	struct loop *other = loop_new();

	(void)state;
	assert_ptr_not_equal(loop_ev(other), loop_ev(loop));
	assert_true(ev_is_default_loop(loop_ev(loop)));
	loop_defer(other, &t1, say, TEXT("o"));
	loop_run(other);
	loop_free(&other);
	assert_string_equal(trace, "o");
}

/* The pool */

static struct pool *pool;
static pthread_t loop_thread;

struct sum {
	int from, result;
	int done, released;
	bool elsewhere;
	useconds_t sleep_us;
};

static void
work(void *arg)
{
	struct sum *s = arg;
	int i;

	if (s->sleep_us)
		usleep(s->sleep_us);
	for (i = 0; i <= s->from; i++)
		s->result += i;
	s->elsewhere = !pthread_equal(pthread_self(), loop_thread);
}

static void
done(void *arg)
{
	((struct sum *)arg)->done++;
	assert_true(pthread_equal(pthread_self(), loop_thread));
}

static void
released(void *arg)
{
	((struct sum *)arg)->released++;
	assert_true(pthread_equal(pthread_self(), loop_thread));
}

static void
run_sums(unsigned workers)
{
	struct sum s[100] = { { 0 } };
	int i;

	loop_thread = pthread_self();
	pool = pool_new(loop, workers);
	for (i = 0; i < 100; i++) {
		s[i].from = i;
		pool_submit(pool, work, done, released, &s[i]);
	}
	assert_int_equal(pool_backlog(pool), 100);
	for (i = 0; i < 100; i++)
		assert_int_equal(s[i].done, 0);
	loop_run(loop); /* ends with the last job */
	for (i = 0; i < 100; i++) {
		assert_int_equal(s[i].done, 1);
		assert_int_equal(s[i].released, 0);
		assert_int_equal(s[i].result, i * (i + 1) / 2);
		assert_int_equal(s[i].elsewhere, workers > 0);
	}
	assert_int_equal(pool_backlog(pool), 0);
	pool_free(&pool);
}

static void
workers_compute_and_the_loop_hears(void **state)
{
	(void)state;
	run_sums(3);
}

static void
without_workers_jobs_run_inline(void **state)
{
	(void)state;
	run_sums(0);
}

static void
cancel_some(unsigned workers)
{
	struct sum s[20] = { { 0 } };
	struct pool_job *j[20];
	int i;

	loop_thread = pthread_self();
	pool = pool_new(loop, workers);
	for (i = 0; i < 20; i++) {
		s[i].sleep_us = 2000;
		j[i] = pool_submit(pool, work, done, released, &s[i]);
	}
	if (workers)
		usleep(5000); /* some are running, some finished */
	for (i = 0; i < 20; i += 2) {
		pool_cancel(&j[i]);
		assert_null(j[i]);
		pool_cancel(&j[i]);
		assert_int_equal(s[i].released, 0);
	}
	loop_run(loop);
	for (i = 0; i < 20; i++) {
		assert_int_equal(s[i].done, i % 2);
		assert_int_equal(s[i].released, !(i % 2));
	}
	pool_free(&pool);
}

static void
a_cancelled_job_is_released_and_silent(void **state)
{
	(void)state;
	cancel_some(2);
	cancel_some(0);
}

static void
free_pool(void *arg)
{
	done(arg);
	pool_free(&pool);
}

static void
a_pool_freed_in_a_callback_releases_the_rest(void **state)
{
	struct sum s[50];
	unsigned workers;
	int i, ends;

	(void)state;
	loop_thread = pthread_self();
	for (workers = 0; workers < 3; workers += 2) {
		memset(s, 0, sizeof(s));
		pool = pool_new(loop, workers);
		for (i = 0; i < 50; i++)
			pool_submit(pool, work, i ? done : free_pool, released,
			    &s[i]);
		loop_run(loop);
		assert_null(pool);
		for (i = 0, ends = 0; i < 50; i++)
			ends += s[i].done + s[i].released;
		assert_int_equal(ends, 50);
		assert_int_equal(s[0].done, 1);
	}
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(deferred_tasks_run_before_flushes),
		T(undefer_silences_even_in_the_same_round),
		T(tasks_do_not_starve_the_loop),
		T(the_dead_are_freed_at_the_end_of_the_turn),
		T(a_timer_restarts_and_stops),
		T(two_loops_live_side_by_side),
		T(workers_compute_and_the_loop_hears),
		T(without_workers_jobs_run_inline),
		T(a_cancelled_job_is_released_and_silent),
		T(a_pool_freed_in_a_callback_releases_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
