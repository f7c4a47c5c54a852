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
#include "smtp/address.h"
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
	assert_int_equal(w.suppressed, 1);
	pid = world_redis_pid(&w);
	assert_true(pid > 0 && kill(pid, 0) == 0);
	world_stop(&w);
	assert_int_equal(kill(pid, 0), -1);
	world_fini(&w);
}

struct got {
	bool done;
	enum store_status st;
	uint64_t n, id, campaign;
	int64_t due_ms;
	char text[64];
	enum store_scope scope;
	char reason;
};

static bool
is_done(void *arg)
{
	return ((struct got *)arg)->done;
}

static void
on_done(void *arg, enum store_status st)
{
	struct got *g = arg;

	g->done = true;
	g->st = st;
}

static void
on_number(void *arg, enum store_status st, uint64_t n)
{
	((struct got *)arg)->n = n;
	on_done(arg, st);
}

static void
on_text(void *arg, enum store_status st, const char *text)
{
	snprintf(((struct got *)arg)->text, 64, "%s", text);
	on_done(arg, st);
}

#define WAIT(g, call)                                                          \
	do {                                                                   \
		struct store_req *r_;                                          \
		memset(&(g), 0, sizeof(g));                                    \
		r_ = (call);                                                   \
		assert_non_null(r_);                                           \
		assert_false((g).done); /* never from inside the call */       \
		assert_true(world_until(is_done, &(g), 5000));                 \
	} while (0)

/* Recipients in several shards: staged in each, committed in all; more than
 * a call takes, too. */
static void
many_shards(void **st)
{
	static struct store_lease *l[2000];
	struct store_shard_stat t;
	struct store_campaign *c;
	size_t n = 0, k;
	unsigned i, some = 0;
	struct world w;

	(void)st;
	world_init(&w, 4, NULL);
	world_start(&w);
	c = world_campaign(&w, "spring");
	assert_int_equal(world_enqueue(&w, c, "a.example", 0, 1500, 7),
	    STORE_OK);
	world_sleep(100);
	for (i = 0; i < 4; i++) {
		struct store_shard_stat s = world_stat(&w, i);

		some += s.queued > 200;
		assert_int_equal(s.bases, 1);
	}
	assert_int_equal(some, 4);
	t = world_total(&w);
	assert_int_equal(t.queued, 1500);
	assert_int_equal(world_command(&w, NULL, "HLEN {00}:cm"), 0);
	assert_int_equal(w.lanes, 4);
	for (i = 0; i < 4; i++)
		while ((k = world_lease(&w, i, c, "a.example", 256, l + n)))
			n += k;
	assert_int_equal(n, 1500);
	for (k = 0; k < n; k++) /* the id tells the shard */
		assert_int_equal(l[k]->record.id >> 54, l[k]->shard);
	world_settle_all(&w, l, n, STORE_SENT);
	assert_true(world_settled(&w, 3000));
	t = world_total(&w);
	assert_int_equal(t.queued + t.in_flight, 0);
	world_stop(&w);
	world_fini(&w);
}

static void
stage_by_hand(struct world *w, unsigned shard, const char *stage,
    uint64_t campaign, int seq)
{
	struct store_record r = { .id = (uint64_t)shard << 54 | 99,
		.rcpt = VIEW("x@a.example"), .expires_s = UINT32_MAX };
	struct buf b = { 0 };
	char text[256];

	store_record_pack(&r, &b);
	world_command(w, text, "FCALL facteur1_enqueue 1 {%02u}:m 900 %d 1000 "
	    "%s 0 %llu a.example 0 %b", shard, seq, stage,
	    (unsigned long long)campaign, buf_ptr(&b), b.n);
	assert_string_equal(text, "");
	buf_fini(&b);
}

static bool
nothing_staged(void *arg)
{
	struct world *w = arg;

	return world_command(w, NULL, "ZCARD {00}:sts") +
	    world_command(w, NULL, "ZCARD {01}:sts") == 0;
}

