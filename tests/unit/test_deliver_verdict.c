#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rand.h"
#include "conf/conf.h"
#include "deliver/heap.h"
#include "deliver/verdict.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define NOW INT64_C(1800000000000)
#define MIN INT64_C(60000)

/* The table of classes is mail's; here 5.1.1 alone condemns. */
enum mail_class
mail_class_of(enum mail_stage stage, int code, const int enhanced[3],
    const char *text)
{
	(void)stage;
	(void)text;
	if (code == 550 && enhanced[1] == 1 && enhanced[2] == 1)
		return MAIL_CLASS_BAD_MAILBOX;
	return code / 100 == 4 ? MAIL_CLASS_RATE : MAIL_CLASS_POLICY;
}

bool
mail_class_condemns(enum mail_class c)
{
	return c == MAIL_CLASS_BAD_MAILBOX;
}

static const struct conf_site policy = {
	.retry_ms = { 5 * MIN, 10 * MIN, 60 * MIN },
	.nretry = 3,
	.retry_jitter_percent = 20,
	.max_age_ms = 5 * 24 * 60 * MIN,
};

#define NEVER STORE_NOTIFY_NEVER
#define SUCCESS STORE_NOTIFY_SUCCESS
#define FAILURE STORE_NOTIFY_FAILURE
#define DELAY STORE_NOTIFY_DELAY

struct row {
	const char *name;
	int kind;
	enum mail_stage stage;
	int code, enhanced[3];
	enum store_outcome want;
	const char *event;
	char suppress;
	bool grouped;
};

static const struct row rows[] = {
	{ "sent", DELIVER_SENT, MAIL_STAGE_END, 250, { 2, 0, 0 }, STORE_SENT,
	    "sent", 0, false },
	{ "greylisted", DELIVER_TEMPORARY, MAIL_STAGE_RCPT, 450, { 4, 7, 1 },
	    STORE_DEFERRED, "deferred", 0, false },
	{ "no mailbox", DELIVER_PERMANENT, MAIL_STAGE_RCPT, 550, { 5, 1, 1 },
	    STORE_BOUNCED, "bounced", 'h', false },
	{ "no mailbox, said last", DELIVER_PERMANENT, MAIL_STAGE_END, 550,
	    { 5, 1, 1 }, STORE_BOUNCED, "bounced", 'h', false },
	{ "said of several", DELIVER_PERMANENT, MAIL_STAGE_END, 550,
	    { 5, 1, 1 }, STORE_BOUNCED, "bounced", 0, true },
	{ "no mailbox in a group", DELIVER_PERMANENT, MAIL_STAGE_RCPT, 550,
	    { 5, 1, 1 }, STORE_BOUNCED, "bounced", 'h', true },
	{ "sender refused", DELIVER_PERMANENT, MAIL_STAGE_MAIL, 550,
	    { 5, 1, 1 }, STORE_BOUNCED, "bounced", 0, false },
	{ "spam", DELIVER_PERMANENT, MAIL_STAGE_END, 554, { 5, 7, 1 },
	    STORE_BOUNCED, "bounced", 0, false },
	{ "refused at the greeting", DELIVER_PERMANENT, MAIL_STAGE_GREETING,
	    554, { 5, 7, 1 }, STORE_DEFERRED, "deferred", 0, false },
	{ "refused at EHLO", DELIVER_PERMANENT, MAIL_STAGE_HELO, 550,
	    { 5, 1, 1 }, STORE_DEFERRED, "deferred", 0, false },
	{ "no TLS", DELIVER_PERMANENT, MAIL_STAGE_STARTTLS, 454, { 4, 7, 4 },
	    STORE_DEFERRED, "deferred", 0, false },
	{ "null MX", DELIVER_PERMANENT, MAIL_STAGE_DNS, 556, { 5, 1, 10 },
	    STORE_BOUNCED, "bounced", 0, false },
	{ "no SMTPUTF8", DELIVER_PERMANENT, MAIL_STAGE_LOCAL, 550, { 5, 6, 7 },
	    STORE_BOUNCED, "bounced", 0, false },
	{ "not asked", DELIVER_UNTRIED, MAIL_STAGE_CONNECT, 0, { 0 },
	    STORE_RELEASED, NULL, 0, false },
	{ "damaged", DELIVER_UNREBUILT, MAIL_STAGE_LOCAL, 0, { 0 }, STORE_PARK,
	    "parked", 0, false },
};

static struct deliver_verdict_in
base(struct deliver_result *r, struct store_record *rec)
{
	return (struct deliver_verdict_in){ .result = r,
		.record = rec,
		.policy = &policy,
		.campaign = STORE_ACTIVE,
		.bounces = true,
		.now_ms = NOW,
		.roll = 0 };
}

static struct store_record
record(void)
{
	return (struct store_record){ .created_ms = NOW - MIN,
		.sender = VIEW("a@sender.example"),
		.rcpt = VIEW("b@rcpt.example") };
}

