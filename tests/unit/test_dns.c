#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"
#include "conf/conf.h"
#include "dns/dns.h"
#include "io/loop.h"
#include "stats/stats.h"

static const char zone[] =
    "plain.test MX 10 mx2.plain.test\n"
    "plain.test MX 5 mx1.plain.test\n"
    "plain.test MX 10 MX3.Plain.Test\n"
    "plain.test MX 20 mx1.plain.test\n"
    "mx1.plain.test A 60 127.0.1.1\n"
    "mx1.plain.test A 127.0.1.2\n"
    "mx1.plain.test AAAA ::1\n"
    "mx2.plain.test CNAME alias.plain.test\n"
    "alias.plain.test CNAME mx1.plain.test\n"
    "null.test MX 0 .\n"
    "dots.test MX 0 .\n"
    "dots.test MX 5 mx1.plain.test\n"
    "bare.test A 127.0.2.1\n"
    "text.test TXT one\n"
    "text.test TXT \"v=DKIM1; \" \"p=abc\"\n"
    "literal.test MX 1 192.0.2.7\n"
    "cname.test CNAME plain.test\n"
    "loop.test CNAME pool.test\n"
    "pool.test CNAME loop.test\n"
    "fail.test SERVFAIL\n"
    "refused.test REFUSED\n"
    "dead.test TIMEOUT\n"
    "lost.test TIMEOUT 1\n"
    "lost.test MX 1 mx1.plain.test\n"
    "half.test A 127.0.2.2\n"
    "edns.test FORMERR\n"
    "edns.test MX 1 mx1.plain.test\n"
    "tcp.test TRUNCATE\n"
    "tcp.test MX 1 mx1.plain.test\n"
    "safe.test SECURE\n"
    "safe.test MX 1 mx1.plain.test\n"
    "junk.test GARBAGE\n"
    "slow.test SLOW 50\n"
    "slow.test MX 1 mx1.plain.test\n"
    "short.test MX 1 1 mx1.plain.test\n"
    "*.wild.test MX 1 mx1.plain.test\n"
    "1.1.0.127.in-addr.arpa PTR host.test\n"
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa "
    "PTR six.test\n";

static char dir[] = "/tmp/test_dns.XXXXXX";
static pid_t server;
static char address[32];
static struct loop *loop;
static struct dns *dns;

