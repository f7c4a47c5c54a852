#include "config.h"

#include "smtp/client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "smtp/client_cmd.h"
#include "smtp/client_hello.h"
#include "smtp/client_state.h"
#include "smtp/client_tx.h"
#include "smtp/client_verdict.h"

static const struct {
	const char *name;
	enum smtp_client_stage stage;
	enum smtp_client_timeout timeout;
	void (*send)(struct smtp_client *c);
	/* returns the next state */
	enum smtp_client_state (*reply)(struct smtp_client *c);
} states[] = {
    /* clang-format off */
	[CL_GREETING] = { "greeting", SMTP_CLIENT_AT_GREETING, SMTP_CLIENT_GREETING_TIMEOUT, NULL, smtp_client_hello_on_greeting },
	[CL_EHLO] = { "EHLO", SMTP_CLIENT_AT_HELO, SMTP_CLIENT_COMMAND_TIMEOUT, smtp_client_hello_send_hello, smtp_client_hello_on_hello },
	[CL_HELO] = { "HELO", SMTP_CLIENT_AT_HELO, SMTP_CLIENT_COMMAND_TIMEOUT, smtp_client_hello_send_hello, smtp_client_hello_on_helo },
	[CL_STARTTLS] = { "STARTTLS", SMTP_CLIENT_AT_STARTTLS, SMTP_CLIENT_COMMAND_TIMEOUT, smtp_client_hello_send_starttls, smtp_client_hello_on_starttls },
	[CL_TLS] = { "TLS handshake", SMTP_CLIENT_AT_STARTTLS, SMTP_CLIENT_COMMAND_TIMEOUT, NULL, NULL },
	[CL_READY] = { "ready", SMTP_CLIENT_AT_MAIL, SMTP_CLIENT_NO_TIMEOUT, NULL, smtp_client_hello_on_idle },
	[CL_RSET] = { "RSET", SMTP_CLIENT_AT_MAIL, SMTP_CLIENT_COMMAND_TIMEOUT, smtp_client_tx_send_rset, smtp_client_tx_on_rset },
	[CL_MAIL] = { "MAIL", SMTP_CLIENT_AT_MAIL, SMTP_CLIENT_COMMAND_TIMEOUT, smtp_client_tx_send_mail, smtp_client_tx_on_mail },
	[CL_RCPT] = { "RCPT", SMTP_CLIENT_AT_RCPT, SMTP_CLIENT_COMMAND_TIMEOUT, smtp_client_tx_send_rcpt, smtp_client_tx_on_rcpt },
	[CL_DATA] = { "DATA", SMTP_CLIENT_AT_DATA, SMTP_CLIENT_DATA_START_TIMEOUT, smtp_client_tx_send_data, smtp_client_tx_on_data },
	[CL_BODY] = { "content", SMTP_CLIENT_AT_END, SMTP_CLIENT_DATA_BLOCK_TIMEOUT, NULL, smtp_client_tx_on_body },
	[CL_END] = { "end of content", SMTP_CLIENT_AT_END, SMTP_CLIENT_DATA_END_TIMEOUT, smtp_client_tx_send_bdat, smtp_client_tx_on_end },
	[CL_QUIT] = { "QUIT", SMTP_CLIENT_AT_MAIL, SMTP_CLIENT_QUIT_TIMEOUT, smtp_client_hello_send_quit, smtp_client_hello_on_quit },
	[CL_CLOSED] = { "closed", SMTP_CLIENT_AT_MAIL, SMTP_CLIENT_NO_TIMEOUT, NULL, NULL },
    /* clang-format on */
};

static_assert(sizeof(states) / sizeof(states[0]) == CL_STATES, "a row each");

static void
arm(struct smtp_client *c)
{
	enum smtp_client_timeout t = states[c->state].timeout;

	if (c->content_due && t != SMTP_CLIENT_NO_TIMEOUT)
		t = SMTP_CLIENT_DATA_BLOCK_TIMEOUT;
	c->deadline =
	    t == SMTP_CLIENT_NO_TIMEOUT ? 0 : clock_mono() + c->p.timeout_ms[t];
}

