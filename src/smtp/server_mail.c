#include "config.h"
#include "smtp/server_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* A parameter's value is wrong: code and text of the refusal. */
struct bad {
	int code;
	const char *text;
};

static int
bad(struct bad *b, int code, const char *text)
{
	*b = (struct bad){ code, text };
	return -1;
}

static int
set_size(struct smtp_server *s, struct view v, struct bad *b)
{
	if (view_u64(v, &s->tx.size))
		return bad(b, 501, "5.5.4 SIZE is a number");
	if (s->rules->max_message_bytes &&
	    s->tx.size > s->rules->max_message_bytes)
		return bad(b, 552, "5.3.4 the message is too large");
	return 0;
}

static int
set_body(struct smtp_server *s, struct view v, struct bad *b)
{
	if (view_ieq(v, VIEW("8BITMIME")))
		s->tx.eightbit = true;
	else if (!view_ieq(v, VIEW("7BIT")))
		return bad(b, 555, "5.5.4 BODY is 7BIT or 8BITMIME");
	return 0;
}

static int
set_smtputf8(struct smtp_server *s, struct view v, struct bad *b)
{
	(void)v;
	(void)b;
	s->tx.smtputf8 = true;
	return 0;
}

static int
set_ret(struct smtp_server *s, struct view v, struct bad *b)
{
	if (view_ieq(v, VIEW("FULL")))
		s->tx.ret = SMTP_SERVER_FULL;
	else if (view_ieq(v, VIEW("HDRS")))
		s->tx.ret = SMTP_SERVER_HDRS;
	else
		return bad(b, 501, "5.5.4 RET is FULL or HDRS");
	return 0;
}

static int
set_envid(struct smtp_server *s, struct view v, struct bad *b)
{
	struct buf plain = { 0 };
	size_t i;

	if (v.n > SMTP_SERVER_ENVID_MAX || smtp_address_xtext_decode(v, &plain))
		goto bad;
	/* It goes into a report's header. */
	for (i = 0; i < plain.n; i++)
		if ((unsigned char)buf_ptr(&plain)[i] < 32 ||
		    (unsigned char)buf_ptr(&plain)[i] > 126)
			goto bad;
	s->tx.envid = buf_take(&plain);
	return 0;
bad:
	buf_fini(&plain);
	return bad(b, 501, "5.5.4 ENVID is printable xtext of at most 100");
}

/* RFC 4954 5: who first submitted it; we do not pass it on. */
static int
set_auth(struct smtp_server *s, struct view v, struct bad *b)
{
	struct buf plain = { 0 };
	int rc = view_eq(v, VIEW("<>"))
	    ? 0
	    : smtp_address_xtext_decode(v, &plain);

	(void)s;
	buf_fini(&plain);
	return rc ? bad(b, 501, "5.5.4 AUTH is <> or xtext") : 0;
}

static int
set_notify(struct smtp_server *s, struct view v, struct bad *b)
{
	static const struct {
		const char *name;
		unsigned bit;
	} rows[] = { { "NEVER", SMTP_SERVER_NEVER },
		{ "SUCCESS", SMTP_SERVER_SUCCESS },
		{ "FAILURE", SMTP_SERVER_FAILURE },
		{ "DELAY", SMTP_SERVER_DELAY } };
	unsigned bits = 0;

	while (v.p) {
		struct view word = view_cut(&v, ',');
		size_t i;

		for (i = 0; i < 4; i++)
			if (view_ieq(word, view_str(rows[i].name)))
				break;
		if (i == 4)
			goto bad;
		bits |= rows[i].bit;
	}
	if ((bits & SMTP_SERVER_NEVER) && bits != SMTP_SERVER_NEVER)
		goto bad;
	s->tx.rcpt.notify = bits;
	return 0;
bad:
	return bad(b, 501,
	    "5.5.4 NOTIFY is NEVER, or of SUCCESS, FAILURE, DELAY");
}

