#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "deliver/deliver.h"
#include "deliver_world.h"
#include "dns/dns.h"
#include "mail/report.h"

#define S(text) ((char *)(uintptr_t)(text)) /* never written to */
#define SEC INT64_C(1000)
#define MIN (60 * SEC)
#define HOUR (60 * MIN)

static char prov[] = ".prov.example";
static char *suffix[] = { prov };

static struct conf_site *
policy(void)
{
	return &world_conf.site_default;
}

static struct store_campaign *
bulk(void)
{
	return world_campaign("t1", "c1", STORE_BULK);
}

/* --- throughput and order -------------------------------------------------- */

static void
one_domain_as_fast_as_many(void **st)
{
	struct store_campaign *c = bulk();
	size_t one;
	unsigned k;

	(void)st;
	world_add(c, "one.example", 5000, NULL);
	world_run(2 * SEC);
	one = world_nsent;
	/* ten connections, ten ms a message: 2,000 would be ideal */
	assert_in_range(one, 1800, 2000);
	assert_int_equal(world_open_most, 10);
	world_run(10 * SEC);
	assert_int_equal(world_nsent, 5000);
	assert_int_equal(world_count(STORE_SENT), 5000);
	assert_int_equal(world_lines_of("sent"), 5000);
	assert_true(world_lease_calls < 5000 / 15);
	for (k = 0; k < 100; k++) {
		char domain[40];

		snprintf(domain, sizeof(domain), "d%u.hosted.example", k);
		world_add(c, domain, 50, NULL);
	}
	world_zones = (const struct world_zone[]){ { .domain = ".hosted.example",
						       .mx = "10 mx.h.example" },
		{ .domain = NULL } };
	world_run(2 * SEC);
	assert_in_range(world_nsent - 5000, one * 9 / 10, 2000);
}

static void
tenants_take_turns(void **st)
{
	struct store_campaign *a = bulk();
	struct store_campaign *b = world_campaign("t2", "c2", STORE_BULK);
	size_t before;

	(void)st;
	world_add(a, "x.example", 20000, NULL);
	world_run(1 * SEC);
	before = world_sent_of(a);
	world_add(b, "x.example", 300, NULL);
	while (world_sent_of(b) < 300)
		world_run(10);
	/* what was in reserve, and then one for one */
	assert_in_range(world_sent_of(a) - before, 100, 300 + 200);
}

static void
campaigns_of_a_tenant_take_turns(void **st)
{
	struct store_campaign *a1 = bulk();
	struct store_campaign *a2 = world_campaign("t1", "c2", STORE_BULK);
	struct store_campaign *b = world_campaign("t2", "c3", STORE_BULK);
	size_t n;

	(void)st;
	world_add(a1, "x.example", 20000, NULL);
	world_add(a2, "x.example", 20000, NULL);
	world_add(b, "x.example", 20000, NULL);
	world_run(6 * SEC);
	n = world_nsent;
	assert_true(n > 5000);
	assert_in_range(world_sent_of(b), n * 45 / 100, n * 55 / 100);
	assert_in_range(world_sent_of(a1), n * 20 / 100, n * 30 / 100);
	assert_in_range(world_sent_of(a2), n * 20 / 100, n * 30 / 100);
}

static void
domains_of_a_campaign_take_turns(void **st)
{
	struct store_campaign *a = bulk();
	unsigned k;

	(void)st;
	world_zones = (const struct world_zone[]){ { .domain = ".h.example",
						       .mx = "10 mx.h.example" },
		{ .domain = NULL } };
	world_add(a, "big.h.example", 20000, NULL);
	world_run(1 * SEC);
	for (k = 0; k < 20; k++) {
		char domain[40];

		snprintf(domain, sizeof(domain), "s%u.h.example", k);
		world_add(a, domain, 3, NULL);
	}
	world_run(1 * SEC);
	for (k = 0; k < 20; k++) {
		char domain[40];

		snprintf(domain, sizeof(domain), "@s%u.h.example", k);
		assert_int_equal(world_sent_to(domain), 3);
	}
}

static void
transactional_first(void **st)
{
	struct store_campaign *a = bulk();
	struct store_campaign *t =
	    world_campaign("t1", "reset", STORE_TRANSACTIONAL);
	size_t before;
	int64_t ms;

	(void)st;
	world_add(a, "x.example", 20000, NULL);
	world_run(2 * SEC);
	before = world_sent_of(a);
	world_add(t, "x.example", 50, NULL);
	for (ms = 0; world_sent_of(t) < 50 && ms < 5 * SEC; ms++)
		world_run(1);
	assert_in_range(world_sent_of(a) - before, 0, 30);
	assert_true(ms <= 80);
}

static void
one_transaction_for_one_content(void **st)
{
	struct store_campaign *c = bulk();
	struct store_record *r = world_record();
	size_t i, most = 0;

	(void)st;
	policy()->max_rcpt = 20;
	policy()->connections = 1;
	r->content_hash = 77;
	world_add(c, "x.example", 100, r);
	world_add(c, "x.example", 30, NULL); /* each its own content */
	r = world_record();
	r->content_hash = 77;
	r->sender = VIEW("other@sender.example");
	world_add(c, "x.example", 5, r);
	world_run(20 * SEC);
	assert_int_equal(world_nsent, 135);
	for (i = 0; i < world_nsent; i++) {
		if (world_sent[i].group > most)
			most = world_sent[i].group;
		if (i >= 100 && i < 130)
			assert_int_equal(world_sent[i].group, 1);
	}
	assert_int_equal(most, 20);
	assert_int_equal(world_sent[134].group, 5);
}

