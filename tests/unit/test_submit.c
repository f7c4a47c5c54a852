#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "io/loop.h"
#include "mail/patch.h"
#include "store/store.h"
#include "submit/submit.h"

#define S(text) ((char *)(uintptr_t)(text)) /* never written to */
#define NOW INT64_C(1790000000000)

/* --- the queue, as a stand-in ---------------------------------------------- */
struct store {
	enum store_status campaign_status, status;
	bool down, full, cancelled;
};
struct store_req {
	struct loop_task task;
	struct store_message *m;
	void (*on_campaign)(void *arg, enum store_status st,
	    struct store_campaign *c);
	void (*on_enqueued)(void *arg, enum store_status st, const char *text);
	void *arg;
};
static struct store fake;
static struct store_req only;
static struct store_campaign camp[4];
static size_t ncamp;
static struct loop *loop;
/* what came last */
static struct store_campaign *last_campaign;
static struct store_record last;
static int64_t last_due_ms;
static char last_rcpt[100], last_domain[100], last_source[100];
static struct buf last_patch, last_stored;
static uint64_t last_base;
static bool last_pin;
static size_t last_nrcpt, nqueued;

bool
store_is_up(const struct store *s)
{
	return !s->down;
}

bool
store_accepting(const struct store *s, const char **text)
{
	*text = "no memory";
	return !s->full;
}

void
store_cancel(struct store_req **r)
{
	if (*r)
		loop_undefer(&(*r)->task);
	*r = NULL;
}

void
store_addr_of(const struct store *s, const struct smtp_address *a,
    struct store_addr *out)
{
	uint64_t h = mail_patch_hash(view_str(a->text));

	(void)s;
	out->shard = 0;
	memcpy(out->hash, &h, sizeof(h));
}

void
store_record_id_text(uint64_t id, char out[STORE_ID_MAX])
{
	snprintf(out, STORE_ID_MAX, "id%u", (unsigned)id);
}

static void
tell_campaign(void *arg)
{
	struct store_req *r = arg;

	r->on_campaign(r->arg, fake.campaign_status,
	    fake.campaign_status == STORE_OK ? last_campaign : NULL);
}

struct store_req *
store_campaign_get(struct store *s, const char *tenant, const char *name,
    enum store_class class, const char *list,
    void (*done)(void *arg, enum store_status st, struct store_campaign *c),
    void *arg)
{
	size_t i;

	(void)s;
	for (i = 0; i < ncamp && strcmp(camp[i].name, name); i++)
		;
	if (i == ncamp) {
		assert_true(ncamp < 4);
		camp[ncamp++] = (struct store_campaign){ .id = i + 1,
			.tenant = mem_strdup(tenant), .name = mem_strdup(name),
			.list = mem_strdup(list), .class = class };
	}
	last_campaign = &camp[i];
	only.on_campaign = done;
	only.arg = arg;
	loop_defer(loop, &only.task, tell_campaign, &only);
	return &only;
}

static void
tell_enqueued(void *arg)
{
	struct store_req *r = arg;
	struct store_new *n = &r->m->rcpt[0];
	size_t i;

	last = n->record;
	last_due_ms = n->due_ms;
	last_nrcpt = r->m->nrcpt;
	snprintf(last_domain, sizeof(last_domain), "%s", n->domain);
	snprintf(last_rcpt, sizeof(last_rcpt), "%.*s", VIEW_ARG(last.rcpt));
	snprintf(
	    last_source, sizeof(last_source), "%.*s", VIEW_ARG(last.source));
	buf_clear(&last_patch);
	buf_addv(&last_patch, last.patch);
	buf_clear(&last_stored);
	last_base = 0;
	if (r->m->nbase) {
		last_base = r->m->base[0].id;
		last_pin = r->m->base[0].pin;
		buf_addv(&last_stored, r->m->base[0].stored);
	}
	assert_int_equal(last_base, last.base);
	for (i = 0; i < r->m->nrcpt; i++) {
		r->m->rcpt[i].id = ++nqueued;
		r->m->rcpt[i].cancelled = fake.cancelled;
	}
	r->on_enqueued(r->arg, fake.status, "words");
}

