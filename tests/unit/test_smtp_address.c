#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "seeds.h"
#include "smtp/address.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void
mailboxes(void **st)
{
	static const struct {
		const char *in;
		const char *want; /* NULL: refused */
		bool utf8;
	} rows[] = {
		{ "joe@Example.COM", "joe@example.com", false },
		{ "Joe@example.com", "Joe@example.com", false },
		{ "\"joe\"@x.org", "joe@x.org", false },
		{ "\"jo\\e\"@x.org", "joe@x.org", false },
		{ "\"j oe\"@x.org", "\"j oe\"@x.org", false },
		{ "\"a\\\"b\"@x.org", "\"a\\\"b\"@x.org", false },
		{ "\"\"@x.org", "\"\"@x.org", false },
		{ "\".a\"@x.org", "\".a\"@x.org", false },
		{ "a@[192.0.2.1]", "a@[192.0.2.1]", false },
		{ "a@[ipv6:2001:DB8::0:1]", "a@[IPv6:2001:db8::1]", false },
		{ "a@[x400:foo]", NULL, false },
		{ "a@b_c.org", NULL, false },
		{ "a@b\r\nc.org", NULL, false },
		{ "a\r\n@c.org", NULL, false },
		{ "j\xc3\xb5geva@x.org", "j\xc3\xb5geva@x.org", true },
		{ "jo\xcc\x83geva@x.org", "j\xc3\xb5geva@x.org", true },
		{ "\xc3\x28@x.org", NULL, false },
		{ "\xed\xa0\x80@x.org", NULL, false },
		{ "a\xc2\x85@x.org", NULL, false },
		/* U+037E is a semicolon in NFC. */
		{ "a\xcd\xbe@x.org", NULL, false },
		{ "a@b\xc3\xbc"
		  "cher.org",
		    "a@xn--bcher-kva.org", false },
		{ "a@B\xc3\x9c"
		  "CHER.org",
		    "a@xn--bcher-kva.org", false },
	};
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct smtp_address a;
		struct err e = { "" };
		int rc = smtp_address_parse(view_str(rows[i].in), &a, &e);

		if (rows[i].want == NULL) {
			assert_int_equal(rc, -1);
			assert_string_not_equal(e.text, "");
			continue;
		}
		if (rc)
			fail_msg("%s: %s", rows[i].in, e.text);
		assert_string_equal(a.text, rows[i].want);
		assert_int_equal(a.utf8, rows[i].utf8);
		assert_int_equal(a.text[a.at], '@');
	}
}

static void
paths(void **st)
{
	static const struct {
		const char *in;
		const char *want;
		const char *rest;
	} rows[] = {
		{ "<a@b.org> SIZE=1", "a@b.org", " SIZE=1" },
		{ "<>", "", "" },
		{ "<Postmaster>x", "postmaster@", "x" },
		{ "<\"a>b\"@c.org>", "\"a>b\"@c.org", "" },
		{ "<@x.org,@y.org:a@b.org>", "a@b.org", "" },
		{ "<@x.org:a@b.org>", "a@b.org", "" },
		{ "<@x.org>", NULL, NULL },
		{ "<@x.org,a@b.org>", NULL, NULL },
		{ "<@:a@b.org>", NULL, NULL },
		{ "<a@b.org", NULL, NULL },
		{ "a@b.org>", NULL, NULL },
		{ "<\"a@b.org>", NULL, NULL },
		{ "", NULL, NULL },
	};
	struct smtp_address a;
	struct err e;
	struct view v;
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		int rc;

		v = view_str(rows[i].in);
		rc = smtp_address_path(&v, true, true, &a, &e);
		if (rows[i].want == NULL) {
			assert_int_equal(rc, -1);
			assert_ptr_equal(v.p, rows[i].in);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_string_equal(a.text, rows[i].want);
		assert_true(view_eq(v, view_str(rows[i].rest)));
	}
	v = VIEW("<>");
	assert_int_equal(smtp_address_path(&v, false, false, &a, &e), -1);
	v = VIEW("<postmaster>");
	assert_int_equal(smtp_address_path(&v, false, false, &a, &e), -1);
}

static void
keys(void **st)
{
	static const struct {
		const char *in;
		const char *want;
	} rows[] = { { "JoE@X.org", "joe@x.org" },
		{ "\"JoE\"@X.org", "joe@x.org" },
		{ "J\xc3\x95"
		  "G@x.org",
		    "j\xc3\xb5g@x.org" },
		{ "jO\xcc\x83g@x.org", "j\xc3\xb5g@x.org" } };
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct smtp_address a;
		struct buf key = { 0 };

		assert_int_equal(
		    smtp_address_parse(view_str(rows[i].in), &a, NULL), 0);
		smtp_address_key(&a, &key);
		assert_string_equal(buf_str(&key), rows[i].want);
		buf_fini(&key);
	}
}