static const char *
in_dir(const char *name)
{
	static char path[4][64];
	static unsigned next;
	char *p = path[next++ & 3];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static void
write_zone(const char *text)
{
	FILE *f = fopen(in_dir("zone"), "w");
	int i;

	assert_non_null(f);
	fputs(text, f);
	/* Too much for one datagram of 512 bytes, and of 1,232. */
	for (i = 0; i < 30; i++)
		fprintf(f, "many.test MX %d mx%d.with-a-long-name.test\n", i,
		    i);
	for (i = 0; i < 60; i++)
		fprintf(f, "many.test A 127.9.0.%d\nmany.test AAAA ::%d\n",
		    i + 1, i + 1);
	for (i = 0; i < 15; i++)
		fprintf(f, "most.test MX %d mx%d.with-a-long-name.test\n", i,
		    i);
	fclose(f);
}

static int
start_server(void **state)
{
	const char *top = getenv("srcdir");
	char script[512], line[64] = "";
	int out[2];
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	write_zone(zone);
	snprintf(script, sizeof(script), "%s/tests/system/dnsserver.py",
	    top ? top : ".");
	assert_int_equal(pipe(out), 0);
	server = fork();
	if (server == 0) {
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		execl("/usr/bin/python3", "python3", "-B", script,
		    "127.0.0.1", "0", in_dir("zone"), "--log", in_dir("log"),
		    NULL);
		_exit(127);
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	assert_int_equal(strncmp(line, "ready ", 6), 0);
	line[strcspn(line, "\n")] = '\0';
	snprintf(address, sizeof(address), "127.0.0.1:%d", atoi(line + 6));
	return 0;
}

static int
stop_server(void **state)
{
	char cmd[64];

	(void)state;
	kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd);
}

static char *servers[2], nobody[] = "127.0.0.1:1", bad[] = "not-an-address";

static struct conf_dns
conf(void)
{
	servers[0] = address;
	return (struct conf_dns){ .servers = { servers, 1 },
		.timeout_ms = 1000, .tries = 2, .max_queries = 100,
		.max_ttl_ms = 3600000, .negative_ttl_ms = 20000,
		.ipv4 = true, .ipv6 = true };
}

/* What was answered, as text. */
static struct buf got;
static int answers, awaited;

static int
setup(void **state)
{
	struct conf_dns c = conf();
	struct err e;

	(void)state;
	assert_int_equal(truncate(in_dir("log"), 0), 0);
	stats_reset();
	buf_fini(&got);
	answers = awaited = 0;
	loop = loop_new();
	dns = dns_open(loop, &c, &e);
	assert_non_null(dns);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	dns_close(&dns);
	assert_null(dns);
	loop_free(&loop);
	return 0;
}

/* How often the server was asked: "name TYPE" lines of its log. */
static int
asked(const char *what)
{
	FILE *f = fopen(in_dir("log"), "r");
	char line[400];
	int n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strncmp(line, what, strlen(what)) == 0;
	fclose(f);
	return n;
}

static void
arrived(void)
{
	answers++;
	if (--awaited == 0)
		loop_break(loop);
}

static void
on_mx(void *arg, const struct dns_mx *mx)
{
	size_t i;

	(void)arg;
	buf_addf(&got, "%s%s%s%s:", dns_status_text(mx->status),
	    mx->null_mx ? " null" : "", mx->implicit ? " implicit" : "",
	    mx->secure ? " secure" : "");
	for (i = 0; i < mx->nhosts; i++)
		buf_addf(&got, " %u %s", mx->hosts[i].preference,
		    mx->hosts[i].name);
	arrived();
}

static void
on_addrs(void *arg, const struct dns_addrs *a)
{
	char text[INET6_ADDRSTRLEN];
	unsigned sum = 0;
	size_t i;

	buf_addf(&got, "%s:", dns_status_text(a->status));
	for (i = 0; i < a->n; i++) {
		const struct sockaddr_in *in = (const void *)&a->v[i];
		const struct sockaddr_in6 *in6 = (const void *)&a->v[i];

		assert_int_equal(in->sin_port, 0);
		if (a->v[i].ss_family == AF_INET) {
			inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
			sum += ntohl(in->sin_addr.s_addr) & 255;
		} else {
			inet_ntop(AF_INET6, &in6->sin6_addr, text,
			    sizeof(text));
		}
		if (a->n == 1 || a->v[i].ss_family == AF_INET6)
			buf_addf(&got, " %s", text);
	}
	if (a->n > 1)
		buf_addf(&got, " n=%zu sum=%u", a->n, sum);
	if (arg)
		*(int64_t *)arg = a->ttl_ms;
	arrived();
}

static void
on_texts(void *arg, const struct dns_texts *t)
{
	size_t i;

	(void)arg;
	buf_addf(&got, "%s:", dns_status_text(t->status));
	for (i = 0; i < t->n; i++)
		buf_addf(&got, " %s", t->v[i]);
	arrived();
}

static void
too_long(void *arg)
{
	(void)arg;
	loop_break(loop);
}

static void
run(void)
{
	struct loop_timer guard;

	loop_timer_init(&guard, loop, too_long, NULL);
	loop_timer_start(&guard, 5000);
	loop_run(loop);
	loop_timer_stop(&guard);
	assert_int_equal(awaited, 0);
}

static void
expect(const char *what, const char *want)
{
	if (awaited == 0 && answers == 0)
		fail_msg("%s: nothing was asked", what);
	run();
	if (strcmp(buf_str(&got), want) != 0)
		fail_msg("%s: got \"%s\", want \"%s\"", what, buf_str(&got),
		    want);
	buf_fini(&got);
	answers = 0;
}

static struct dns_req *
ask_mx(const char *name)
{
	awaited++;
	return dns_mx_lookup(dns, name, on_mx, NULL);
}

static struct dns_req *
ask_addr(const char *name)
{
	awaited++;
	return dns_addr_lookup(dns, name, on_addrs, NULL);
}

static void
mx(void **state)
{
	static const struct {
		const char *name, *want;
	} rows[] = {
		{ "null.test", "found null:" },
		{ "dots.test", "found: 5 mx1.plain.test" },
		{ "bare.test", "found implicit: 0 bare.test" },
		{ "Bare.Test.", "found implicit: 0 bare.test" },
		{ "text.test", "no such record:" },
		{ "nowhere.test", "no such domain:" },
		{ "literal.test", "found: 1 192.0.2.7" },
		{ "loop.test", "no such record:" },
		{ "fail.test", "DNS server failure:" },
		{ "refused.test", "DNS server failure:" },
		{ "lost.test", "found: 1 mx1.plain.test" },
		{ "edns.test", "found: 1 mx1.plain.test" },
		{ "tcp.test", "found: 1 mx1.plain.test" },
		{ "safe.test", "found secure: 1 mx1.plain.test" },
		{ "slow.test", "found: 1 mx1.plain.test" },
		{ "any.wild.test", "found: 1 mx1.plain.test" },
		{ "wild.test", "no such record:" },
		{ "", "no such domain:" },
		{ "a..b", "no such domain:" },
		{ "x.onion", "no such domain:" },
		{ "127.0.0.1", "found implicit: 0 127.0.0.1" },
		{ "[127.0.0.1]", "found implicit: 0 [127.0.0.1]" },
		{ "[IPv6:::1]", "found implicit: 0 [ipv6:::1]" },
		{ "a23456789a123456789b123456789c123456789d123456789e123456789"
		  "f1234.test", "no such domain:" },
	};
	char longest[400];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask_mx(rows[i].name);
		assert_int_equal(answers, 0); /* never from inside the call */
		expect(rows[i].name, rows[i].want);
	}
	memset(longest, 'x', sizeof(longest));
	for (i = 9; i < sizeof(longest); i += 10)
		longest[i] = '.';
	longest[sizeof(longest) - 1] = '\0';
	ask_mx(longest);
	expect("too long", "no such domain:");
}

