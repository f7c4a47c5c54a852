#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "dns/answer.h"
#include "dns/cache.h"
#include "seeds.h"

/* A header: flags, answers, authority, additional. */
#define HEAD(flags, an, ns, ar) "\x12\x34" flags "\0\1\0" an "\0" ns "\0" ar
#define OKAY "\x81\x80"
#define X_TEST "\1x\4test\0" /* at 12; "test" at 14 */
#define ASK(type) X_TEST "\0" type "\0\1"
#define RR(owner, type, ttl, len) owner "\0" type "\0\1" ttl "\0" len
#define TTL60 "\0\0\0\x3c"
#define TTL9 "\0\0\0\x09"
#define X "\xc0\x0c"
#define SOA "\xc0\x0e\0\6\0\1\0\0\0\x3c\0\x16\0\0" \
	"\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x1e"
#define OPT "\0\0\x29\4\xd0\0\0\0\0\0\0"
#define BYTES(s) { s, sizeof(s) - 1 }

struct row {
	const char *name;
	uint16_t type;
	struct view raw;
	enum dns_status status;
	uint32_t ttl_s;
	const char *want; /* records: "preference data," */
};

static const struct row rows[] = {
	{ "two MX, with rubbish behind a name", DNS_ANSWER_MX,
	    BYTES(HEAD(OKAY, "\2", "\0", "\1") ASK("\x0f")
		RR(X, "\x0f", TTL60, "\7") "\0\x0a\2MX\xc0\x0e"
		RR(X, "\x0f", TTL9, "\x0a") "\1\0\1y\3Org\0\0" OPT),
	    DNS_OK, 9, "10 mx.test,256 y.org," },
	{ "two MX", DNS_ANSWER_MX,
	    BYTES(HEAD(OKAY, "\2", "\0", "\1") ASK("\x0f")
		RR(X, "\x0f", TTL60, "\7") "\0\x0a\2MX\xc0\x0e"
		RR(X, "\x0f", TTL9, "\x09") "\1\0\1y\3Org\0" OPT),
	    DNS_OK, 9, "10 mx.test,256 y.org," },
	{ "null MX", DNS_ANSWER_MX,
	    BYTES(HEAD(OKAY, "\1", "\0", "\0") ASK("\x0f")
		RR(X, "\x0f", TTL60, "\3") "\0\0\0"),
	    DNS_OK, 60, "0 ," },
	{ "A behind two CNAMEs, out of order", DNS_ANSWER_A,
	    BYTES(HEAD(OKAY, "\3", "\0", "\0") ASK("\1")
		RR("\1C\xc0\x0e", "\1", TTL60, "\4") "\x7f\0\0\1"
		RR("\1b\xc0\x0e", "\5", TTL9, "\4") "\1c\xc0\x0e"
		RR(X, "\5", TTL60, "\4") "\1b\xc0\x0e"),
	    DNS_OK, 9, "0 7f000001," },
	{ "a CNAME to itself", DNS_ANSWER_A,
	    BYTES(HEAD(OKAY, "\1", "\0", "\0") ASK("\1")
		RR(X, "\5", TTL60, "\2") X),
	    DNS_NODATA, 0, "" },
	{ "records of another name do not count", DNS_ANSWER_A,
	    BYTES(HEAD(OKAY, "\1", "\0", "\0") ASK("\1")
		RR("\1z\xc0\x0e", "\1", TTL60, "\4") "\x7f\0\0\1"),
	    DNS_NODATA, 0, "" },
	{ "NXDOMAIN with SOA", DNS_ANSWER_MX,
	    BYTES(HEAD("\x81\x83", "\0", "\1", "\0") ASK("\x0f") SOA),
	    DNS_NXDOMAIN, 30, "" },
	{ "NODATA without SOA", DNS_ANSWER_MX,
	    BYTES(HEAD(OKAY, "\0", "\0", "\0") ASK("\x0f")),
	    DNS_NODATA, 0, "" },
	{ "SERVFAIL", DNS_ANSWER_MX,
	    BYTES(HEAD("\x81\x82", "\0", "\0", "\0") ASK("\x0f")),
	    DNS_SERVFAIL, 0, "" },
	{ "REFUSED", DNS_ANSWER_MX,
	    BYTES(HEAD("\x81\x85", "\0", "\0", "\0") ASK("\x0f")),
	    DNS_SERVFAIL, 0, "" },
	{ "TXT of two strings", DNS_ANSWER_TXT,
	    BYTES(HEAD(OKAY, "\1", "\0", "\0") ASK("\x10")
		RR(X, "\x10", TTL60, "\7") "\3abc\2de"),
	    DNS_OK, 60, "0 abcde," },
	{ "TXT whose string is longer than the record", DNS_ANSWER_TXT,
	    BYTES(HEAD(OKAY, "\1", "\0", "\0") ASK("\x10")
		RR(X, "\x10", TTL60, "\4") "\1a\7d"),
	    DNS_OK, 60, "0 a," },
	{ "PTR with odd bytes", DNS_ANSWER_PTR,
	    BYTES(HEAD(OKAY, "\1", "\0", "\0") ASK("\x0c")
		RR(X, "\x0c", TTL60, "\6") "\4a.\n\xff\0"),
	    DNS_OK, 60, "0 a\\046\\010\\255," },
	{ "A of five bytes", DNS_ANSWER_A,
	    BYTES(HEAD(OKAY, "\1", "\0", "\0") ASK("\1")
		RR(X, "\1", TTL60, "\5") "\x7f\0\0\1\1"),
	    DNS_SERVFAIL, 0, "" },
	{ "an MX that cannot be read is not the same as none", DNS_ANSWER_MX,
	    BYTES(HEAD(OKAY, "\1", "\0", "\0") ASK("\x0f")
		RR(X, "\x0f", TTL60, "\4") "\0\1\7x"),
	    DNS_SERVFAIL, 0, "" },
	{ "one bad MX beside a good one", DNS_ANSWER_MX,
	    BYTES(HEAD(OKAY, "\2", "\0", "\0") ASK("\x0f")
		RR(X, "\x0f", TTL60, "\2") "\0\1"
		RR(X, "\x0f", TTL60, "\4") "\0\2" X),
	    DNS_OK, 60, "2 x.test," },
	{ "a TTL with its high bit is 0", DNS_ANSWER_A,
	    BYTES(HEAD(OKAY, "\1", "\0", "\0") ASK("\1")
		RR(X, "\1", "\xff\0\0\0", "\4") "\x7f\0\0\1"),
	    DNS_OK, 0, "0 7f000001," },
	{ "a pointer to itself", DNS_ANSWER_MX,
	    BYTES(HEAD(OKAY, "\1", "\0", "\0") ASK("\x0f")
		RR("\xc0\x18", "\x0f", TTL60, "\4") "\0\1" X),
	    DNS_SERVFAIL, 0, "" },
	{ "two pointers in a circle", DNS_ANSWER_MX,
	    BYTES(HEAD(OKAY, "\1", "\0", "\0") ASK("\x0f")
		RR(X, "\x0f", TTL60, "\6") "\0\1\xc0\x28\xc0\x26"),
	    DNS_SERVFAIL, 0, "" },
	{ "a pointer forwards, in the question", DNS_ANSWER_MX,
	    BYTES(HEAD(OKAY, "\0", "\0", "\0") "\xc0\x40\0\x0f\0\1"),
	    DNS_SERVFAIL, 0, "" },
	{ "counts beyond the data", DNS_ANSWER_A,
	    BYTES("\x12\x34\x81\x80\0\1\xff\xff\xff\xff\xff\xff" ASK("\1")),
	    DNS_SERVFAIL, 0, "" },
	{ "authority counts beyond the data do not matter", DNS_ANSWER_A,
	    BYTES(HEAD(OKAY, "\1", "\xff", "\xff") ASK("\1")
		RR(X, "\1", TTL60, "\4") "\x7f\0\0\1"),
	    DNS_OK, 60, "0 7f000001," },
	{ "another question", DNS_ANSWER_AAAA,
	    BYTES(HEAD(OKAY, "\1", "\0", "\0") ASK("\1")
		RR(X, "\1", TTL60, "\4") "\x7f\0\0\1"),
	    DNS_SERVFAIL, 0, "" },
	{ "a question, not an answer", DNS_ANSWER_A,
	    BYTES(HEAD("\1\0", "\0", "\0", "\0") ASK("\1")),
	    DNS_SERVFAIL, 0, "" },
	{ "truncated, even over TCP", DNS_ANSWER_A,
	    BYTES(HEAD("\x83\x80", "\1", "\0", "\0") ASK("\1")
		RR(X, "\1", TTL60, "\4") "\x7f\0\0\1"),
	    DNS_SERVFAIL, 0, "" },
	{ "nothing", DNS_ANSWER_A, BYTES(""), DNS_SERVFAIL, 0, "" },
	{ "half a header", DNS_ANSWER_A, BYTES("\x12\x34\x81\x80\0"),
	    DNS_SERVFAIL, 0, "" },
};