/* --- limits ------------------------------------------------------------------ */

static size_t
most_within(int64_t ms)
{
	size_t i, from = 0, most = 0;

	for (i = 0; i < world_nsent; i++) {
		while (world_sent[i].at_ms - world_sent[from].at_ms >= ms)
			from++;
		if (i - from + 1 > most)
			most = i - from + 1;
	}
	return most;
}

static void
rate_to_the_message(void **st)
{
	struct store_campaign *c = bulk();

	(void)st;
	world_zones = (const struct world_zone[]){
		{ .domain = "a.example", .mx = "10 a.prov.example" },
		{ .domain = "b.example", .mx = "10 b.prov.example" },
		{ .domain = NULL }
	};
	world_sites[0] = *policy();
	world_sites[0].name = S("prov");
	world_sites[0].mx_suffixes = (struct conf_strs){ suffix, 1 };
	world_sites[0].rate = (struct conf_rate){ 20, 1000 };
	world_conf.nsite = 1;
	world_add(c, "a.example", 500, NULL);
	world_add(c, "b.example", 500, NULL);
	world_add(c, "free.example", 500, NULL);
	world_run(10 * SEC);
	assert_int_equal(world_sent_to("@free.example"), 500);
	assert_in_range(world_sent_to("@a.example") +
		world_sent_to("@b.example"), 195, 201);
	/* both routes get their turns */
	assert_in_range(world_sent_to("@a.example"), 80, 120);
	assert_string_equal(world_site("prov")->state, "rate");
	/* hardly more is leased than the rate lets through soon */
	assert_true(world_leased() <= 220);
}

static void
rate_windows(void **st)
{
	static const struct conf_rate rates[] = { { 7, 1000 }, { 60, 60000 },
		{ 100, 1000 }, { 500, 1000 } };
	struct store_campaign *c = bulk();
	size_t i;

	(void)st;
	for (i = 0; i < 4; i++) {
		char domain[40];
		int64_t ms = rates[i].period_ms * 3;

		policy()->rate = rates[i];
		world_nsent = 0;
		snprintf(domain, sizeof(domain), "w%zu.example", i);
		world_add(c, domain, (unsigned)rates[i].count * 4, NULL);
		world_run(ms);
		assert_in_range(most_within(rates[i].period_ms), 1,
		    rates[i].count);
		assert_in_range(world_nsent, rates[i].count * 3 * 92 / 100,
		    rates[i].count * 3 + 1);
		world_run(1 * HOUR);
	}
}

