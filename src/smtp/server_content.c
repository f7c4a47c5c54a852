#include "config.h"
#include "smtp/server_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define RESERVE_MAX (1024 * 1024)

static const char no_recipients[] = "5.5.1 no valid recipients";

void
smtp_server_content_spoil(struct smtp_server *s, int code, const char *text)
{
	if (s->content.spoiled)
		return;
	s->content.spoiled = true;
	s->content.code = code;
	snprintf(s->content.text, sizeof(s->content.text), "%s", text);
	buf_fini(&s->tx.content);
}

/* Content may come now: NULL, or why not. */
static const char *
not_now(const struct smtp_server *s)
{
	if (s->rules->tls_required && !s->secure)
		return "5.7.0 must issue a STARTTLS command first";
	if (!s->mail)
		return "5.5.1 MAIL first";
	if (s->tx.nrcpt == 0)
		return s->rcpt_refused ? no_recipients : "5.5.1 RCPT first";
	return NULL;
}

static int
not_now_code(const char *why)
{
	if (why == no_recipients)
		return 554;
	return strncmp(why, "5.7.0", 5) == 0 ? 530 : 503;
}

enum smtp_server_state
smtp_server_content_data(struct smtp_server *s, struct view arg)
{
	const char *why = not_now(s);

	if (arg.n)
		return smtp_server_error(s, 501, "5.5.4 DATA has no argument");
	if (why == NULL && s->content.chunking)
		why = "5.5.1 DATA cannot follow BDAT";
	if (why)
		return smtp_server_error(s, not_now_code(why), why);
	return smtp_server_ask(s, SMTP_SERVER_DATA);
}

static void
begin(struct smtp_server *s)
{
	uint64_t size = s->tx.size;

	s->content.bol = s->content.fresh = true;
	s->content.since = clock_mono();
	if (size > RESERVE_MAX)
		size = RESERVE_MAX;
	buf_clear(&s->tx.content);
	if (size && !s->content.spoiled)
		buf_reserve(&s->tx.content, (size_t)size + 256);
}

/* The owner let content come, or not. */
enum smtp_server_state
smtp_server_content_go(struct smtp_server *s, int code, const char *text)
{
	if (s->content.chunking) {
		begin(s);
		if (code != 354)
			smtp_server_content_spoil(s, code, text);
		return SMTP_SERVER_CHUNK;
	}
	if (code != 354) {
		smtp_server_reply(s, code, text);
		smtp_server_end_tx(s, true);
		return SMTP_SERVER_COMMAND;
	}
	begin(s);
	smtp_server_reply(s, 354, "send it, then CRLF . CRLF");
	return SMTP_SERVER_CONTENT;
}

/* "BDAT octets [LAST]"; -1: the number cannot be told, so neither where the
 * next command begins. */
static int
parse_bdat(struct view arg, uint64_t *n, bool *last, bool *bad)
{
	struct view number = view_word(&arg);
	struct view word = view_word(&arg);

	*last = view_ieq(word, VIEW("LAST"));
	*bad = arg.n || (word.n && !*last);
	return number.n > 18 ? -1 : view_u64(number, n);
}

enum smtp_server_state
smtp_server_content_bdat(struct smtp_server *s, struct view arg)
{
	struct smtp_server_content *t = &s->content;
	const char *why = not_now(s);
	uint64_t max = s->rules->max_message_bytes;
	bool bad;
	uint64_t n;

	if (parse_bdat(arg, &n, &t->last, &bad)) {
		smtp_server_reply(s, 501,
		    "5.5.4 BDAT without a size: closing the connection");
		return SMTP_SERVER_CLOSED;
	}
	t->chunk_left = t->chunk_bytes = n;
	if (bad)
		why = "5.5.4 BDAT takes a size and LAST";
	if (why) {
		smtp_server_content_spoil(s,
		    bad ? 501 : not_now_code(why), why);
		return SMTP_SERVER_CHUNK;
	}
	if (max && (n > max || s->tx.content.n > max - n))
		smtp_server_content_spoil(s, 552,
		    "5.3.4 the message is too large");
	if (t->chunking || t->spoiled)
		return SMTP_SERVER_CHUNK;
	t->chunking = true;
	return smtp_server_ask(s, SMTP_SERVER_DATA);
}

/* Refused content has ended: every reply that the client waits for. */
static enum smtp_server_state
refuse(struct smtp_server *s, bool whole)
{
	enum smtp_server_state to = SMTP_SERVER_COMMAND;
	char text[sizeof(s->content.text)];
	int code = s->content.code;
	size_t n = s->rules->lmtp && whole && s->tx.nrcpt ? s->tx.nrcpt : 1;

	memcpy(text, s->content.text, sizeof(text));
	smtp_server_end_tx(s, true);
	for (; n > 1; n--)
		smtp_server_reply(s, code, text);
	if (code < 500)
		smtp_server_reply(s, code, text);
	else
		to = smtp_server_error(s, code, text);
	return code == 421 ? SMTP_SERVER_CLOSED : to;
}

static enum smtp_server_state
finish(struct smtp_server *s)
{
	smtp_server_scan_finish(s);
	if (s->content.spoiled)
		return refuse(s, true);
	s->answered = 0;
	return smtp_server_ask(s, SMTP_SERVER_MESSAGE);
}

bool
smtp_server_content_step(struct smtp_server *s, struct buf *in)
{
	bool end;
	size_t n = smtp_server_scan(s, buf_view(in), true, false, &end);

	buf_drop(in, n);
	if (n)
		s->touched = clock_mono();
	if (end)
		smtp_server_enter(s, finish(s));
	return n > 0;
}

static enum smtp_server_state
chunk_done(struct smtp_server *s)
{
	char text[64];

	if (s->content.last)
		return finish(s);
	if (s->content.spoiled)
		return refuse(s, false);
	snprintf(text, sizeof(text), "2.0.0 %llu octets received",
	    (unsigned long long)s->content.chunk_bytes);
	smtp_server_reply(s, 250, text);
	return SMTP_SERVER_COMMAND;
}

bool
smtp_server_content_chunk_step(struct smtp_server *s, struct buf *in)
{
	struct smtp_server_content *t = &s->content;
	struct view v = buf_view(in);
	bool closed = v.n >= t->chunk_left;
	size_t n = v.n;
	bool end;

	if (closed)
		n = (size_t)t->chunk_left;
	if (!t->spoiled)
		n = smtp_server_scan(s, view_head(v, n), false, closed, &end);
	buf_drop(in, n);
	t->chunk_left -= n;
	if (n)
		s->touched = clock_mono();
	if (t->chunk_left)
		return n > 0;
	smtp_server_enter(s, chunk_done(s));
	return true;
}

/* The owner's word on a whole message; of LMTP, on its next recipient. */
enum smtp_server_state
smtp_server_content_answer(struct smtp_server *s, int code, const char *text)
{
	enum smtp_server_state to = SMTP_SERVER_COMMAND;

	if (text == NULL)
		text = "2.0.0 queued";
	s->answered++;
	if (s->rules->lmtp && s->answered < s->tx.nrcpt) {
		smtp_server_reply(s, code, text);
		return SMTP_SERVER_WAIT;
	}
	smtp_server_end_tx(s, false);
	s->messages++;
	if (code >= 500)
		to = smtp_server_error(s, code, text);
	else
		smtp_server_reply(s, code, text);
	return to;
}
