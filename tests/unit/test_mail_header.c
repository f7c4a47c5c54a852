#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mail/header.h"
#include "tests/unit/seeds.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static void
header_ends(void **st)
{
	(void)st;
	assert_int_equal(mail_header_bytes(VIEW("A: b\r\n\r\nx")), 8);
	assert_int_equal(mail_header_bytes(VIEW("\r\nbody")), 2);
	assert_int_equal(mail_header_bytes(VIEW("A: b\r\n")), 6);
	assert_int_equal(mail_header_bytes(VIEW("")), 0);
}

static void
fields(void **st)
{
	struct view at = VIEW("Subject: a\r\n b\r\nX-Y : c\r\nE:\r\n\r\nbody");
	struct mail_field f;
	struct buf b = { 0 };

	(void)st;
	assert_int_equal(mail_header_next(&at, &f), 1);
	assert_true(view_eq(f.name, VIEW("Subject")));
	assert_true(view_eq(f.value, VIEW(" a\r\n b")));
	assert_true(view_eq(f.raw, VIEW("Subject: a\r\n b\r\n")));
	mail_header_unfold(f.value, &b);
	assert_string_equal(buf_str(&b), "a b");
	buf_fini(&b);
	assert_int_equal(mail_header_next(&at, &f), 1);
	assert_true(view_eq(f.name, VIEW("X-Y")));
	assert_true(view_eq(f.value, VIEW(" c")));
	assert_int_equal(mail_header_next(&at, &f), 1);
	assert_true(view_eq(f.value, VIEW("")));
	assert_int_equal(mail_header_next(&at, &f), 0);
	assert_true(mail_header_find(VIEW("A: 1\r\nb: 2\r\n"), VIEW("B"), &f));
	assert_true(view_eq(f.value, VIEW(" 2")));
	assert_false(mail_header_find(VIEW("A: 1\r\n"), VIEW("B"), &f));
}

static void
no_fields(void **st)
{
	static const char *const rows[] = { "no colon\r\n", " folded: x\r\n",
		": x\r\n", "A b: x\r\n", "A: b\nC: d\r\n", "\xc3\xa4: x\r\n",
		"\n" };
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct view at = view_str(rows[i]);
		struct mail_field f;

		assert_int_equal(mail_header_next(&at, &f), -1);
	}
}

static void
from_domains(void **st)
{
	static const struct {
		const char *in, *want; /* NULL: refused */
	} rows[] = {
		{ "From: a@Example.ORG\r\n", "example.org" },
		{ "From: A B <a@example.org>\r\n", "example.org" },
		{ "from: \"x, <y@evil>\" <a@example.org>\r\n", "example.org" },
		{ "From: (c <b@d>) a@example.org (e)\r\n", "example.org" },
		{ "From: a@ex(c)ample.org\r\n", "example.org" },
		{ "From: \"a@b\"@example.org\r\n", "example.org" },
		{ "From: X\r\n <a@example.org>\r\n", "example.org" },
		{ "From: X <a@b\xc3\xbc"
		  "cher.example>\r\n", "xn--bcher-kva.example" },
		{ "From: a@[192.0.2.1]\r\n", "[192.0.2.1]" },
		{ "From: a@b, c@d\r\n", NULL },
		{ "From: a <a@b>, c <c@d>\r\n", NULL },
		{ "From: a <a@b> <c@d>\r\n", NULL },
		{ "From: a@b <c@d>\r\n", "d" },
		{ "From: <a@b> c@d\r\n", NULL },
		{ "From: group: a@b;\r\n", NULL },
		{ "From: <>\r\n", NULL },
		{ "From: nobody\r\n", NULL },
		{ "From: a@\r\n", NULL },
		{ "From: <a@b\r\n", NULL },
		{ "From: \"a@b\r\n", NULL },
		{ "From: a@b.\r\n", NULL },
		{ "From: a@.b\r\n", NULL },
		{ "From:\r\n", NULL },
		{ "To: a@b\r\n", NULL },
	};
	char got[256];
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		int rc = mail_header_from_domain(view_str(rows[i].in), got);

		if (rc != (rows[i].want ? 0 : -1))
			fail_msg("%s: %d", rows[i].in, rc);
		if (rows[i].want)
			assert_string_equal(got, rows[i].want);
	}
}

static void
eight_bits(void **st)
{
	char mem[40];
	size_t i;

	(void)st;
	memset(mem, 'a', sizeof(mem));
	assert_false(mail_header_8bit((struct view){ mem, sizeof(mem) }));
	for (i = 0; i < 37; i++) {
		mem[i] = (char)0x80;
		assert_true(mail_header_8bit((struct view){ mem, 37 }));
		assert_false(mail_header_8bit((struct view){ mem, i }));
		mem[i] = 'a';
	}
}

static void
seeds(void **st)
{
	(void)st;
	assert_true(seeds_replay("tests/seeds/mail_header") >= 8);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(header_ends),
		cmocka_unit_test(fields),
		cmocka_unit_test(no_fields),
		cmocka_unit_test(from_domains),
		cmocka_unit_test(eight_bits),
		cmocka_unit_test(seeds),
	};

	return cmocka_run_group_tests(t, NULL, NULL);
}
