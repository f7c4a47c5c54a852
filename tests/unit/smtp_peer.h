/*
 * An owner for the server engine: answers by what the addresses say, keeps
 * the messages, and can put every answer off by a turn.
 */
#ifndef TESTS_UNIT_SMTP_PEER_H
#define TESTS_UNIT_SMTP_PEER_H

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "smtp/server.h"

struct smtp_peer {
	struct smtp_server *s;
	struct buf in, out;
	struct buf mails;  /* contents, each in [ ] */
	struct buf events; /* a letter each */
	bool late;         /* answers come only once nothing else moves */
	bool closed;
	int data_code;     /* answer to DATA when not 0 */
	enum smtp_server_event open;
};

static inline void
smtp_peer_init(struct smtp_peer *p, const struct smtp_server_rules *r)
{
	memset(p, 0, sizeof(*p));
	p->s = smtp_server_new(r, false);
	smtp_server_greet(p->s, &p->out);
}

static inline void
smtp_peer_fini(struct smtp_peer *p)
{
	smtp_server_free(&p->s);
	buf_fini(&p->in);
	buf_fini(&p->out);
	buf_fini(&p->mails);
	buf_fini(&p->events);
}

static inline void
smtp_peer_verdict(struct smtp_peer *p, const struct smtp_address *a)
{
	static const struct {
		const char *local;
		int code;
		const char *text;
	} rows[] = { { "no", 550, "5.1.1 no such" },
		{ "later", 450, "4.2.1 later" }, { "bye", 421, "4.3.2 bye" } };
	struct view local = smtp_address_local(a);
	size_t i;

	for (i = 0; i < 3; i++)
		if (view_eq(local, view_str(rows[i].local))) {
			smtp_server_answer(p->s, &p->out, rows[i].code,
			    rows[i].text);
			return;
		}
	smtp_server_answer(p->s, &p->out, 250, NULL);
}

static inline void
smtp_peer_message(struct smtp_peer *p, bool lmtp)
{
	struct smtp_server_tx *t = smtp_server_tx(p->s);
	struct view v = buf_view(&t->content);
	bool refuse = view_find(v, VIEW("refuse me")) >= 0;
	size_t n = lmtp ? t->nrcpt : 1;
	size_t i;

	buf_addc(&p->mails, '[');
	buf_addv(&p->mails, v);
	buf_addc(&p->mails, ']');
	for (i = 0; i < n; i++)
		if (refuse && i == 0)
			smtp_server_answer(p->s, &p->out, 554, "5.7.1 no");
		else
			smtp_server_answer(p->s, &p->out, 250, NULL);
}

static inline void
smtp_peer_reply(struct smtp_peer *p, enum smtp_server_event e, bool lmtp)
{
	struct smtp_server_tx *t = smtp_server_tx(p->s);
	bool good;

	switch (e) {
	case SMTP_SERVER_AUTH:
		good = strcmp(t->user, "joe") == 0 &&
		    strcmp(t->password, "secret") == 0;
		smtp_server_answer(p->s, &p->out, good ? 235 : 535,
		    good ? NULL : "5.7.8 no");
		return;
	case SMTP_SERVER_MAIL:
		smtp_peer_verdict(p, &t->sender);
		return;
	case SMTP_SERVER_RCPT:
		smtp_peer_verdict(p, &t->rcpt.addr);
		return;
	case SMTP_SERVER_DATA:
		smtp_server_answer(p->s, &p->out,
		    p->data_code ? p->data_code : 354,
		    p->data_code ? "4.3.1 full" : NULL);
		return;
	case SMTP_SERVER_MESSAGE:
		smtp_peer_message(p, lmtp);
		return;
	case SMTP_SERVER_STARTTLS:
		buf_clear(&p->in);
		smtp_server_secured(p->s);
		return;
	case SMTP_SERVER_CLOSE:
		p->closed = true;
		return;
	case SMTP_SERVER_RESET:
	case SMTP_SERVER_NONE:
		return;
	}
}

static inline void
smtp_peer_turn(struct smtp_peer *p, bool lmtp)
{
	enum smtp_server_event e;

	for (;;) {
		e = smtp_server_run(p->s, &p->in, &p->out);
		if (e == SMTP_SERVER_NONE && p->open) {
			e = p->open;
			p->open = SMTP_SERVER_NONE;
			smtp_peer_reply(p, e, lmtp);
			continue;
		}
		if (e == SMTP_SERVER_NONE)
			return;
		buf_addc(&p->events, "-AMRDCXTQ"[e]);
		if (p->late && e >= SMTP_SERVER_AUTH &&
		    e <= SMTP_SERVER_MESSAGE)
			p->open = e;
		else
			smtp_peer_reply(p, e, lmtp);
	}
}

static inline void
smtp_peer_feed(struct smtp_peer *p, struct view v, size_t piece, bool lmtp)
{
	while (v.n && !p->closed) {
		struct view part = view_head(v, piece);

		buf_addv(&p->in, part);
		v = view_skip(v, part.n);
		smtp_peer_turn(p, lmtp);
	}
}

/* Replies as "250/2.1.0", of several lines "250+", a blank between. */
static inline void
smtp_peer_codes(struct view v, struct buf *out)
{
	bool several = false;

	while (v.n) {
		struct view l = view_cut(&v, '\n');

		if (l.n > 3 && l.p[3] == '-') {
			several = true;
			continue;
		}
		if (out->n)
			buf_addc(out, ' ');
		buf_addv(out, view_head(l, 3));
		if (several)
			buf_addc(out, '+');
		else if (l.n > 9 && isdigit((unsigned char)l.p[4]) &&
		    l.p[5] == '.' && isdigit((unsigned char)l.p[6])) {
			struct view rest = view_skip(l, 4);

			buf_addc(out, '/');
			buf_addv(out, view_word(&rest));
		}
		several = false;
	}
}

#endif