/* A daemon that died between stage and commit: the home shard's mark, or that
 * it has none, decides. */
static void
orphaned_stages(void **st)
{
	struct store_campaign *c;
	struct world w;

	(void)st;
	world_init(&w, 2, NULL);
	world_start(&w);
	c = world_campaign(&w, "spring");
	/* both shards know it */
	assert_int_equal(world_enqueue(&w, c, "b.example", 0, 10, 0), STORE_OK);
	stage_by_hand(&w, 0, "0.committed", c->id, 1);
	stage_by_hand(&w, 1, "0.committed", c->id, 1);
	world_command(&w, NULL, "FCALL facteur1_commit 1 {00}:m 0.committed "
	    "%lld 1", (long long)clock_now());
	stage_by_hand(&w, 0, "1.undecided", c->id, 2);
	stage_by_hand(&w, 1, "1.undecided", c->id, 2);
	assert_int_equal(world_total(&w).queued, 11);
	assert_true(world_until(nothing_staged, &w, 8000));
	assert_int_equal(world_total(&w).queued, 12);
	world_stop(&w);
	world_fini(&w);
}

/* The daemon dies while a message of several shards is on its way: all of it
 * or nothing. */
static void
killed_in_between(void **st)
{
	struct store_campaign *c;
	struct world w;
	unsigned i, round;

	(void)st;
	world_init(&w, 2, NULL);
	world_start(&w);
	for (round = 0; round < 8; round++) {
		struct store_new rcpt[8];
		struct store_message m = { .rcpt = rcpt, .nrcpt = 8 };
		uint64_t n;
		struct got g = { false };

		c = world_campaign(&w, "spring");
		m.campaign = c;
		memset(rcpt, 0, sizeof(rcpt));
		for (i = 0; i < 8; i++) {
			rcpt[i].addr.shard = i & 1;
			rcpt[i].domain = "a.example";
			rcpt[i].record.rcpt = VIEW("x@a.example");
			rcpt[i].record.expires_s = UINT32_MAX;
		}
		store_enqueue(w.store, &m, on_text, &g);
		for (i = 0; i < round; i++)
			world_until(is_done, &g, 0);
		world_crash(&w);
		world_start(&w);
		n = world_total(&w).queued + (uint64_t)world_command(&w, NULL,
		    "ZCARD {01}:sts") * 4 + (uint64_t)world_command(&w, NULL,
		    "ZCARD {00}:sts") * 4;
		assert_int_equal(n % 4, 0);
		if (g.done) /* then it is there */
			assert_true(world_command(&w, NULL,
			    "HGET {00}:m live") > 0);
	}
	world_stop(&w);
	world_fini(&w);
}

static void
count_campaign(void *arg, struct store_campaign *c)
{
	struct got *g = arg;

	g->n++;
	g->id = c->n.queued;
	g->campaign = c->n.cancelled;
}

static bool
all_dropped(void *arg)
{
	return ((struct world *)arg)->dropped >= 300;
}

