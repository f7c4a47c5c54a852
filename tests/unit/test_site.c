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
#include "base/rand.h"
#include "base/view.h"
#include "conf/conf.h"
#include "dns/dns.h"
#include "site/bucket.h"
#include "site/policy.h"
#include "site/rollup.h"
#include "site/site.h"
#include "site/source.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define S(text) ((char[]){ text }) /* a setting's string */

const char *
dns_status_text(enum dns_status s)
{
	return s == DNS_TIMEOUT ? "time-out" : "failure";
}

/* "10 a.example,20 b.example", or names alone (preference 10). */
static size_t
hosts_of(const char *text, struct dns_mx_host *h)
{
	struct view v = view_str(text), one;
	size_t n = 0;

	while (v.n > 0 && n < DNS_MX_MAX) {
		uint64_t pref = 10;

		one = view_trim(view_cut(&v, ','));
		if (view_chr(one, ' ') >= 0)
			assert_int_equal(view_u64(view_word(&one), &pref), 0);
		memset(&h[n], 0, sizeof(h[n]));
		memcpy(h[n].name, one.p, one.n);
		h[n].preference = (uint16_t)pref;
		n++;
	}
	return n;
}

static void
set_key(const char *text, struct buf *b)
{
	struct dns_mx_host h[DNS_MX_MAX];
	size_t n = hosts_of(text, h);

	n = site_rollup_clean(h, n);
	buf_clear(b);
	site_rollup_set(h, n, b);
}

static void
route_key(const char *text, struct buf *b)
{
	struct dns_mx_host h[DNS_MX_MAX];
	size_t n = hosts_of(text, h);

	n = site_rollup_clean(h, n);
	buf_clear(b);
	site_rollup_route(h, n, b);
}

static void
rollup_keys(void **st)
{
	static const struct {
		const char *a, *b;
		bool same_set, same_route;
	} rows[] = {
		{ "b.x.example,a.x.example", "a.x.example,b.x.example", true,
		    true },
		{ "GMAIL-SMTP-IN.L.GOOGLE.COM.", "gmail-smtp-in.l.google.com",
		    true, true },
		{ "10 a.example,20 b.example", "20 a.example,10 b.example", true,
		    false },
		{ "10 a.example,20 b.example", "5 a.example,30 b.example", true,
		    true },
		{ "a.example,a.example.", "a.example", true, true },
		{ "a.example,192.0.2.1", "a.example", true, true },
		{ "a.example", "b.example", false, false },
		{ "a.example,b.example", "a.example", false, false },
	};
	struct buf a = { 0 }, b = { 0 };
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		set_key(rows[i].a, &a);
		set_key(rows[i].b, &b);
		assert_int_equal(view_eq(buf_view(&a), buf_view(&b)),
		    rows[i].same_set);
		route_key(rows[i].a, &a);
		route_key(rows[i].b, &b);
		assert_int_equal(view_eq(buf_view(&a), buf_view(&b)),
		    rows[i].same_route);
	}
	route_key("20 backup.provider.example,10 own.example", &a);
	assert_string_equal(buf_str(&a),
	    "own.example>backup.provider.example");
	buf_fini(&a);
	buf_fini(&b);
}

static void
rollup_suffixes(void **st)
{
	static const struct {
		const char *suffix, *hosts;
		bool want;
	} rows[] = {
		{ ".google.com", "gmail-smtp-in.l.google.com", true },
		{ ".google.com", "mx.evilgoogle.com", false },
		{ ".google.com", "google.com", false },
		{ ".google.com", "google.com.evil.example", false },
		{ ".google.com.", "smtp.google.com", true },
		{ ".GOOGLE.com", "smtp.google.com", true },
		{ "smtp-in.sfr.fr", "smtp-in.sfr.fr", true },
		{ "sfr.fr", "smtp-in.sfr.fr", true },
		{ "sfr.fr", "smtp-in.notsfr.fr", false },
		{ "", "a.example", false },
		{ ".", "a.example", false },
		{ ".google.com", "aspmx.l.google.com,mx.other.example", false },
		{ ".google.com,.googlemail.com",
		    "aspmx.l.google.com,aspmx2.googlemail.com", true },
		{ ".google.com", "", false },
	};
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct dns_mx_host h[DNS_MX_MAX];
		char copy[256], *list[4], *save = NULL, *p;
		struct conf_strs s = { list, 0 };
		size_t n = hosts_of(rows[i].hosts, h);

		snprintf(copy, sizeof(copy), "%s", rows[i].suffix);
		if (copy[0] == '\0')
			list[s.n++] = copy;
		for (p = strtok_r(copy, ",", &save); p != NULL;
		     p = strtok_r(NULL, ",", &save))
			list[s.n++] = p;
		n = site_rollup_clean(h, n);
		if (site_rollup_below(&s, h, n) != rows[i].want)
			fail_msg("row %zu: %s on %s", i, rows[i].suffix,
			    rows[i].hosts);
	}
}

