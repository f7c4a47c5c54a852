#include "config.h"

#include "smtp/client_hello.h"

#include <string.h>

#include "smtp/client_verdict.h"

static void
keep_name(char to[256], const char *line)
{
	struct view v = view_str(line), w;

	w = view_head(view_word(&v), 255);
	memcpy(to, w.p ? w.p : "", w.n);
	to[w.n] = '\0';
}

enum smtp_client_state
smtp_client_hello_on_greeting(struct smtp_client *c)
{
	if (!smtp_client_verdict_ok(c))
		return smtp_client_verdict_refused(c);
	c->greeted = true;
	keep_name(c->greeting_name, c->reply.text);
	return smtp_client_follow(c, CL_EHLO);
}

void
smtp_client_hello_send_hello(struct smtp_client *c)
{
	c->caps = (struct smtp_client_caps){0};
	c->ehlo_name[0] = '\0';
	/* RFC 2033 4.1.  HELO follows an EHLO that was refused. */
	buf_adds(c->out, c->p.lmtp             ? "LHLO "
			 : c->state == CL_EHLO ? "HELO "
					       : "EHLO ");
	buf_adds(c->out, c->p.helo);
	buf_addv(c->out, VIEW("\r\n"));
}

void
smtp_client_hello_on_line(void *arg, struct view line)
{
	struct smtp_client *c = arg;

	if (c->state == CL_EHLO && c->reply.lines > 1 &&
	    smtp_client_verdict_ok(c))
		smtp_client_caps_line(&c->caps, line);
}

static enum smtp_client_state
no_tls(struct smtp_client *c)
{
	enum smtp_client_state next = smtp_client_verdict_fail(
	    c, 7, 4, "TLS is required, the peer offers none");

	c->failure.stage = SMTP_CLIENT_AT_STARTTLS;
	return next;
}

enum smtp_client_state
smtp_client_hello_on_hello(struct smtp_client *c)
{
	bool wanted = c->p.tls != SMTP_CLIENT_TLS_NONE && !c->secure;

	if (c->reply.code / 100 == 5 && !c->p.lmtp)
		return smtp_client_follow(c, CL_HELO);
	if (!smtp_client_verdict_ok(c))
		return smtp_client_verdict_refused(c);
	keep_name(c->ehlo_name, c->reply.text);
	if (wanted && c->caps.starttls)
		return smtp_client_follow(c, CL_STARTTLS);
	if (wanted && c->p.tls == SMTP_CLIENT_TLS_REQUIRED)
		return no_tls(c);
	return CL_READY;
}

enum smtp_client_state
smtp_client_hello_on_helo(struct smtp_client *c)
{
	if (!smtp_client_verdict_ok(c))
		return smtp_client_verdict_refused(c);
	keep_name(c->ehlo_name, c->reply.text);
	if (c->p.tls == SMTP_CLIENT_TLS_REQUIRED && !c->secure)
		return no_tls(c);
	return CL_READY;
}

void
smtp_client_hello_send_starttls(struct smtp_client *c)
{
	buf_addv(c->out, VIEW("STARTTLS\r\n"));
}

enum smtp_client_state
smtp_client_hello_on_starttls(struct smtp_client *c)
{
	if (c->reply.code == 220)
		return CL_TLS;
	if (c->p.tls == SMTP_CLIENT_TLS_REQUIRED)
		return smtp_client_verdict_refused(c);
	return CL_READY;
}

/* A reply to nothing: mostly a 421, which input() has seen already. */
enum smtp_client_state
smtp_client_hello_on_idle(struct smtp_client *c)
{
	(void)c;
	return CL_CLOSED;
}

void
smtp_client_hello_send_quit(struct smtp_client *c)
{
	buf_addv(c->out, VIEW("QUIT\r\n"));
}

enum smtp_client_state
smtp_client_hello_on_quit(struct smtp_client *c)
{
	(void)c;
	return CL_CLOSED;
}
