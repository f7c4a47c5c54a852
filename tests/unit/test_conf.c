#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <unistd.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "conf/dump.h"
#include "conf/scalar.h"
#include "conf/settings.h"
#include "seeds.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static char path[64];

static void
write_file(const char *text, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
}

static void
collect(void *arg, const char *text)
{
	buf_addf(arg, "%s\n", text + strlen(path));
}

static struct conf *
load(const char *text, struct buf *errors)
{
	struct err e;

	write_file(text, strlen(text));
	return conf_load(path, collect, errors, &e);
}

#define HASH                                                                   \
	"$6$6R2g/EsabkQoZyQh$5BFd9yBHP.cvCSk587ZYdr/nvkaUcTzk6aRZIHfRvJFvdgaub" \
	"Zi9eQd5JQ1AXCaRa.3qR7cSJrlysnHOXO4la1"

static void
errors_name_their_line(void **st)
{
	static const struct {
		const char *text;
		const char *want; /* all errors, without the path */
	} rows[] = {
		{ "limits {\n speed = 9\n}\n", ":2: unknown setting 'speed'\n" },
		{ "colour = blue\n", ":1: unknown setting 'colour'\n" },
		{ "site default {\n connections = many\n}\n",
		    ":2: connections: \"many\": expected a number\n" },
		{ "site default {\n\n connections = 0\n port = 70000\n}\n",
		    ":3: connections: 0 is out of range: from 1 to 100000\n"
		    ":4: port: 70000 is out of range: from 1 to 65535\n" },
		{ "site default {\n idle_timeout = 5x\n}\n",
		    ":2: idle_timeout: \"5x\": expected a time as 500ms, 10s, "
		    "5m, 2h, 1d\n" },
		{ "site default {\n tls = maybe\n}\n",
		    ":2: tls: \"maybe\": expected one of none, opportunistic, "
		    "required, verified\n" },
		{ "tenant a {\n from_domains = {\"x.test\"}\n networks = "
		  "{\"10.0.0.0/33\"}\n}\n",
		    ":3: networks: \"10.0.0.0/33\": expected an address block "
		    "as 192.0.2.0/24 or ::1\n" },
		{ "tenant a {\n from_domains = {\"x.test\"}\n user \"u\" {\n"
		  "  password = \"secret\"\n }\n}\n",
		    ":4: password: expected a crypt(5) hash: yescrypt ($y$) "
		    "or SHA-512 ($6$), never the password itself\n" },
		{ "listen a {\n address = \"127.0.0.1\"\n}\n",
		    ":2: address: \"127.0.0.1\": expected \"address:port\", "
		    "\"[v6]:port\" or \"unix:/path\"\n" },
		{ "listen a {\n address = \"*:25\"\n tenant = nobody\n}\n",
		    ":3: tenant: there is no tenant \"nobody\"\n" },
		{ "listen a {\n address = \"*:25\"\n tls = required\n}\n",
		    ":3: tls needs tls_certificate\n" },
		{ "dkim k {\n domain = x.test\n selector = s\n key = "
		  "\"/nonexistent/k.pem\"\n}\n",
		    ":4: key: /nonexistent/k.pem: No such file or directory\n" },
		/* A hash cut short would refuse every login. */
		{ "tenant a {\n from_domains = {\"x.test\"}\n user \"u\" {\n"
		  "  password = \"$6$6R2g/EsabkQoZyQh$5BFd9yBHP\"\n }\n}\n",
		    ":4: password: expected a crypt(5) hash: yescrypt ($y$) "
		    "or SHA-512 ($6$), never the password itself\n" },
		{ "listen a {\n address = \"*:25\"\n auth = required\n}\n",
		    ":3: auth: nobody can log in without tls or "
		    "auth_without_tls\n" },
		{ "tenant a {\n from_domains = \"*\"\n networks = "
		  "{\"::1\", \"10.0.0.0/8\"}\n}\n"
		  "tenant b {\n from_domains = \"*\"\n networks = "
		  "\"10.0.0.0/8\"\n}\n",
		    ":7: networks: one of them is of tenant \"a\" too\n" },
		{ "tenant \"a\\\"b\" {\n from_domains = \"*\"\n}\n",
		    ":3: \"a\"b\": not a name\n" },
		/* Comments of all kinds count as the lines that they are. */
		{ "# a\n// b\n/* c\n d */ # e\nlimits { # f\n speed = 9 }\n",
		    ":6: unknown setting 'speed'\n" },
		{ "# \"quote\nlog { path = \"/a#b//c\" /* d */ }\n"
		  "site default { port = 0 }\n",
		    ":3: port: 0 is out of range: from 1 to 65535\n" },
		/* What libconfuse would drop in silence. */
		{ "listen a {\n address = *:25\n}\n",
		    ":2: write \"*\" in quotes\n" },
		{ "tenant a {\n from_domains = { * }\n}\n",
		    ":2: write \"*\" in quotes\n" },
		{ "tenant a {\n user u {\n password = $6$x\n",
		    ":3: write \"$\" in quotes\n" },
		{ "log {\n path = \"a\n}\n", ":2: the string is not closed\n" },
		{ "log {\n /* path\n}\n", ":2: the comment is not closed\n" },
		{ "log {\n path = \"a\x01\"\n}\n", ":2: control character\n" },
		{ "log {\n}\nlog {\n\n", ":3: the brace is not closed\n" },
		{ "log {\n path =", ":1: the brace is not closed\n" },
		{ "colour =", ":1: unknown setting 'colour'\n" },
		{ "}\n", ":1: unexpected closing brace\n" },
		{ "include(\"/nonexistent/inc\")\n",
		    ":1: include: /nonexistent/inc: No such file or "
		    "directory\n" },
		/* What is missing is told of the line that ends the block. */
		{ "source s {\n}\n", ":2: a source needs ipv4 or ipv6\n" },
		{ "redis {\n embedded = no\n}\n",
		    ":2: address must be given where embedded is no\n" },
		{ "site x {\n connections = 3\n}\n",
		    ":3: a site needs mx_suffixes or domains to apply to\n" },
	};
	struct buf got = { 0 };
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct conf *c = load(rows[i].text, &got);

		if (c)
			fail_msg("taken: %s", rows[i].text);
		assert_string_equal(buf_str(&got), rows[i].want);
		buf_clear(&got);
	}
	buf_fini(&got);
}