static void
mx_groups_are_sorted_and_shuffled(void **state)
{
	int i, first = 0;

	(void)state;
	rand_seed(4711);
	for (i = 0; i < 100; i++) {
		ask_mx(i % 2 ? "plain.test" : "cname.test");
		run();
		if (!strcmp(buf_str(&got), "found: 5 mx1.plain.test 10 "
		    "mx2.plain.test 10 mx3.plain.test"))
			first++;
		else
			assert_string_equal(buf_str(&got), "found: 5 "
			    "mx1.plain.test 10 mx3.plain.test 10 "
			    "mx2.plain.test");
		buf_fini(&got);
	}
	assert_in_range(first, 25, 75);
	assert_int_equal(asked("plain.test MX"), 1);
	assert_int_equal(asked("cname.test MX"), 1);
	assert_int_equal(stats_get(STATS_DNS_QUERIES), 2);
	assert_int_equal(stats_get(STATS_DNS_CACHE_HITS), 98);
	answers = 0;
}

static void
addresses(void **state)
{
	static const struct {
		const char *name, *want;
	} rows[] = {
		{ "mx1.plain.test", "found: ::1 n=3 sum=3" },
		{ "mx2.plain.test", "found: ::1 n=3 sum=3" },
		{ "bare.test", "found: 127.0.2.1" },
		{ "text.test", "no such record:" },
		{ "nowhere.test", "no such domain:" },
		{ "fail.test", "DNS server failure:" },
		{ "192.0.2.7", "found: 192.0.2.7" },
		{ "[192.0.2.7]", "found: 192.0.2.7" },
		{ "2001:db8::1", "found: 2001:db8::1" },
		{ "[IPv6:2001:DB8::1]", "found: 2001:db8::1" },
		{ "192.0.2.256", "no such domain:" },
		{ "[]", "no such domain:" },
	};
	int64_t ttl_ms = 0;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask_addr(rows[i].name);
		assert_int_equal(answers, 0);
		expect(rows[i].name, rows[i].want);
	}
	awaited++;
	dns_addr_lookup(dns, "mx1.plain.test", on_addrs, &ttl_ms);
	expect("ttl", "found: ::1 n=3 sum=3");
	assert_in_range(ttl_ms, 50000, 60000); /* the least of all */
}

