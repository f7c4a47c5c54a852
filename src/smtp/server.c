#include "config.h"
#include "smtp/server_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/clock.h"
#include "base/mem.h"

/* RFC 5321 4.5.3.1.4 wants 512 and what extensions add; RFC 4954 4 wants
 * 12288 for credentials. */
#define COMMAND_MAX 4096
#define CREDENTIALS_MAX 12288

enum deadline { FOREVER, IDLE, DATA };

static bool step_command(struct smtp_server *s, struct buf *in);
static bool step_skip(struct smtp_server *s, struct buf *in);
static bool step_credentials(struct smtp_server *s, struct buf *in);
static bool step_none(struct smtp_server *s, struct buf *in);
static bool step_drop(struct smtp_server *s, struct buf *in);

/* clang-format off */
static const struct {
	const char *name;
	enum deadline deadline;
	bool (*step)(struct smtp_server *s, struct buf *in);
} states[] = {
	[SMTP_SERVER_COMMAND]     = { "command", IDLE, step_command },
	[SMTP_SERVER_SKIP]        = { "long line", IDLE, step_skip },
	[SMTP_SERVER_CREDENTIALS] = { "auth", IDLE, step_credentials },
	[SMTP_SERVER_CONTENT]     = { "data", DATA, smtp_server_content_step },
	[SMTP_SERVER_CHUNK]       = { "bdat", DATA, smtp_server_content_chunk_step },
	[SMTP_SERVER_WAIT]        = { "queueing", FOREVER, step_none },
	/* What came in clear behind STARTTLS must never be taken for what
	 * came under TLS (RFC 3207 4.2). */
	[SMTP_SERVER_HANDSHAKE]   = { "handshake", IDLE, step_drop },
	[SMTP_SERVER_CLOSED]      = { "closed", FOREVER, step_drop },
};
/* clang-format on */
_Static_assert(sizeof(states) / sizeof(states[0]) == SMTP_SERVER_STATES,
    "a row per state");

/* What to do with the owner's answer; the text when it gave none. */
static const struct {
	enum smtp_server_state (*answer)(struct smtp_server *s, int code,
	    const char *text);
} questions[] = {
	[SMTP_SERVER_AUTH] = { smtp_server_auth_answer },
	[SMTP_SERVER_MAIL] = { smtp_server_mail_answer },
	[SMTP_SERVER_RCPT] = { smtp_server_mail_rcpt_answer },
	[SMTP_SERVER_DATA] = { smtp_server_content_go },
	[SMTP_SERVER_MESSAGE] = { smtp_server_content_answer },
};
_Static_assert(
    sizeof(questions) / sizeof(questions[0]) == SMTP_SERVER_MESSAGE + 1,
    "a row per question");

struct smtp_server *
smtp_server_new(const struct smtp_server_rules *r, bool secure)
{
	struct smtp_server *s = mem_zalloc(sizeof(*s));

	s->rules = r;
	s->secure = secure;
	s->began = s->touched = clock_mono();
	return s;
}

void
smtp_server_free(struct smtp_server **sp)
{
	struct smtp_server *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	smtp_server_end_tx(s, false);
	smtp_server_auth_forget(s);
	free(s->helo);
	free(s);
}

void
smtp_server_rules_set(struct smtp_server *s, const struct smtp_server_rules *r)
{
	s->rules = r;
}

void
smtp_server_enter(struct smtp_server *s, enum smtp_server_state to)
{
	BUG_ON(to >= SMTP_SERVER_STATES);
	if (s->state == SMTP_SERVER_CLOSED)
		return;
	s->state = to;
	if (to == SMTP_SERVER_CLOSED)
		s->news = SMTP_SERVER_CLOSE;
}

void
smtp_server_reply(struct smtp_server *s, int code, const char *text)
{
	char number[4] = { (char)('0' + code / 100 % 10),
		(char)('0' + code / 10 % 10), (char)('0' + code % 10), ' ' };

	buf_add(s->out, number, 4);
	buf_addv(s->out, view_head(view_str(text), 500));
	buf_add(s->out, "\r\n", 2);
}