/* Included files stand beside the one that names them, have their own lines,
 * and may be used inside blocks; after an error the next load is whole. */
static void
includes(void **st)
{
	struct buf got = { 0 }, want = { 0 };
	char inner[80], text[400];
	struct conf *c;
	FILE *f;

	(void)st;
	snprintf(inner, sizeof(inner), "%s.inc", path);
	f = fopen(inner, "w");
	assert_non_null(f);
	fputs("# one\n# two\nconnections = 7 # three\nport = 0\n", f);
	fclose(f);
	snprintf(text, sizeof(text),
	    "# top\nsite default {\n include(\"%s\")\n max_rcpt = 0\n}\n",
	    strrchr(inner, '/') + 1);
	assert_null(load(text, &got));
	buf_addf(&want,
	    ":4: max_rcpt: 0 is out of range: from 1 to 1000\n"
	    ".inc:4: port: 0 is out of range: from 1 to 65535\n");
	assert_string_equal(buf_str(&got), buf_str(&want));
	buf_clear(&got);
	f = fopen(inner, "w");
	fputs("connections =\n}", f);
	fclose(f);
	assert_null(load(text, &got));
	assert_non_null(strstr(buf_str(&got), ".inc:"));
	buf_clear(&got);
	f = fopen(inner, "w");
	fprintf(f, "include(\"%s\")\n", inner); /* itself */
	fclose(f);
	assert_null(load(text, &got));
	assert_non_null(strstr(buf_str(&got), "too many files include"));
	buf_clear(&got);
	f = fopen(inner, "w");
	fputs("connections = 7\n", f);
	fclose(f);
	c = load("site default {}\n", &got);
	assert_non_null(c);
	conf_unref(&c);
	snprintf(text, sizeof(text), "site default { include(\"%s\") }",
	    inner);
	c = load(text, &got);
	assert_non_null(c);
	assert_int_equal(c->site_default.connections, 7);
	conf_unref(&c);
	unlink(inner);
	buf_fini(&got);
	buf_fini(&want);
}