static void
rollup_self(void **st)
{
	static const char *const own[] = { "mx.us.example", "out.us.example" };
	static const struct {
		const char *hosts, *want;
	} rows[] = {
		{ "10 a.example,20 mx.us.example,30 c.example", "a.example" },
		{ "10 mx.us.example,20 b.example", "" },
		{ "10 a.example,20 b.example", "a.example>b.example" },
		{ "10 a.example,10 MX.US.example", "" },
		{ "10 a.example,20 b.example,20 out.us.example", "a.example" },
	};
	struct buf b = { 0 };
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct dns_mx_host h[DNS_MX_MAX];
		size_t n = hosts_of(rows[i].hosts, h);

		n = site_rollup_clean(h, n);
		n = site_rollup_drop_self(h, n, own, 2);
		buf_clear(&b);
		site_rollup_route(h, n, &b);
		assert_string_equal(buf_str(&b), rows[i].want);
	}
	buf_fini(&b);
}

static char *google[] = { S(".google.com"), S(".googlemail.com") };
static char *m365[] = { S(".mail.protection.outlook.com") };
static char *yahoo[] = { S(".yahoodns.net") };
static char *named[] = { S("special.example") };
static struct conf_site overrides[] = {
	{ .name = S("google"), .mx_suffixes = { google, 2 } },
	{ .name = S("m365"), .mx_suffixes = { m365, 1 } },
	{ .name = S("yahoo"), .mx_suffixes = { yahoo, 1 } },
	{ .name = S("special"), .domains = { named, 1 } },
};
static struct conf conf = { .site_default = { .name = S("default") },
	.site = overrides, .nsite = N(overrides) };

static void
resolve(struct site_target *t, const char *domain, const char *hosts)
{
	static const char *const own[] = { "mx.us.example" };
	struct dns_mx_host h[DNS_MX_MAX];
	struct dns_mx mx = { .status = DNS_OK, .hosts = h };

	mx.nhosts = hosts_of(hosts, h);
	site_target_mx(t, &conf, domain, &mx, own, 1);
}

/* Two domains: same site?  same route? */
static void
targets(void **st)
{
	static const struct {
		const char *d1, *mx1, *d2, *mx2;
		bool same_site, same_route;
	} rows[] = {
		{ "gmail.com", "5 gmail-smtp-in.l.google.com",
		    "googlemail.com", "5 gmail-smtp-in.l.google.com", true,
		    true },
		{ "gmail.com", "5 gmail-smtp-in.l.google.com", "w.example",
		    "1 aspmx.l.google.com", true, false },
		{ "a.com", "a-com.mail.protection.outlook.com", "b.com",
		    "b-com.mail.protection.outlook.com", true, false },
		{ "yahoo.com", "mta5.am0.yahoodns.net", "aol.com",
		    "mx-aol.mail.gm0.yahoodns.net", true, false },
		{ "x.example", "mx.evilgoogle.com", "gmail.com",
		    "gmail-smtp-in.l.google.com", false, false },
		{ "special.example", "smtp.google.com", "other.example",
		    "smtp.google.com", false, false },
		{ "one.example", "mx.host.example", "two.example",
		    "MX.host.example.", true, true },
	};
	struct site_target a = { 0 }, b = { 0 };
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		resolve(&a, rows[i].d1, rows[i].mx1);
		resolve(&b, rows[i].d2, rows[i].mx2);
		assert_int_equal(a.verdict, SITE_ROUTE);
		assert_int_equal(b.verdict, SITE_ROUTE);
		assert_int_equal(
		    view_eq(buf_view(&a.site), buf_view(&b.site)),
		    rows[i].same_site);
		assert_int_equal(
		    view_eq(buf_view(&a.route), buf_view(&b.route)),
		    rows[i].same_route);
	}
	resolve(&a, "special.example", "smtp.google.com");
	assert_string_equal(buf_str(&a.site), "special");
	assert_ptr_equal(a.policy, &overrides[3]);
	site_target_literal(&a, &conf, "[192.0.2.1]");
	site_target_literal(&b, &conf, "[192.0.2.2]");
	assert_false(view_eq(buf_view(&a.site), buf_view(&b.site)));
	assert_ptr_equal(a.policy, &conf.site_default);
	assert_string_equal(buf_str(&a.site), "[192.0.2.1]");
	site_target_fini(&a);
	site_target_fini(&b);
}