struct store_req *
store_enqueue(struct store *s, struct store_message *m,
    void (*done)(void *arg, enum store_status st, const char *text), void *arg)
{
	(void)s;
	only.m = m;
	only.on_enqueued = done;
	only.arg = arg;
	loop_defer(loop, &only.task, tell_enqueued, &only);
	return &only;
}

/* --- one message ----------------------------------------------------------- */
static struct conf conf;
static struct submit *submit;
static struct submit_rcpt rcpt[3];
static struct submit_message msg;
static struct conf_tenant tenant;
static struct conf_source source = { .name = S("out1") };
static char *from_domains[] = { S("shop.example"), S(".news.example") };
static int answers;

static int
setup(void **st)
{
	(void)st;
	clock_set(NOW);
	loop = loop_new();
	memset(&fake, 0, sizeof(fake));
	conf = (struct conf){ .refs = 1, .source = &source, .nsource = 1,
		.headers = { S("X-Campaign"), S("X-List"),
		    S("X-Priority-Class"), S("X-Not-Before"), S("X-Expires"),
		    S("X-Source") } };
	conf.site_default.max_age_ms = 3600000;
	tenant = (struct conf_tenant){ .name = S("t"),
		.from_domains = { from_domains, 2 } };
	submit = submit_new(loop, &conf, &fake);
	return 0;
}

static int
teardown(void **st)
{
	(void)st;
	submit_free(&submit);
	while (ncamp) {
		ncamp--;
		assert_null(camp[ncamp].submit);
		free(S(camp[ncamp].tenant));
		free(S(camp[ncamp].name));
		free(S(camp[ncamp].list));
	}
	buf_fini(&msg.content);
	buf_fini(&last_patch);
	buf_fini(&last_stored);
	loop_free(&loop);
	clock_set(-1);
	return 0;
}

static void
on_done(void *arg)
{
	(void)arg;
	answers++;
	loop_break(loop);
}

static void
prepare(const char *content, size_t nrcpt, const char *to)
{
	struct buf old = msg.content;
	size_t i;

	msg = (struct submit_message){ .tenant = &tenant, .rcpt = rcpt,
		.nrcpt = nrcpt, .content = old, .protocol = "ESMTP",
		.helo = "client.example", .client = "192.0.2.7",
		.hostname = "mx.example", .max_hops = 3 };
	assert_int_equal(smtp_address_parse(view_str("bounce@shop.example"),
	    &msg.sender, NULL), 0);
	memset(rcpt, 0, sizeof(rcpt));
	for (i = 0; i < nrcpt; i++) {
		char a[80];

		snprintf(a, sizeof(a), "%s%u@rcpt.example", to, (unsigned)i);
		assert_int_equal(
		    smtp_address_parse(view_str(a), &rcpt[i].addr, NULL), 0);
	}
	buf_clear(&msg.content);
	buf_adds(&msg.content, content);
}

static void
run(void)
{
	answers = 0;
	assert_non_null(submit_send(submit, &msg, on_done, NULL));
	assert_int_equal(answers, 0); /* never from inside the call */
	loop_run(loop);
	assert_int_equal(answers, 1);
}

static bool
has(const char *text)
{
	return view_find(buf_view(&msg.content), view_str(text)) >= 0;
}

/* The content comes back from what the queue and the cache hold. */
static void
check_content(void)
{
	struct buf plain = {0}, content = {0};
	struct mail_base *base = NULL, *cached;
	struct err e;

	if (last_base) {
		assert_int_equal(mail_base_unpack(buf_view(&last_stored),
		    1 << 24, &plain, &e), 0);
		base = mail_base_new(buf_view(&plain));
		cached = submit_base_get(submit, 0, last_base);
		assert_non_null(cached);
		assert_true(view_eq(mail_base_plain(cached), buf_view(&plain)));
		mail_base_unref(&cached);
	}
	assert_int_equal(mail_patch_apply(base, buf_view(&last_patch), 1 << 24,
	    &content, &e), 0);
	assert_true(view_eq(buf_view(&content), buf_view(&msg.content)));
	assert_int_equal(last.content_bytes, msg.content.n);
	assert_int_equal(last.content_hash, mail_patch_hash(buf_view(&content)));
	mail_base_unref(&base);
	buf_fini(&plain);
	buf_fini(&content);
}

