#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "deliver/deliver.h"
#include "io/loop.h"
#include "ops/account.h"
#include "ops/json.h"
#include "ops_fakes.h"
#include "stats/stats.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void
json_strings(void **st)
{
	static const struct {
		struct view in;
		const char *want;
	} rows[] = { { { "", 0 }, "\"\"" }, { VIEW("plain"), "\"plain\"" },
		{ VIEW("a\"b\\c"), "\"a\\\"b\\\\c\"" },
		{ VIEW("\r\n\t\b\f"), "\"\\r\\n\\t\\b\\f\"" },
		{ VIEW("nul\0\x01\x7f"), "\"nul\\u0000\\u0001\\u007f\"" },
		{ VIEW("gr\xc3\xbc\xc3\x9f" "e"), "\"gr\xc3\xbc\xc3\x9f" "e\"" },
		{ VIEW("\xf0\x9f\x98\x80"), "\"\xf0\x9f\x98\x80\"" },
		/* lone, cut, overlong, surrogate, beyond U+10FFFF */
		{ VIEW("\xff"), "\"\xef\xbf\xbd\"" },
		{ VIEW("a\xc3"), "\"a\xef\xbf\xbd\"" },
		{ VIEW("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ VIEW("\xed\xa0\x80"),
		    "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
		{ VIEW("\xc3("), "\"\xef\xbf\xbd(\"" } };
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct buf b = { 0 };

		ops_json_string(&b, rows[i].in);
		assert_string_equal(buf_str(&b), rows[i].want);
		buf_fini(&b);
	}
}

/* Whatever octets: jansson, which is strict, reads it; valid text comes
 * back. */
static void
json_strings_are_valid(void **st)
{
	unsigned char raw[64];
	int round;
	size_t i;

	(void)st;
	rand_seed(7);
	for (round = 0; round < 20000; round++) {
		size_t n = rand_below(sizeof(raw));
		struct buf b = { 0 };
		bool ascii = round % 2;
		json_t *j;

		for (i = 0; i < n; i++)
			raw[i] = (unsigned char)(1 + rand_below(ascii ? 127 :
							      255));
		ops_json_string(&b, view_of(raw, n));
		j = json_loadb(buf_ptr(&b), b.n, JSON_DECODE_ANY, NULL);
		assert_non_null(j);
		if (ascii)
			assert_true(view_eq(view_of(json_string_value(j),
						json_string_length(j)),
			    view_of(raw, n)));
		json_decref(j);
		buf_fini(&b);
	}
}

static void
json_times(void **st)
{
	struct buf b = { 0 };

	(void)st;
	ops_json_time(&b, 0);
	ops_json_time(&b, 1);
	ops_json_time(&b, INT64_C(1764000000123));
	ops_json_time(&b, INT64_C(1764000000999));
	ops_json_time(&b, INT64_C(1764000008007)); /* same slot, other second */
	assert_string_equal(buf_str(&b),
	    "null\"1970-01-01T00:00:00.001Z\"\"2025-11-24T16:00:00.123Z\""
	    "\"2025-11-24T16:00:00.999Z\"\"2025-11-24T16:00:08.007Z\"");
	buf_fini(&b);
}

struct fixture {
	struct loop *loop;
	char dir[64];
	char *path;
	struct ops_account *a;
};

static int
setup(void **st)
{
	struct fixture *f = mem_zalloc(sizeof(*f));
	struct err e = { "" };

	strcpy(f->dir, "/tmp/ops.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->path = mem_printf("%s/acc", f->dir);
	f->loop = fake_loop = loop_new();
	f->a = ops_account_open(f->loop, f->path, &e);
	assert_non_null(f->a);
	clock_set(INT64_C(1764000000123));
	stats_reset();
	*st = f;
	return 0;
}

static int
teardown(void **st)
{
	struct fixture *f = *st;
	char *clean = mem_printf("rm -r %s", f->dir);

	ops_account_close(&f->a);
	assert_null(f->a);
	loop_free(&f->loop);
	assert_int_equal(system(clean), 0);
	free(clean);
	free(f->path);
	free(f);
	clock_set(-1);
	return 0;
}

static void
turn(struct fixture *f)
{
	ev_run(loop_ev(f->loop), EVRUN_NOWAIT);
}

/* The n-th line of a file as JSON; NULL past the end. */
static json_t *
line(const char *path, int n)
{
	FILE *file = fopen(path, "r");
	char text[4096];
	json_t *j = NULL;

	while (file && n-- >= 0) {
		if (!fgets(text, sizeof(text), file)) {
			fclose(file);
			return NULL;
		}
	}
	if (file) {
		j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(j);
		fclose(file);
	}
	return j;
}

static void
outcome(struct fixture *f, const char *event, bool with_peer)
{
	struct store_lease lease = { .domain = (char *)"rcvd.test",
		.record = { .id = 77,
		    .attempt = 2,
		    .created_ms = INT64_C(1764000000000),
		    .sender = VIEW("a@sender.test"),
		    .rcpt = VIEW("\"q\"@rcvd.test") } };
	struct deliver_job job = { .lease = &lease,
		.campaign = with_peer ? &fake_campaigns[0] : NULL };
	struct deliver_result r = { .stage = MAIL_STAGE_RCPT,
		.code = 450,
		.enhanced = { 4, 2, 1 },
		.text = "slow\ndown \xff",
		.mx = "mx.rcvd.test",
		.address = "192.0.2.1",
		.source = "a",
		.tls = "TLSv1.3 X",
		.tls_verified = true,
		.bytes = 4321,
		.started_ms = INT64_C(1764000000100),
		.ended_ms = INT64_C(1764000000120) };
	struct deliver_outcome o = { .event = event,
		.job = &job,
		.result = with_peer ? &r : NULL,
		.class = with_peer ? MAIL_CLASS_RATE : MAIL_CLASS_NONE,
		.site = "rcvd",
		.next_attempt_ms = with_peer ? INT64_C(1764000300000) : 0 };

	ops_account_write(f->a, &o);
}

static void
all_fields(void **st)
{
	static const char want[] = "{\"time\":\"2025-11-24T16:00:00.123Z\","
		"\"event\":\"deferred\",\"id\":\"000000000002d\","
		"\"tenant\":\"acme\",\"campaign\":\"spring\",\"list\":\"weekly\","
		"\"class\":\"bulk\",\"sender\":\"a@sender.test\","
		"\"recipient\":\"\\\"q\\\"@rcvd.test\",\"domain\":\"rcvd.test\","
		"\"site\":\"rcvd\",\"source\":\"a\",\"mx\":\"mx.rcvd.test\","
		"\"address\":\"192.0.2.1\",\"tls\":\"TLSv1.3 X\","
		"\"tls_verified\":true,\"code\":450,\"enhanced\":\"4.2.1\","
		"\"text\":\"slow\\ndown \xef\xbf\xbd\",\"stage\":\"rcpt\","
		"\"reply_class\":\"rate\",\"attempt\":3,"
		"\"created\":\"2025-11-24T16:00:00.000Z\","
		"\"started\":\"2025-11-24T16:00:00.100Z\","
		"\"ended\":\"2025-11-24T16:00:00.120Z\","
		"\"next\":\"2025-11-24T16:05:00.000Z\",\"bytes\":4321}";
	struct fixture *f = *st;
	json_t *got, *wanted = json_loads(want, 0, NULL);

	outcome(f, "deferred", true);
	turn(f);
	got = line(f->path, 0);
	if (!json_equal(got, wanted))
		fail_msg("%s", json_dumps(got, 0));
	json_decref(got);
	json_decref(wanted);
}

/* An outcome without peer, campaign or next attempt has the same fields. */
static void
sparse(void **st)
{
	struct fixture *f = *st;
	json_t *full, *bare;
	const char *key;
	json_t *v;

	outcome(f, "deferred", true);
	outcome(f, "cancelled", false);
	turn(f);
	full = line(f->path, 0);
	bare = line(f->path, 1);
	assert_int_equal(json_object_size(full), json_object_size(bare));
	json_object_foreach(full, key, v)
		assert_non_null(json_object_get(bare, key));
	assert_true(json_is_null(json_object_get(bare, "next")));
	assert_string_equal(
	    json_string_value(json_object_get(bare, "tenant")), "");
	assert_string_equal(
	    json_string_value(json_object_get(bare, "enhanced")), "");
	json_decref(full);
	json_decref(bare);
}

static void
one_write_a_turn(void **st)
{
	struct fixture *f = *st;
	struct stat before, after;
	int i;

	for (i = 0; i < 100; i++)
		outcome(f, "sent", true);
	stat(f->path, &before);
	assert_int_equal(before.st_size, 0);
	turn(f);
	stat(f->path, &after);
	assert_true(after.st_size > 100 * 300);
}

static void
reopened(void **st)
{
	struct fixture *f = *st;
	char *moved = mem_printf("%s.1", f->path);
	struct err e = { "" };
	json_t *j;

	outcome(f, "sent", true);
	rename(f->path, moved);
	assert_int_equal(ops_account_reopen(f->a, f->path, &e), 0);
	outcome(f, "bounced", true);
	turn(f);
	j = line(moved, 0);
	assert_string_equal(json_string_value(json_object_get(j, "event")),
	    "sent");
	json_decref(j);
	assert_null(line(moved, 1));
	j = line(f->path, 0);
	assert_string_equal(json_string_value(json_object_get(j, "event")),
	    "bounced");
	json_decref(j);
	assert_int_equal(ops_account_reopen(f->a, "/nonexistent/x", &e), -1);
	assert_non_null(strstr(e.text, "/nonexistent/x"));
	outcome(f, "expired", true); /* the file stays in use */
	assert_int_equal(ops_account_reopen(f->a, "", &e), 0);
	outcome(f, "lost", true); /* accounting is off */
	turn(f);
	j = line(f->path, 1);
	assert_string_equal(json_string_value(json_object_get(j, "event")),
	    "expired");
	json_decref(j);
	assert_null(line(f->path, 2));
	free(moved);
}

/* /dev/full refuses every write: lines are kept and come out later. */
static void
disk_full(void **st)
{
	struct fixture *f = *st;
	struct err e = { "" };
	json_t *j;

	assert_int_equal(ops_account_reopen(f->a, "/dev/full", &e), 0);
	outcome(f, "sent", true);
	turn(f);
	outcome(f, "bounced", true);
	turn(f);
	assert_int_equal(ops_account_reopen(f->a, f->path, &e), 0);
	assert_null(line(f->path, 0));
	ev_sleep(1.1);
	turn(f);
	turn(f);
	j = line(f->path, 1);
	assert_string_equal(json_string_value(json_object_get(j, "event")),
	    "bounced");
	json_decref(j);
}

/* While nothing can be written memory stays bounded and losses count. */
static void
disk_full_for_long(void **st)
{
	struct fixture *f = *st;
	struct err e = { "" };
	int i;

	assert_int_equal(ops_account_reopen(f->a, "/dev/full", &e), 0);
	for (i = 0; i < 60000; i++)
		outcome(f, "sent", true);
	assert_true(stats_get(STATS_ACCOUNT_LOST) > 0);
	assert_true(stats_get(STATS_ACCOUNT_LOST) < 60000);
	assert_int_equal(ops_account_reopen(f->a, "", &e), 0);
}

static void
reference(void **st)
{
	struct buf b = { 0 };
	struct fixture *f = *st;
	const char *key, *p;
	json_t *j, *v;
	size_t n = 0;

	outcome(f, "sent", true);
	turn(f);
	j = line(f->path, 0);
	ops_account_reference(&b);
	json_object_foreach(j, key, v) {
		char *want = mem_printf(".TP\n.B %s\n", key);

		assert_non_null(strstr(buf_str(&b), want));
		free(want);
	}
	for (p = buf_str(&b); (p = strstr(p, ".TP\n")) != NULL; p++)
		n++;
	assert_int_equal(n, json_object_size(j));
	json_decref(j);
	buf_fini(&b);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(json_strings),
		cmocka_unit_test(json_strings_are_valid),
		cmocka_unit_test(json_times), T(all_fields), T(sparse),
		T(one_write_a_turn), T(reopened), T(disk_full),
		T(disk_full_for_long), T(reference) };

	log_open(NULL, LOG_ERROR_, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