static void
target_failures(void **st)
{
	static const struct {
		struct dns_mx mx;
		const char *hosts;
		enum site_verdict want;
		int code, detail[2];
	} rows[] = {
		{ { .status = DNS_OK, .null_mx = true }, "", SITE_NEVER, 556,
		    { 1, 10 } },
		{ { .status = DNS_NXDOMAIN }, "", SITE_NEVER, 550, { 1, 2 } },
		{ { .status = DNS_NODATA }, "", SITE_NEVER, 550, { 1, 2 } },
		{ { .status = DNS_SERVFAIL }, "", SITE_LATER, 451, { 4, 3 } },
		{ { .status = DNS_TIMEOUT }, "", SITE_LATER, 451, { 4, 3 } },
		{ { .status = DNS_OK }, "10 mx.us.example", SITE_NEVER, 550,
		    { 4, 6 } },
		{ { .status = DNS_OK }, "10 192.0.2.25", SITE_NEVER, 550,
		    { 4, 4 } },
		{ { .status = DNS_OK }, "10 a..b,10 ba d,10 x/y", SITE_NEVER,
		    550, { 4, 4 } },
	};
	static const char *const own[] = { "mx.us.example" };
	struct site_target t = { 0 };
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct dns_mx_host h[DNS_MX_MAX];
		struct dns_mx mx = rows[i].mx;

		mx.hosts = h;
		mx.nhosts = hosts_of(rows[i].hosts, h);
		site_target_mx(&t, &conf, "d.example", &mx, own, 1);
		assert_int_equal(t.verdict, rows[i].want);
		assert_int_equal(t.code, rows[i].code);
		assert_int_equal(t.enhanced[1], rows[i].detail[0]);
		assert_int_equal(t.enhanced[2], rows[i].detail[1]);
		assert_true(t.text[0] != '\0');
	}
	resolve(&t, "d.example", "d.example");
	site_target_implicit(&t, DNS_OK);
	assert_int_equal(t.verdict, SITE_ROUTE);
	site_target_implicit(&t, DNS_NODATA);
	assert_int_equal(t.verdict, SITE_NEVER);
	assert_int_equal(t.enhanced[2], 2);
	site_target_fini(&t);
}

static void
long_sets_differ(void **st)
{
	struct site_target a = { 0 }, b = { 0 };
	char one[600] = "", two[600] = "";
	int i;

	(void)st;
	for (i = 0; i < 20; i++) {
		char h[40];

		snprintf(h, sizeof(h), "%smx%02d.provider.example",
		    i > 0 ? "," : "", i);
		strncat(one, h, sizeof(one) - strlen(one) - 1);
		if (i < 19)
			strncat(two, h, sizeof(two) - strlen(two) - 1);
	}
	resolve(&a, "a.example", one);
	resolve(&b, "b.example", two);
	assert_true(buf_view(&a.site).n < 200);
	assert_false(view_eq(buf_view(&a.site), buf_view(&b.site)));
	site_target_fini(&a);
	site_target_fini(&b);
}

/* Greedy taking never passes count in any window of one period, and comes
 * close to it over the long run. */
