/*
 * Dialogues of the client engine with a scripted peer.  A script's lines:
 *   S text    the peer sends this line
 *   s text    ... as it stands, | for CRLF
 *   C text    the engine's next line             C-       nothing more is out
 *   start     begins the transaction             take     takes it back
 *   pump N    pumps content, out holds at most N octets
 *   secured   the handshake is done              lost     the connection is
 *   quit      after MS  the clock moves on (and time-outs happen)
 *   W name    what the engine wants now
 *   R i verdict stage code       recipient i's result
 *   F verdict stage code  or  F- the session's failure
 */
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
#include "base/view.h"
#include "smtp/client.h"
#include "smtp/client_cmd.h"
#include "tests/unit/client_rows.h"

#define N(a)     (sizeof(a) / sizeof((a)[0]))
#define RCPT_MAX 8

static const char *const wants[] = {"read", "tls", "done", "ready", "over"};
static const char *const verdicts[] = {
    "undecided", "sent", "temporary", "permanent", "untried"};
static const char *const stages[] = {
    "greeting", "helo", "starttls", "mail", "rcpt", "data", "end"};

struct run {
	const struct client_row *row;
	struct smtp_client *c;
	struct smtp_client_tx tx;
	struct smtp_client_rcpt rcpt[RCPT_MAX];
	struct buf in, out, content;
	unsigned line;
	int64_t now;
};

static void
bad(const struct run *r, const char *what, const char *got)
{
	fail_msg("%s, line %u: %s: %s", r->row->name, r->line, what, got);
}

static unsigned
index_of(
    const struct run *r, const char *const *names, size_t n, struct view name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (view_eq(name, view_str(names[i])))
			return (unsigned)i;
	bad(r, "script", "unknown name");
	return 0;
}

static void
result(struct run *r, const struct smtp_client_result *got, struct view v)
{
	struct view w = view_word(&v);
	uint64_t code;
	char text[1200];

	snprintf(text, sizeof(text), "%s %s %d %d.%d.%d %s",
	    verdicts[got->verdict], stages[got->stage], got->code,
	    got->enhanced[0], got->enhanced[1], got->enhanced[2], got->text);
	if (got->verdict != index_of(r, verdicts, N(verdicts), w))
		bad(r, "verdict", text);
	if (got->stage != index_of(r, stages, N(stages), view_word(&v)))
		bad(r, "stage", text);
	if (view_u64(view_word(&v), &code) == -1 || got->code != (int)code)
		bad(r, "code", text);
	if (v.n > 0 && view_find(view_str(got->text), v) == -1)
		bad(r, "text", text);
}

static void
expect(struct run *r, struct view want)
{
	struct view out = buf_view(&r->out);
	ptrdiff_t nl = view_find(out, VIEW("\r\n"));
	char *got;

	if (nl == -1) {
		bad(r, "no whole line left", buf_str(&r->out));
		return;
	}
	got = strndup(out.p, (size_t)nl);
	if (!view_eq(want, view_str(got)))
		bad(r, "sent", got);
	free(got);
	buf_drop(&r->out, (size_t)nl + 2);
}

static void
begin(struct run *r)
{
	static const char *const names[RCPT_MAX] = {"a@x.example",
	    "b@x.example", "c@x.example", "d@x.example", "e@x.example",
	    "f@x.example", "g@x.example", "h@x.example"};
	unsigned i, n = r->row->nrcpt ? r->row->nrcpt : 1;

	buf_clear(&r->content);
	buf_adds(&r->content, r->row->content ? r->row->content : "hi\r\n");
	r->tx = r->row->tx;
	r->tx.sender =
	    view_str(r->row->sender ? r->row->sender : "me@y.example");
	r->tx.content = buf_view(&r->content);
	r->tx.rcpt = r->rcpt;
	r->tx.nrcpt = n;
	for (i = 0; i < n; i++) {
		r->rcpt[i] = r->row->rcpt;
		r->rcpt[i].address = names[i];
	}
	smtp_client_start(r->c, &r->tx, &r->out);
}

static void
after(struct run *r, struct view ms)
{
	uint64_t n = 0;

	view_u64(ms, &n);
	r->now += (int64_t)n;
	clock_set(r->now);
	smtp_client_expired(r->c);
}

static void
act(struct run *r, struct view word, struct view rest)
{
	uint64_t n = 1 << 20;

	if (view_eq(word, VIEW("start"))) {
		begin(r);
	} else if (view_eq(word, VIEW("take"))) {
		assert_ptr_equal(smtp_client_take(r->c), &r->tx);
	} else if (view_eq(word, VIEW("pump"))) {
		view_u64(rest, &n);
		smtp_client_pump(r->c, &r->out, n);
	} else if (view_eq(word, VIEW("secured"))) {
		smtp_client_secured(r->c, &r->out);
	} else if (view_eq(word, VIEW("lost"))) {
		smtp_client_lost(r->c, "reset by peer");
	} else if (view_eq(word, VIEW("quit"))) {
		smtp_client_quit(r->c, &r->out);
	} else if (view_eq(word, VIEW("after"))) {
		after(r, rest);
	} else {
		bad(r, "script", "unknown word");
	}
}