#define FROM "From: Shop <a@shop.example>\r\n"

static void
header_is_edited(void **st)
{
	(void)st;
	prepare(FROM "Bcc: secret@x.example\r\nX-CAMPAIGN: spring\r\n"
		     "X-List: weekly\r\nX-Source: out1\r\n"
		     "X-Priority-Class: Transactional\r\nSubject: a\r\n b\r\n"
		     "\r\nX-List: body\r\n", 1, "u");
	run();
	assert_int_equal(msg.code, 250);
	assert_string_equal(msg.rcpt[0].text, msg.text);
	assert_true(view_starts(buf_view(&msg.content),
	    VIEW("Received: from client.example ([192.0.2.7])\r\n"
		 "\tby mx.example with ESMTP;\r\n\t")));
	assert_false(has("secret") || has("X-CAMPAIGN") || has("weekly"));
	assert_true(has("\r\nDate: ") && has("\r\nMessage-ID: <"));
	assert_true(has("Subject: a\r\n b\r\n") && has("\r\n\r\nX-List: body"));
	assert_string_equal(last_campaign->name, "spring");
	assert_string_equal(last_campaign->list, "weekly");
	assert_int_equal(last_campaign->class, STORE_TRANSACTIONAL);
	assert_string_equal(last_source, "out1");
	assert_string_equal(last_rcpt, "u0@rcpt.example");
	assert_string_equal(last_domain, "rcpt.example");
	assert_int_equal(last.expires_s, NOW / 1000 + 3600);
	assert_false(last.eightbit || last.smtputf8);
	check_content();
}

static void
what_is_there_stays(void **st)
{
	(void)st;
	tenant.hide_submitter = true;
	prepare(FROM "Date: Tue, 24 Nov 2026 07:58:48 +0000\r\n"
		     "Message-ID: <1@x>\r\n"
		     "X-Not-Before: Wed, 25 Nov 2026 07:58:48 +0000\r\n"
		     "X-Expires: Thu, 26 Nov 2026 07:58:48 +0000\r\n"
		     "\r\n\303\244\r\n", 1, "u");
	run();
	assert_int_equal(msg.code, 250);
	assert_true(view_starts(
	    buf_view(&msg.content), VIEW("Received: by mx.example with")));
	assert_false(has("client.example") || has("192.0.2.7"));
	assert_int_equal(view_find(view_skip(buf_view(&msg.content),
	    (size_t)view_find(buf_view(&msg.content), VIEW("\r\nDate:")) + 2),
	    VIEW("\r\nDate:")), -1);
	assert_true(has("Message-ID: <1@x>\r\n\r\n"));
	assert_string_equal(last_campaign->name, "default");
	assert_int_equal(last_due_ms, INT64_C(1795593528000));
	assert_int_equal(last.expires_s, 1795679928);
	assert_true(last.eightbit);
}