static void
outcomes(void **st)
{
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct deliver_result r = { .kind = rows[i].kind,
			.stage = rows[i].stage,
			.code = rows[i].code };
		struct store_record rec = record();
		struct deliver_verdict_in in = base(&r, &rec);
		struct deliver_verdict v;

		memcpy(r.enhanced, rows[i].enhanced, sizeof(r.enhanced));
		in.grouped = rows[i].grouped;
		deliver_verdict_of(&in, &v);
		if (v.outcome != rows[i].want ||
		    v.suppress != rows[i].suppress)
			fail_msg("%s: outcome %d, reason %d", rows[i].name,
			    (int)v.outcome, v.suppress);
		if (rows[i].event == NULL)
			assert_null(v.event);
		else
			assert_string_equal(v.event, rows[i].event);
		in.campaign = STORE_CANCELLED;
		deliver_verdict_of(&in, &v);
		if (rows[i].want == STORE_DEFERRED ||
		    rows[i].want == STORE_RELEASED)
			assert_int_equal(v.outcome, STORE_CANCELLED_);
		else
			assert_int_equal(v.outcome, rows[i].want);
	}
}

/* RFC 3461: what NOTIFY, the tenant and the sender make of each outcome. */
static void
reports(void **st)
{
	static const struct {
		int kind;
		unsigned notify;
		bool bounces, warnings, null_sender, report, dsn_passed;
		bool want;
	} t[] = {
		{ DELIVER_PERMANENT, 0, true, false, false, false, false,
		    true },
		{ DELIVER_PERMANENT, FAILURE, true, false, false, false, false,
		    true },
		{ DELIVER_PERMANENT, FAILURE | DELAY, true, false, false, false,
		    false, true },
		{ DELIVER_PERMANENT, NEVER, true, false, false, false, false,
		    false },
		{ DELIVER_PERMANENT, SUCCESS, true, false, false, false, false,
		    false },
		{ DELIVER_PERMANENT, DELAY, true, false, false, false, false,
		    false },
		{ DELIVER_PERMANENT, FAILURE, false, false, false, false, false,
		    false },
		{ DELIVER_PERMANENT, FAILURE, true, false, true, false, false,
		    false },
		{ DELIVER_PERMANENT, FAILURE, true, false, false, true, false,
		    false },
		{ DELIVER_SENT, 0, true, false, false, false, false, false },
		{ DELIVER_SENT, SUCCESS, true, false, false, false, false,
		    true },
		{ DELIVER_SENT, SUCCESS, true, false, false, false, true,
		    false },
		{ DELIVER_SENT, FAILURE, true, false, false, false, false,
		    false },
		{ DELIVER_SENT, SUCCESS, true, false, true, false, false,
		    false },
		{ DELIVER_TEMPORARY, 0, true, false, false, false, false,
		    false },
		{ DELIVER_TEMPORARY, 0, true, true, false, false, false,
		    true },
		{ DELIVER_TEMPORARY, DELAY, true, false, false, false, false,
		    true },
		{ DELIVER_TEMPORARY, FAILURE, true, true, false, false, false,
		    false },
		{ DELIVER_TEMPORARY, NEVER, true, true, false, false, false,
		    false },
		{ DELIVER_TEMPORARY, DELAY, false, true, false, false, false,
		    false },
	};
	size_t i;

	(void)st;
	for (i = 0; i < N(t); i++) {
		struct deliver_result r = { .kind = t[i].kind,
			.stage = MAIL_STAGE_RCPT,
			.code = t[i].kind == DELIVER_PERMANENT ? 550 : 450,
			.dsn_passed = t[i].dsn_passed };
		struct store_record rec = record();
		struct deliver_verdict_in in = base(&r, &rec);
		struct deliver_verdict v;
		unsigned warned = 0;

		rec.notify = t[i].notify;
		rec.report = t[i].report;
		if (t[i].null_sender)
			rec.sender = VIEW("");
		in.bounces = t[i].bounces;
		in.delay_warnings = t[i].warnings;
		/* a delay is told of once in all the attempts */
		for (rec.attempt = 0; rec.attempt < 100; rec.attempt++) {
			deliver_verdict_of(&in, &v);
			warned += v.report;
			if (t[i].kind != DELIVER_TEMPORARY)
				break;
		}
		if ((warned == 1) != t[i].want || warned > 1)
			fail_msg("row %zu: %u reports", i, warned);
	}
}

static void
statuses(void **st)
{
	struct deliver_result r = { .kind = DELIVER_PERMANENT,
		.stage = MAIL_STAGE_RCPT,
		.code = 550,
		.enhanced = { 5, 1, 1 } };
	struct store_record rec = record();
	struct deliver_verdict_in in = base(&r, &rec);
	struct deliver_verdict v;

	(void)st;
	deliver_verdict_of(&in, &v);
	assert_string_equal(v.status, "5.1.1");
	r.enhanced[0] = 0;
	deliver_verdict_of(&in, &v);
	assert_string_equal(v.status, "5.0.0");
	in.result = NULL;
	deliver_verdict_of(&in, &v);
	assert_int_equal(v.outcome, STORE_EXPIRED);
	assert_string_equal(v.status, "4.4.7");
	assert_int_equal(v.class, MAIL_CLASS_EXPIRED);
	assert_true(v.report);
}

