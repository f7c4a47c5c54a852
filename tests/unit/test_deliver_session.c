#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/view.h"
#include "deliver/session.h"
#include "store/store.h"
#include "tests/unit/session_world.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define BDAT "250-mx.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
#define TLS  "250-mx.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n"

struct want {
	int kind;
	enum mail_stage stage;
	int code;
	const char *text; /* part of it */
};

/* clang-format off */
static const struct row {
	const char *name;
	struct world_peer peer;
	struct world_job jobs[4];
	struct want want[4];
	const char *mx;          /* NULL: "mx" */
	unsigned connections, transactions;
	bool failed, loops;
	struct want last;
	enum deliver_content_status status, status_7bit;
	unsigned per_connection; /* messages; 0: many */
	const char *lines;       /* what the peer heard, when given */
	bool fenced, lose_shard;
	const char *hostname;
} rows[] = {
	{ "one by DATA", { 0 }, { { "a@x" } }, { { DELIVER_SENT, MAIL_STAGE_END, 250, "queued" } },
	    .connections = 1, .transactions = 1, .lines = "EHLO me.example\nMAIL FROM:<me@y.example>\nRCPT TO:<a@x>\nDATA\nQUIT\n" },
	{ "one by BDAT", { .ehlo = BDAT }, { { "a@x" } }, { { DELIVER_SENT, MAIL_STAGE_END, 250, "queued" } },
	    .connections = 1, .transactions = 1, .lines = "EHLO me.example\nMAIL FROM:<me@y.example>\nRCPT TO:<a@x>\nBDAT 26 LAST\nQUIT\n" },
	{ "lock step", { .ehlo = "250 mx.example\r\n" }, { { "a@x" } }, { { DELIVER_SENT, MAIL_STAGE_END, 250 } }, .connections = 1, .transactions = 1 },
	{ "three on one connection", { .ehlo = BDAT }, { { "a@x" }, { "b@x" }, { "c@x" } },
	    { { DELIVER_SENT, MAIL_STAGE_END, 250 }, { DELIVER_SENT, MAIL_STAGE_END, 250 }, { DELIVER_SENT, MAIL_STAGE_END, 250 } }, .connections = 1, .transactions = 3 },
	{ "two recipients in one transaction", { .rcpt_of = "b@x 550 5.1.1 no\r\n" }, { { "a@x" }, { "b@x", .together = true } },
	    { { DELIVER_SENT, MAIL_STAGE_END, 250 }, { DELIVER_PERMANENT, MAIL_STAGE_RCPT, 550, "no" } }, .connections = 1, .transactions = 1,
	    .lines = "EHLO me.example\nMAIL FROM:<me@y.example>\nRCPT TO:<a@x>\nRCPT TO:<b@x>\nDATA\nQUIT\n" },
	{ "messages_per_connection", { 0 }, { { "a@x" }, { "b@x" }, { "c@x" } },
	    { { DELIVER_SENT, MAIL_STAGE_END, 250 }, { DELIVER_SENT, MAIL_STAGE_END, 250 }, { DELIVER_UNTRIED } }, .connections = 1, .transactions = 2, .per_connection = 2,
	    .lines = "EHLO me.example\nMAIL FROM:<me@y.example>\nRCPT TO:<a@x>\nDATA\nMAIL FROM:<me@y.example>\nRCPT TO:<b@x>\nDATA\nQUIT\n" },
	/* addresses */
	{ "next address", { 0 }, { { "a@x" } }, { { DELIVER_SENT, MAIL_STAGE_END, 250 } }, .mx = "two", .connections = 1, .transactions = 1 },
	{ "next host", { 0 }, { { "a@x" } }, { { DELIVER_SENT, MAIL_STAGE_END, 250 } }, .mx = "dead none fails mx", .connections = 1, .transactions = 1 },
	{ "next host after a refused greeting", { .greeting = "554 no\r\n", .second = "220 yes\r\n" }, { { "a@x" } }, { { DELIVER_SENT, MAIL_STAGE_END, 250 } }, .mx = "mx mx2", .connections = 2, .transactions = 1 },
	{ "next host after a silent greeting", { .greeting = "silent", .second = "220 yes\r\n" }, { { "a@x" } }, { { DELIVER_SENT, MAIL_STAGE_END, 250 } }, .mx = "mx mx2", .connections = 2, .transactions = 1 },
	{ "next host after EHLO failed", { .ehlo = "421 later\r\n" }, { { "a@x" } }, { { DELIVER_UNTRIED } }, .mx = "mx mx2", .connections = 2, .failed = true, .last = { DELIVER_TEMPORARY, MAIL_STAGE_HELO, 421 } },
	{ "nobody listens", { 0 }, { { NULL } }, { { 0 } }, .mx = "dead", .failed = true, .last = { DELIVER_TEMPORARY, MAIL_STAGE_CONNECT, 450, "refused" } },
	{ "greeting 554", { .greeting = "554 5.7.1 listed\r\n" }, { { "a@x" } }, { { -1 } }, .connections = 1, .failed = true, .last = { DELIVER_PERMANENT, MAIL_STAGE_GREETING, 554, "listed" } },
	{ "no such host", { 0 }, { { NULL } }, { { 0 } }, .mx = "none none", .failed = true, .last = { DELIVER_PERMANENT, MAIL_STAGE_DNS, 550, "no such name" } },
	{ "a host's name fails", { 0 }, { { NULL } }, { { 0 } }, .mx = "fails none", .failed = true, .last = { DELIVER_TEMPORARY, MAIL_STAGE_DNS, 450, "server failure" } },
	{ "refused, and a name without address", { 0 }, { { NULL } }, { { 0 } }, .mx = "dead none", .failed = true, .last = { DELIVER_TEMPORARY, MAIL_STAGE_CONNECT, 450 } },
	{ "an address literal", { 0 }, { { "a@x" } }, { { DELIVER_SENT, MAIL_STAGE_END, 250 } }, .mx = "[127.0.0.1]", .connections = 1, .transactions = 1 },
	{ "a bad literal", { 0 }, { { NULL } }, { { 0 } }, .mx = "[300.0.0.1]", .failed = true, .last = { DELIVER_PERMANENT, MAIL_STAGE_DNS, 550 } },
	/* loops */
	{ "our own name in the greeting", { .greeting = "220 Me.Example hi\r\n" }, { { "a@x" } }, { { -1 } }, .mx = "mx mx2", .connections = 1, .failed = true, .loops = true, .last = { DELIVER_PERMANENT, MAIL_STAGE_GREETING, 550, "loops" } },
	{ "our own name after EHLO", { .ehlo = "250 me.example\r\n" }, { { "a@x" } }, { { DELIVER_UNTRIED } }, .connections = 1, .failed = true, .loops = true, .last = { DELIVER_PERMANENT, MAIL_STAGE_GREETING, 550 } },
	/* what the peer does not offer */
	{ "larger than SIZE", { .ehlo = "250-x\r\n250 SIZE 25\r\n" }, { { "a@x" }, { "b@x", .together = true } }, { { DELIVER_PERMANENT, MAIL_STAGE_LOCAL, 552 }, { DELIVER_PERMANENT, MAIL_STAGE_LOCAL, 552 } }, .connections = 1, .lines = "EHLO me.example\nQUIT\n" },
	{ "just SIZE", { .ehlo = "250-x\r\n250 SIZE 26\r\n" }, { { "a@x" } }, { { DELIVER_SENT, MAIL_STAGE_END, 250 } }, .connections = 1, .transactions = 1, .lines = "EHLO me.example\nMAIL FROM:<me@y.example> SIZE=26\nRCPT TO:<a@x>\nDATA\nQUIT\n" },
	{ "8-bit to 8BITMIME", { .ehlo = "250-x\r\n250 8BITMIME\r\n" }, { { "a@x", .eightbit = true } }, { { DELIVER_SENT, MAIL_STAGE_END, 250 } }, .connections = 1, .transactions = 1, .lines = "EHLO me.example\nMAIL FROM:<me@y.example> BODY=8BITMIME\nRCPT TO:<a@x>\nDATA\nQUIT\n" },
	{ "8-bit to one without", { .ehlo = BDAT }, { { "a@x", .eightbit = true } }, { { DELIVER_SENT, MAIL_STAGE_END, 250 } }, .connections = 1, .transactions = 1, .lines = "EHLO me.example\nMAIL FROM:<me@y.example>\nRCPT TO:<a@x>\nBDAT 34 LAST\nQUIT\n" },
	{ "8-bit that can't be encoded", { 0 }, { { "a@x", .eightbit = true }, { "b@x" } }, { { DELIVER_PERMANENT, MAIL_STAGE_LOCAL, 554, "because" }, { DELIVER_SENT, MAIL_STAGE_END, 250 } }, .status_7bit = DELIVER_CONTENT_NOT_7BIT, .connections = 1, .transactions = 1 },
	{ "needs SMTPUTF8", { 0 }, { { "a@x", .smtputf8 = true } }, { { DELIVER_PERMANENT, MAIL_STAGE_LOCAL, 553 } }, .connections = 1 },
	{ "gets SMTPUTF8", { .ehlo = "250-x\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n" }, { { "a@x", .smtputf8 = true }, { "b@x" } }, { { DELIVER_SENT, MAIL_STAGE_END, 250 }, { DELIVER_SENT, MAIL_STAGE_END, 250 } }, .connections = 1, .transactions = 2,
	    .lines = "EHLO me.example\nMAIL FROM:<me@y.example> SMTPUTF8\nRCPT TO:<a@x>\nDATA\nMAIL FROM:<me@y.example>\nRCPT TO:<b@x>\nDATA\nQUIT\n" },
	/* contents */
	{ "damaged", { 0 }, { { "a@x" } }, { { DELIVER_UNREBUILT, MAIL_STAGE_LOCAL, 550, "because" } }, .status = DELIVER_CONTENT_DAMAGED, .connections = 1 },
	{ "queue away", { 0 }, { { "a@x" } }, { { DELIVER_UNTRIED } }, .status = DELIVER_CONTENT_LATER, .connections = 1 },
	{ "unsigned", { 0 }, { { "a@x" } }, { { DELIVER_TEMPORARY, MAIL_STAGE_LOCAL, 450 } }, .status = DELIVER_CONTENT_UNSIGNED, .connections = 1 },
	/* the peer ends it */
	{ "421 to MAIL", { .mail = "421 4.7.0 rate\r\n" }, { { "a@x" }, { "b@x" } }, { { DELIVER_TEMPORARY, MAIL_STAGE_MAIL, 421, "rate" }, { DELIVER_UNTRIED } }, .connections = 1, .transactions = 1, .failed = true, .last = { DELIVER_TEMPORARY, MAIL_STAGE_MAIL, 421 } },
	{ "closed while idle", { .close_after = 1 }, { { "a@x" }, { "b@x" } }, { { DELIVER_SENT, MAIL_STAGE_END, 250 }, { DELIVER_UNTRIED } }, .connections = 1, .transactions = 2, .failed = true, .last = { DELIVER_TEMPORARY, MAIL_STAGE_MAIL, 450 } },
	{ "closed after the dot", { .end = "close" }, { { "a@x" } }, { { DELIVER_TEMPORARY, MAIL_STAGE_END, 450 } }, .connections = 1, .transactions = 1, .failed = true, .last = { DELIVER_TEMPORARY, MAIL_STAGE_END, 450 } },
	{ "silent after the dot", { .end = "silent" }, { { "a@x" } }, { { DELIVER_TEMPORARY, MAIL_STAGE_END, 450, "time ran out" } }, .connections = 1, .transactions = 1, .failed = true, .last = { DELIVER_TEMPORARY, MAIL_STAGE_END, 450 } },
	{ "content refused, next one goes", { .end = "554 5.7.1 spam\r\n" }, { { "a@x" }, { "b@x" } }, { { DELIVER_PERMANENT, MAIL_STAGE_END, 554, "spam" }, { DELIVER_PERMANENT, MAIL_STAGE_END, 554 } }, .connections = 1, .transactions = 2 },
	{ "DATA refused, RSET before the next", { .data = "451 4.3.0 no\r\n" }, { { "a@x" }, { "b@x" } }, { { DELIVER_TEMPORARY, MAIL_STAGE_DATA, 451 }, { DELIVER_TEMPORARY, MAIL_STAGE_DATA, 451 } }, .connections = 1, .transactions = 2,
	    .lines = "EHLO me.example\nMAIL FROM:<me@y.example>\nRCPT TO:<a@x>\nDATA\nRSET\nMAIL FROM:<me@y.example>\nRCPT TO:<b@x>\nDATA\nQUIT\n" },
	/* ownership */
	{ "not our shard: nothing begins", { 0 }, { { "a@x" } }, { { DELIVER_UNTRIED } }, .connections = 1, .fenced = true, .lines = "EHLO me.example\nQUIT\n" },
};