static void
campaign_states(void **st)
{
	struct store_lease *l[8];
	struct store_campaign *c;
	struct world w;
	struct got g;

	(void)st;
	world_init(&w, 3, NULL);
	world_start(&w);
	c = world_campaign(&w, "spring");
	assert_int_equal(world_enqueue(&w, c, "a.example", 0, 300, 7),
	    STORE_OK);
	WAIT(g, store_campaign_set(w.store, c, STORE_PAUSED, on_done, &g));
	assert_int_equal(g.st, STORE_OK);
	assert_int_equal(w.states, 1);
	assert_int_equal(c->state, STORE_PAUSED);
	assert_int_equal(world_lease(&w, 0, c, "a.example", 8, l), 0);
	WAIT(g, store_campaign_list(w.store, count_campaign, on_done, &g));
	assert_int_equal(g.n, 1);
	assert_int_equal(g.id, 300);
	WAIT(g, store_campaign_set(w.store, c, STORE_ACTIVE, on_done, &g));
	assert_int_equal(world_lease(&w, 0, c, "a.example", 8, l), 8);
	world_settle_all(&w, l, 8, STORE_RELEASED);
	assert_true(world_settled(&w, 2000));
	/* The state is Redis': it outlives us. */
	world_crash(&w);
	world_start(&w);
	c = world_campaign(&w, "spring");
	assert_int_equal(c->state, STORE_ACTIVE);
	WAIT(g, store_campaign_set(w.store, c, STORE_CANCELLED, on_done, &g));
	assert_int_equal(c->state, STORE_CANCELLED);
	assert_true(world_until(all_dropped, &w, 5000));
	assert_int_equal(w.dropped, 300);
	WAIT(g, store_campaign_list(w.store, count_campaign, on_done, &g));
	assert_int_equal(g.id, 0);
	assert_int_equal(g.campaign, 300);
	WAIT(g, store_campaign_set(w.store, c, STORE_ACTIVE, on_done, &g));
	assert_int_equal(g.st, STORE_REFUSED); /* no way back */
	assert_int_equal(c->state, STORE_CANCELLED);
	world_stop(&w);
	world_fini(&w);
}

static void
on_tested(void *arg, enum store_status st, enum store_scope scope, char reason)
{
	((struct got *)arg)->scope = scope;
	((struct got *)arg)->reason = reason;
	on_done(arg, st);
}

static void
count_scope(void *arg, const char *scope, char reason, uint64_t count)
{
	struct got *g = arg;

	(void)scope;
	g->reason = reason;
	g->n += count;
}

static void
suppression(void **st)
{
	struct smtp_address a = { .text = "user3@a.example", .at = 5 };
	struct store_campaign *c;
	struct world w;
	struct got g;

	(void)st;
	world_init(&w, 2, NULL);
	world_start(&w);
	WAIT(g, store_suppress_test(w.store, &a, "acme", "news", on_tested, &g));
	assert_int_equal(g.st, STORE_NOT_FOUND);
	WAIT(g, store_suppress_add(w.store, &a, STORE_SCOPE_LIST, "acme",
	    "news", 'u', on_done, &g));
	assert_int_equal(g.st, STORE_OK);
	WAIT(g, store_suppress_test(w.store, &a, "acme", "news", on_tested, &g));
	assert_int_equal(g.st, STORE_OK);
	assert_int_equal(g.scope, STORE_SCOPE_LIST);
	assert_int_equal(g.reason, 'u');
	WAIT(g, store_suppress_test(w.store, &a, "acme", "other", on_tested,
	    &g));
	assert_int_equal(g.st, STORE_NOT_FOUND);
	WAIT(g, store_suppress_test(w.store, &a, "else", "news", on_tested, &g));
	assert_int_equal(g.st, STORE_NOT_FOUND);
	WAIT(g, store_suppress_list(w.store, count_scope, on_done, &g));
	assert_int_equal(g.n, 1);
	assert_int_equal(g.reason, 'u');
	c = world_campaign(&w, "spring"); /* of that list */
	assert_int_equal(world_enqueue(&w, c, "a.example", 0, 10, 0), STORE_OK);
	assert_int_equal(world_total(&w).queued, 9);
	WAIT(g, store_suppress_remove(w.store, &a, STORE_SCOPE_LIST, "acme",
	    "news", on_done, &g));
	assert_int_equal(g.st, STORE_OK);
	assert_int_equal(world_enqueue(&w, c, "a.example", 0, 10, 0), STORE_OK);
	assert_int_equal(world_total(&w).queued, 19);
	WAIT(g, store_suppress_add(w.store, &a, STORE_SCOPE_LIST, "acme", "",
	    'u', on_done, &g));
	assert_int_equal(g.st, STORE_REFUSED);
	world_stop(&w);
	world_fini(&w);
}

