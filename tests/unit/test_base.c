#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/rand.h"
#include "base/view.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void
view_numbers(void **st)
{
	static const struct {
		const char *in;
		int rc;
		uint64_t want;
	} rows[] = { { "0", 0, 0 }, { "42", 0, 42 }, { "", -1, 0 },
		{ "-1", -1, 0 }, { "1a", -1, 0 }, { " 1", -1, 0 },
		{ "9999999999999999999", 0, 9999999999999999999u },
		{ "10000000000000000000", -1, 0 } };
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		uint64_t got = 0;

		assert_int_equal(view_u64(view_str(rows[i].in), &got),
		    rows[i].rc);
		if (rows[i].rc == 0)
			assert_int_equal(got, rows[i].want);
	}
}

static void
view_cutting(void **st)
{
	struct view v = VIEW("a:b:"), w;

	(void)st;
	assert_true(view_eq(view_cut(&v, ':'), VIEW("a")));
	assert_true(view_eq(view_cut(&v, ':'), VIEW("b")));
	assert_non_null(v.p);
	assert_true(view_eq(view_cut(&v, ':'), VIEW("")));
	assert_null(v.p);
	v = VIEW("  two words ");
	w = view_word(&v);
	assert_true(view_eq(w, VIEW("two")));
	assert_true(view_eq(view_word(&v), VIEW("words")));
	assert_int_equal(v.n, 0);
	assert_true(view_iends(VIEW("MX.Google.COM"), VIEW(".google.com")));
	assert_false(view_iends(VIEW("com"), VIEW(".google.com")));
	assert_true(view_eq(view_trim(VIEW("\t a b\r\n")), VIEW("a b")));
}

static void
hex_digits(void **st)
{
	(void)st;
	assert_int_equal(view_hex('0'), 0);
	assert_int_equal(view_hex('9'), 9);
	assert_int_equal(view_hex('a'), 10);
	assert_int_equal(view_hex('F'), 15);
	assert_int_equal(view_hex('g'), -1);
	assert_int_equal(view_hex('G'), -1);
	assert_int_equal(view_hex('/'), -1);
	assert_int_equal(view_hex('\0'), -1);
}

static void
buf_moves(void **st)
{
	struct buf b = { 0 };
	char *s;
	int i;

	(void)st;
	for (i = 0; i < 1000; i++) {
		buf_addf(&b, "%d,", i);
		if (i % 3 == 0)
			buf_drop(&b, 2);
	}
	assert_true(view_starts(view_skip(buf_view(&b), b.n - 4), VIEW("999,")));
	s = buf_take(&b);
	assert_int_equal(strlen(s), 3890 - 2 * 334);
	free(s);
	assert_int_equal(b.n, 0);
	assert_string_equal(buf_str(&b), "");
	buf_fini(&b);
}

static void
buf_numbers(void **st)
{
	static const uint64_t rows[] = { 0, 1, 127, 128, 300, UINT32_MAX,
		UINT64_MAX };
	struct buf b = { 0 };
	struct view v;
	uint64_t got;
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		buf_varint(&b, rows[i]);
		buf_be(&b, rows[i], 8);
	}
	buf_addlv(&b, VIEW("xyz"));
	v = buf_view(&b);
	for (i = 0; i < N(rows); i++) {
		assert_int_equal(buf_get_varint(&v, &got), 0);
		assert_true(got == rows[i]);
		assert_int_equal(buf_get_be(&v, 8, &got), 0);
		assert_true(got == rows[i]);
	}
	{
		struct view s;

		assert_int_equal(buf_get_lv(&v, &s), 0);
		assert_true(view_eq(s, VIEW("xyz")));
		v = VIEW("\x05"
			 "abc");
		assert_int_equal(buf_get_lv(&v, &s), -1);
		v = VIEW("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f");
		assert_int_equal(buf_get_varint(&v, &got), -1);
	}
	buf_fini(&b);
}

static void
dates(void **st)
{
	static const struct {
		const char *in;
		int64_t want;
	} rows[] = { { "Tue, 24 Nov 2026 07:58:48 +0000", 1795507128000 },
		{ "24 Nov 2026 08:58 +0100", 1795507080000 },
		{ "Tue, 24 Nov 26 07:58:48 GMT", 1795507128000 },
		{ "2026-11-24T07:58:48Z", 1795507128000 },
		{ "2026-11-24T08:58:48.250+01:00", 1795507128000 },
		{ "2026-11-24 07:58:48", -1 }, { "yesterday", -1 },
		{ "Tue, 32 Nov 2026 07:58:48 +0000", -1 },
		{ "Tue, 24 Nov 2026 25:58:48 +0000", -1 }, { "", -1 } };
	char text[CLOCK_RFC5322_MAX];
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		int64_t ms = -1;

		clock_parse(rows[i].in, strlen(rows[i].in), &ms);
		assert_true(ms == rows[i].want);
	}
	clock_rfc5322(1795507128000, text);
	assert_string_equal(text, rows[0].in);
}

static void
clock_stands(void **st)
{
	(void)st;
	clock_set(5000);
	assert_int_equal(clock_now(), 5000);
	assert_int_equal(clock_mono(), 5000);
	clock_set(-1);
	assert_true(clock_now() > 1700000000000);
}

static void
lists(void **st)
{
	struct item {
		int n;
		struct list link;
	} it[3] = { { .n = 1 }, { .n = 2 }, { .n = 3 } };
	struct list head, *l, *t;
	int sum = 0;

	(void)st;
	list_init(&head);
	assert_null(list_pop(&head));
	list_append(&head, &it[0].link);
	list_append(&head, &it[1].link);
	list_prepend(&head, &it[2].link);
	LIST_FOREACH(l, t, &head) {
		struct item *x = LIST_ENTRY(l, struct item, link);

		sum = sum * 10 + x->n;
		if (x->n == 1)
			list_remove(&x->link);
	}
	assert_int_equal(sum, 312);
	assert_false(list_linked(&it[0].link));
	list_remove(&it[0].link);
	assert_ptr_equal(list_pop(&head), &it[2].link);
}

static void
log_quoting(void **st)
{
	(void)st;
	assert_string_equal(log_q(VIEW("a\"b\\\r\n")),
	    "\"a\\\"b\\\\\\x0d\\x0a\"");
	assert_int_equal(log_level_parse("warn"), LOG_WARN_);
	assert_int_equal(log_level_parse("loud"), -1);
}

static void
random_bounds(void **st)
{
	int i, seen = 0;

	(void)st;
	rand_seed(7);
	for (i = 0; i < 1000; i++) {
		uint32_t v = rand_below(5);

		assert_true(v < 5);
		seen |= 1 << v;
	}
	assert_int_equal(seen, 31);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(view_numbers),
		cmocka_unit_test(view_cutting),
		cmocka_unit_test(hex_digits),
		cmocka_unit_test(buf_moves),
		cmocka_unit_test(buf_numbers),
		cmocka_unit_test(dates),
		cmocka_unit_test(clock_stands),
		cmocka_unit_test(lists),
		cmocka_unit_test(log_quoting),
		cmocka_unit_test(random_bounds),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