static void
only_one_family(void **state)
{
	struct conf_dns c = conf();
	struct err e;

	(void)state;
	dns_close(&dns);
	c.ipv6 = false;
	dns = dns_open(loop, &c, &e);
	ask_addr("mx1.plain.test");
	expect("IPv4", "found: n=2 sum=3");
	assert_int_equal(asked("mx1.plain.test AAAA"), 0);
	dns_close(&dns);
	c.ipv6 = true;
	c.ipv4 = false;
	dns = dns_open(loop, &c, &e);
	ask_addr("mx1.plain.test");
	expect("IPv6", "found: ::1");
	ask_mx("bare.test"); /* has IPv4 only: nothing we could reach */
	expect("IPv6", "no such record:");
}

static void
big_answers(void **state)
{
	(void)state;
	ask_mx("most.test");
	run();
	assert_non_null(strstr(buf_str(&got), " 14 mx14.with-a-long-name.test"));
	buf_fini(&got);
	assert_int_equal(asked("most.test MX tcp"), 0);
	ask_mx("many.test");
	run();
	assert_non_null(strstr(buf_str(&got), " 29 mx29.with-a-long-name.test"));
	buf_fini(&got);
	assert_int_equal(asked("many.test MX tcp"), 1);
	ask_addr("many.test");
	run();
	assert_non_null(strstr(buf_str(&got), " n=32 "));
	buf_fini(&got);
	answers = 0;
}

/* A server that does not know EDNS costs the others nothing for long. */
static void
edns_survives_a_format_error(void **state)
{
	(void)state;
	ask_mx("edns.test");
	expect("edns.test", "found: 1 mx1.plain.test");
	ask_mx("most.test"); /* over 512 bytes: UDP only with EDNS */
	run();
	assert_int_equal(asked("most.test MX udp"), 1);
	assert_int_equal(asked("most.test MX tcp"), 0);
	buf_fini(&got);
	answers = 0;
}

static void
texts(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(0x7f000101) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr un = { .sa_family = AF_UNIX };

	(void)state;
	awaited = 1;
	dns_txt_lookup(dns, "text.test", on_texts, NULL);
	expect("TXT", "found: one v=DKIM1; p=abc");
	awaited = 1;
	dns_txt_lookup(dns, "bare.test", on_texts, NULL);
	expect("TXT", "no such record:");
	awaited = 1;
	dns_ptr_lookup(dns, (void *)&in, on_texts, NULL);
	expect("PTR", "found: host.test");
	awaited = 1;
	dns_ptr_lookup(dns, (void *)&in6, on_texts, NULL);
	expect("PTR", "found: six.test");
	awaited = 1;
	dns_ptr_lookup(dns, &un, on_texts, NULL);
	expect("PTR", "no such domain:");
}

static void
failures_are_temporary_and_not_kept(void **state)
{
	struct conf_dns c = conf();
	struct err e;

	(void)state;
	dns_close(&dns);
	c.timeout_ms = 100;
	dns = dns_open(loop, &c, &e);
	ask_mx("dead.test");
	expect("dead.test", "DNS time-out:");
	assert_int_equal(asked("dead.test MX"), 2);
	ask_mx("dead.test");
	expect("dead.test", "DNS time-out:");
	assert_int_equal(asked("dead.test MX"), 4);
	assert_int_equal(stats_get(STATS_DNS_FAILURES), 2);
	ask_mx("junk.test"); /* it answers, but not what was asked */
	expect("junk.test", "DNS time-out:");
	ask_mx("fail.test");
	expect("fail.test", "DNS server failure:");
	ask_mx("fail.test");
	expect("fail.test", "DNS server failure:");
	assert_int_equal(asked("fail.test MX"), 2);
}

static void
negative_answers_are_kept(void **state)
{
	(void)state;
	ask_mx("nowhere.test");
	expect("nowhere.test", "no such domain:");
	ask_mx("nowhere.test");
	expect("nowhere.test", "no such domain:");
	assert_int_equal(asked("nowhere.test MX"), 1);
	dns_flush(dns);
	ask_mx("nowhere.test");
	expect("nowhere.test", "no such domain:");
	assert_int_equal(asked("nowhere.test MX"), 2);
}

