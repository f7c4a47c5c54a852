#include "config.h"

#include "smtp/client_verdict.h"

#include <stdio.h>
#include <string.h>

bool
smtp_client_verdict_ok(const struct smtp_client *c)
{
	return c->reply.code / 100 == 2;
}

enum smtp_client_verdict
smtp_client_verdict_of(const struct smtp_client *c)
{
	if (c->reply.code / 100 != 5)
		return SMTP_CLIENT_TEMPORARY;
	return c->reply.code == 503 && c->refused ? SMTP_CLIENT_TEMPORARY
						  : SMTP_CLIENT_PERMANENT;
}

/* A reply that may not count as what it says: its code becomes ours. */
static void
soften(const struct smtp_client *c, struct smtp_client_result *to)
{
	bool many = to->code == 552;

	snprintf(to->text, sizeof(to->text), "%d %.1000s", c->reply.code,
	    c->reply.text);
	to->code = many ? 452 : 450;
	to->enhanced[0] = 4;
	to->enhanced[1] = 5;
	to->enhanced[2] = many ? 3 : 1;
}

void
smtp_client_verdict_set(struct smtp_client *c, struct smtp_client_result *to,
    enum smtp_client_verdict v)
{
	to->verdict = v;
	to->stage = smtp_client_stage(c);
	to->code = c->reply.code;
	memcpy(to->enhanced, c->reply.enhanced, sizeof(to->enhanced));
	memcpy(to->text, c->reply.text, c->reply.text_len + 1);
	if (v == SMTP_CLIENT_TEMPORARY && to->code / 100 != 4)
		soften(c, to);
}

/* The reply is the verdict of all recipients still undecided; accepted_only:
 * of those among them that RCPT accepted. */
void
smtp_client_verdict_all(
    struct smtp_client *c, enum smtp_client_verdict v, bool accepted_only)
{
	size_t i;

	if (c->tx == NULL)
		return;
	for (i = 0; i < c->tx->nrcpt; i++) {
		struct smtp_client_rcpt *rc = &c->tx->rcpt[i];

		if (rc->result.verdict == SMTP_CLIENT_UNDECIDED &&
		    (rc->accepted || !accepted_only))
			smtp_client_verdict_set(c, &rc->result, v);
	}
}

/* The session ends with c->reply as the reason. */
enum smtp_client_state
smtp_client_verdict_end(struct smtp_client *c, enum smtp_client_verdict v)
{
	if (c->state != CL_READY && c->state != CL_QUIT && !c->failed) {
		c->failed = true;
		smtp_client_verdict_set(c, &c->failure,
		    v == SMTP_CLIENT_UNTRIED ? SMTP_CLIENT_TEMPORARY : v);
	}
	if (c->state != CL_READY)
		smtp_client_verdict_all(c, v, false);
	c->content_due = false;
	return CL_CLOSED;
}

enum smtp_client_state
smtp_client_verdict_fail(
    struct smtp_client *c, int subject, int detail, const char *text)
{
	smtp_reply_set(&c->reply, 450, subject, detail, text);
	return smtp_client_verdict_end(c, SMTP_CLIENT_TEMPORARY);
}

enum smtp_client_state
smtp_client_verdict_misplaced(struct smtp_client *c)
{
	char text[SMTP_REPLY_TEXT_MAX + 64];

	snprintf(text, sizeof(text), "unexpected reply at %s: %d %s",
	    smtp_client_state_name(c), c->reply.code, c->reply.text);
	return smtp_client_verdict_fail(c, 5, 0, text);
}

enum smtp_client_state
smtp_client_verdict_refused(struct smtp_client *c)
{
	if (c->reply.code / 100 < 4)
		return smtp_client_verdict_misplaced(c);
	return smtp_client_verdict_end(c, smtp_client_verdict_of(c));
}