static void
on_found(void *arg, enum store_status st, const char *where, uint64_t campaign,
    const char *domain, int64_t due_ms, struct view packed)
{
	struct got *g = arg;

	(void)domain;
	(void)packed;
	g->campaign = campaign;
	g->due_ms = due_ms;
	on_text(arg, st, where);
}

static void
count_parked(void *arg, uint64_t campaign, const char *domain,
    struct view packed)
{
	struct store_record r;
	struct err e;

	(void)campaign;
	(void)domain;
	assert_int_equal(store_record_unpack(packed, &r, &e), 0);
	((struct got *)arg)->n++;
}

static void
on_base(void *arg, enum store_status st, struct view stored)
{
	snprintf(((struct got *)arg)->text, 64, "%.*s", VIEW_ARG(stored));
	on_done(arg, st);
}

static void
operator_calls(void **st)
{
	struct store_lease *l[10];
	struct store_campaign *c;
	struct world w;
	struct got g;
	uint64_t id;

	(void)st;
	world_init(&w, 1, NULL);
	world_start(&w);
	c = world_campaign(&w, "spring");
	assert_int_equal(world_enqueue(&w, c, "a.example", 0, 10, 7), STORE_OK);
	WAIT(g, store_base_get(w.store, 0, 7, on_base, &g));
	assert_string_equal(g.text, "bytes of the base");
	WAIT(g, store_base_get(w.store, 0, 8, on_base, &g));
	assert_int_equal(g.st, STORE_NOT_FOUND);
	assert_int_equal(world_lease(&w, 0, c, "a.example", 9, l), 9);
	id = l[8]->record.id;
	WAIT(g, store_find(w.store, id, on_found, &g));
	assert_string_equal(g.text, "in flight");
	WAIT(g, store_remove(w.store, id, on_done, &g));
	assert_int_equal(g.st, STORE_REFUSED);
	store_settle(w.store, &l[8], STORE_DEFERRED, clock_now() + 3600000, 0);
	store_settle(w.store, &l[7], STORE_DEFERRED, clock_now() + 3600000, 0);
	world_settle_all(&w, l, 4, STORE_PARK);
	world_settle_all(&w, l + 4, 3, STORE_SENT);
	assert_true(world_settled(&w, 2000));
	WAIT(g, store_find(w.store, id, on_found, &g));
	assert_string_equal(g.text, "deferred");
	assert_int_equal(g.campaign, c->id);
	assert_true(g.due_ms > clock_now() + 3500000);
	WAIT(g, store_remove(w.store, id, on_done, &g));
	assert_int_equal(g.st, STORE_OK);
	WAIT(g, store_find(w.store, id, on_found, &g));
	assert_int_equal(g.st, STORE_NOT_FOUND);
	WAIT(g, store_remove(w.store, UINT64_MAX, on_done, &g));
	assert_int_equal(g.st, STORE_NOT_FOUND);
	WAIT(g, store_flush(w.store, "b.example", on_number, &g));
	assert_int_equal(g.n, 0);
	WAIT(g, store_flush(w.store, "a.example", on_number, &g));
	assert_int_equal(g.n, 1);
	world_sleep(150);
	assert_int_equal(world_stat(&w, 0).queued, 2);
	WAIT(g, store_parked(w.store, count_parked, on_done, &g));
	assert_int_equal(g.n, 4);
	WAIT(g, store_unpark(w.store, 12345, true, on_number, &g));
	assert_int_equal(g.st, STORE_NOT_FOUND);
	WAIT(g, store_unpark(w.store, 0, true, on_number, &g));
	assert_int_equal(g.n, 4);
	assert_int_equal(world_stat(&w, 0).queued, 6);
	assert_int_equal(world_stat(&w, 0).parked, 0);
	world_stop(&w);
	world_fini(&w);
}

static void
on_expired(void *arg, enum store_status st, struct store_lease **leases,
    size_t n)
{
	struct got *g = arg;
	size_t i;

	g->n = n;
	for (i = 0; i < n; i++)
		store_settle(*(struct store **)(void *)g->text, &leases[i],
		    STORE_EXPIRED, 0, 0);
	on_done(arg, st);
}