static void
describe(const struct dns_answer *a, uint16_t type, struct buf *out)
{
	size_t i, j;

	for (i = 0; i < a->n; i++) {
		struct view v = a->rr[i].data;

		buf_addf(out, "%u ", a->rr[i].preference);
		if (type == DNS_ANSWER_A || type == DNS_ANSWER_AAAA)
			for (j = 0; j < v.n; j++)
				buf_addf(out, "%02x",
				    (unsigned char)v.p[j]);
		else
			buf_addv(out, v);
		buf_addc(out, ',');
	}
}

static void
answers_are_read(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct dns_answer *a = dns_answer_parse(r->raw, r->type);
		struct buf got = { 0 };

		describe(a, r->type, &got);
		if (a->status != r->status || a->ttl_s != r->ttl_s ||
		    strcmp(buf_str(&got), r->want) != 0)
			fail_msg("%s: status %d ttl %u: %s", r->name,
			    a->status, a->ttl_s, buf_str(&got));
		buf_fini(&got);
		dns_answer_unref(&a);
	}
}

/* Cut anywhere, it is read or refused, and never beyond its end. */
static void
any_prefix_is_harmless(void **state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (n = 0; n < rows[i].raw.n; n++) {
			char *copy = malloc(n ? n : 1);
			struct dns_answer *a;

			memcpy(copy, rows[i].raw.p, n);
			a = dns_answer_parse(view_of(copy, n), rows[i].type);
			assert_true(a->n == 0 || a->status == DNS_OK);
			dns_answer_unref(&a);
			free(copy);
		}
	}
}

