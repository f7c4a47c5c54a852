#include "config.h"
#include "smtp/server_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	CLEAR = 1, /* allowed in clear where TLS is required: RFC 3207 4 */
	HELLO = 2, /* EHLO must have come */
	NO_ARG = 4,
	ARG = 8,
	SMTP_ONLY = 16,
	LMTP_ONLY = 32,
	HIDDEN = 64, /* not in HELP */
};

typedef enum smtp_server_state state_fn(struct smtp_server *s,
    struct view arg);

static state_fn on_helo, on_ehlo, on_rset, on_noop, on_vrfy, on_quit,
    on_starttls, on_help, on_expn, on_http;

/* clang-format off */
static const struct verb {
	const char *name;
	unsigned flags;
	state_fn *run;
} verbs[] = {
	{ "MAIL",     HELLO | ARG,        smtp_server_mail_from },
	{ "RCPT",     HELLO | ARG,        smtp_server_mail_to },
	{ "DATA",     HELLO,              smtp_server_content_data },
	/* Its octets must go whatever is wrong: it checks for itself. */
	{ "BDAT",     CLEAR,              smtp_server_content_bdat },
	{ "RSET",     NO_ARG,             on_rset },
	{ "EHLO",     CLEAR | ARG | SMTP_ONLY, on_ehlo },
	{ "LHLO",     CLEAR | ARG | LMTP_ONLY, on_ehlo },
	{ "HELO",     CLEAR | ARG | SMTP_ONLY, on_helo },
	{ "QUIT",     CLEAR | NO_ARG,     on_quit },
	{ "NOOP",     CLEAR,              on_noop },
	{ "STARTTLS", CLEAR | HELLO | NO_ARG, on_starttls },
	{ "AUTH",     HELLO | ARG,        smtp_server_auth_begin },
	{ "VRFY",     ARG,                on_vrfy },
	{ "HELP",     0,                  on_help },
	{ "EXPN",     HIDDEN,             on_expn },
	/* A browser was made to speak to us: its body must not be taken for
	 * commands. */
	{ "GET",      CLEAR | HIDDEN,     on_http },
	{ "POST",     CLEAR | HIDDEN,     on_http },
	{ "PUT",      CLEAR | HIDDEN,     on_http },
	{ "CONNECT",  CLEAR | HIDDEN,     on_http },
};
/* clang-format on */
#define NVERBS (sizeof(verbs) / sizeof(verbs[0]))

static bool
offered(const struct smtp_server *s, const struct verb *v)
{
	return !(v->flags & (s->rules->lmtp ? SMTP_ONLY : LMTP_ONLY));
}

static const struct verb *
find(const struct smtp_server *s, struct view name)
{
	size_t i;

	for (i = 0; i < NVERBS; i++)
		if (view_ieq(name, view_str(verbs[i].name)) &&
		    offered(s, &verbs[i]))
			return &verbs[i];
	return NULL;
}

enum smtp_server_state
smtp_server_verbs_run(struct smtp_server *s, struct view line)
{
	struct view arg = line;
	struct view name = view_cut(&arg, ' ');
	const struct verb *v = find(s, name);

	while (arg.n && (arg.p[0] == ' ' || arg.p[0] == '\t'))
		arg = view_skip(arg, 1);
	while (arg.n &&
	    (arg.p[arg.n - 1] == ' ' || arg.p[arg.n - 1] == '\t'))
		arg.n--;
	if (v == NULL)
		return smtp_server_error(s, 500, "5.5.1 unknown command");
	if (s->rules->tls_required && !s->secure && !(v->flags & CLEAR))
		return smtp_server_error(s, 530,
		    "5.7.0 must issue a STARTTLS command first");
	if ((v->flags & NO_ARG) && arg.n)
		return smtp_server_error(s, 501,
		    "5.5.4 the command has no argument");
	if ((v->flags & ARG) && arg.n == 0)
		return smtp_server_error(s, 501,
		    "5.5.4 the command needs an argument");
	if ((v->flags & HELLO) && s->hello == HELLO_NONE)
		return smtp_server_error(s, 503,
		    s->rules->lmtp ? "5.5.1 LHLO first" : "5.5.1 EHLO first");
	return v->run(s, arg);
}

/* What goes into Received, so nothing that could end a comment or a line
 * there. */