static void
smtp_client_enter(struct smtp_client *c, enum smtp_client_state next)
{
	BUG_ON(c->state == CL_CLOSED && next != CL_CLOSED);
	log_debug("smtp.client", "peer=%s from=%s to=%s", c->p.name,
	    states[c->state].name, states[next].name);
	if (next == CL_READY && c->tx && c->state != CL_READY)
		c->transactions++;
	c->state = next;
	arm(c);
}

void
smtp_client_issue(struct smtp_client *c, enum smtp_client_state st)
{
	if (c->fifo_at == c->nfifo)
		c->fifo_at = c->nfifo = 0;
	if (c->nfifo == c->fifo_cap) {
		c->fifo_cap = c->fifo_cap ? c->fifo_cap * 2 : 16;
		c->fifo = mem_realloc(c->fifo, c->fifo_cap);
	}
	states[st].send(c);
	c->fifo[c->nfifo++] = (unsigned char)st;
}

enum smtp_client_state
smtp_client_follow(struct smtp_client *c, enum smtp_client_state otherwise)
{
	if (c->fifo_at == c->nfifo) {
		if (states[otherwise].send == NULL)
			return otherwise;
		smtp_client_issue(c, otherwise);
	}
	return (enum smtp_client_state)c->fifo[c->fifo_at++];
}

struct smtp_client *
smtp_client_new(const struct smtp_client_params *p)
{
	struct smtp_client *c = mem_zalloc(sizeof(*c));

	c->p = *p;
	c->reply.on_line = smtp_client_hello_on_line;
	c->reply.arg = c;
	c->state = CL_GREETING;
	arm(c);
	return c;
}

void
smtp_client_free(struct smtp_client **c)
{
	if (*c == NULL)
		return;
	free((*c)->fifo);
	free(*c);
	*c = NULL;
}

void
smtp_client_input(struct smtp_client *c, struct buf *in, struct buf *out)
{
	c->out = out;
	while (c->state != CL_CLOSED && c->state != CL_TLS) {
		int rc = smtp_reply_parse(&c->reply, in);
		enum smtp_client_state next;

		if (rc == 0)
			return;
		c->replied = true;
		if (rc < 0)
			next = smtp_client_verdict_fail(
			    c, 5, 0, "the peer does not speak SMTP");
		else if (c->reply.code == 421)
			next =
			    smtp_client_verdict_end(c, SMTP_CLIENT_TEMPORARY);
		else
			next = states[c->state].reply(c);
		smtp_client_enter(c, next);
		smtp_reply_reset(&c->reply);
	}
	/* RFC 3207 6: nothing read in clear counts after the handshake. */
	if (c->state == CL_TLS)
		buf_clear(in);
}

enum smtp_client_want
smtp_client_want(const struct smtp_client *c)
{
	switch (c->state) {
	case CL_CLOSED:
		return c->tx ? SMTP_CLIENT_DONE : SMTP_CLIENT_OVER;
	case CL_READY:
		return c->tx ? SMTP_CLIENT_DONE : SMTP_CLIENT_READY;
	case CL_TLS:
		return SMTP_CLIENT_TLS;
	default:
		return SMTP_CLIENT_READ;
	}
}

void
smtp_client_secured(struct smtp_client *c, struct buf *out)
{
	if (c->state != CL_TLS)
		return;
	c->out = out;
	c->secure = true;
	smtp_client_enter(c, smtp_client_follow(c, CL_EHLO));
}

void
smtp_client_start(
    struct smtp_client *c, struct smtp_client_tx *tx, struct buf *out)
{
	bool reset = c->need_reset;
	size_t i;

	BUG_ON(c->state != CL_READY || c->tx || tx->nrcpt == 0);
	c->out = out;
	c->tx = tx;
	c->bdat = c->p.chunking && c->caps.chunking;
	c->refused = c->mail_ok = c->ignore_end = c->replied = false;
	c->nsent = c->nanswered = c->naccepted = c->nended = 0;
	c->content_at = 0;
	c->content_due = c->cr = false;
	c->line_start = true;
	for (i = 0; i < tx->nrcpt; i++) {
		tx->rcpt[i].accepted = false;
		tx->rcpt[i].result.verdict = SMTP_CLIENT_UNDECIDED;
	}
	if (c->caps.pipelining) {
		if (reset)
			smtp_client_issue(c, CL_RSET);
		smtp_client_issue(c, CL_MAIL);
		for (i = 0; i < tx->nrcpt; i++)
			smtp_client_issue(c, CL_RCPT);
		smtp_client_issue(c, c->bdat ? CL_END : CL_DATA);
	}
	smtp_client_enter(c, smtp_client_follow(c, reset ? CL_RSET : CL_MAIL));
}