static void
bucket_exact(void **st)
{
	static const struct conf_rate rows[] = { { 1, 1000 }, { 3, 1000 },
		{ 20, 1000 }, { 100, 1000 }, { 1000, 1000 }, { 5000, 1000 },
		{ 60, 60000 }, { 100, 3600000 }, { 7, 86400000 } };
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct site_bucket b;
		int64_t now = 1000000, step = rows[i].period_ms / 1000, t;
		uint64_t taken[2001] = { 0 }, sum = 0, window = 0, n;

		if (step < 1)
			step = 1;
		site_bucket_init(&b, rows[i], now);
		for (t = 0; t <= 2000; t++, now += step) {
			n = site_bucket_has(&b, now);
			site_bucket_take(&b, n, now);
			taken[t] = n;
			sum += n;
			window += n;
			if (t >= 1000)
				window -= taken[t - 1000];
			if (window > rows[i].count)
				fail_msg("rate %zu: %llu in one period", i,
				    (unsigned long long)window);
		}
		assert_true(sum * 100 >= rows[i].count * 2 * 94);
	}
}

static void
bucket_waits(void **st)
{
	struct site_bucket b;
	int64_t now = 5000;

	(void)st;
	site_bucket_init(&b, (struct conf_rate){ 2, 1000 }, now);
	assert_int_equal(site_bucket_has(&b, now), 1);
	site_bucket_take(&b, 1, now);
	assert_int_equal(site_bucket_has(&b, now), 0);
	assert_int_equal(site_bucket_wait_ms(&b, now), 500);
	assert_int_equal(site_bucket_has(&b, now + 499), 0);
	assert_int_equal(site_bucket_has(&b, now + 500), 1);
	site_bucket_take(&b, 1, now + 500);
	site_bucket_give(&b, 5);
	assert_int_equal(site_bucket_has(&b, now + 500), 1);
	/* a clock that steps back gives nothing and breaks nothing */
	site_bucket_take(&b, 1, now + 500);
	assert_int_equal(site_bucket_has(&b, now), 0);
	site_bucket_change(&b, (struct conf_rate){ 0, 0 }, now + 600);
	assert_true(site_bucket_has(&b, now) == SITE_BUCKET_NO_LIMIT);
	assert_int_equal(site_bucket_wait_ms(&b, now), 0);
	site_bucket_take(&b, 1000000, now);
	site_bucket_change(&b, (struct conf_rate){ 10, 1000 }, now + 700);
	assert_int_equal(site_bucket_has(&b, now + 700), 1);
	site_bucket_take(&b, 1, now + 700);
	site_bucket_change(&b, (struct conf_rate){ 1000, 1000 }, now + 700);
	assert_int_equal(site_bucket_has(&b, now + 700), 0);
}

static struct conf_source sources[] = {
	{ .name = S("a"), .ipv4 = S("192.0.2.1"), .weight = 3 },
	{ .name = S("b"), .ipv4 = S("192.0.2.2"), .ipv6 = S("2001:db8::2"),
	    .weight = 1 },
	{ .name = S("c"), .ipv6 = S("2001:db8::3"), .weight = 1 },
	{ .name = S("d"), .ipv4 = S("192.0.2.4"), .weight = 0 },
};

static void
source_choice(void **st)
{
	struct conf c = { .source = sources, .nsource = N(sources) };
	struct conf none = { 0 };
	char *only[] = { S("c"), S("d") };
	struct conf_tenant t = { .sources = { only, 2 } };
	struct site_source_set all, set;
	unsigned busy[4] = { 0 }, got[4] = { 0 }, i;

	(void)st;
	site_source_allowed(&c, NULL, VIEW(""), &all);
	for (i = 0; i < 4000; i++) {
		int k = site_source_choose(&c, &all, SITE_IPV4, busy, 0,
		    rand_u64());

		assert_in_range(k, 0, 1); /* c has no IPv4, d no weight */
		got[k]++;
	}
	assert_in_range(got[0], 2800, 3200);
	assert_int_equal(
	    site_source_choose(&c, &all, SITE_IPV6, busy, 0, 1), 2);
	busy[0] = busy[1] = 2;
	assert_int_equal(site_source_choose(&c, &all, SITE_IPV4, busy, 2, 0),
	    3);
	busy[3] = 2;
	assert_int_equal(site_source_choose(&c, &all, SITE_IPV4, busy, 2, 0),
	    SITE_SOURCE_NONE);
	site_source_allowed(&c, &t, VIEW(""), &set);
	assert_false(site_source_has(&set, 0));
	assert_true(site_source_has(&set, 2));
	assert_true(site_source_reaches(&c, &set, SITE_IPV4));
	site_source_allowed(&c, &t, VIEW("c"), &set);
	assert_false(site_source_has(&set, 3));
	assert_false(site_source_reaches(&c, &set, SITE_IPV4));
	site_source_allowed(&c, &t, VIEW("a"), &set); /* not the tenant's */
	assert_true(site_source_has(&set, 3));
	assert_true(site_source_uneven(&c));
	assert_false(site_source_uneven(&none));
	site_source_allowed(&none, NULL, VIEW("x"), &set);
	assert_int_equal(site_source_choose(&none, &set, 3, busy, 1, 0),
	    SITE_SOURCE_ANY);
	assert_true(site_source_has(&set, SITE_SOURCE_ANY));
}