/* clang-format on */

static void
is_like(const char *name, const struct deliver_result *r, const struct want *w)
{
	if ((int)r->kind != w->kind)
		fail_msg(
		    "%s: kind %d: %d %s", name, (int)r->kind, r->code, r->text);
	if (w->kind == DELIVER_UNTRIED)
		return;
	if (r->stage != w->stage || r->code != w->code)
		fail_msg("%s: stage %d code %d %s", name, (int)r->stage,
		    r->code, r->text);
	if (w->text && strstr(r->text, w->text) == NULL)
		fail_msg("%s: text %s", name, r->text);
}

static void
run_row(const struct row *w)
{
	size_t i;

	world_open();
	world.peer = &w->peer;
	world.status = w->status;
	world.status_7bit = w->status_7bit;
	world.owned = !w->fenced;
	if (w->per_connection)
		world.conf.site_default.messages_per_connection =
		    w->per_connection;
	world_jobs(w->jobs, N(w->jobs));
	world_session(w->mx ? w->mx : "mx", NULL);
	world_run(true);
	for (i = 0; i < world.njobs; i++) {
		if (i >= world.taken || w->want[i].kind == -1)
			continue;
		if (world.answers[i] != 1)
			fail_msg("%s: %u answers to job %zu", w->name,
			    world.answers[i], i);
		is_like(w->name, &world.result[i], &w->want[i]);
	}
	if (world.done != world.taken)
		fail_msg("%s: %zu of %zu jobs answered", w->name, world.done,
		    world.taken);
	if (world.connections != w->connections ||
	    world.end.transactions != w->transactions)
		fail_msg("%s: %u connections, %u transactions", w->name,
		    world.connections, world.end.transactions);
	if (world.end.failed != w->failed || world.end.loops != w->loops)
		fail_msg("%s: failed %d loops %d: %s", w->name,
		    world.end.failed, world.end.loops, world.end.last.text);
	if (w->failed)
		is_like(w->name, &world.end.last, &w->last);
	if (w->lines && strcmp(buf_str(&world.lines), w->lines) != 0)
		fail_msg(
		    "%s: the peer heard: %s", w->name, buf_str(&world.lines));
	world_close();
}