static void
flags(void **state)
{
	static const struct view raw = BYTES(HEAD("\x81\xa0", "\0", "\0", "\1")
	    ASK("\1") OPT), error = BYTES(HEAD("\x81\x81", "\0", "\0", "\0")
	    ASK("\1"));
	struct dns_answer *a = dns_answer_parse(raw, DNS_ANSWER_A);

	(void)state;
	assert_true(a->secure);
	assert_true(a->has_opt);
	assert_false(a->format_error);
	dns_answer_unref(&a);
	a = dns_answer_parse(error, DNS_ANSWER_A);
	assert_false(a->secure);
	assert_false(a->has_opt);
	assert_true(a->format_error);
	dns_answer_unref(&a);
}

static void
more_records_than_we_take(void **state)
{
	static const char head[] = "\x12\x34\x81\x80\0\1\2\xbc\0\0\0\0"
	    ASK("\1"), rr[] = RR(X, "\1", TTL60, "\4") "\x7f\0\0\1";
	struct buf b = { 0 };
	struct dns_answer *a;
	int i;

	(void)state;
	buf_add(&b, head, sizeof(head) - 1);
	for (i = 0; i < 700; i++)
		buf_add(&b, rr, sizeof(rr) - 1);
	a = dns_answer_parse(buf_view(&b), DNS_ANSWER_A);
	assert_int_equal(a->status, DNS_OK);
	assert_int_equal(a->n, DNS_ANSWER_MAX);
	dns_answer_unref(&a);
	buf_fini(&b);
}

static void
put(struct dns_cache *c, const char *name, int64_t ttl_ms)
{
	struct dns_answer *a = dns_answer_empty(DNS_NXDOMAIN);

	dns_cache_put(c, DNS_ANSWER_MX, name, a, ttl_ms);
	dns_answer_unref(&a);
}

static bool
has(struct dns_cache *c, const char *name)
{
	int64_t left_ms;

	return dns_cache_get(c, DNS_ANSWER_MX, name, &left_ms) != NULL;
}

static void
the_cache_forgets_in_time_and_the_least_used_first(void **state)
{
	struct dns_cache *c = dns_cache_new(3, 1 << 20);
	int64_t left_ms;

	(void)state;
	clock_set(1000000);
	put(c, "a", 5000);
	put(c, "b", 9000);
	put(c, "zero", 0);
	assert_false(has(c, "zero"));
	assert_null(dns_cache_get(c, DNS_ANSWER_A, "a", &left_ms));
	clock_set(1004000);
	assert_non_null(dns_cache_get(c, DNS_ANSWER_MX, "a", &left_ms));
	assert_int_equal(left_ms, 1000);
	clock_set(1005000);
	assert_false(has(c, "a"));
	put(c, "c", 9000);
	put(c, "d", 9000);
	assert_true(has(c, "b")); /* now the latest */
	put(c, "e", 9000);
	assert_false(has(c, "c"));
	assert_true(has(c, "b") && has(c, "d") && has(c, "e"));
	put(c, "b", 1); /* replaces */
	assert_int_equal(dns_cache_count(c), 3);
	dns_cache_clear(c);
	assert_int_equal(dns_cache_count(c), 0);
	dns_cache_free(&c);
	/* By size: one entry is more than this. */
	c = dns_cache_new(100, 10);
	put(c, "a", 5000);
	assert_int_equal(dns_cache_count(c), 0);
	dns_cache_free(&c);
	clock_set(-1);
}

static void
seeds(void **state)
{
	const char *dump = getenv("WRITE_SEEDS");
	size_t i;

	(void)state;
	for (i = 0; dump && i < sizeof(rows) / sizeof(rows[0]); i++) {
		static const uint16_t types[] = { 1, 28, 15, 16, 12, 52 };
		char path[256];
		int t = 0;
		FILE *f;

		while (types[t] != rows[i].type)
			t++;
		snprintf(path, sizeof(path), "%s/%02zu", dump, i);
		f = fopen(path, "wb");
		assert_non_null(f);
		fputc(t, f);
		fwrite(rows[i].raw.p, 1, rows[i].raw.n, f);
		fclose(f);
	}
	assert_true(seeds_replay("tests/seeds/dns_answer") >= 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(any_prefix_is_harmless),
		cmocka_unit_test(flags),
		cmocka_unit_test(more_records_than_we_take),
		cmocka_unit_test(
		    the_cache_forgets_in_time_and_the_least_used_first),
		cmocka_unit_test(seeds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