static void
missing_settings_and_files(void **st)
{
	struct buf got = { 0 };
	struct err e;

	(void)st;
	assert_null(load("tenant a {\n}\n", &got));
	assert_non_null(strstr(buf_str(&got), "from_domains must be given"));
	buf_clear(&got);
	assert_null(load("source a { ipv4 = \"127.0.0.1\" }\n"
			 "source a { ipv4 = \"127.0.0.2\" }\n",
	    &got));
	assert_non_null(strstr(buf_str(&got), ":2: "));
	assert_null(conf_load("/nonexistent/x.conf", NULL, NULL, &e));
	assert_string_equal(e.text,
	    "/nonexistent/x.conf: No such file or directory");
	buf_fini(&got);
}

static void
values_arrive(void **st)
{
	struct buf got = { 0 };
	struct conf *c = load(
	    "site default { connections = 7  rate = 100/min }\n"
	    "site g { mx_suffixes = {\".google.com\"}  port = 2526 }\n"
	    "tenant a {\n from_domains = {\"x.test\", \".x.test\"}\n"
	    " networks = {\"127.0.0.0/8\", \"::1\"}\n"
	    " user \"app\" { password = \"" HASH "\" }\n}\n"
	    "listen main { address = \"127.0.0.1:2525\"  tenant = a\n"
	    " max_message_size = 10M }\n"
	    "source s { ipv4 = \"127.0.0.1\"  weight = 3 }\n"
	    "site r { domains = {\"r.test\"}  retry = {\"1s\", \"2m\"} }\n",
	    &got);

	(void)st;
	assert_string_equal(buf_str(&got), "");
	assert_non_null(c);
	assert_int_equal(c->site_default.connections, 7);
	assert_int_equal(c->nsite, 2);
	assert_int_equal(c->site[0].connections, 7); /* inherited */
	assert_int_equal(c->site[0].port, 2526);
	assert_int_equal(c->site[0].rate.count, 100);
	assert_int_equal(c->site[0].rate.period_ms, 60000);
	assert_int_equal(c->site[1].nretry, 2);
	assert_int_equal(c->site[1].retry_ms[1], 120000);
	assert_int_equal(c->site_default.nretry, 6);
	assert_string_equal(c->tenant[0].users[0].name, "app");
	assert_string_equal(c->tenant[0].from_domains.v[1], ".x.test");
	assert_int_equal(c->listen[0].max_message_bytes, 10 << 20);
	assert_string_equal(c->headers.campaign, "X-Campaign");
	assert_ptr_equal(conf_tenant_find(c, "a"), &c->tenant[0]);
	assert_null(conf_tenant_find(c, "b"));
	assert_int_equal(conf_source_find(c, "s")->weight, 3);
	conf_unref(&c);
	buf_fini(&got);
}

static void
networks_match(void **st)
{
	static const struct {
		int family;
		const char *addr;
		bool want;
	} rows[] = { { AF_INET, "10.1.2.3", true },
		{ AF_INET, "10.2.0.0", false }, { AF_INET6, "2001:db8::7", true },
		{ AF_INET6, "2001:db9::7", false },
		{ AF_INET6, "::ffff:10.1.0.1", true },
		{ AF_INET, "192.0.2.63", true }, { AF_INET, "192.0.2.64", false } };
	struct conf_net v[3];
	struct conf_nets nets = { v, 3 };
	size_t i;

	(void)st;
	assert_int_equal(conf_scalar_net(VIEW("10.1.0.0/16"), &v[0]), 0);
	assert_int_equal(conf_scalar_net(VIEW("2001:db8::/32"), &v[1]), 0);
	assert_int_equal(conf_scalar_net(VIEW("192.0.2.0/26"), &v[2]), 0);
	for (i = 0; i < N(rows); i++) {
		struct sockaddr_storage ss = { 0 };

		ss.ss_family = (sa_family_t)rows[i].family;
		assert_int_equal(inet_pton(rows[i].family, rows[i].addr,
				     rows[i].family == AF_INET
					 ? (void *)&((struct sockaddr_in *)&ss)
					       ->sin_addr
					 : (void *)&((struct sockaddr_in6 *)&ss)
					       ->sin6_addr),
		    1);
		assert_int_equal(conf_nets_match(&nets,
				     (struct sockaddr *)&ss),
		    rows[i].want);
	}
}

