#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/view.h"
#include "smtp/reply.h"
#include "tests/unit/seeds.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *in;
	int rc;
	int code;
	const char *enhanced;
	const char *text;
	const char *left;
} rows[] = {
	{ "250 ok\r\n", 1, 250, "", "ok", "" },
	{ "250\r\n", 1, 250, "", "", "" },
	{ "250 \r\n", 1, 250, "", "", "" },
	{ "250 ok\n", 1, 250, "", "ok", "" },
	{ "250 2.1.5 ok\r\n", 1, 250, "2.1.5", "ok", "" },
	{ "550 5.1.1\r\n", 1, 550, "5.1.1", "", "" },
	{ "550-5.1.1 no such\r\n550 5.1.1 user\r\nnext", 1, 550, "5.1.1",
	    "no such\nuser", "next" },
	{ "550-5.1.1 a\r\n550 5.2.1 b\r\n", 1, 550, "5.1.1", "a\n5.2.1 b", "" },
	{ "550-first\r\n550 5.7.26 then\r\n", 1, 550, "5.7.26", "first\nthen",
	    "" },
	{ "450 5.1.1 class differs\r\n", 1, 450, "", "5.1.1 class differs",
	    "" },
	{ "354 3.0.0 go\r\n", 1, 354, "", "3.0.0 go", "" },
	{ "550 5.1 two\r\n", 1, 550, "", "5.1 two", "" },
	{ "550 5.1.1234 long\r\n", 1, 550, "", "5.1.1234 long", "" },
	{ "550 5.1.1x\r\n", 1, 550, "", "5.1.1x", "" },
	{ "550 a\tb\001c \t \r\n", 1, 550, "", "a b c", "" },
	{ "550 caf\303\251 \377 \355\240\200\r\n", 1, 550, "",
	    "caf\303\251 ? ???", "" },
	{ "550 cut \342\202\r\n", 1, 550, "", "cut ??", "" },
	{ "250 a\r\n250 b\r\n", 1, 250, "", "a", "250 b\r\n" },
	{ "", 0, 0, "", "", "" },
	{ "25", 0, 0, "", "", "25" },
	{ "250", 0, 0, "", "", "250" },
	{ "250-a\r\n", 0, 250, "", "a", "" },
	{ "250-a\r\n550 b\r\n", -1, 250, "", "a", "550 b\r\n" },
	{ "250-a\r\n25x", -1, 250, "", "a", "25x" },
	{ "hello\r\n", -1, 0, "", "", "hello\r\n" },
	{ "\r\n", -1, 0, "", "", "\r\n" },
	{ "199 x\r\n", -1, 0, "", "", "199 x\r\n" },
	{ "600 x\r\n", -1, 0, "", "", "600 x\r\n" },
	{ "2500 x\r\n", -1, 0, "", "", "2500 x\r\n" },
	{ "250_x\r\n", -1, 0, "", "", "250_x\r\n" },
	{ "2", 0, 0, "", "", "2" },
	{ "9", -1, 0, "", "", "9" },
};

static void
check(size_t i, const struct smtp_reply *r, int rc, struct buf *in)
{
	char e[SMTP_REPLY_ENHANCED_MAX];

	assert_int_equal(rc, rows[i].rc);
	if (rc == 0)
		return;
	assert_int_equal(r->code, rows[i].code);
	smtp_reply_enhanced_text(r, e);
	assert_string_equal(e, rows[i].enhanced);
	assert_string_equal(r->text, rows[i].text);
	assert_int_equal(strlen(r->text), r->text_len);
	if (in)
		assert_string_equal(buf_str(in), rows[i].left);
}

static void
whole(void **st)
{
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct smtp_reply r = { 0 };
		struct buf in = { 0 };
		int rc;

		buf_adds(&in, rows[i].in);
		rc = smtp_reply_parse(&r, &in);
		check(i, &r, rc, &in);
		buf_fini(&in);
	}
}

static void
byte_by_byte(void **st)
{
	size_t i, k;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct smtp_reply r = { 0 };
		struct buf in = { 0 };
		int rc = 0;

		for (k = 0; rows[i].in[k] && rc == 0; k++) {
			buf_addc(&in, rows[i].in[k]);
			rc = smtp_reply_parse(&r, &in);
		}
		check(i, &r, rc, NULL);
		buf_fini(&in);
	}
}

static void
capped(void **st)
{
	struct smtp_reply r = { 0 };
	struct buf in = { 0 };
	int i, rc = 0;

	(void)st;
	buf_adds(&in, "550-");
	assert_int_equal(smtp_reply_parse(&r, &in), 0);
	for (i = 0; i < 100000; i++) {
		buf_adds(&in, "a line without an end ");
		assert_int_equal(smtp_reply_parse(&r, &in), 0);
		assert_int_equal(in.n, 0);
	}
	for (i = 0; i < 5000 && rc == 0; i++) {
		buf_adds(&in, "\r\n550-more");
		rc = smtp_reply_parse(&r, &in);
	}
	buf_adds(&in, "\r\n550 5.0.0 end\r\n");
	assert_int_equal(smtp_reply_parse(&r, &in), 1);
	assert_int_equal(r.lines, 5002);
	assert_int_equal(r.text_len, SMTP_REPLY_TEXT_MAX - 1);
	assert_int_equal(strlen(r.text), r.text_len);
	buf_fini(&in);
}

static void
count(void *arg, struct view line)
{
	size_t *n = arg;

	if (view_starts(line, VIEW("X-")))
		n[0]++;
	if (view_eq(line, VIEW("PIPELINING")))
		n[1]++;
}

static void
every_line(void **st)
{
	size_t n[2] = { 0, 0 };
	struct smtp_reply r = { .on_line = count, .arg = n };
	struct buf in = { 0 };
	int i;

	(void)st;
	buf_adds(&in, "250-mx.example\r\n");
	for (i = 0; i < 500; i++)
		buf_addf(&in, "250-X-EXTENSION-%d\r\n", i);
	buf_adds(&in, "250 PIPELINING\r\n");
	assert_int_equal(smtp_reply_parse(&r, &in), 1);
	assert_int_equal(n[0], 500);
	assert_int_equal(n[1], 1);
	smtp_reply_reset(&r);
	assert_int_equal(r.code, 0);
	assert_ptr_equal(r.arg, n);
	buf_fini(&in);
}

static void
ours(void **st)
{
	struct smtp_reply r = { 0 };
	char e[SMTP_REPLY_ENHANCED_MAX];

	(void)st;
	smtp_reply_set(&r, 450, 4, 2, "connection lost\r\n\377");
	smtp_reply_enhanced_text(&r, e);
	assert_string_equal(e, "4.4.2");
	assert_string_equal(r.text, "connection lost  ?");
}

static void
seeds(void **st)
{
	(void)st;
	assert_true(seeds_replay("tests/seeds/smtp_reply") >= 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(capped),
		cmocka_unit_test(every_line),
		cmocka_unit_test(ours),
		cmocka_unit_test(seeds),
	};

	return cmocka_run_group_tests_name("smtp/reply", tests, NULL, NULL);
}