static void
xtext(void **st)
{
	static const struct {
		const char *in;
		const char *want;
	} rows[] = { { "abc", "abc" }, { "a+2Bb+3Dc+20d", "a+b=c d" },
		{ "+2", NULL }, { "+", NULL }, { "+G0", NULL }, { "a=b", NULL },
		{ "a b", NULL }, { "+00", NULL }, { "+0D", NULL },
		{ "+0A", NULL }, { "\xff", NULL } };
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct buf out = { 0 };
		int rc =
		    smtp_address_xtext_decode(view_str(rows[i].in), &out);

		if (rows[i].want)
			assert_string_equal(buf_str(&out), rows[i].want);
		assert_int_equal(rc, rows[i].want ? 0 : -1);
		buf_fini(&out);
	}
}

static FILE *
corpus(const char *name)
{
	const char *top = getenv("srcdir");
	char path[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/../shared/corpora/%s",
	    top ? top : ".", name);
	f = fopen(path, "r");
	if (f == NULL)
		print_message("# skipped: %s is not there\n", path);
	return f;
}

static struct view
column(struct view line, int n)
{
	struct view v = view_cut(&line, '\t');

	while (n-- > 0)
		v = view_cut(&line, '\t');
	return v;
}

/* C escapes of the corpus: \\ \r \n \t \xHH. */
static void
unescape(struct view v, struct buf *out)
{
	size_t i;

	for (i = 0; i < v.n; i++) {
		char c = v.p[i];

		if (c != '\\' || i + 1 == v.n) {
			buf_addc(out, c);
			continue;
		}
		c = v.p[++i];
		if (c == 'x' && i + 2 < v.n) {
			char hex[3] = { v.p[i + 1], v.p[i + 2], 0 };

			buf_addc(out, (char)strtol(hex, NULL, 16));
			i += 2;
		} else {
			buf_addc(out,
			    c == 'r'     ? '\r'
				: c == 'n' ? '\n'
				: c == 't' ? '\t'
					   : c);
		}
	}
}

static void
corpus_isemail(void **st)
{
	FILE *f = corpus("isemail.tsv");
	char line[4096];
	unsigned n = 0;
	unsigned bad = 0;

	(void)st;
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f)) {
		struct view v = view_str(line);
		struct buf in = { 0 };
		struct smtp_address a;
		struct err e = { "" };
		bool want;
		int rc;

		line[strcspn(line, "\n")] = '\0';
		v = view_str(line);
		/* The corpus contradicts itself about "::" for one group. */
		if (n++ == 0 || view_eq(column(v, 4),
				    VIEW("ISEMAIL_RFC5321_IPV6DEPRECATED")))
			continue;
		unescape(column(v, 2), &in);
		want = view_starts(column(v, 5), VIEW("yes"));
		rc = smtp_address_parse(buf_view(&in), &a, &e);
		if ((rc == 0) != want) {
			print_message("# %s: got %d %s\n", line, rc, e.text);
			bad++;
		}
		buf_fini(&in);
	}
	fclose(f);
	assert_int_equal(bad, 0);
	assert_true(n > 400);
}

static void
corpus_eai(void **st)
{
	FILE *f = corpus("eai.tsv");
	char line[4096];
	unsigned n = 0;
	unsigned bad = 0;

	(void)st;
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f)) {
		struct view v;
		struct smtp_address a;
		struct err e = { "" };
		struct view want;
		int rc;

		line[strcspn(line, "\n")] = '\0';
		if (n++ == 0)
			continue;
		v = view_str(line);
		want = column(v, 1);
		rc = smtp_address_parse(column(v, 0), &a, &e);
		if (view_starts(want, VIEW("(")))
			bad += rc == 0;
		else if (rc || !view_eq(want,
				   view_str(smtp_address_domain(&a))) ||
		    a.utf8 != view_eq(column(v, 2), VIEW("yes")))
			bad++;
		if (bad)
			print_message("# %s: got %d %s %s\n", line, rc, e.text,
			    a.text);
	}
	fclose(f);
	assert_int_equal(bad, 0);
	assert_true(n > 10);
}

static void
seeds(void **st)
{
	(void)st;
	assert_true(seeds_replay("tests/seeds/smtp_address") >= 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mailboxes),
		cmocka_unit_test(paths),
		cmocka_unit_test(keys),
		cmocka_unit_test(xtext),
		cmocka_unit_test(corpus_isemail),
		cmocka_unit_test(corpus_eai),
		cmocka_unit_test(seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