static int
hello_name(struct view arg, char out[SMTP_DOMAIN_MAX + 1])
{
	size_t i;

	if (arg.n > SMTP_DOMAIN_MAX)
		return -1;
	for (i = 0; i < arg.n; i++) {
		char c = arg.p[i];

		if ((unsigned char)c >= 0x80)
			return smtp_address_ascii_domain(arg, out, NULL);
		if (c <= 32 || c == 127 || strchr("()<>\"\\", c))
			return -1;
		out[i] = c;
	}
	out[arg.n] = '\0';
	return 0;
}

static bool
hello(struct smtp_server *s, struct view arg, enum smtp_server_hello kind)
{
	char name[SMTP_DOMAIN_MAX + 1];

	if (hello_name(arg, name))
		return false;
	smtp_server_end_tx(s, true);
	free(s->helo);
	s->helo = mem_strdup(name);
	s->hello = kind;
	return true;
}

static enum smtp_server_state
on_helo(struct smtp_server *s, struct view arg)
{
	if (!hello(s, arg, HELLO_HELO))
		return smtp_server_error(s, 501, "5.5.4 that is no host name");
	buf_addf(s->out, "250 %s\r\n", s->rules->hostname);
	return SMTP_SERVER_COMMAND;
}

static enum smtp_server_state
on_ehlo(struct smtp_server *s, struct view arg)
{
	const struct smtp_server_rules *r = s->rules;
	struct buf *o = s->out;

	if (!hello(s, arg, HELLO_EHLO))
		return smtp_server_error(s, 501, "5.5.4 that is no host name");
	buf_addf(o, "250-%s\r\n", r->hostname);
	buf_addf(o, "250-PIPELINING\r\n250-SIZE %llu\r\n",
	    (unsigned long long)r->max_message_bytes);
	if (r->starttls && !s->secure)
		buf_adds(o, "250-STARTTLS\r\n");
	if (smtp_server_auth_allowed(s))
		buf_adds(o, "250-AUTH PLAIN LOGIN\r\n");
	buf_adds(o,
	    "250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-DSN\r\n"
	    "250-SMTPUTF8\r\n250 CHUNKING\r\n");
	return SMTP_SERVER_COMMAND;
}

static enum smtp_server_state
on_rset(struct smtp_server *s, struct view arg)
{
	(void)arg;
	smtp_server_end_tx(s, true);
	smtp_server_reply(s, 250, "2.0.0 ok");
	return SMTP_SERVER_COMMAND;
}

static enum smtp_server_state
on_noop(struct smtp_server *s, struct view arg)
{
	(void)arg;
	smtp_server_reply(s, 250, "2.0.0 ok");
	return SMTP_SERVER_COMMAND;
}

static enum smtp_server_state
on_vrfy(struct smtp_server *s, struct view arg)
{
	(void)arg;
	smtp_server_reply(s, 252,
	    "2.5.2 cannot tell, but will try to deliver");
	return SMTP_SERVER_COMMAND;
}

static enum smtp_server_state
on_expn(struct smtp_server *s, struct view arg)
{
	(void)arg;
	return smtp_server_error(s, 502, "5.5.1 not implemented");
}

static enum smtp_server_state
on_http(struct smtp_server *s, struct view arg)
{
	(void)arg;
	smtp_server_reply(s, 521, "5.5.1 this is no web server");
	return SMTP_SERVER_CLOSED;
}

static enum smtp_server_state
on_quit(struct smtp_server *s, struct view arg)
{
	(void)arg;
	smtp_server_reply(s, 221, "2.0.0 bye");
	return SMTP_SERVER_CLOSED;
}

static enum smtp_server_state
on_starttls(struct smtp_server *s, struct view arg)
{
	(void)arg;
	if (s->secure)
		return smtp_server_error(s, 503, "5.5.1 TLS is on already");
	if (!s->rules->starttls)
		return smtp_server_error(s, 502, "5.5.1 not implemented");
	smtp_server_end_tx(s, false);
	smtp_server_reply(s, 220, "2.0.0 go on");
	s->news = SMTP_SERVER_STARTTLS;
	return SMTP_SERVER_HANDSHAKE;
}

static enum smtp_server_state
on_help(struct smtp_server *s, struct view arg)
{
	char text[300];
	size_t n = (size_t)snprintf(text, sizeof(text), "2.0.0 commands:");
	size_t i;

	(void)arg;
	for (i = 0; i < NVERBS; i++)
		if (offered(s, &verbs[i]) && !(verbs[i].flags & HIDDEN))
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    " %s", verbs[i].name);
	smtp_server_reply(s, 214, text);
	return SMTP_SERVER_COMMAND;
}