static void
dialogues(void **st)
{
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++)
		run_row(&rows[i]);
}

static void
begin(const struct world_peer *p, size_t njobs)
{
	static const struct world_job jobs[] = {{"a@x"}, {"b@x"}, {"c@x"},
	    {"d@x"}, {"e@x"}, {"f@x"}, {"g@x"}, {"h@x"}};

	world_open();
	world.peer = p;
	world_jobs(jobs, njobs);
}

static void
result_is_complete(void **st)
{
	static const struct world_peer peer = {
	    .ehlo = "250-x\r\n250-PIPELINING\r\n250 DSN\r\n"};
	static const struct conf_source source = {.name = (char *)"s1",
	    .ipv4 = (char *)"127.0.0.9",
	    .helo = (char *)"s1.example"};
	const struct deliver_result *r = &world.result[0];

	(void)st;
	begin(&peer, 1);
	world.job[0].lease->record.notify = STORE_NOTIFY_SUCCESS;
	world.job[0].lease->record.ret = STORE_RET_HDRS;
	world.job[0].lease->record.envid = VIEW("e1");
	world.job[0].lease->record.orcpt = VIEW("rfc822;a@x");
	world_session("mx", &source);
	world_run(true);
	assert_string_equal(buf_str(&world.lines),
	    "EHLO s1.example\nMAIL FROM:<me@y.example> RET=HDRS ENVID=e1\n"
	    "RCPT TO:<a@x> NOTIFY=SUCCESS ORCPT=rfc822;a@x\nDATA\nQUIT\n");
	assert_int_equal(r->kind, DELIVER_SENT);
	assert_string_equal(r->mx, "mx");
	assert_string_equal(r->address, "127.0.0.1");
	assert_string_equal(r->source, "s1");
	assert_string_equal(r->tls, "");
	assert_true(r->dsn_passed);
	assert_int_equal(r->bytes, world.bytes_n);
	assert_int_equal(r->enhanced[0], 2);
	assert_true(r->started_ms > 0 && r->ended_ms >= r->started_ms);
	/* dots were doubled */
	assert_string_equal(
	    buf_str(&world.content), "Subject: x\r\n\r\n..dot\r\nbody\r\n");
	world_close();
}