static void
refusals(void **st)
{
	static const struct {
		const char *content;
		int code;
		const char *status, *word;
	} row[] = {
		{ FROM "X-Expires: soon\r\n\r\n", 554, "5.6.0", "X-Expires" },
		{ FROM "X-Expires: Tue, 24 Nov 2009 07:58:48 +0000\r\n\r\n",
		    554, "5.6.0", "X-Expires" },
		{ FROM "X-Not-Before: x\r\n\r\n", 554, "5.6.0",
		    "X-Not-Before" },
		{ FROM "X-Priority-Class: fast\r\n\r\n", 554, "5.6.0",
		    "X-Priority-Class" },
		{ FROM "X-Source: nope\r\n\r\n", 554, "5.6.0", "X-Source" },
		{ FROM "X-Campaign: two words\r\n\r\n", 554, "5.6.0",
		    "X-Campaign" },
		{ FROM "X-List:\r\n\r\n", 554, "5.6.0", "X-List" },
		{ FROM "X-List: a\r\nX-List: b\r\n\r\n", 554, "5.6.0",
		    "X-List" },
		{ FROM FROM "\r\n", 554, "5.6.0", "From" },
		{ "From: a@shop.example, b@shop.example\r\n\r\n", 554, "5.6.0",
		    "From" },
		{ "From: a@bad.example\r\n\r\n", 550, "5.7.1", "bad.example" },
		{ "From: a@news.example\r\n\r\n", 550, "5.7.1",
		    "news.example" },
		{ "From: a@x.shop.example\r\n\r\n", 550, "5.7.1",
		    "x.shop.example" },
		{ FROM "no field\r\n\r\n", 554, "5.6.0", "header" },
		{ FROM "Received: 1\r\nReceived: 2\r\nReceived: 3\r\n"
		       "Received: 4\r\n\r\n", 554, "5.4.6", "hops" },
	};
	size_t i;

	(void)st;
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		prepare(row[i].content, 2, "u");
		run();
		assert_int_equal(msg.code, row[i].code);
		assert_int_equal(msg.rcpt[1].code, row[i].code);
		assert_memory_equal(msg.text, row[i].status, 5);
		assert_non_null(strstr(msg.text, row[i].word));
	}
	assert_int_equal(ncamp, 0);
	/* Without From: the envelope sender's, under the same rules. */
	prepare("Subject: x\r\n\r\n", 1, "u");
	run();
	assert_true(view_find(buf_view(&msg.content), VIEW("From: <")) > 0);
	prepare("From: a@x.news.example\r\n\r\n", 1, "u");
	run();
	assert_int_equal(msg.code, 250);
}

static void
sender_is_checked(void **st)
{
	static char *envelope[] = { S("bounces.example") };

	(void)st;
	prepare(FROM "\r\n", 1, "u");
	assert_int_equal(submit_check_sender(submit, &msg), 0);
	tenant.envelope_domains = (struct conf_strs){ envelope, 1 };
	assert_int_equal(submit_check_sender(submit, &msg), -1);
	assert_int_equal(msg.code, 550);
	assert_non_null(strstr(msg.text, "shop.example"));
	memset(&msg.sender, 0, sizeof(msg.sender));
	assert_int_equal(submit_check_sender(submit, &msg), 0);
	fake.full = true;
	assert_int_equal(submit_check_sender(submit, &msg), -1);
	assert_int_equal(msg.code, 452);
	fake.down = true;
	assert_int_equal(submit_check_sender(submit, &msg), -1);
	assert_int_equal(msg.code, 451);
}

static void
queue_refuses(void **st)
{
	static const struct {
		enum store_status st;
		const char *want;
		int code;
	} row[] = {
		{ STORE_FULL, "4.3.1", 452 },
		{ STORE_UNAVAILABLE, "4.3.0", 451 },
		{ STORE_FENCED, "4.3.0", 451 },
		{ STORE_REFUSED, "4.3.0", 451 },
	};
	size_t i;

	(void)st;
	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		fake.status = row[i].st;
		fake.campaign_status = STORE_OK;
		prepare(FROM "\r\n", 1, "u");
		run();
		assert_int_equal(msg.code, row[i].code);
		assert_memory_equal(msg.text, row[i].want, 5);
		fake.campaign_status = row[i].st;
		prepare(FROM "\r\n", 1, "u");
		run();
		assert_int_equal(msg.code, row[i].code);
	}
	fake.status = fake.campaign_status = STORE_OK;
	fake.cancelled = true;
	prepare(FROM "\r\n", 1, "u");
	run();
	assert_int_equal(msg.code, 554);
	assert_memory_equal(msg.text, "5.7.1", 5);
	fake.cancelled = false;
	camp[0].state = STORE_CANCELLED;
	prepare(FROM "\r\n", 1, "u");
	run();
	assert_int_equal(msg.code, 554);
}

static void
report_is_not_checked(void **st)
{
	(void)st;
	prepare("From: <MAILER-DAEMON@mx.example>\r\n\r\n", 1, "u");
	memset(&msg.sender, 0, sizeof(msg.sender));
	msg.tenant = NULL;
	msg.report = true;
	run();
	assert_int_equal(msg.code, 250);
	assert_true(last.report);
	assert_int_equal(last.sender.n, 0);
	assert_string_equal(last_campaign->name, "reports");
}

