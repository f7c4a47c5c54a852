/*
 * Contents rebuilt, cached and signed.  The queue, the keys and the 7-bit
 * encoder are stood in for; patches are real.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "conf/conf.h"
#include "deliver/content.h"
#include "io/loop.h"
#include "io/pool.h"
#include "mail/dkim.h"
#include "mail/encode.h"
#include "mail/patch.h"
#include "stats/stats.h"
#include "store/store.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define MAILTEXT                                                            \
	"From: News <news@shop.example>\r\nSubject: Offers of the week\r\n" \
	"\r\nDear customer, this text is long enough to be shared.\r\n"

/* --- stand-ins -------------------------------------------------------------- */

struct mail_dkim {
	const char *name;
	bool empty, fails;
	int slow_ms;
	atomic_bool freed; /* nobody may use it any more */
	atomic_int used;
};

struct mail_dkim_key *
mail_dkim_at(const struct mail_dkim *d, size_t i)
{
	return d->empty || i > 0 ? NULL : (struct mail_dkim_key *)(void *)d;
}

int
mail_dkim_sign(const struct mail_dkim *dkim, const char *tenant,
    const char *from, struct view message, struct buf *sigs, struct err *e)
{
	struct mail_dkim *d = (struct mail_dkim *)dkim;
	struct timespec t = {.tv_nsec = d->slow_ms * 1000000L};

	(void)message;
	d->used++;
	if (d->freed)
		abort();
	nanosleep(&t, NULL);
	if (d->freed)
		abort();
	if (d->fails)
		return err_set(e, "no luck");
	buf_addf(sigs, "DKIM-Signature: %s %s %s\r\n", d->name, tenant, from);
	return 1;
}

int
mail_encode_7bit(struct view content, struct buf *out, struct err *e)
{
	if (view_find(content, VIEW("impossible")) != -1)
		return err_set(e, "no way");
	buf_addv(out, VIEW("From: a@seven.example\r\n\r\n7bit\r\n"));
	return 0;
}

static struct {
	enum store_status status;
	struct buf stored;
	unsigned asked;
	bool never; /* answers */
} queue;

struct store_req {
	struct loop_task task;
	void (*done)(void *arg, enum store_status st, struct view stored);
	void *arg;
};

static struct loop *loop;

static void
queue_answer(void *arg)
{
	struct store_req *r = arg;

	r->done(r->arg, queue.status,
	    queue.status == STORE_OK ? buf_view(&queue.stored) : VIEW(""));
	free(r);
}

struct store_req *
store_base_get(struct store *s, unsigned shard, uint64_t id,
    void (*done)(void *arg, enum store_status st, struct view stored),
    void *arg)
{
	struct store_req *r = mem_zalloc(sizeof(*r));

	(void)s;
	(void)shard;
	(void)id;
	queue.asked++;
	r->done = done;
	r->arg = arg;
	if (!queue.never)
		loop_defer(loop, &r->task, queue_answer, r);
	return r;
}

void
store_cancel(struct store_req **r)
{
	if (*r)
		loop_undefer(&(*r)->task);
	free(*r);
	*r = NULL;
}

/* --- the bench ----------------------------------------------------------------- */

struct answer {
	struct deliver_content_req *req;
	bool done;
	enum deliver_content_status st;
	struct buf bytes;
	char text[256];
	unsigned *left;
};

static struct pool *pool;
static struct deliver_content *content;
static struct conf conf = {.limits.max_content_bytes_in_memory = 1 << 20};
static struct mail_dkim dkim;
static struct store_campaign campaign = {.tenant = "acme"};
static struct store_lease lease;
static struct buf patch;

static void
on_content(void *arg, enum deliver_content_status st, struct buf *bytes,
    const char *text)
{
	struct answer *a = arg;

	assert_false(a->done);
	a->req = NULL;
	a->done = true;
	a->st = st;
	if (st == DELIVER_CONTENT_OK)
		buf_swap(&a->bytes, bytes);
	snprintf(a->text, sizeof(a->text), "%s", text);
	if (a->left == NULL || --*a->left == 0)
		loop_break(loop);
}