static void
expiry(void **st)
{
	struct store_campaign *c;
	struct store_new rcpt[3];
	struct store_message m = { .rcpt = rcpt, .nrcpt = 3 };
	struct world w;
	struct got g;

	(void)st;
	world_init(&w, 1, NULL);
	world_start(&w);
	c = world_campaign(&w, "spring");
	m.campaign = c;
	memset(rcpt, 0, sizeof(rcpt));
	rcpt[0].domain = rcpt[1].domain = rcpt[2].domain = "a.example";
	rcpt[0].record.expires_s = rcpt[2].record.expires_s = 1000;
	rcpt[1].record.expires_s = UINT32_MAX;
	rcpt[2].due_ms = clock_now() + 3600000;
	WAIT(g, store_enqueue(w.store, &m, on_text, &g));
	memset(&g, 0, sizeof(g));
	memcpy(g.text, &w.store, sizeof(w.store));
	while (g.n == 0) {
		g.done = false;
		store_expire(w.store, 0, on_expired, &g);
		assert_true(world_until(is_done, &g, 5000));
	}
	assert_int_equal(g.n, 2);
	assert_true(world_settled(&w, 2000));
	assert_int_equal(world_stat(&w, 0).queued, 1);
	assert_int_equal(world_stat(&w, 0).deferred, 0);
	world_stop(&w);
	world_fini(&w);
}

static void
never(void *arg, enum store_status st, const char *text)
{
	(void)arg;
	(void)st;
	(void)text;
	fail_msg("a cancelled call answered");
}

static void
never_leased(void *arg, enum store_status st,
    const struct store_lane_result *lanes, size_t n)
{
	(void)lanes;
	(void)n;
	never(arg, st, "");
}

/* Cancelled before it left: nothing happens.  After: it happens, silently,
 * and leases go back. */
static void
cancelling(void **st)
{
	struct store_campaign *c;
	struct store_new rcpt[1];
	struct store_message m = { .rcpt = rcpt, .nrcpt = 1 };
	const struct store_want want = { 0, "a.example", 5 };
	struct store_want mine = want;
	struct store_req *r;
	struct world w;

	(void)st;
	world_init(&w, 1, NULL);
	world_start(&w);
	c = world_campaign(&w, "spring");
	memset(rcpt, 0, sizeof(rcpt));
	rcpt[0].domain = "a.example";
	rcpt[0].record.expires_s = UINT32_MAX;
	m.campaign = c;
	r = store_enqueue(w.store, &m, never, NULL);
	store_cancel(&r);
	assert_null(r);
	world_sleep(20);
	assert_int_equal(world_stat(&w, 0).queued, 0);
	r = store_enqueue(w.store, &m, never, NULL);
	world_until(NULL, NULL, 0);
	store_cancel(&r);
	memset(rcpt, 0xff, sizeof(rcpt)); /* not ours to read any more */
	world_sleep(100);
	assert_int_equal(world_stat(&w, 0).queued, 1);
	mine.campaign = c->id;
	r = store_lease_lanes(w.store, 0, &mine, 1, never_leased, NULL);
	world_until(NULL, NULL, 0);
	store_cancel(&r);
	world_sleep(200);
	assert_int_equal(world_stat(&w, 0).queued, 1);
	assert_int_equal(world_stat(&w, 0).in_flight, 0);
	world_stop(&w);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(many_shards),
		cmocka_unit_test(orphaned_stages),
		cmocka_unit_test(killed_in_between),
		cmocka_unit_test(campaign_states),
		cmocka_unit_test(suppression),
		cmocka_unit_test(operator_calls),
		cmocka_unit_test(expiry),
		cmocka_unit_test(cancelling),
	};

	log_open(NULL, getenv("VERBOSE") ? LOG_DEBUG_ : LOG_ERROR_, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