enum smtp_server_state
smtp_server_error(struct smtp_server *s, int code, const char *text)
{
	s->errors++;
	smtp_server_reply(s, code, text);
	if (s->rules->max_errors == 0 || s->errors <= s->rules->max_errors)
		return SMTP_SERVER_COMMAND;
	smtp_server_reply(s, 421, "4.7.0 too many errors");
	return SMTP_SERVER_CLOSED;
}

enum smtp_server_state
smtp_server_ask(struct smtp_server *s, enum smtp_server_event question)
{
	s->asked = s->news = question;
	return SMTP_SERVER_WAIT;
}

void
smtp_server_end_tx(struct smtp_server *s, bool tell)
{
	if (tell && s->mail && s->news == SMTP_SERVER_NONE)
		s->news = SMTP_SERVER_RESET;
	s->mail = s->rcpt_refused = false;
	free(s->tx.envid);
	free(s->tx.rcpt.orcpt);
	s->tx.envid = s->tx.rcpt.orcpt = NULL;
	buf_fini(&s->tx.content);
	s->tx.nrcpt = 0;
	s->content = (struct smtp_server_content){ 0 };
}

void
smtp_server_greet(struct smtp_server *s, struct buf *out)
{
	buf_addf(out, "220 %s %s\r\n", s->rules->hostname,
	    s->rules->lmtp ? "LMTP" : "ESMTP");
}

void
smtp_server_refuse(struct buf *out, const char *hostname, int code,
    const char *text)
{
	buf_addf(out, "%d %s %s\r\n", code, hostname, text);
}

/* --- lines --------------------------------------------------------------- */

static bool
close_with(struct smtp_server *s, int code, const char *text)
{
	smtp_server_reply(s, code, text);
	smtp_server_enter(s, SMTP_SERVER_CLOSED);
	return true;
}

/* One line off in, without its end: 1, 0 more must come, -1 bad and dealt
 * with. */
static int
take_line(struct smtp_server *s, struct buf *in, size_t max, struct view *line)
{
	struct view v = buf_view(in);
	ptrdiff_t lf = view_chr(v, '\n');
	size_t n = lf < 0 ? v.n : (size_t)lf;
	bool crlf = n && v.p[n - 1] == '\r';

	if (n > max + 1) {
		smtp_server_enter(s, SMTP_SERVER_SKIP);
		return -1;
	}
	if (lf < 0)
		return 0;
	s->touched = clock_mono();
	buf_drop(in, n + 1);
	*line = view_head(v, crlf ? n - 1 : n);
	if (!crlf && !s->rules->normalise) {
		/* Another server on the way may have seen one line where we
		 * see two: what follows cannot be trusted. */
		close_with(s, 521, "5.5.2 bare LF: a line ends in CRLF");
		return -1;
	}
	if (view_chr(*line, '\r') >= 0 || view_chr(*line, '\0') >= 0) {
		smtp_server_enter(s, smtp_server_error(s, 500,
		    "5.5.2 bare CR or NUL in a command"));
		return -1;
	}
	return 1;
}

static bool
step_command(struct smtp_server *s, struct buf *in)
{
	struct view line;
	int rc;

	if (s->draining && !s->mail)
		return close_with(s, 421, "4.3.2 shutting down");
	rc = take_line(s, in, COMMAND_MAX, &line);
	if (rc > 0)
		smtp_server_enter(s, smtp_server_verbs_run(s, line));
	return rc != 0;
}

static bool
step_credentials(struct smtp_server *s, struct buf *in)
{
	struct view line;
	int rc = take_line(s, in, CREDENTIALS_MAX, &line);

	if (rc > 0)
		smtp_server_enter(s, smtp_server_auth_line(s, line));
	else if (rc < 0)
		smtp_server_auth_forget(s);
	return rc != 0;
}

static bool
step_skip(struct smtp_server *s, struct buf *in)
{
	struct view v = buf_view(in);
	ptrdiff_t at = view_find(v, VIEW("\r\n"));

	if (at < 0) {
		bool cr = v.n && v.p[v.n - 1] == '\r';

		buf_drop(in, v.n - cr);
		return false;
	}
	buf_drop(in, (size_t)at + 2);
	s->touched = clock_mono();
	smtp_server_enter(s,
	    smtp_server_error(s, 500, "5.5.2 the line is too long"));
	return true;
}

static bool
step_none(struct smtp_server *s, struct buf *in)
{
	(void)s;
	(void)in;
	return false;
}