static void
start(unsigned workers)
{
	memset(&queue, 0, sizeof(queue));
	memset(&dkim, 0, sizeof(dkim));
	dkim.name = "k1";
	loop = loop_new();
	pool = pool_new(loop, workers);
	content = deliver_content_new(loop, NULL, pool, &dkim, &conf);
}

static void
stop(void)
{
	deliver_content_free(&content);
	pool_free(&pool);
	loop_free(&loop);
	buf_fini(&patch);
	buf_fini(&queue.stored);
}

/* The lease of text, patched against base (NULL: none). */
static void
make_lease(const char *text, const char *base)
{
	struct mail_base *b = NULL;

	buf_clear(&patch);
	buf_clear(&queue.stored);
	if (base) {
		struct buf plain = {0};

		mail_patch_plain(view_str(base), &plain);
		b = mail_base_new(buf_view(&plain));
		mail_base_pack(buf_view(&plain), &queue.stored);
		buf_fini(&plain);
	}
	mail_patch_make(b, view_str(text), &patch);
	mail_base_unref(&b);
	memset(&lease, 0, sizeof(lease));
	lease.shard = 3;
	lease.record.base = base ? 77 : 0;
	lease.record.patch = buf_view(&patch);
	lease.record.content_bytes = strlen(text);
	lease.record.content_hash = mail_patch_hash(view_str(text));
}

static void
ask(struct answer *a, bool eightbit_ok)
{
	memset(a, 0, sizeof(*a));
	a->req = deliver_content_get(
	    content, &lease, &campaign, eightbit_ok, on_content, a);
	assert_false(a->done);
}

static void
get(struct answer *a, bool eightbit_ok)
{
	ask(a, eightbit_ok);
	loop_run(loop);
	assert_true(a->done);
}

static const char *const sig = "DKIM-Signature: k1 acme shop.example\r\n";

static void
is_signed(struct answer *a, const char *text)
{
	assert_int_equal(a->st, DELIVER_CONTENT_OK);
	assert_true(view_starts(buf_view(&a->bytes), view_str(sig)));
	assert_string_equal(buf_str(&a->bytes) + strlen(sig), text);
	buf_fini(&a->bytes);
}

/* --- tests ---------------------------------------------------------------------- */

static void
rebuilt_and_signed(void **st)
{
	static const struct {
		const char *text, *base;
		unsigned asked;
	} rows[] = {{MAILTEXT, NULL, 0}, {MAILTEXT, MAILTEXT, 1},
	    {MAILTEXT "Yours, Ann\r\n", MAILTEXT "Yours, Bob\r\n", 1}};
	struct answer a;
	unsigned workers;
	size_t i;

	(void)st;
	for (i = 0; i < 2 * N(rows); i++) {
		workers = i < N(rows) ? 0 : 2;
		start(workers);
		make_lease(rows[i % N(rows)].text, rows[i % N(rows)].base);
		get(&a, true);
		is_signed(&a, rows[i % N(rows)].text);
		get(&a, true);
		is_signed(&a, rows[i % N(rows)].text);
		assert_int_equal(queue.asked, rows[i % N(rows)].asked);
		stop();
	}
}