bool
smtp_client_has_content(const struct smtp_client *c)
{
	return c->content_due;
}

void
smtp_client_pump(struct smtp_client *c, struct buf *out, size_t max)
{
	struct view v;

	if (!c->content_due || out->n >= max)
		return;
	v = view_head(view_skip(c->tx->content, c->content_at), max - out->n);
	c->content_at += v.n;
	if (c->bdat)
		buf_addv(out, v);
	else
		smtp_client_cmd_stuff(out, v, &c->line_start, &c->cr);
	if (c->content_at < c->tx->content.n) {
		arm(c);
		return;
	}
	c->content_due = false;
	if (c->bdat) {
		arm(c);
		return;
	}
	if (!c->line_start)
		buf_addv(out, VIEW("\r\n"));
	buf_addv(out, VIEW(".\r\n"));
	smtp_client_enter(c, CL_END);
}

struct smtp_client_tx *
smtp_client_take(struct smtp_client *c)
{
	struct smtp_client_tx *tx = c->tx;

	BUG_ON(smtp_client_want(c) != SMTP_CLIENT_DONE);
	c->tx = NULL;
	return tx;
}

void
smtp_client_quit(struct smtp_client *c, struct buf *out)
{
	c->out = out;
	if (c->state == CL_READY && c->tx == NULL)
		smtp_client_enter(c, smtp_client_follow(c, CL_QUIT));
	else if (c->state != CL_QUIT)
		smtp_client_lost(c, "given up");
}

static void
gone(struct smtp_client *c, enum smtp_client_verdict v, const char *what,
    const char *why)
{
	char text[SMTP_REPLY_TEXT_MAX];

	if (c->state == CL_CLOSED)
		return;
	snprintf(text, sizeof(text), "%s at %s: %s", what,
	    states[c->state].name, why);
	smtp_reply_set(&c->reply, 450, 4, 2, text);
	smtp_client_enter(c, smtp_client_verdict_end(c, v));
}

void
smtp_client_lost(struct smtp_client *c, const char *why)
{
	/* It closed while idle; our commands met nobody. */
	bool untried = c->tx && !c->replied && c->transactions > 0;

	gone(c, untried ? SMTP_CLIENT_UNTRIED : SMTP_CLIENT_TEMPORARY,
	    "connection lost", why);
}

void
smtp_client_abandon(struct smtp_client *c, const char *why)
{
	gone(c,
	    smtp_client_content_sent(c) ? SMTP_CLIENT_TEMPORARY
					: SMTP_CLIENT_UNTRIED,
	    "broken off", why);
}

int64_t
smtp_client_deadline(const struct smtp_client *c)
{
	return c->deadline;
}

void
smtp_client_expired(struct smtp_client *c)
{
	char text[128];

	if (c->deadline == 0 || clock_mono() < c->deadline)
		return;
	snprintf(
	    text, sizeof(text), "time ran out at %s", states[c->state].name);
	smtp_client_enter(c, smtp_client_verdict_fail(c, 4, 2, text));
}

const struct smtp_client_caps *
smtp_client_capabilities(const struct smtp_client *c)
{
	return &c->caps;
}

bool
smtp_client_greeted(const struct smtp_client *c)
{
	return c->greeted;
}

bool
smtp_client_is_named(const struct smtp_client *c, const char *host)
{
	struct view v = view_str(host);

	return v.n > 0 && (view_ieq(view_str(c->greeting_name), v) ||
			      view_ieq(view_str(c->ehlo_name), v));
}

const struct smtp_client_result *
smtp_client_failure(const struct smtp_client *c)
{
	return c->failed ? &c->failure : NULL;
}

enum smtp_client_stage
smtp_client_stage(const struct smtp_client *c)
{
	return states[c->state].stage;
}

const char *
smtp_client_state_name(const struct smtp_client *c)
{
	return states[c->state].name;
}

bool
smtp_client_content_sent(const struct smtp_client *c)
{
	return c->tx && c->content_at == c->tx->content.n && !c->content_due &&
	       c->content_at > 0;
}