static void
connection_limits(void **st)
{
	static struct world_peer peers[] = {
		{ .mx = ".prov.example", .connect_ms = 5, .reply_ms = 50 },
		{ .mx = ".one.example", .connect_ms = 5, .reply_ms = 50 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();
	unsigned k;

	(void)st;
	memset(&peers[0].open, 0, 4 * sizeof(unsigned));
	world_peers = peers;
	world_zones = (const struct world_zone[]){
		{ .domain = ".cust.example" }, { .domain = NULL } };
	world_sites[0] = *policy();
	world_sites[0].name = S("prov");
	world_sites[0].mx_suffixes = (struct conf_strs){ suffix, 1 };
	world_sites[0].connections = 4;
	world_conf.nsite = 1;
	/* forty customers, each with an MX of its own under one provider */
	for (k = 0; k < 40; k++) {
		char domain[60];

		snprintf(domain, sizeof(domain), "c%u.prov.example", k);
		world_add(c, domain, 10, NULL);
	}
	world_run(20 * SEC);
	assert_int_equal(world_nsent, 400);
	assert_int_equal(peers[0].open_most, 4);
	/* 400 messages of 50 ms over 4 connections: 5 s and the connecting */
	assert_true(world_sent[399].at_ms - WORLD_T0 < 9 * SEC);
}

static void
busy_routes_yield(void **st)
{
	struct store_campaign *c = bulk();

	(void)st;
	world_sites[0] = *policy();
	world_sites[0].name = S("prov");
	world_sites[0].mx_suffixes = (struct conf_strs){ suffix, 1 };
	world_sites[0].connections = 2;
	world_sites[0].messages_per_connection = 100000;
	world_conf.nsite = 1;
	world_add(c, "big.prov.example", 20000, NULL);
	world_run(2 * SEC);
	assert_int_equal(world_open, 2);
	world_add(c, "small.prov.example", 5, NULL);
	world_run(2 * SEC);
	assert_int_equal(world_sent_to("@small.prov.example"), 5);
	assert_int_equal(world_open_most, 2);
	world_run(2 * SEC);
	/* and the connection goes back */
	assert_int_equal(world_open, 2);
	assert_true(world_sent_to("@big.prov.example") > 800);
}

static void
session_limit_of_all(void **st)
{
	struct store_campaign *c = bulk();
	unsigned k;

	(void)st;
	world_conf.limits.max_sessions = 12;
	for (k = 0; k < 50; k++) {
		char domain[60];

		snprintf(domain, sizeof(domain), "d%u.example", k);
		world_add(c, domain, 8, NULL);
	}
	world_run(60 * SEC);
	assert_int_equal(world_nsent, 400);
	assert_true(world_open_most <= 12);
	assert_true(world_open_most >= 10);
}

static void
connects_at_their_rate(void **st)
{
	static struct world_peer peers[] = { { .mx = "example",
						 .connect_ms = 1,
						 .reply_ms = 1 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	peers[0].opened = 0;
	world_peers = peers;
	policy()->messages_per_connection = 1;
	policy()->connect_rate = (struct conf_rate){ 10, 1000 };
	world_add(c, "x.example", 1000, NULL);
	world_run(10 * SEC);
	assert_in_range(peers[0].opened, 95, 101);
	assert_in_range(most_within(1000), 1, 10);
}

static void
sources_by_weight_and_limit(void **st)
{
	static char *only[] = { NULL };
	struct store_campaign *c = bulk();
	struct store_campaign *c2 = world_campaign("t2", "c2", STORE_BULK);
	struct store_record *r;
	size_t i, n1 = 0, n2 = 0;

	(void)st;
	world_sources[0] = (struct conf_source){ .name = S("s1"),
		.ipv4 = S("192.0.2.1"),
		.weight = 3 };
	world_sources[1] = (struct conf_source){ .name = S("s2"),
		.ipv4 = S("192.0.2.2"),
		.weight = 1 };
	world_sources[2] = (struct conf_source){ .name = S("v6"),
		.ipv6 = S("2001:db8::1"),
		.weight = 100 };
	world_conf.nsource = 3;
	only[0] = world_sources[1].name;
	policy()->connections_per_source = 3;
	policy()->messages_per_connection = 5;
	deliver_reload(world_d, &world_conf, NULL);
	world_add(c, "x.example", 2000, NULL);
	world_run(30 * SEC);
	assert_int_equal(world_nsent, 2000);
	assert_int_equal(world_open_most, 6); /* three each, none from v6 */
	for (i = 0; i < world_nsent; i++) {
		n1 += strcmp(world_sent[i].source, "s1") == 0;
		n2 += strcmp(world_sent[i].source, "s2") == 0;
	}
	assert_int_equal(n1 + n2, 2000);
	/* a message that names its source, a tenant that has but one */
	world_tenants[1].sources = (struct conf_strs){ only, 1 };
	deliver_reload(world_d, &world_conf, NULL);
	world_run(40 * SEC);
	world_nsent = 0;
	r = world_record();
	r->source = VIEW("s1");
	world_add(c, "x.example", 50, r);
	world_add(c2, "x.example", 50, NULL);
	world_run(30 * SEC);
	assert_int_equal(world_nsent, 100);
	for (i = 0; i < 100; i++)
		assert_string_equal(world_sent[i].source,
		    world_sent[i].campaign == c->id ? "s1" : "s2");
	/* only the family that it lacks: deferred, with the reason */
	r->source = VIEW("v6");
	world_add(c, "x.example", 1, r);
	world_run(1 * SEC);
	assert_int_equal(world_count(STORE_DEFERRED), 1);
	assert_non_null(strstr(world_lines[world_nlines - 1].text, "family"));
}

/* --- failures ------------------------------------------------------------------ */

static void
down_and_up_again(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example",
						 .kind = PEER_REFUSED },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();
	struct deliver_site_info *i;

	(void)st;
	peers[0].kind = PEER_REFUSED;
	peers[0].opened = 0;
	world_peers = peers;
	world_add(c, "x.example", 500, NULL);
	world_run(10 * SEC);
	assert_int_equal(peers[0].opened, 1);
	/* one used its attempt, with the reason; the others wait unharmed */
	assert_int_equal(world_count(STORE_DEFERRED), 1);
	assert_int_equal(world_lines_of("deferred"), 1);
	assert_string_equal(world_lines[0].text, "connection refused");
	assert_int_equal(world_queued(), 499);
	assert_int_equal(world_leased(), 0);
	i = world_site("mx.x.example");
	assert_string_equal(i->state, "down");
	assert_string_equal(i->reason, "connection refused");
	assert_string_equal(i->last_reply, "connection refused");
	assert_in_range(i->held_until_ms, WORLD_T0 + 60 * SEC,
	    WORLD_T0 + 61 * SEC);
	/* the schedule: 1 min, 2 min, 10 min, 10 min; one probe each */
	world_run(59 * SEC);
	assert_int_equal(peers[0].opened, 2);
	world_run(100 * SEC);
	assert_int_equal(peers[0].opened, 2);
	world_run(20 * SEC);
	assert_int_equal(peers[0].opened, 3);
	world_run(10 * MIN + 5 * SEC);
	assert_int_equal(peers[0].opened, 4);
	assert_true(world_count(STORE_DEFERRED) <= 4);
	peers[0].kind = PEER_OK;
	peers[0].connect_ms = 5;
	peers[0].reply_ms = 10;
	assert_int_equal(deliver_flush(world_d, "nowhere"), 0);
	assert_int_equal(deliver_flush(world_d, "mx.x.example"), 1);
	world_run(3 * SEC);
	assert_string_equal(world_site("mx.x.example")->state, "open");
	world_run(11 * MIN);
	assert_int_equal(world_count(STORE_SENT), 500);
}

static void
flush_by_domain(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example" },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	peers[0].kind = PEER_REFUSED;
	world_peers = peers;
	world_add(c, "x.example", 10, NULL);
	world_run(10 * SEC);
	peers[0].kind = PEER_OK;
	assert_int_equal(deliver_flush(world_d, "x.example"), 1);
	world_run(1 * SEC);
	assert_int_equal(world_count(STORE_SENT), 9);
}

static void
greeting_of_5xx_is_temporary(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example" },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	peers[0].kind = PEER_GREETS_554;
	world_peers = peers;
	world_add(c, "x.example", 10, NULL);
	world_run(30 * MIN);
	assert_int_equal(world_count(STORE_BOUNCED), 0);
	assert_true(world_count(STORE_DEFERRED) >= 2);
	assert_int_equal(world_queued() + world_deferred(), 10);
	assert_string_equal(world_site("mx.x.example")->last_reply,
	    "554 go away");
}

static void
one_route_down_the_provider_lives(void **st)
{
	static struct world_peer peers[] = {
		{ .mx = "dead.prov.example", .kind = PEER_SILENT },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	world_peers = peers;
	world_sites[0] = *policy();
	world_sites[0].name = S("prov");
	world_sites[0].mx_suffixes = (struct conf_strs){ suffix, 1 };
	world_sites[0].connections = 3;
	world_conf.nsite = 1;
	world_add(c, "dead.prov.example", 1000, NULL);
	world_run(100);
	world_add(c, "good.prov.example", 1000, NULL);
	world_run(10 * SEC);
	assert_int_equal(world_sent_to("@good.prov.example"), 1000);
	world_run(25 * SEC);
	world_add(c, "good.prov.example", 100, NULL);
	world_run(5 * SEC);
	assert_string_equal(world_site("prov")->state, "open");
	assert_non_null(strstr(world_site("prov")->reason, "1 of 2"));
}

static void
full_is_not_down(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example",
						 .sessions_max = 3,
						 .connect_ms = 5,
						 .reply_ms = 10 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	peers[0].open = peers[0].opened = peers[0].sent = 0;
	world_peers = peers;
	world_add(c, "x.example", 3000, NULL);
	world_run(1 * SEC);
	assert_string_equal(world_site("mx.x.example")->state, "full");
	assert_non_null(strstr(world_site("mx.x.example")->reason,
	    "too many connections"));
	world_run(14 * SEC);
	assert_int_equal(world_nsent, 3000);
	assert_int_equal(world_count(STORE_DEFERRED), 0);
	assert_true(peers[0].opened < 80);
}

static void
refusing_at_mail_is_held(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example",
						 .connect_ms = 5,
						 .reply_ms = 10 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	peers[0].kind = PEER_421_AT_MAIL;
	peers[0].opened = 0;
	world_peers = peers;
	world_add(c, "x.example", 500, NULL);
	world_run(50 * SEC);
	assert_true(peers[0].opened <= 20);
	assert_true(world_count(STORE_DEFERRED) <= 20);
	assert_string_equal(world_site("mx.x.example")->state, "down");
}

static void
greylisting_is_no_failure(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example",
						 .connect_ms = 5,
						 .reply_ms = 10 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	peers[0].kind = PEER_RCPT_450;
	world_peers = peers;
	world_add(c, "x.example", 200, NULL);
	world_run(5 * SEC);
	assert_int_equal(world_count(STORE_DEFERRED), 200);
	assert_int_equal(world_lines_of("deferred"), 200);
	peers[0].kind = PEER_OK;
	world_run(2 * MIN);
	assert_int_equal(world_nsent, 200);
	assert_int_equal(world_outcomes[world_noutcomes - 1].attempt, 1);
}

static void
unasked_items_do_not_spin(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example",
						 .connect_ms = 1 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	peers[0].kind = PEER_UNTRIED;
	world_peers = peers;
	world_add(c, "x.example", 20, NULL);
	world_run(10 * SEC);
	assert_int_equal(world_count(STORE_SENT), 0);
	assert_int_equal(world_count(STORE_DEFERRED), 0);
	assert_true(world_noutcomes < 200);
	peers[0].kind = PEER_OK;
	world_run(10 * SEC);
	assert_int_equal(world_nsent, 20);
}

static void
damaged_is_parked(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example" },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	peers[0].kind = PEER_DAMAGED;
	world_peers = peers;
	world_add(c, "x.example", 3, NULL);
	world_run(1 * SEC);
	assert_int_equal(world_count(STORE_PARK), 3);
	assert_int_equal(world_lines_of("parked"), 3);
	assert_int_equal(world_nreports, 0);
}

/* --- domains --------------------------------------------------------------------- */

static void
never_deliverable(void **st)
{
	static const struct world_zone zones[] = {
		{ .domain = "null.example", .null_mx = true },
		{ .domain = "nx.example", .status = DNS_NXDOMAIN },
		{ .domain = "loop.example", .mx = "10 us.example" },
		{ .domain = "bare.example", .implicit = true,
		    .no_address = true },
		{ .domain = "is-us.example", .mx = "10 is-us.example" },
		{ .domain = "gone.example", .mx = "10 gone.example" },
		{ .domain = NULL } };
	static struct world_peer peers[] = {
		{ .mx = "is-us.example", .kind = PEER_IS_US },
		{ .mx = "gone.example", .kind = PEER_NO_HOST },
		{ .mx = NULL } };
	static const char *const status[] = { "5.1.10", "5.1.2", "5.4.6",
		"5.1.2", "5.4.6", "5.0.0" };
	struct store_campaign *c = bulk();
	size_t i, k;

	(void)st;
	world_zones = zones;
	world_peers = peers;
	for (i = 0; i < 6; i++)
		world_add(c, zones[i].domain, 300, NULL);
	world_run(20 * SEC);
	assert_int_equal(world_count(STORE_BOUNCED), 1800);
	assert_int_equal(world_lines_of("bounced"), 1800);
	assert_int_equal(world_queued(), 0);
	assert_int_equal(world_nsent, 0);
	for (i = 0; i < world_noutcomes; i++)
		if (world_outcomes[i].out == STORE_BOUNCED)
			assert_int_equal(world_outcomes[i].reason, 0);
	assert_int_equal(world_nreports, 1800);
	for (i = 0; i < 6; i++) {
		size_t n = 0;

		for (k = 0; k < world_nreports; k++)
			n += strcmp(world_reports[k].status, status[i]) == 0;
		if (n < 300)
			fail_msg("%s: %zu reports of %s", zones[i].domain, n,
			    status[i]);
	}
	/* told of later: still known, without another look-up */
	k = world_mx_lookups;
	world_add(c, "null.example", 10, NULL);
	world_run(5 * SEC);
	assert_int_equal(world_count(STORE_BOUNCED), 1810);
	assert_int_equal(world_mx_lookups, k);
	/* until an operator has it looked up again */
	world_zones = NULL;
	deliver_flush(world_d, "null.example");
	world_add(c, "null.example", 10, NULL);
	world_run(5 * SEC);
	assert_int_equal(world_nsent, 10);
}

static void
no_answer_holds_the_lane(void **st)
{
	static struct world_zone zones[] = { { .domain = "x.example",
						 .status = DNS_SERVFAIL },
		{ .domain = NULL } };
	struct store_campaign *c = bulk();
	struct store_record *r;

	(void)st;
	zones[0].status = DNS_SERVFAIL;
	world_zones = zones;
	r = world_record();
	r->expires_s = (uint32_t)(WORLD_T0 / 1000) + 100;
	world_add(c, "x.example", 10, r);
	world_add(c, "x.example", 10, NULL);
	world_run(50 * SEC);
	assert_int_equal(world_noutcomes, 0);
	assert_int_equal(world_mx_lookups, 1);
	assert_string_equal(world_site("x.example")->state, "held");
	world_run(80 * SEC);
	assert_int_equal(world_mx_lookups, 2);
	/* those past their age are given up, with a report */
	assert_int_equal(world_count(STORE_EXPIRED), 10);
	assert_int_equal(world_lines_of("expired"), 10);
	assert_int_equal(world_nreports, 10);
	assert_string_equal(world_reports[0].status, "4.4.7");
	zones[0].status = DNS_OK;
	assert_int_equal(deliver_flush(world_d, "x.example"), 1);
	world_run(1 * SEC);
	assert_int_equal(world_nsent, 10);
}

static void
literals_and_backups(void **st)
{
	static const struct world_zone zones[] = { { .domain = "m.example",
						       .mx = "10 own.example,20 us.example,30 c.example" },
		{ .domain = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	world_zones = zones;
	world_add(c, "[192.0.2.1]", 2, NULL);
	world_add(c, "m.example", 2, NULL);
	world_run(1 * SEC);
	assert_int_equal(world_nsent, 4);
	assert_non_null(world_site("[192.0.2.1]"));
	assert_non_null(world_site("own.example"));
}

/* Ten thousand domains that time out, in DNS or in connecting, are there
 * first; a living one must not notice. */
static void
dead_domains_do_not_slow_the_living(void **st)
{
	static const struct world_zone zones[] = { { .domain = ".mute.example",
						       .status = DNS_TIMEOUT },
		{ .domain = NULL } };
	static struct world_peer peers[] = { { .mx = ".deaf.example",
						 .kind = PEER_SILENT },
		{ .mx = ".shut.example", .kind = PEER_REFUSED,
		    .connect_ms = 1 },
		{ .mx = NULL } };
	static const char *const below[] = { "mute", "deaf", "shut", "shut" };
	struct store_campaign *c = bulk();
	clock_t cpu = clock();
	unsigned k;

	(void)st;
	world_zones = zones;
	world_peers = peers;
	policy()->retry_ms[0] = 10 * MIN;
	world_conf.dns.max_queries = 5000;
	world_add(c, "live.example", 1, NULL);
	world_run(1 * SEC);
	for (k = 0; k < 10000; k++) {
		char domain[60];

		snprintf(domain, sizeof(domain), "d%u.%s.example", k,
		    below[k % 4]);
		world_add(c, domain, 3, NULL);
	}
	world_run(1 * SEC);
	world_add(c, "live.example", 4000, NULL);
	world_run(5 * SEC);
	assert_int_equal(world_sent_to("@live.example"), 4001);
	assert_true(world_open_most <= 1000);
	/* a domain never seen before finds its place too */
	world_run(3 * MIN);
	world_add(c, "new.example", 10, NULL);
	world_run(5 * SEC);
	assert_int_equal(world_sent_to("@new.example"), 10);
	world_run(6 * MIN);
	print_message("# %u ms of CPU for 10,000 dead domains\n",
	    (unsigned)((clock() - cpu) * 1000 / CLOCKS_PER_SEC));
	/* nobody burnt more than one attempt a domain and failure */
	assert_true(world_count(STORE_DEFERRED) <= 10000 * 2);
	assert_int_equal(world_queued() + world_deferred() + world_leased(),
	    30000);
}

/* --- campaigns --------------------------------------------------------------------- */

static void
pause_and_resume(void **st)
{
	struct store_campaign *a = bulk();
	struct store_campaign *b = world_campaign("t2", "c2", STORE_BULK);
	size_t at;

	(void)st;
	world_add(a, "x.example", 2000, NULL);
	world_add(b, "x.example", 2000, NULL);
	world_run(1 * SEC);
	world_set(a, STORE_PAUSED);
	at = world_sent_of(a);
	assert_true(world_count(STORE_RELEASED) > 0);
	world_run(3 * SEC);
	/* only what sessions had in hand went out */
	assert_in_range(world_sent_of(a), at, at + 10);
	assert_int_equal(world_sent_of(b), 2000);
	assert_int_equal(world_leased(), 0);
	world_set(a, STORE_ACTIVE);
	world_run(3 * SEC);
	assert_int_equal(world_sent_of(a), 2000);
}

static void
cancel(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example",
						 .connect_ms = 1,
						 .reply_ms = 100 },
		{ .mx = NULL } };
	struct store_campaign *a = bulk();
	size_t sent, dropped;

	(void)st;
	peers[0].kind = PEER_OK;
	world_peers = peers;
	world_add(a, "x.example", 2000, NULL);
	world_run(1 * SEC);
	sent = world_nsent;
	peers[0].kind = PEER_RCPT_450; /* a deferral would outlive it */
	world_set(a, STORE_CANCELLED);
	dropped = world_lines_of("cancelled");
	assert_true(dropped > 0);
	assert_int_equal(dropped, world_count(STORE_CANCELLED_));
	world_run(5 * SEC);
	assert_int_equal(world_nsent, sent);
	assert_int_equal(world_count(STORE_DEFERRED), 0);
	assert_int_equal(world_lines_of("cancelled"),
	    world_count(STORE_CANCELLED_));
	assert_int_equal(world_leased(), 0);
}

static void
dropped_records_are_told(void **st)
{
	struct store_campaign *a = bulk();
	struct store_record *r = world_record();

	(void)st;
	r->rcpt = VIEW("gone@x.example");
	r->id = 77;
	deliver_on_dropped(world_d, a->id, "x.example", view_of(r, sizeof(*r)),
	    'c');
	assert_int_equal(world_lines_of("cancelled"), 1);
	assert_int_equal(world_lines[0].id, 77);
	assert_int_equal(world_noutcomes, 0);
}

/* --- reports ------------------------------------------------------------------------- */

static void
bounces(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example",
						 .kind = PEER_RCPT_550 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();
	struct store_campaign *quiet = world_campaign("t2", "c2", STORE_BULK);
	struct store_record *r;
	size_t i;

	(void)st;
	world_peers = peers;
	world_tenants[1].bounces = CONF_BOUNCES_NONE;
	deliver_reload(world_d, &world_conf, NULL);
	world_add(c, "x.example", 1, NULL);
	world_run(1 * SEC);
	assert_int_equal(world_nreports, 1);
	assert_string_equal(world_reports[0].sender, "news@sender.example");
	assert_int_equal(world_reports[0].action, MAIL_REPORT_FAILED);
	/* durable before the record is settled */
	assert_int_equal(world_reports[0].settled_before, 0);
	assert_int_equal(world_count(STORE_BOUNCED), 1);
	assert_int_equal(world_outcomes[0].reason, 'h');
	world_add(quiet, "x.example", 5, NULL);
	r = world_record();
	r->sender = VIEW("");
	world_add(c, "x.example", 5, r);
	r = world_record();
	r->report = true;
	world_add(c, "x.example", 5, r);
	r = world_record();
	r->notify = STORE_NOTIFY_NEVER;
	world_add(c, "x.example", 5, r);
	world_run(5 * SEC);
	assert_int_equal(world_count(STORE_BOUNCED), 21);
	assert_int_equal(world_nreports, 1);
	for (i = 0; i < world_noutcomes; i++)
		assert_int_equal(world_outcomes[i].reason, 'h');
}

static void
bounces_wait_for_the_queue(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example",
						 .kind = PEER_RCPT_550 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	world_peers = peers;
	world_submit_fails = true;
	world_add(c, "x.example", 50, NULL);
	world_run(20 * SEC);
	assert_int_equal(world_count(STORE_BOUNCED), 0);
	assert_int_equal(world_leased(), 50);
	world_submit_fails = false;
	world_content_fails = true;
	world_run(20 * SEC);
	assert_int_equal(world_count(STORE_BOUNCED), 0);
	world_content_fails = false;
	world_run(20 * SEC);
	assert_int_equal(world_count(STORE_BOUNCED), 50);
	assert_int_equal(world_nreports, 50);
}

static void
relayed_reports(void **st)
{
	static struct world_peer peers[] = { { .mx = "old.example",
						 .no_dsn = true },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();
	struct store_record *r = world_record();

	(void)st;
	world_peers = peers;
	r->notify = STORE_NOTIFY_SUCCESS;
	world_add(c, "old.example", 1, r);
	world_add(c, "new.example", 1, r);
	world_run(1 * SEC);
	assert_int_equal(world_count(STORE_SENT), 2);
	assert_int_equal(world_nreports, 1);
	assert_int_equal(world_reports[0].action, MAIL_REPORT_RELAYED);
}

static void
delay_reports(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example",
						 .kind = PEER_RCPT_450 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();
	struct store_record *r = world_record();

	(void)st;
	world_peers = peers;
	r->notify = STORE_NOTIFY_DELAY;
	world_add(c, "x.example", 1, r);
	world_add(c, "x.example", 1, NULL);
	world_run(12 * HOUR);
	assert_int_equal(world_nreports, 1);
	assert_int_equal(world_reports[0].action, MAIL_REPORT_DELAYED);
	assert_in_range(world_reports[0].at_ms, WORLD_T0 + 3 * HOUR,
	    WORLD_T0 + 5 * HOUR);
}

static void
given_up_by_age(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example",
						 .kind = PEER_RCPT_450 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();
	struct store_record *r = world_record();

	(void)st;
	world_peers = peers;
	r->expires_s = (uint32_t)(WORLD_T0 / 1000) + 3600;
	world_add(c, "x.example", 5, r);
	world_run(59 * MIN);
	assert_int_equal(world_count(STORE_EXPIRED), 0);
	world_run(1 * MIN);
	assert_int_equal(world_count(STORE_EXPIRED), 5);
	assert_int_equal(world_nreports, 5);
	/* and says what the peer answered last */
	assert_string_equal(world_lines[world_nlines - 1].text, "greylisted");
	assert_string_equal(world_lines[world_nlines - 1].event, "expired");
}

/* --- ends and interruptions ------------------------------------------------------------ */

static bool drained;

static void
on_drained(void *arg)
{
	(void)arg;
	drained = true;
}

static void
drain(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example",
						 .connect_ms = 1,
						 .reply_ms = 2000 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	drained = false;
	world_peers = peers;
	world_add(c, "x.example", 1000, NULL);
	world_run(1 * SEC);
	assert_true(world_leased() > 10);
	deliver_drain(world_d, 10 * SEC, on_drained, NULL);
	assert_int_equal(world_leased(), 10); /* in the sessions' hands */
	assert_false(drained);
	world_add(c, "y.example", 10, NULL);
	world_run(5 * SEC);
	assert_true(drained);
	assert_int_equal(world_nsent, 10);
	assert_int_equal(world_leased(), 0);
	assert_int_equal(world_queued(), 1000);
	assert_int_equal(world_open, 0);
	deliver_undrain(world_d);
	peers[0].reply_ms = 10;
	world_run(10 * SEC);
	assert_int_equal(world_nsent, 1010);
}

static void
drain_cuts(void **st)
{
	static struct world_peer peers[] = { { .mx = "x.example",
						 .connect_ms = 1,
						 .reply_ms = 600000 },
		{ .mx = "d.example", .kind = PEER_RCPT_550 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	drained = false;
	world_peers = peers;
	world_submit_fails = true;
	world_add(c, "x.example", 100, NULL);
	world_add(c, "d.example", 10, NULL);
	world_run(1 * SEC);
	deliver_drain(world_d, 3 * SEC, on_drained, NULL);
	world_run(2 * SEC);
	assert_false(drained);
	world_run(2 * SEC);
	assert_true(drained);
	assert_int_equal(world_leased(), 0);
	assert_int_equal(world_queued(), 110);
}

static void
queue_away(void **st)
{
	struct store_campaign *c = bulk();
	size_t at;

	(void)st;
	world_add(c, "x.example", 3000, NULL);
	world_run(1 * SEC);
	deliver_on_down(world_d);
	at = world_nsent;
	world_run(5 * SEC);
	assert_in_range(world_nsent, at, at + 10);
	assert_int_equal(world_leased(), 0);
	deliver_on_up(world_d);
	world_run(5 * SEC);
	assert_int_equal(world_nsent, 3000);
}

static void
shard_lost(void **st)
{
	struct store_campaign *c = bulk();
	size_t settled, at;

	(void)st;
	world_add(c, "x.example", 3000, NULL);
	world_run(1 * SEC);
	at = world_nsent;
	settled = world_noutcomes;
	deliver_on_shard_lost(world_d, 0);
	/* what had not begun is not settled */
	assert_int_equal(world_noutcomes, settled);
	world_run(3 * SEC);
	assert_in_range(world_nsent, at, at + 10);
	assert_int_equal(world_noutcomes - settled, world_nsent - at);
	/* ours again */
	deliver_on_lane(world_d, 0, c->id, "x.example");
	world_run(10 * SEC);
	assert_true(world_nsent > 2500);
}

static void
many_shards(void **st)
{
	struct store_campaign *a = bulk();
	struct store_campaign *b = world_campaign("t2", "c2", STORE_BULK);
	size_t n;

	(void)st;
	world_add(a, "x.example", 8000, NULL);
	world_add(b, "x.example", 8000, NULL);
	world_run(2 * SEC);
	n = world_nsent;
	assert_true(n > 1800);
	assert_in_range(world_sent_of(a), n * 45 / 100, n * 55 / 100);
	/* a shard past our lease of it starts nothing; the others go on */
	world_foreign = 2;
	world_run(100);
	world_nsent = 0;
	world_run(5 * SEC);
	for (n = 0; n < world_nsent; n++)
		assert_int_not_equal(strtoul(world_sent[n].rcpt + 4, NULL, 10) %
			4, 1);
	assert_true(world_nsent > 1000);
	world_foreign = 0;
	deliver_on_shard_lost(world_d, 1);
	world_run(20 * SEC);
	assert_int_equal(world_leased(), 0);
	assert_in_range(world_queued(), 1500, 4000);
	deliver_on_lane(world_d, 1, a->id, "x.example");
	deliver_on_lane(world_d, 1, b->id, "x.example");
	world_run(20 * SEC);
	assert_int_equal(world_queued(), 0);
	assert_int_equal(world_count(STORE_SENT), 16000);
}

/* Neither is asked again and again without a pause. */
static void
queue_fails_or_refuses(void **st)
{
	struct store_campaign *c = bulk();

	(void)st;
	world_queue_fails = true;
	world_add(c, "x.example", 100, NULL);
	world_add(c, "y.example", 100, NULL);
	world_run(10 * SEC);
	assert_in_range(world_lease_calls, 2, 40);
	world_queue_fails = false;
	world_refuses = true;
	world_run(60 * SEC);
	assert_in_range(world_lease_calls, 4, 80);
	world_refuses = false;
	world_run(30 * SEC);
	assert_int_equal(world_nsent, 200);
}

/* Freed in the middle of everything: the tear-down looks for remains. */
static void
freed_under_way(void **st)
{
	static const struct world_zone zones[] = { { .domain = "mute.example",
						       .status = DNS_TIMEOUT },
		{ .domain = "held.example", .status = DNS_SERVFAIL },
		{ .domain = NULL } };
	static struct world_peer peers[] = { { .mx = "x.example",
						 .connect_ms = 5,
						 .reply_ms = 50 },
		{ .mx = "deaf.example", .kind = PEER_SILENT },
		{ .mx = "d.example", .kind = PEER_RCPT_550 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();

	(void)st;
	world_zones = zones;
	world_peers = peers;
	world_submit_fails = true;
	world_add(c, "x.example", 1000, NULL);
	world_add(c, "d.example", 100, NULL);
	world_add(c, "deaf.example", 100, NULL);
	world_add(c, "mute.example", 100, NULL);
	world_add(c, "held.example", 100, NULL);
	world_run(1020);
	assert_true(world_leased() > 100);
	world_add(c, "y.example", 100, NULL);
	world_run(2);
}

static void
reload(void **st)
{
	static char *domains[] = { NULL };
	static char special[] = "x.example";
	struct store_campaign *c = bulk();

	(void)st;
	domains[0] = special;
	world_add(c, "x.example", 20000, NULL);
	world_run(1 * SEC);
	assert_int_equal(world_open, 10);
	world_sites[0] = *policy();
	world_sites[0].name = S("special");
	world_sites[0].domains = (struct conf_strs){ domains, 1 };
	world_sites[0].connections = 2;
	world_conf.nsite = 1;
	deliver_reload(world_d, &world_conf, NULL);
	world_run(2 * SEC);
	assert_int_equal(world_open, 2);
	assert_true(world_site("special")->lanes > 0);
	assert_int_equal(world_site("mx.x.example")->lanes, 0);
	world_run(200 * SEC);
	assert_int_equal(world_nsent, 20000);
}

/* CPU of this layer with its stand-ins; printed, and far from a bad day. */
static void
costs_little(void **st)
{
	static struct world_peer peers[] = { { .mx = "example",
						 .connect_ms = 1,
						 .reply_ms = 5 },
		{ .mx = NULL } };
	struct store_campaign *c = bulk();
	unsigned k, n = 100000;
	clock_t cpu;
	double us;

	(void)st;
	world_peers = peers;
	policy()->connections = 20;
	for (k = 0; k < 20; k++) {
		char domain[60];

		snprintf(domain, sizeof(domain), "p%u.example", k);
		world_add(c, domain, n / 20, NULL);
	}
	cpu = clock();
	world_run(60 * SEC);
	us = (double)(clock() - cpu) * 1e6 / CLOCKS_PER_SEC / n;
	assert_int_equal(world_nsent, n);
	print_message("# %.2f us of CPU a message\n", us);
	assert_true(us < 50);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_start, world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_domain_as_fast_as_many),
		T(tenants_take_turns),
		T(campaigns_of_a_tenant_take_turns),
		T(domains_of_a_campaign_take_turns),
		T(transactional_first),
		T(one_transaction_for_one_content),
		T(rate_to_the_message),
		T(rate_windows),
		T(connection_limits),
		T(busy_routes_yield),
		T(session_limit_of_all),
		T(connects_at_their_rate),
		T(sources_by_weight_and_limit),
		T(down_and_up_again),
		T(flush_by_domain),
		T(greeting_of_5xx_is_temporary),
		T(one_route_down_the_provider_lives),
		T(full_is_not_down),
		T(refusing_at_mail_is_held),
		T(greylisting_is_no_failure),
		T(unasked_items_do_not_spin),
		T(damaged_is_parked),
		T(never_deliverable),
		T(no_answer_holds_the_lane),
		T(literals_and_backups),
		T(dead_domains_do_not_slow_the_living),
		T(pause_and_resume),
		T(cancel),
		T(dropped_records_are_told),
		T(bounces),
		T(bounces_wait_for_the_queue),
		T(relayed_reports),
		T(delay_reports),
		T(given_up_by_age),
		T(drain),
		T(drain_cuts),
		T(queue_away),
		T(shard_lost),
		cmocka_unit_test_setup_teardown(many_shards,
		    world_start_sharded, world_end),
		T(queue_fails_or_refuses),
		T(freed_under_way),
		T(reload),
		T(costs_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