static void
failures(void **st)
{
	static const struct {
		enum store_status status;
		int spoil; /* 1 hash, 2 length, 3 patch, 4 base */
		enum deliver_content_status want;
	} rows[] = {{STORE_OK, 1, DELIVER_CONTENT_DAMAGED},
	    {STORE_OK, 2, DELIVER_CONTENT_DAMAGED},
	    {STORE_OK, 3, DELIVER_CONTENT_DAMAGED},
	    {STORE_OK, 4, DELIVER_CONTENT_DAMAGED},
	    {STORE_NOT_FOUND, 0, DELIVER_CONTENT_DAMAGED},
	    {STORE_UNAVAILABLE, 0, DELIVER_CONTENT_LATER},
	    {STORE_FENCED, 0, DELIVER_CONTENT_LATER}};
	struct answer a;
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		start(0);
		make_lease(MAILTEXT "Ann\r\n", MAILTEXT "Bob\r\n");
		queue.status = rows[i].status;
		lease.record.content_hash += rows[i].spoil == 1;
		lease.record.content_bytes += rows[i].spoil == 2;
		if (rows[i].spoil == 3)
			lease.record.patch = VIEW("\x02rubbish");
		if (rows[i].spoil == 4)
			buf_cut(&queue.stored, queue.stored.n - 4);
		get(&a, true);
		assert_int_equal(a.st, rows[i].want);
		assert_true(a.text[0] != '\0');
		/* what failed is asked for again; what is well is not */
		queue.asked = 0;
		get(&a, true);
		assert_int_equal(queue.asked,
		    rows[i].status != STORE_OK || rows[i].spoil == 4);
		buf_fini(&a.bytes);
		stop();
	}
}

static void
signing(void **st)
{
	struct answer a;
	int64_t failed, made;

	(void)st;
	stats_reset();
	start(0);
	make_lease(MAILTEXT, NULL);
	get(&a, true);
	is_signed(&a, MAILTEXT);
	made = stats_get(STATS_DKIM_SIGNED);
	assert_int_equal(made, 1);
	dkim.empty = true;
	get(&a, true);
	assert_string_equal(buf_str(&a.bytes), MAILTEXT);
	buf_fini(&a.bytes);
	dkim.empty = false;
	dkim.fails = true;
	get(&a, true);
	assert_int_equal(a.st, DELIVER_CONTENT_UNSIGNED);
	assert_string_equal(a.text, "no luck");
	failed = stats_get(STATS_DKIM_FAILED);
	assert_int_equal(failed, 1);
	dkim.fails = false;
	/* no From, no key; and a last line without its end gets one */
	make_lease("Subject: x\r\n\r\nbody", NULL);
	get(&a, true);
	assert_string_equal(buf_str(&a.bytes), "Subject: x\r\n\r\nbody\r\n");
	buf_fini(&a.bytes);
	stop();
}

static void
seven_bit(void **st)
{
	struct answer a;

	(void)st;
	start(0);
	make_lease(MAILTEXT, NULL);
	get(&a, false); /* it is 7-bit already */
	is_signed(&a, MAILTEXT);
	lease.record.eightbit = true;
	get(&a, true);
	is_signed(&a, MAILTEXT);
	get(&a, false); /* encoded first, then signed */
	assert_string_equal(buf_str(&a.bytes),
	    "DKIM-Signature: k1 acme seven.example\r\n"
	    "From: a@seven.example\r\n\r\n7bit\r\n");
	buf_fini(&a.bytes);
	make_lease(MAILTEXT "impossible\r\n", NULL);
	lease.record.eightbit = true;
	get(&a, false);
	assert_int_equal(a.st, DELIVER_CONTENT_NOT_7BIT);
	assert_string_equal(a.text, "no way");
	stop();
}

static void
original(void **st)
{
	struct answer a = {0};

	(void)st;
	start(0);
	make_lease(MAILTEXT "Ann\r\n", MAILTEXT);
	a.req = deliver_content_original(content, &lease, on_content, &a);
	loop_run(loop);
	assert_string_equal(buf_str(&a.bytes), MAILTEXT "Ann\r\n");
	buf_fini(&a.bytes);
	stop();
}