static void
source_without_the_family(void **st)
{
	static const struct world_peer peer = {0};
	static const struct conf_source source = {
	    .name = (char *)"s6", .ipv6 = (char *)"::1"};

	(void)st;
	begin(&peer, 1);
	world_session("mx", &source);
	world_run(true);
	assert_true(world.end.failed && !world.end.connected);
	assert_int_equal(world.end.last.kind, DELIVER_TEMPORARY);
	assert_int_equal(world.connections, 0);
	world_close();
}

static void
own_listener(void **st)
{
	static const struct world_peer peer = {0};
	static const char *const at[] = {"127.0.0.1", "0.0.0.0"};
	struct conf_listen l = {0};
	char text[64];
	size_t i;

	(void)st;
	for (i = 0; i < N(at); i++) {
		begin(&peer, 1);
		snprintf(text, sizeof(text), "%s:%u", at[i], world.port);
		l.address = text;
		world.conf.listen = &l;
		world.conf.nlisten = 1;
		world_session("mx", NULL);
		world_run(true);
		assert_true(world.end.loops);
		assert_int_equal(world.connections, 0);
		world_close();
	}
}

static void
idle_wakes(void **st)
{
	static const struct world_peer peer = {.ehlo = BDAT};
	struct deliver_session_info info;

	(void)st;
	begin(&peer, 3);
	world.conf.site_default.idle_timeout_ms = 100000;
	world.njobs = 1;
	world_session("mx", NULL);
	world_run(false);
	world.njobs = 3;
	assert_non_null(world.session);
	assert_true(deliver_session_idle(world.session));
	deliver_session_info(world.session, &info);
	assert_string_equal(info.state, "idle");
	deliver_session_wake(world.session);
	world_run(false);
	assert_int_equal(world.done, 3);
	assert_int_equal(world.connections, 1);
	deliver_session_stop(world.session, false);
	world_run(true);
	assert_false(world.end.failed);
	assert_non_null(strstr(buf_str(&world.lines), "QUIT"));
	world_close();
}