static FILE *
corpus(const char *name)
{
	const char *top = getenv("srcdir");
	char path[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/../shared/corpora/%s",
	    top != NULL ? top : ".", name);
	f = fopen(path, "r");
	if (f == NULL) {
		snprintf(path, sizeof(path), "%s/../../shared/corpora/%s",
		    top != NULL ? top : ".", name);
		f = fopen(path, "r");
	}
	if (f == NULL)
		print_message("# skipped: %s is not there\n", path);
	return f;
}

/* Every recorded provider is found by its own rule, and by no host that only
 * ends in the same letters. */
static void
corpus_facts(void **st)
{
	FILE *f = corpus("mx_facts.tsv");
	char line[2048];
	size_t rows = 0;

	(void)st;
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f)) {
		struct view v = view_str(line), mx, rule, name;
		struct dns_mx_host h[DNS_MX_MAX];
		char text[1024], suffix[512], *list[16], *save = NULL, *p;
		struct conf_strs s = { list, 0 };
		size_t n;

		if (line[0] == '#' || view_starts(v, VIEW("provider\t")))
			continue;
		name = view_cut(&v, '\t');
		view_cut(&v, '\t');
		mx = view_cut(&v, '\t');
		rule = view_cut(&v, '\t');
		if (mx.n == 0 || mx.p[0] == '(')
			continue;
		snprintf(text, sizeof(text), "%.*s", VIEW_ARG(mx));
		snprintf(suffix, sizeof(suffix), "%.*s", VIEW_ARG(rule));
		for (p = strtok_r(suffix, ",", &save); p != NULL && s.n < 16;
		     p = strtok_r(NULL, ",", &save))
			list[s.n++] = p;
		n = site_rollup_clean(h, hosts_of(text, h));
		if (!site_rollup_below(&s, h, n))
			fail_msg("%.*s: not found by its rule", VIEW_ARG(name));
		snprintf(h[0].name, sizeof(h[0].name), "mx.evil%s",
		    list[0] + 1);
		assert_false(site_rollup_below(&s, h, 1));
		rows++;
	}
	fclose(f);
	assert_true(rows > 25);
}

/* The cases' names are what the own tables above must cover. */
static void
corpus_cases(void **st)
{
	static const char *const covered[] = { "same-set", "order-independent",
		"case-and-dot", "provider-suffix", "not-suffix-prefix",
		"m365-per-customer", "yahoo-aol", "null-mx", "no-mx-a",
		"mx-is-cname/ip", "self-loop", "mixed-backup" };
	FILE *f = corpus("mx_rollup_cases.tsv");
	char line[1024];

	(void)st;
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f)) {
		struct view v = view_str(line), name;
		size_t i;

		name = view_cut(&v, '\t');
		if (line[0] == '#' || view_eq(name, VIEW("case")))
			continue;
		for (i = 0; i < N(covered); i++)
			if (view_eq(name, view_str(covered[i])))
				break;
		if (i == N(covered))
			fail_msg("no row for %.*s", VIEW_ARG(name));
	}
	fclose(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rollup_keys),
		cmocka_unit_test(rollup_suffixes),
		cmocka_unit_test(rollup_self),
		cmocka_unit_test(targets),
		cmocka_unit_test(target_failures),
		cmocka_unit_test(long_sets_differ),
		cmocka_unit_test(bucket_exact),
		cmocka_unit_test(bucket_waits),
		cmocka_unit_test(source_choice),
		cmocka_unit_test(corpus_facts),
		cmocka_unit_test(corpus_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
