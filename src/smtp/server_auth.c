#include "config.h"
#include "smtp/server_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define USER_MAX 255     /* RFC 4616 2 */
#define PASSWORD_MAX 512 /* longer than what crypt(3) takes */

static int
value64(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* RFC 4648 4, padding wanted, nothing else allowed. */
static int
decode64(struct view v, struct buf *out)
{
	size_t i;

	if (v.n % 4)
		return -1;
	for (i = 0; i < v.n; i += 4) {
		bool end = i + 4 == v.n;
		int pad = !end || v.p[i + 3] != '=' ? 0
		    : v.p[i + 2] == '='	     ? 2
						     : 1;
		uint32_t x = 0;
		int k;

		for (k = 0; k < 4 - pad; k++) {
			int d = value64(v.p[i + (size_t)k]);

			if (d < 0)
				return -1;
			x |= (uint32_t)d << (18 - 6 * k);
		}
		for (k = 0; k < 3 - pad; k++)
			buf_addc(out, (char)(x >> (16 - 8 * k)));
	}
	return 0;
}

static void
wipe(char **p)
{
	if (*p)
		explicit_bzero(*p, strlen(*p));
	free(*p);
	*p = NULL;
}

static void
wipe_buf(struct buf *b)
{
	if (b->mem)
		explicit_bzero(b->mem, b->cap);
	buf_fini(b);
}

void
smtp_server_auth_forget(struct smtp_server *s)
{
	wipe(&s->tx.user);
	wipe(&s->tx.password);
}

static enum smtp_server_state
fail(struct smtp_server *s, int code, const char *text)
{
	smtp_server_auth_forget(s);
	return smtp_server_error(s, code, text);
}

/* A name or password that crypt and a table can take; "" is none. */
static char *
word(struct view v, size_t max)
{
	struct buf b = { 0 };

	if (v.n == 0 || v.n > max || memchr(v.p, '\0', v.n))
		return NULL;
	buf_addv(&b, v);
	return buf_take(&b);
}

/* RFC 4616: [authzid] NUL authcid NUL passwd.  To act as someone else is not
 * provided for. */
static enum smtp_server_state
plain(struct smtp_server *s, struct view v)
{
	struct view authzid = view_cut(&v, '\0');
	struct view user = view_cut(&v, '\0');

	if (v.p == NULL)
		return fail(s, 501, "5.5.2 malformed credentials");
	s->tx.user = word(user, USER_MAX);
	s->tx.password = word(v, PASSWORD_MAX);
	if (s->tx.user == NULL || s->tx.password == NULL)
		return fail(s, 501, "5.5.2 malformed credentials");
	if (authzid.n && !view_eq(authzid, user))
		return fail(s, 535, "5.7.8 cannot act for another user");
	return smtp_server_ask(s, SMTP_SERVER_AUTH);
}

static enum smtp_server_state
login_user(struct smtp_server *s, struct view v)
{
	s->tx.user = word(v, USER_MAX);
	if (s->tx.user == NULL)
		return fail(s, 501, "5.5.2 malformed credentials");
	s->auth = AUTH_LOGIN_PASSWORD;
	smtp_server_reply(s, 334, "UGFzc3dvcmQ6"); /* "Password:" */
	return SMTP_SERVER_CREDENTIALS;
}

static enum smtp_server_state
login_password(struct smtp_server *s, struct view v)
{
	s->tx.password = word(v, PASSWORD_MAX);
	if (s->tx.password == NULL)
		return fail(s, 501, "5.5.2 malformed credentials");
	return smtp_server_ask(s, SMTP_SERVER_AUTH);
}

static enum smtp_server_state (*const steps[])(struct smtp_server *s,
    struct view v) = {
	[AUTH_PLAIN] = plain,
	[AUTH_LOGIN_USER] = login_user,
	[AUTH_LOGIN_PASSWORD] = login_password,
};

static const struct {
	const char *name;
	enum smtp_server_auth first;
	const char *challenge;
} mechanisms[] = {
	{ "PLAIN", AUTH_PLAIN, "" },
	{ "LOGIN", AUTH_LOGIN_USER, "VXNlcm5hbWU6" }, /* "Username:" */
};

bool
smtp_server_auth_allowed(const struct smtp_server *s)
{
	return s->rules->auth && (s->secure || s->rules->auth_without_tls);
}

enum smtp_server_state
smtp_server_auth_line(struct smtp_server *s, struct view line)
{
	enum smtp_server_state to;
	struct buf b = { 0 };

	if (view_eq(line, VIEW("*")))
		return fail(s, 501, "5.7.0 authentication was cancelled");
	/* "=" is an initial response of no octets: RFC 4954 4. */
	if (view_eq(line, VIEW("=")))
		line.n = 0;
	if (decode64(line, &b))
		to = fail(s, 501, "5.5.2 that is not base64");
	else
		to = steps[s->auth](s, buf_view(&b));
	wipe_buf(&b);
	return to;
}

enum smtp_server_state
smtp_server_auth_begin(struct smtp_server *s, struct view arg)
{
	struct view name = view_word(&arg);
	size_t i;

	if (!s->rules->auth)
		return smtp_server_error(s, 502, "5.5.1 not implemented");
	if (!smtp_server_auth_allowed(s))
		return smtp_server_error(s, 538,
		    "5.7.11 encryption is required for authentication");
	if (s->authed || s->mail)
		return smtp_server_error(s, 503,
		    s->mail ? "5.5.1 not inside a transaction"
			    : "5.5.1 authenticated already");
	for (i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
		if (!view_ieq(name, view_str(mechanisms[i].name)))
			continue;
		s->auth = mechanisms[i].first;
		if (arg.n)
			return smtp_server_auth_line(s, arg);
		smtp_server_reply(s, 334, mechanisms[i].challenge);
		return SMTP_SERVER_CREDENTIALS;
	}
	return smtp_server_error(s, 504, "5.5.4 unknown mechanism");
}

enum smtp_server_state
smtp_server_auth_answer(struct smtp_server *s, int code, const char *text)
{
	smtp_server_auth_forget(s);
	if (code >= 500)
		return smtp_server_error(s, code, text);
	s->authed = code == 235;
	smtp_server_reply(s, code,
	    text ? text : "2.7.0 authentication succeeded");
	return SMTP_SERVER_COMMAND;
}