static void
stop_now(void)
{
	if (world.session)
		deliver_session_stop(world.session, true);
}

static void
stopped_at_once(void **st)
{
	static const struct world_peer silent = {.end = "silent"},
				       quiet = {.mail = "silent"}, good = {0};

	(void)st;
	/* the content left: it may have arrived */
	begin(&silent, 1);
	world.conf.site_default.data_end_timeout_ms = 100000;
	world_session("mx", NULL);
	while (world.messages == 0)
		ev_run(loop_ev(world.loop), EVRUN_ONCE);
	stop_now();
	world_run(true);
	assert_int_equal(world.result[0].kind, DELIVER_TEMPORARY);
	assert_false(world.end.failed);
	world_close();
	/* it did not */
	begin(&quiet, 2);
	world.conf.site_default.command_timeout_ms = 100000;
	world_session("mx", NULL);
	while (world.end.transactions == 0 && world.lines.n < 40)
		ev_run(loop_ev(world.loop), EVRUN_ONCE);
	stop_now();
	world_run(true);
	assert_int_equal(world.result[0].kind, DELIVER_UNTRIED);
	assert_int_equal(world.done, world.taken);
	world_close();
	/* inside done(), and before anything */
	begin(&good, 3);
	world.on_done = stop_now;
	world_session("mx", NULL);
	world_run(true);
	assert_int_equal(world.result[0].kind, DELIVER_SENT);
	assert_int_equal(world.done, world.taken);
	world_close();
	begin(&good, 1);
	world_session("mx", NULL);
	stop_now();
	world_run(true);
	assert_int_equal(world.taken, 0);
	assert_int_equal(world.connections, 0);
	world_close();
}