static void
retries(void **st)
{
	struct deliver_result r = { .kind = DELIVER_TEMPORARY,
		.stage = MAIL_STAGE_RCPT,
		.code = 450 };
	static const int64_t want[] = { 5, 10, 60, 60, 60 };
	struct store_record rec = record();
	struct deliver_verdict_in in = base(&r, &rec);
	struct deliver_verdict v;
	int64_t least, most;
	unsigned i, k;

	(void)st;
	for (i = 0; i < N(want); i++) {
		rec.attempt = (uint16_t)i;
		least = INT64_MAX;
		most = 0;
		for (k = 0; k < 2000; k++) {
			in.roll = rand_u64();
			deliver_verdict_of(&in, &v);
			if (v.due_ms - NOW < least)
				least = v.due_ms - NOW;
			if (v.due_ms - NOW > most)
				most = v.due_ms - NOW;
		}
		assert_in_range(least, want[i] * MIN * 80 / 100,
		    want[i] * MIN * 82 / 100);
		assert_in_range(most, want[i] * MIN * 118 / 100,
		    want[i] * MIN * 120 / 100);
	}
}

/* The last retry comes before the expiry; a failure then is the end. */
static void
expiries(void **st)
{
	struct deliver_result r = { .kind = DELIVER_TEMPORARY,
		.stage = MAIL_STAGE_RCPT,
		.code = 450 };
	struct store_record rec = record();
	struct deliver_verdict_in in = base(&r, &rec);
	struct deliver_verdict v;
	int64_t end;

	(void)st;
	rec.expires_s = (uint32_t)(NOW / 1000) + 180;
	end = (int64_t)rec.expires_s * 1000;
	assert_int_equal(deliver_verdict_expires_ms(&rec, &policy), end);
	deliver_verdict_of(&in, &v);
	assert_int_equal(v.outcome, STORE_DEFERRED);
	assert_in_range(v.due_ms, end - 30000, end - 1);
	in.now_ms = v.due_ms;
	deliver_verdict_of(&in, &v);
	assert_int_equal(v.outcome, STORE_EXPIRED);
	assert_string_equal(v.event, "expired");
	/* without its own, max_age counts from the acceptance */
	in.now_ms = NOW;
	rec.expires_s = 0;
	end = rec.created_ms + policy.max_age_ms;
	assert_int_equal(deliver_verdict_expires_ms(&rec, &policy), end);
	/* a later one (scheduled sending) holds, but the attempts made may not
	 * take longer than max_age: 5 + 10 + 117 * 60 minutes */
	rec.expires_s = (uint32_t)(end / 1000) + 86400 * 30;
	in.record = &rec;
	rec.attempt = 0;
	deliver_verdict_of(&in, &v);
	assert_int_equal(v.outcome, STORE_DEFERRED);
	rec.attempt = 120;
	deliver_verdict_of(&in, &v);
	assert_int_equal(v.outcome, STORE_DEFERRED);
	assert_true(v.due_ms < NOW + 60 * MIN);
	rec.attempt = 122;
	deliver_verdict_of(&in, &v);
	assert_int_equal(v.outcome, STORE_EXPIRED);
}

static void
heap_order(void **st)
{
	static struct deliver_heap_node node[500];
	struct deliver_heap h = { 0 };
	struct deliver_heap_node *n;
	int64_t last = -1;
	unsigned i, got = 0;

	(void)st;
	memset(node, 0, sizeof(node));
	for (i = 0; i < N(node); i++)
		deliver_heap_set(&h, &node[i], rand_below(1000));
	for (i = 0; i < N(node); i += 2)
		deliver_heap_set(&h, &node[i], rand_below(1000));
	for (i = 0; i < N(node); i += 5)
		deliver_heap_remove(&h, &node[i]);
	deliver_heap_remove(&h, &node[0]); /* twice is harmless */
	while ((n = deliver_heap_pop(&h, 2000)) != NULL) {
		assert_true(n->due_ms >= last);
		assert_int_equal(n->at, 0);
		last = n->due_ms;
		got++;
	}
	assert_int_equal(got, 400);
	assert_int_equal(deliver_heap_next_ms(&h), -1);
	deliver_heap_set(&h, &node[1], 70);
	assert_null(deliver_heap_pop(&h, 69));
	assert_ptr_equal(deliver_heap_pop(&h, 70), &node[1]);
	deliver_heap_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes),
		cmocka_unit_test(reports),
		cmocka_unit_test(statuses),
		cmocka_unit_test(retries),
		cmocka_unit_test(expiries),
		cmocka_unit_test(heap_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