/* "addr-type;xtext": kept as it is, since it is only passed on. */
static int
set_orcpt(struct smtp_server *s, struct view v, struct bad *b)
{
	struct view at = v;
	struct view type = view_cut(&at, ';');
	struct buf plain = { 0 };
	size_t i;

	if (v.n > SMTP_SERVER_ORCPT_MAX || type.n == 0 || at.n == 0)
		goto bad;
	for (i = 0; i < type.n; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-",
			type.p[i]) ||
		    type.p[i] == '\0')
			goto bad;
	/* utf-8 (RFC 6533 3) may come unencoded under SMTPUTF8. */
	if (view_ieq(type, VIEW("utf-8"))) {
		for (i = 0; i < at.n; i++)
			if ((unsigned char)at.p[i] <= 32 || at.p[i] == 127)
				goto bad;
	} else if (smtp_address_xtext_decode(at, &plain)) {
		goto bad;
	}
	buf_fini(&plain);
	s->tx.rcpt.orcpt = mem_strndup(v.p, v.n);
	return 0;
bad:
	buf_fini(&plain);
	return bad(b, 501, "5.5.4 ORCPT is a type, a semicolon and xtext");
}

/* clang-format off */
static const struct param {
	const char *name;
	bool rcpt;
	bool valued;
	int (*set)(struct smtp_server *s, struct view v, struct bad *b);
} params[] = {
	{ "SIZE",     false, true,  set_size },
	{ "BODY",     false, true,  set_body },
	{ "SMTPUTF8", false, false, set_smtputf8 },
	{ "RET",      false, true,  set_ret },
	{ "ENVID",    false, true,  set_envid },
	{ "AUTH",     false, true,  set_auth },
	{ "NOTIFY",   true,  true,  set_notify },
	{ "ORCPT",    true,  true,  set_orcpt },
};
/* clang-format on */
#define NPARAMS (sizeof(params) / sizeof(params[0]))

static int
parse_param(struct smtp_server *s, struct view word, bool rcpt, unsigned *seen,
    struct bad *b)
{
	struct view value = word;
	struct view name = view_cut(&value, '=');
	size_t i;

	for (i = 0; i < NPARAMS; i++)
		if (params[i].rcpt == rcpt &&
		    view_ieq(name, view_str(params[i].name)))
			break;
	if (i == NPARAMS)
		return bad(b, 555, "5.5.4 unknown parameter");
	if (*seen & 1u << i)
		return bad(b, 501, "5.5.4 a parameter is given twice");
	*seen |= 1u << i;
	if (params[i].valued ? value.n == 0 : value.p != NULL)
		return bad(b, 501, "5.5.4 a parameter's value is malformed");
	return params[i].set(s, value, b);
}

static int
parse_params(struct smtp_server *s, struct view v, bool rcpt, struct bad *b)
{
	unsigned seen = 0;

	if (v.n && v.p[0] != ' ')
		return bad(b, 501, "5.5.4 garbage behind the path");
	if (v.n && s->hello != HELLO_EHLO)
		return bad(b, 555, "5.5.4 parameters need EHLO");
	while (v.n) {
		struct view word = view_word(&v);

		if (word.n && parse_param(s, word, rcpt, &seen, b))
			return -1;
	}
	return 0;
}

/* "FROM:" or "TO:", and blanks that many clients put behind it. */
static bool
take_word(struct view *arg, struct view word)
{
	if (!view_istarts(*arg, word))
		return false;
	*arg = view_skip(*arg, word.n);
	while (arg->n && arg->p[0] == ' ')
		*arg = view_skip(*arg, 1);
	return true;
}

static bool
has_8bit(struct view v)
{
	size_t i;

	for (i = 0; i < v.n; i++)
		if ((unsigned char)v.p[i] >= 0x80)
			return true;
	return false;
}

static enum smtp_server_state
bad_path(struct smtp_server *s, int code, const char *status,
    const struct err *e)
{
	char text[256];

	snprintf(text, sizeof(text), "%s %.200s", status, e->text);
	return smtp_server_error(s, code, text);
}

