#include "config.h"

#include "smtp/client_tx.h"

#include "base/bug.h"
#include "smtp/client_cmd.h"
#include "smtp/client_verdict.h"

void
smtp_client_tx_send_rset(struct smtp_client *c)
{
	buf_addv(c->out, VIEW("RSET\r\n"));
	c->need_reset = false;
}

enum smtp_client_state
smtp_client_tx_on_rset(struct smtp_client *c)
{
	c->refused = !smtp_client_verdict_ok(c);
	return smtp_client_follow(c, CL_MAIL);
}

void
smtp_client_tx_send_mail(struct smtp_client *c)
{
	smtp_client_cmd_mail(c->out, c->tx, &c->caps);
}

enum smtp_client_state
smtp_client_tx_on_mail(struct smtp_client *c)
{
	c->mail_ok = smtp_client_verdict_ok(c);
	if (!c->mail_ok) {
		smtp_client_verdict_all(c, smtp_client_verdict_of(c), false);
		c->refused = true;
	}
	return smtp_client_follow(c, c->mail_ok ? CL_RCPT : CL_READY);
}

void
smtp_client_tx_send_rcpt(struct smtp_client *c)
{
	smtp_client_cmd_rcpt(c->out, &c->tx->rcpt[c->nsent++], &c->caps);
}

/* RFC 5321 4.5.3.1.10: 552 in the sense of "too many recipients". */
static bool
too_many(const struct smtp_client *c)
{
	const int *e = c->reply.enhanced;

	return c->reply.code == 552 && c->tx->nrcpt > 1 &&
	       (e[0] == 0 || (e[1] == 5 && e[2] == 3));
}

static enum smtp_client_state
after_rcpts(struct smtp_client *c)
{
	if (c->naccepted > 0)
		return smtp_client_follow(c, c->bdat ? CL_END : CL_DATA);
	c->need_reset = c->mail_ok;
	/* Nobody takes it: not worth sending the rest of it. */
	if (c->content_due && c->bdat) {
		c->content_due = false;
		return CL_CLOSED;
	}
	return smtp_client_follow(c, CL_READY);
}

enum smtp_client_state
smtp_client_tx_on_rcpt(struct smtp_client *c)
{
	struct smtp_client_rcpt *rc = &c->tx->rcpt[c->nanswered++];

	if (rc->result.verdict == SMTP_CLIENT_UNDECIDED) {
		if (smtp_client_verdict_ok(c)) {
			rc->accepted = true;
			c->naccepted++;
		} else {
			smtp_client_verdict_set(c, &rc->result,
			    too_many(c) ? SMTP_CLIENT_TEMPORARY
					: smtp_client_verdict_of(c));
			c->refused = true;
		}
	}
	if (c->nanswered < c->tx->nrcpt)
		return smtp_client_follow(c, CL_RCPT);
	return after_rcpts(c);
}

void
smtp_client_tx_send_data(struct smtp_client *c)
{
	buf_addv(c->out, VIEW("DATA\r\n"));
}

enum smtp_client_state
smtp_client_tx_on_data(struct smtp_client *c)
{
	if (smtp_client_verdict_ok(c))
		return smtp_client_verdict_misplaced(c);
	if (c->reply.code / 100 != 3) {
		smtp_client_verdict_all(c, smtp_client_verdict_of(c), true);
		c->need_reset = c->mail_ok;
		return smtp_client_follow(c, CL_READY);
	}
	if (c->naccepted > 0) {
		c->content_due = true;
		return CL_BODY;
	}
	/* RFC 2920 3.1: nobody is there to take it, but the peer waits. */
	buf_addv(c->out, VIEW(".\r\n"));
	c->ignore_end = true;
	/* RFC 2033 4.2: one reply per accepted recipient, so perhaps none. */
	return c->p.lmtp ? CL_CLOSED : CL_END;
}

/* A verdict before the content has left; what comes after it would not be
 * read as content any more. */
static enum smtp_client_state
too_early(struct smtp_client *c)
{
	if (c->reply.code / 100 < 4)
		return smtp_client_verdict_misplaced(c);
	smtp_client_verdict_all(c, smtp_client_verdict_of(c), true);
	c->content_due = false;
	return CL_CLOSED;
}

enum smtp_client_state
smtp_client_tx_on_body(struct smtp_client *c)
{
	return too_early(c);
}

void
smtp_client_tx_send_bdat(struct smtp_client *c)
{
	buf_addf(c->out, "BDAT %zu LAST\r\n", c->tx->content.n);
	c->content_due = c->tx->content.n > 0;
}

/* LMTP: the next recipient that waits for its reply. */
static struct smtp_client_rcpt *
next_ended(struct smtp_client *c)
{
	while (c->nended < c->tx->nrcpt) {
		struct smtp_client_rcpt *rc = &c->tx->rcpt[c->nended++];

		if (rc->accepted)
			return rc;
	}
	return NULL;
}

enum smtp_client_state
smtp_client_tx_on_end(struct smtp_client *c)
{
	enum smtp_client_verdict v = smtp_client_verdict_ok(c)
					 ? SMTP_CLIENT_SENT
					 : smtp_client_verdict_of(c);
	struct smtp_client_rcpt *rc;

	if (c->reply.code / 100 == 3)
		return smtp_client_verdict_misplaced(c);
	if (c->content_due)
		return too_early(c);
	/* After a failed BDAT the transaction may still be open, RFC 3030 2;
	 * after the dot never. */
	if (c->bdat && (!smtp_client_verdict_ok(c) || c->naccepted == 0))
		c->need_reset = true;
	if (!c->ignore_end && c->p.lmtp && c->naccepted > 0) {
		rc = next_ended(c);
		BUG_ON(rc == NULL);
		smtp_client_verdict_set(c, &rc->result, v);
		if (--c->naccepted > 0)
			return CL_END;
	} else if (!c->ignore_end) {
		smtp_client_verdict_all(c, v, true);
	}
	return smtp_client_follow(c, CL_READY);
}