static void
shard_lost_before_the_last_octets(void **st)
{
	static const struct world_peer peer = {.ehlo = BDAT};

	(void)st;
	begin(&peer, 1);
	world.bytes_n = 32 * 1024 * 1024;
	world.bytes = calloc(1, world.bytes_n);
	memset((char *)world.bytes, 'x', world.bytes_n);
	world_session("mx", NULL);
	while (world.content.n == 0)
		ev_run(loop_ev(world.loop), EVRUN_ONCE);
	world.owned = false;
	world_run(true);
	assert_int_equal(world.messages, 0);
	assert_int_equal(world.result[0].kind, DELIVER_UNTRIED);
	free((char *)world.bytes);
	world_close();
}

/* It refuses while much content is still to come: heard at once. */
static void
refused_early(void **st)
{
	static const struct world_peer peer = {
	    .ehlo = BDAT, .rcpt = "550 5.1.1 no\r\n"};

	(void)st;
	begin(&peer, 1);
	world.bytes_n = 64 * 1024 * 1024;
	world.bytes = calloc(1, world.bytes_n);
	world_session("mx", NULL);
	world_run(true);
	assert_int_equal(world.result[0].kind, DELIVER_PERMANENT);
	assert_int_equal(world.result[0].stage, MAIL_STAGE_RCPT);
	assert_true(world.content.n < world.bytes_n / 2);
	assert_false(world.end.failed);
	free((char *)world.bytes);
	world_close();
}

static void
large_content(void **st)
{
	static const struct world_peer data = {0}, bdat = {.ehlo = BDAT};
	int i;

	(void)st;
	for (i = 0; i < 2; i++) {
		struct buf b = {0};
		size_t k;

		begin(i ? &bdat : &data, 1);
		for (k = 0; k < 100000; k++)
			buf_addf(&b, "line %zu\r\n", k);
		world.bytes = buf_ptr(&b);
		world.bytes_n = b.n;
		world_session("mx", NULL);
		world_run(true);
		assert_int_equal(world.result[0].kind, DELIVER_SENT);
		assert_true(view_eq(buf_view(&world.content), buf_view(&b)));
		buf_fini(&b);
		world_close();
	}
}

/* One write a flight and one read an answer, on either side. */
static void
few_system_calls(void **st)
{
	static const struct world_peer data = {0}, bdat = {.ehlo = BDAT};
	static char text[4096];
	unsigned i;

	(void)st;
	for (i = 0; i < sizeof(text); i++)
		text[i] =
		    "a line of usual length, more or less, in a mail.\r\n"[i %
									   50];
	memcpy(text + sizeof(text) - 2, "\r\n", 2);
	for (i = 0; i < 2; i++) {
		begin(i ? &bdat : &data, 1);
		world.bytes = text;
		world.bytes_n = sizeof(text);
		world.repeat = 1000;
		world.conf.site_default.messages_per_connection = 2000;
		world_session("mx", NULL);
		world_run(true);
		assert_int_equal(world.messages, 1001);
		assert_int_equal(world.connections, 1);
		assert_in_range(world.sends, 1000, i ? 2020 : 4020);
		assert_in_range(world.receives, 1000, i ? 2020 : 4020);
		world_close();
	}
}

/* --- TLS ---------------------------------------------------------------------- */

static char dir[] = "/tmp/facteur-session-XXXXXX";
static char cert[64], key[64], ca[64];

static int
make_certificate(void **st)
{
	char cmd[600];

	(void)st;
	assert_non_null(mkdtemp(dir));
	snprintf(cert, sizeof(cert), "%s/mx.pem", dir);
	snprintf(key, sizeof(key), "%s/mx.key", dir);
	snprintf(ca, sizeof(ca), "%s/mx.pem", dir);
	snprintf(cmd, sizeof(cmd),
	    "openssl req -x509 -newkey ec -pkeyopt "
	    "ec_paramgen_curve:prime256v1 -nodes -keyout %s -out %s -days 9 "
	    "-subj /CN=mx -addext subjectAltName=DNS:mx >%s/log 2>&1",
	    key, cert, dir);
	return system(cmd);
}