static void
forget(struct smtp_server *s)
{
	struct smtp_server_tx *t = &s->tx;

	free(t->envid);
	t->envid = NULL;
	t->size = 0;
	t->eightbit = t->smtputf8 = false;
	t->ret = SMTP_SERVER_RET_NONE;
}

enum smtp_server_state
smtp_server_mail_from(struct smtp_server *s, struct view arg)
{
	struct err e;
	struct bad b;
	bool utf8;

	if (s->mail)
		return smtp_server_error(s, 503, "5.5.1 MAIL was given");
	if (s->rules->max_messages && s->messages >= s->rules->max_messages) {
		smtp_server_reply(s, 421,
		    "4.7.0 enough messages for one connection");
		return SMTP_SERVER_CLOSED;
	}
	if (!take_word(&arg, VIEW("FROM:")))
		return smtp_server_error(s, 501,
		    "5.5.4 MAIL FROM:<address> is wanted");
	forget(s);
	utf8 = has_8bit(arg);
	if (smtp_address_path(&arg, true, false, &s->tx.sender, &e))
		return bad_path(s, 501, "5.1.7", &e);
	if (parse_params(s, arg, false, &b))
		return smtp_server_error(s, b.code, b.text);
	if (utf8 && !s->tx.smtputf8)
		return smtp_server_error(s, 553,
		    "5.6.7 that address needs SMTPUTF8");
	return smtp_server_ask(s, SMTP_SERVER_MAIL);
}

enum smtp_server_state
smtp_server_mail_answer(struct smtp_server *s, int code, const char *text)
{
	if (code >= 500)
		return smtp_server_error(s, code, text);
	s->mail = code == 250;
	smtp_server_reply(s, code, text ? text : "2.1.0 sender ok");
	return SMTP_SERVER_COMMAND;
}

static enum smtp_server_state
refuse_rcpt(struct smtp_server *s, int code, const char *text)
{
	s->rcpt_refused = true;
	return smtp_server_error(s, code, text);
}

enum smtp_server_state
smtp_server_mail_to(struct smtp_server *s, struct view arg)
{
	struct smtp_server_rcpt *r = &s->tx.rcpt;
	struct err e;
	struct bad b;
	bool utf8;

	if (!s->mail || s->content.chunking)
		return smtp_server_error(s, 503,
		    s->mail ? "5.5.1 not between chunks" : "5.5.1 MAIL first");
	if (!take_word(&arg, VIEW("TO:")))
		return smtp_server_error(s, 501,
		    "5.5.4 RCPT TO:<address> is wanted");
	if (s->rules->max_recipients &&
	    s->tx.nrcpt >= s->rules->max_recipients) {
		/* No error of the client's: RFC 5321 4.5.3.1.10 has it send
		 * the rest in another transaction. */
		s->rcpt_refused = true;
		smtp_server_reply(s, 452, "4.5.3 too many recipients");
		return SMTP_SERVER_COMMAND;
	}
	free(r->orcpt);
	r->orcpt = NULL;
	r->notify = 0;
	utf8 = has_8bit(arg);
	if (smtp_address_path(&arg, false, false, &r->addr, &e)) {
		s->rcpt_refused = true;
		return bad_path(s, 501, "5.1.3", &e);
	}
	if (parse_params(s, arg, true, &b))
		return refuse_rcpt(s, b.code, b.text);
	if (utf8 && !s->tx.smtputf8)
		return refuse_rcpt(s, 553, "5.6.7 that address needs SMTPUTF8");
	return smtp_server_ask(s, SMTP_SERVER_RCPT);
}

enum smtp_server_state
smtp_server_mail_rcpt_answer(struct smtp_server *s, int code, const char *text)
{
	if (code >= 500)
		return refuse_rcpt(s, code, text);
	if (code == 250)
		s->tx.nrcpt++;
	else
		s->rcpt_refused = true;
	smtp_server_reply(s, code, text ? text : "2.1.5 recipient ok");
	return SMTP_SERVER_COMMAND;
}