static bool
step_drop(struct smtp_server *s, struct buf *in)
{
	(void)s;
	buf_clear(in);
	return false;
}

/* --- the owner's side ---------------------------------------------------- */

enum smtp_server_event
smtp_server_run(struct smtp_server *s, struct buf *in, struct buf *out)
{
	enum smtp_server_event news;

	s->out = out;
	while (s->news == SMTP_SERVER_NONE && states[s->state].step(s, in))
		;
	s->out = NULL;
	news = s->news;
	s->news = SMTP_SERVER_NONE;
	return news;
}

struct smtp_server_tx *
smtp_server_tx(struct smtp_server *s)
{
	return &s->tx;
}

void
smtp_server_answer(struct smtp_server *s, struct buf *out, int code,
    const char *text)
{
	enum smtp_server_state to;

	BUG_ON(s->state != SMTP_SERVER_WAIT);
	s->out = out;
	to = questions[s->asked].answer(s, code, text);
	s->touched = clock_mono();
	smtp_server_enter(s, code == 421 && to != SMTP_SERVER_WAIT &&
		    to != SMTP_SERVER_CHUNK
		? SMTP_SERVER_CLOSED
		: to);
	s->out = NULL;
}

void
smtp_server_spoil(struct smtp_server *s, int code, const char *text)
{
	if (s->state == SMTP_SERVER_CONTENT || s->state == SMTP_SERVER_CHUNK ||
	    s->content.chunking)
		smtp_server_content_spoil(s, code, text);
}

void
smtp_server_secured(struct smtp_server *s)
{
	smtp_server_end_tx(s, false);
	free(s->helo);
	s->helo = NULL;
	s->hello = HELLO_NONE;
	s->authed = false;
	s->secure = true;
	s->touched = clock_mono();
	smtp_server_enter(s, SMTP_SERVER_COMMAND);
}

int64_t
smtp_server_deadline(const struct smtp_server *s)
{
	const struct smtp_server_rules *r = s->rules;
	enum deadline d = states[s->state].deadline;
	int64_t at = s->touched + r->idle_ms;

	if (d == FOREVER)
		return -1;
	/* A session ends between two messages. */
	if (!s->mail && s->began + r->session_ms < at)
		at = s->began + r->session_ms;
	if ((d == DATA || s->content.chunking) && s->content.since &&
	    s->content.since + r->data_ms < at)
		at = s->content.since + r->data_ms;
	return at;
}

void
smtp_server_timeout(struct smtp_server *s, struct buf *out)
{
	if (s->state == SMTP_SERVER_CLOSED || s->state == SMTP_SERVER_WAIT)
		return;
	s->out = out;
	/* Inside a handshake clear text would only confuse. */
	if (s->state != SMTP_SERVER_HANDSHAKE)
		smtp_server_reply(s, 421, "4.4.2 timed out");
	smtp_server_enter(s, SMTP_SERVER_CLOSED);
	s->out = NULL;
}

void
smtp_server_drain(struct smtp_server *s, struct buf *out)
{
	s->draining = true;
	s->out = out;
	if (s->state == SMTP_SERVER_COMMAND && !s->mail)
		close_with(s, 421, "4.3.2 shutting down");
	s->out = NULL;
}

const char *
smtp_server_helo(const struct smtp_server *s)
{
	return s->helo ? s->helo : "";
}

const char *
smtp_server_state_text(const struct smtp_server *s)
{
	return s->state == SMTP_SERVER_COMMAND && !s->mail
	    ? "idle"
	    : states[s->state].name;
}

bool
smtp_server_secure(const struct smtp_server *s)
{
	return s->secure;
}

bool
smtp_server_authed(const struct smtp_server *s)
{
	return s->authed;
}

unsigned
smtp_server_messages(const struct smtp_server *s)
{
	return s->messages;
}

const char *
smtp_server_protocol(const struct smtp_server *s)
{
	static const char *const names[2][2][4] = {
		{ { "ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA" },
		    { "LMTP", "LMTPS", "LMTPA", "LMTPSA" } },
		{ { "UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA" },
		    { "UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA" } },
	};

	if (s->hello == HELLO_HELO)
		return "SMTP";
	return names[s->tx.smtputf8][s->rules->lmtp]
		    [(s->secure ? 1 : 0) + (s->authed ? 2 : 0)];
}