static void
scalars(void **st)
{
	static const struct {
		const char *in;
		int64_t want; /* -1: refused */
	} times[] = { { "10s", 10000 }, { "1h30m", 5400000 }, { "0", 0 },
		{ "250ms", 250 }, { "2d", 172800000 }, { "5", -1 },
		{ "", -1 }, { "s", -1 }, { "99999999999999w", -1 } },
	  sizes[] = { { "64K", 65536 }, { "25M", 26214400 }, { "1GiB", 1 << 30 },
		  { "100", 100 }, { "1X", -1 }, { "-1", -1 },
		  { "999999999999999T", -1 } };
	struct conf_rate r;
	int64_t x;
	size_t i;

	(void)st;
	for (i = 0; i < N(times); i++) {
		x = -1;
		conf_scalar_time(view_str(times[i].in), &x);
		assert_int_equal(x, times[i].want);
	}
	for (i = 0; i < N(sizes); i++) {
		x = -1;
		conf_scalar_size(view_str(sizes[i].in), &x);
		assert_int_equal(x, sizes[i].want);
	}
	assert_int_equal(conf_scalar_rate(VIEW("5000/h"), &r), 0);
	assert_int_equal(r.period_ms, 3600000);
	assert_int_equal(conf_scalar_rate(VIEW("5000"), &r), -1);
	assert_int_equal(conf_scalar_rate(VIEW("5/0"), &r), -1);
}

/* -T gives a file that says the same again. */
static void
dump_is_read_back(void **st)
{
	struct buf got = { 0 }, first = { 0 }, second = { 0 };
	struct conf *c = load(
	    "tenant \"a-b\" { from_domains = {\"*\"} networks = {\"::1\"}\n"
	    " user \"app\" { password = \"" HASH "\" } }\n"
	    "site default { retry = {\"90s\"} rate = 10/s }\n"
	    "source s { ipv6 = \"::1\" }\nredis { shards = 16 }\n",
	    &got);

	(void)st;
	assert_non_null(c);
	conf_dump(c, &first);
	conf_unref(&c);
	c = load(buf_str(&first), &got);
	assert_string_equal(buf_str(&got), "");
	assert_non_null(c);
	conf_dump(c, &second);
	assert_string_equal(buf_str(&first), buf_str(&second));
	conf_unref(&c);
	buf_fini(&got);
	buf_fini(&first);
	buf_fini(&second);
}

static void
every_row_has_help(void **st)
{
	struct buf out = { 0 };
	size_t i;

	(void)st;
	conf_dump_reference(&out);
	for (i = 0; i < conf_settings_nrows; i++) {
		assert_non_null(conf_settings_rows[i].help);
		assert_non_null(strstr(buf_str(&out),
		    conf_settings_rows[i].name));
	}
	buf_fini(&out);
}

static void
shipped_file_is_good(void **st)
{
	char shipped[512];
	struct conf *c;
	struct err e;

	(void)st;
	assert_non_null(getenv("srcdir"));
	snprintf(shipped, sizeof(shipped), "%s/conf/facteur.conf",
	    getenv("srcdir"));
	c = conf_load(shipped, NULL, NULL, &e);
	assert_non_null(c);
	conf_unref(&c);
}

static void
seeds(void **st)
{
	(void)st;
	assert_true(seeds_replay("tests/seeds/conf") >= 4);
}

int
main(void)
{
	const struct CMUnitTest t[] = {
		cmocka_unit_test(errors_name_their_line),
		cmocka_unit_test(includes),
		cmocka_unit_test(missing_settings_and_files),
		cmocka_unit_test(values_arrive),
		cmocka_unit_test(networks_match),
		cmocka_unit_test(scalars),
		cmocka_unit_test(dump_is_read_back),
		cmocka_unit_test(every_row_has_help),
		cmocka_unit_test(shipped_file_is_good),
		cmocka_unit_test(seeds),
	};
	int rc, fd;

	snprintf(path, sizeof(path), "/tmp/test_conf.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return 99;
	close(fd);
	rc = cmocka_run_group_tests(t, NULL, NULL);
	unlink(path);
	return rc;
}