static void
cancel_is_silent(void **st)
{
	struct submit_req *r;

	(void)st;
	prepare(FROM "\r\n", 1, "u");
	answers = 0;
	r = submit_send(submit, &msg, on_done, NULL);
	submit_cancel(&r);
	assert_null(r);
	prepare("bad\r\n", 1, "u");
	r = submit_send(submit, &msg, on_done, NULL);
	submit_cancel(&r);
	prepare(FROM "\r\n", 1, "u");
	run();
	assert_int_equal(msg.code, 250);
}

/* A page of text that no compressor shortens much; from seed on another. */
static void
page(struct buf *b, const char *name, uint32_t seed, unsigned lines)
{
	unsigned i, k;

	buf_clear(b);
	buf_addf(b, FROM "To: %s <x@rcpt.example>\r\n\r\n", name);
	for (i = 0; i < lines; i++) {
		for (k = 0; k < 60; k++) {
			seed = seed * 1664525 + 1013904223;
			buf_addc(b, (char)('a' + (seed >> 24) % 26));
		}
		buf_adds(b, "\r\n");
		if (i % 50 == 7)
			buf_addf(b, "Dear %s, /u?%s\r\n", name, name);
	}
}

static void
campaign_gets_a_base(void **st)
{
	static const char *name[] = { "Annabella-Margarethe-Schulz",
		"Bo", "Christopher-Alexander-Smith", "Dee", "Eve", "Flo" };
	struct buf b = {0};
	size_t i;
	uint64_t id = 0;

	(void)st;
	for (i = 0; i < 6; i++) {
		page(&b, name[i], 1, 500);
		prepare(buf_str(&b), 1, name[i]);
		run();
		assert_int_equal(msg.code, 250);
		check_content();
		if (i == 0) { /* on its own */
			assert_false(last_pin);
			assert_int_equal(last_patch.n, 1);
			continue;
		}
		assert_true(last_pin);
		assert_in_range(last_patch.n, 2, 600);
		if (i > 1)
			assert_int_equal(last_base, id);
		id = last_base;
	}
	/* Other content altogether stands alone. */
	page(&b, "Gus", 99, 500);
	prepare(buf_str(&b), 1, "gus");
	run();
	check_content();
	assert_true(last_base != id && last_base != 0);
	assert_int_equal(buf_ptr(&last_patch)[0], MAIL_PATCH_SAME);
	buf_fini(&b);
}

static void
no_base_from_one_person(void **st)
{
	struct buf b = {0};
	int i;

	(void)st;
	for (i = 0; i < 3; i++) {
		page(&b, "Ann", 1, 500);
		prepare(buf_str(&b), 1, "ann");
		run();
		check_content();
		assert_false(last_pin);
	}
	buf_fini(&b);
}

static void
base_is_renewed(void **st)
{
	struct buf b = {0};
	uint64_t id = 0;
	char to[20];
	int i;

	(void)st;
	for (i = 0; i < 100; i++) {
		page(&b, "Ann", i < 50 ? 1 : 2, 100);
		snprintf(to, sizeof(to), "u%d.", i);
		prepare(buf_str(&b), 1, to);
		run();
		check_content();
		if (i == 49) {
			assert_true(last_pin);
			id = last_base;
			clock_set(NOW + 60000);
		}
	}
	assert_true(last_pin);
	assert_true(last_base != id);
	assert_in_range(last_patch.n, 2, 600);
	buf_fini(&b);
}

static void
several_share_the_content(void **st)
{
	struct buf b = {0};

	(void)st;
	page(&b, "all", 1, 10);
	prepare(buf_str(&b), 3, "u");
	rcpt[0].notify = STORE_NOTIFY_NEVER;
	run();
	check_content();
	assert_int_equal(last_nrcpt, 3);
	assert_int_equal(last_patch.n, 1);
	assert_true(last_base != 0);
	assert_int_equal(last.notify, STORE_NOTIFY_NEVER);
	assert_non_null(strstr(msg.text, "queued as id"));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(header_is_edited),
		T(what_is_there_stays),
		T(refusals),
		T(sender_is_checked),
		T(queue_refuses),
		T(report_is_not_checked),
		T(cancel_is_silent),
		T(campaign_gets_a_base),
		T(no_base_from_one_person),
		T(base_is_renewed),
		T(several_share_the_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