static void
equal_questions_in_flight_are_one(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 50; i++)
		ask_mx("slow.test");
	run();
	assert_int_equal(answers, 50);
	assert_int_equal(asked("slow.test MX"), 1);
	buf_fini(&got);
	answers = 0;
}

static void
more_questions_than_may_be_outstanding(void **state)
{
	char name[32];
	int i;

	(void)state;
	for (i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "n%d.wild.test", i);
		ask_mx(name);
	}
	run();
	assert_int_equal(answers, 5000);
	assert_int_equal(stats_get(STATS_DNS_FAILURES), 0);
	buf_fini(&got);
	answers = 0;
}

static void
cancelled_requests_are_silent(void **state)
{
	struct dns_req *r[300];
	char name[32];
	int i;

	(void)state;
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "c%d.wild.test", i / 2);
		r[i] = ask_mx(name);
	}
	for (i = 0; i < 300; i++) {
		if (i % 3 == 0)
			continue;
		dns_cancel(&r[i]);
		assert_null(r[i]);
		dns_cancel(&r[i]);
		awaited--;
	}
	run();
	assert_int_equal(answers, 100);
	buf_fini(&got);
	/* Known answers, too; then nothing is left to do. */
	r[0] = ask_mx("127.0.0.1");
	r[1] = ask_mx("c0.wild.test");
	dns_cancel(&r[0]);
	dns_cancel(&r[1]);
	awaited = 0;
	loop_run(loop);
	assert_int_equal(answers, 100);
	answers = 0;
}

static struct dns_req *mine, *other;

static void
cancel_all(void *arg, const struct dns_mx *m)
{
	(void)arg;
	(void)m;
	answers++;
	dns_cancel(&mine); /* the one that is being answered */
	dns_cancel(&other);
}

static void
cancel_inside_the_callback(void **state)
{
	(void)state;
	mine = dns_mx_lookup(dns, "plain.test", cancel_all, NULL);
	other = dns_mx_lookup(dns, "plain.test", cancel_all, NULL);
	loop_run(loop);
	assert_int_equal(answers, 1);
	answers = 0;
}

static void
close_all(void *arg, const struct dns_mx *m)
{
	(void)arg;
	(void)m;
	answers++;
	dns_close(&dns);
	loop_break(loop);
}

static void
close_inside_the_callback(void **state)
{
	int i;

	(void)state;
	dns_mx_lookup(dns, "plain.test", close_all, NULL);
	dns_mx_lookup(dns, "plain.test", close_all, NULL);
	for (i = 0; i < 10; i++)
		dns_mx_lookup(dns, "dead.test", close_all, NULL);
	loop_run(loop);
	assert_int_equal(answers, 1);
	assert_null(dns);
	answers = 0;
}

static void
nobody_there(void **state)
{
	struct conf_dns c = conf();
	struct err e;
	char name[32];
	int i;

	(void)state;
	dns_close(&dns);
	servers[0] = nobody;
	c.max_queries = 10;
	dns = dns_open(loop, &c, &e);
	for (i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "n%d.test", i);
		ask_mx(name);
	}
	run();
	assert_int_equal(answers, 500);
	assert_non_null(strstr(buf_str(&got), "DNS time-out:"));
	assert_null(strstr(buf_str(&got), "no such"));
	buf_fini(&got);
	answers = 0;
}

static void
bad_servers_are_named(void **state)
{
	struct conf_dns c = conf();
	struct err e;

	(void)state;
	servers[0] = bad;
	assert_null(dns_open(loop, &c, &e));
	assert_non_null(strstr(e.text, "not-an-address"));
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(mx),
		T(mx_groups_are_sorted_and_shuffled),
		T(addresses),
		T(only_one_family),
		T(big_answers),
		T(edns_survives_a_format_error),
		T(texts),
		T(failures_are_temporary_and_not_kept),
		T(negative_answers_are_kept),
		T(equal_questions_in_flight_are_one),
		T(more_questions_than_may_be_outstanding),
		T(cancelled_requests_are_silent),
		T(cancel_inside_the_callback),
		T(close_inside_the_callback),
		T(nobody_there),
		T(bad_servers_are_named),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