static int
remove_certificate(void **st)
{
	char cmd[64];

	(void)st;
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd);
}

/* clang-format off */
static const struct {
	const char *name;
	struct world_peer peer;
	enum conf_site_tls tls;
	const char *mx;
	bool sent, verified;
	unsigned connections, secured;
	struct want last;
} tls_rows[] = {
	{ "none", { .ehlo = TLS }, CONF_SITE_TLS_NONE, "mx", true, false, 1, 0 },
	{ "opportunistic", { .ehlo = TLS }, CONF_SITE_TLS_OPPORTUNISTIC, "mx2", true, false, 1, 1 },
	{ "opportunistic, not offered", { 0 }, CONF_SITE_TLS_OPPORTUNISTIC, "mx", true, false, 1, 0 },
	{ "opportunistic, refused", { .ehlo = TLS, .starttls = "454 no\r\n" }, CONF_SITE_TLS_OPPORTUNISTIC, "mx", true, false, 1, 0 },
	{ "opportunistic, broken: again in clear", { .ehlo = TLS, .broken_tls = true }, CONF_SITE_TLS_OPPORTUNISTIC, "mx", true, false, 2, 0 },
	{ "required", { .ehlo = TLS }, CONF_SITE_TLS_REQUIRED, "mx2", true, false, 1, 1 },
	{ "required, not offered", { 0 }, CONF_SITE_TLS_REQUIRED, "mx", false, false, 1, 0, { DELIVER_TEMPORARY, MAIL_STAGE_STARTTLS, 450 } },
	{ "required, broken", { .ehlo = TLS, .broken_tls = true }, CONF_SITE_TLS_REQUIRED, "mx", false, false, 1, 0, { DELIVER_TEMPORARY, MAIL_STAGE_STARTTLS, 450 } },
	{ "verified", { .ehlo = TLS }, CONF_SITE_TLS_VERIFIED, "mx", true, true, 1, 1 },
	{ "verified, other name", { .ehlo = TLS }, CONF_SITE_TLS_VERIFIED, "mx2", false, false, 1, 0, { DELIVER_TEMPORARY, MAIL_STAGE_STARTTLS, 450 } },
	{ "verified, second host is right", { .ehlo = TLS }, CONF_SITE_TLS_VERIFIED, "mx2 mx", true, true, 2, 1 },
};

/* clang-format on */

static void
tls_policies(void **st)
{
	size_t i;

	(void)st;
	for (i = 0; i < N(tls_rows); i++) {
		const struct deliver_result *r = &world.result[0];

		begin(&tls_rows[i].peer, 1);
		world_tls(cert, key, ca);
		world.conf.site_default.tls = tls_rows[i].tls;
		world_session(tls_rows[i].mx, NULL);
		world_run(true);
		if ((world.done && r->kind == DELIVER_SENT) !=
			tls_rows[i].sent ||
		    world.connections != tls_rows[i].connections ||
		    r->tls_verified != tls_rows[i].verified ||
		    (tls_rows[i].sent &&
			(r->tls[0] != '\0') != (tls_rows[i].secured > 0)))
			fail_msg("%s: kind %d, %u connections, tls %s, %s",
			    tls_rows[i].name, (int)r->kind, world.connections,
			    r->tls, world.end.last.text);
		if (!tls_rows[i].sent)
			is_like(tls_rows[i].name, &world.end.last,
			    &tls_rows[i].last);
		world_close();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dialogues),
	    cmocka_unit_test(result_is_complete),
	    cmocka_unit_test(source_without_the_family),
	    cmocka_unit_test(own_listener),
	    cmocka_unit_test(idle_wakes),
	    cmocka_unit_test(stopped_at_once),
	    cmocka_unit_test(shard_lost_before_the_last_octets),
	    cmocka_unit_test(refused_early),
	    cmocka_unit_test(large_content),
	    cmocka_unit_test(few_system_calls),
	    cmocka_unit_test(tls_policies),
	};

	return cmocka_run_group_tests_name(
	    "deliver/session", tests, make_certificate, remove_certificate);
}