static void
feed(struct run *r, struct view text, bool end)
{
	size_t i;

	for (i = 0; i < text.n; i++)
		if (text.p[i] == '|' && !end)
			buf_addv(&r->in, VIEW("\r\n"));
		else
			buf_addc(&r->in, text.p[i]);
	if (end)
		buf_addv(&r->in, VIEW("\r\n"));
	smtp_client_input(r->c, &r->in, &r->out);
}

static void
check(struct run *r, struct view word, struct view rest)
{
	const struct smtp_client_result *f = smtp_client_failure(r->c);
	uint64_t i = 0;

	switch (word.p[0]) {
	case 'W':
		if (index_of(r, wants, N(wants), rest) !=
		    smtp_client_want(r->c))
			bad(r, "wants", wants[smtp_client_want(r->c)]);
		return;
	case 'R':
		view_u64(view_word(&rest), &i);
		result(r, &r->rcpt[i].result, rest);
		return;
	case 'F':
		if (word.n > 1 && f)
			bad(r, "failed", f->text);
		if (word.n == 1 && f == NULL)
			bad(r, "no failure", "");
		if (word.n == 1)
			result(r, f, rest);
		return;
	case 'C':
		if (word.n == 1)
			expect(r, rest);
		else if (r->out.n)
			bad(r, "still out", buf_str(&r->out));
		return;
	}
}

static void
run_row(const struct client_row *row)
{
	struct smtp_client_params p = {.lmtp = row->lmtp,
	    .chunking = !row->no_chunking,
	    .tls = row->tls,
	    .helo = "me.example",
	    .name = "peer",
	    .timeout_ms = {0, 1000, 2000, 3000, 4000, 5000, 600}};
	struct run r = {.row = row, .now = 1000000};
	struct view script = view_str(row->script);

	clock_set(r.now);
	r.c = smtp_client_new(&p);
	while (script.n > 0) {
		struct view line = view_cut(&script, '\n'), word;

		r.line++;
		if (line.n == 0)
			continue;
		word = view_cut(&line, ' ');
		if (view_eq(word, VIEW("S")) || view_eq(word, VIEW("s")))
			feed(&r, line, word.p[0] == 'S');
		else if (word.p[0] >= 'A' && word.p[0] <= 'Z')
			check(&r, word, line);
		else
			act(&r, word, line);
	}
	if (r.out.n)
		bad(&r, "left over", buf_str(&r.out));
	smtp_client_free(&r.c);
	buf_fini(&r.in);
	buf_fini(&r.out);
	buf_fini(&r.content);
	clock_set(-1);
}

static void
dialogues(void **st)
{
	size_t i;

	(void)st;
	for (i = 0; i < client_rows_n; i++)
		run_row(&client_rows[i]);
}

static void
stuffing(void **st)
{
	static const struct {
		const char *in, *want;
	} rows[] = {{"", ""}, {"a\r\n", "a\r\n"}, {".", ".."},
	    {".\r\n", "..\r\n"}, {"a.b\r\n.c\r\n", "a.b\r\n..c\r\n"},
	    {"..\r\n..", "...\r\n..."}, {"\r\n\r\n.\r\n", "\r\n\r\n..\r\n"},
	    {"a\n.b\r\n", "a\n.b\r\n"}, {"a\r.b\r\n", "a\r.b\r\n"},
	    {"a\r\r\n.", "a\r\r\n.."}, {"\n.x", "\n.x"}};

	size_t i, cut;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		struct view v = view_str(rows[i].in);

		for (cut = 0; cut <= v.n; cut++) {
			struct buf out = {0};
			bool start = true, cr = false;
			size_t k;

			if (cut == v.n) { /* each octet alone */
				for (k = 0; k < v.n; k++)
					smtp_client_cmd_stuff(&out,
					    view_of(v.p + k, 1), &start, &cr);
			} else {
				smtp_client_cmd_stuff(
				    &out, view_head(v, cut), &start, &cr);
				smtp_client_cmd_stuff(
				    &out, view_skip(v, cut), &start, &cr);
			}
			assert_string_equal(buf_str(&out), rows[i].want);
			assert_int_equal(
			    start, v.n == 0 || view_iends(v, VIEW("\r\n")));
			buf_fini(&out);
		}
	}
}

static void
names(void **st)
{
	struct smtp_client_params p = {.helo = "me", .name = "peer"};
	struct smtp_client *c = smtp_client_new(&p);
	struct buf in = {0}, out = {0};

	(void)st;
	assert_false(smtp_client_is_named(c, ""));
	buf_adds(&in, "220 Mx.Example ESMTP\r\n");
	smtp_client_input(c, &in, &out);
	assert_true(smtp_client_is_named(c, "mx.example"));
	assert_true(smtp_client_greeted(c));
	buf_adds(&in, "250-other.example hello\r\n250-size 1000\r\n"
		      "250-SIZES 2\r\n250 8bitmime\r\n");
	smtp_client_input(c, &in, &out);
	assert_true(smtp_client_is_named(c, "OTHER.example"));
	assert_false(smtp_client_is_named(c, "example"));
	assert_true(smtp_client_capabilities(c)->eightbit);
	assert_true(smtp_client_capabilities(c)->size);
	assert_int_equal(smtp_client_capabilities(c)->size_max, 1000);
	assert_false(smtp_client_capabilities(c)->dsn);
	smtp_client_free(&c);
	buf_fini(&in);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dialogues),
	    cmocka_unit_test(stuffing),
	    cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("smtp/client", tests, NULL, NULL);
}