static void
one_fetch_for_all(void **st)
{
	struct answer a[50];
	unsigned left = N(a) - 2;
	size_t i;

	(void)st;
	start(1);
	make_lease(MAILTEXT "Ann\r\n", MAILTEXT);
	for (i = 0; i < N(a); i++) {
		ask(&a[i], true);
		a[i].left = &left;
	}
	deliver_content_cancel(&a[0].req);
	deliver_content_cancel(&a[49].req);
	loop_run(loop);
	assert_int_equal(queue.asked, 1);
	assert_false(a[0].done || a[49].done);
	for (i = 1; i < 49; i++)
		is_signed(&a[i], MAILTEXT "Ann\r\n");
	stop();
}

static void
bounded_memory(void **st)
{
	struct conf small = {.limits.max_content_bytes_in_memory = 1};
	struct answer a;
	unsigned i;

	(void)st;
	start(0);
	make_lease(MAILTEXT "Ann\r\n", MAILTEXT);
	for (i = 0; i < 4; i++) {
		lease.record.base = 100 + i % 2;
		get(&a, true);
		is_signed(&a, MAILTEXT "Ann\r\n");
	}
	assert_int_equal(queue.asked, 2);
	deliver_content_reload(content, &dkim, &small);
	for (i = 0; i < 4; i++) {
		lease.record.base = 100 + i % 2;
		get(&a, true);
		is_signed(&a, MAILTEXT "Ann\r\n");
	}
	/* only the latest is kept */
	assert_true(queue.asked >= 5);
	i = queue.asked;
	get(&a, true);
	is_signed(&a, MAILTEXT "Ann\r\n");
	assert_int_equal(queue.asked, i);
	stop();
}

static void
cancelled(void **st)
{
	struct answer a, b;
	unsigned workers;

	(void)st;
	for (workers = 0; workers < 2; workers++) {
		start(workers);
		dkim.slow_ms = 5;
		make_lease(MAILTEXT, NULL);
		ask(&a, true); /* while it is signed */
		ask(&b, true);
		deliver_content_cancel(&a.req);
		assert_null(a.req);
		loop_run(loop);
		is_signed(&b, MAILTEXT);
		assert_false(a.done);
		dkim.empty = true;
		ask(&a, true); /* while the answer waits */
		deliver_content_cancel(&a.req);
		queue.never = true; /* while the base is fetched */
		make_lease(MAILTEXT, MAILTEXT);
		ask(&b, true);
		deliver_content_cancel(&b.req);
		assert_false(a.done || b.done);
		stop();
	}
}

/* The old keys may be freed once reload returned. */
static void
reload(void **st)
{
	static struct mail_dkim new;
	struct answer a[40];
	unsigned left = N(a), workers;
	size_t i;
	struct timespec t = {.tv_nsec = 3000000};

	(void)st;
	for (workers = 0; workers < 3; workers++) {
		start(workers);
		dkim.slow_ms = 1;
		memset(&new, 0, sizeof(new));
		new.name = "k2";
		make_lease(MAILTEXT, NULL);
		left = N(a);
		for (i = 0; i < N(a); i++) {
			ask(&a[i], true);
			a[i].left = &left;
		}
		nanosleep(&t, NULL);
		deliver_content_reload(content, &new, &conf);
		dkim.freed = true;
		loop_run(loop);
		for (i = 0; i < N(a); i++) {
			assert_int_equal(a[i].st, DELIVER_CONTENT_OK);
			assert_non_null(strstr(buf_str(&a[i].bytes), MAILTEXT));
			assert_true(a[i].bytes.n > strlen(MAILTEXT));
			buf_fini(&a[i].bytes);
		}
		assert_int_equal(dkim.used + new.used, N(a));
		assert_true(new.used > 0);
		stop();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rebuilt_and_signed),
	    cmocka_unit_test(failures),
	    cmocka_unit_test(signing),
	    cmocka_unit_test(seven_bit),
	    cmocka_unit_test(original),
	    cmocka_unit_test(one_fetch_for_all),
	    cmocka_unit_test(bounded_memory),
	    cmocka_unit_test(cancelled),
	    cmocka_unit_test(reload),
	};

	return cmocka_run_group_tests_name(
	    "deliver/content", tests, NULL, NULL);
}
