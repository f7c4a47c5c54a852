#include "config.h"
#include "smtp/server_priv.h"

#include <string.h>

struct scan {
	struct smtp_server *s;
	struct view v;
	size_t from; /* first octet that is not yet in the content */
	size_t at;   /* first octet that was not looked at */
	bool dots;
	bool closed;
	bool end;
};

static void
add(struct smtp_server *s, const char *p, size_t n)
{
	if (s->content.spoiled || n == 0)
		return;
	if (s->rules->max_message_bytes &&
	    s->tx.content.n + n > s->rules->max_message_bytes) {
		smtp_server_content_spoil(s, 552,
		    "5.3.4 the message is too large");
		return;
	}
	buf_add(&s->tx.content, p, n);
}

static void
flush(struct scan *c)
{
	add(c->s, c->v.p + c->from, c->at - c->from);
	c->from = c->at;
}

static void
check_header(struct smtp_server *s)
{
	struct view v = buf_view(&s->tx.content);
	unsigned hops = 0;

	if (s->content.spoiled)
		return;
	if (s->rules->max_header_bytes && v.n > s->rules->max_header_bytes) {
		smtp_server_content_spoil(s, 552,
		    "5.3.4 the header is too large");
		return;
	}
	while (v.n) {
		if (view_istarts(v, VIEW("Received:")))
			hops++;
		view_cut(&v, '\n');
	}
	if (s->rules->max_hops && hops > s->rules->max_hops)
		smtp_server_content_spoil(s, 554,
		    "5.4.6 too many hops: the mail seems to loop");
}

static void
line_grew(struct smtp_server *s, size_t n)
{
	s->content.line_bytes += n;
	if (s->rules->max_line_bytes &&
	    s->content.line_bytes > s->rules->max_line_bytes)
		smtp_server_content_spoil(s, 554,
		    "5.6.0 a line of the message is too long");
}

static void
line_ended(struct scan *c, bool crlf, bool blank)
{
	struct smtp_server_content *t = &c->s->content;

	t->bol = crlf;
	t->fresh = true;
	t->line_bytes = 0;
	if (blank && !t->body) {
		flush(c);
		t->body = true;
		check_header(c->s);
	}
}

/* n octets at the position hold a CR or LF on its own. */
static void
bare(struct scan *c, size_t n)
{
	const char *p = c->v.p + c->at;
	size_t i;

	if (!c->s->rules->normalise) {
		smtp_server_content_spoil(c->s, 554,
		    "5.6.0 the message has a bare CR or LF");
		return;
	}
	flush(c);
	for (i = 0; i < n; i++) {
		if (p[i] == '\r' && i + 1 < n && p[i + 1] == '\n')
			i++;
		if (p[i] == '\r' || p[i] == '\n')
			add(c->s, "\r\n", 2);
		else
			add(c->s, p + i, 1);
	}
	c->from = c->at + n;
}

/* A dot behind CRLF: the end, or stuffed.  False: more must be seen. */
static bool
dot(struct scan *c)
{
	const char *p = c->v.p + c->at;
	size_t n = c->v.n - c->at;

	if (n == 1 || (n == 2 && p[1] == '\r'))
		return false;
	flush(c);
	if (p[1] == '\r' && p[2] == '\n') {
		c->at += 3;
		c->end = true;
	} else {
		c->at++;
		c->s->content.bol = c->s->content.fresh = false;
	}
	c->from = c->at;
	return true;
}

static void
line(struct scan *c, const char *lf)
{
	const char *p = c->v.p + c->at;
	size_t n = (size_t)(lf - p) + 1;
	const char *cr = memchr(p, '\r', n);
	bool crlf = n >= 2 && lf[-1] == '\r';
	bool blank = c->s->content.fresh && n == (crlf ? 2 : 1);

	line_grew(c->s, n - (crlf ? 2 : 1));
	if (cr == NULL || cr + 1 != lf)
		bare(c, n);
	c->at += n;
	line_ended(c, crlf, blank);
}

/* No LF in what is left. */
static void
partial(struct scan *c)
{
	struct smtp_server_content *t = &c->s->content;
	const char *p = c->v.p + c->at;
	size_t n = c->v.n - c->at;
	bool cr = p[n - 1] == '\r';

	if (cr)
		n--;
	if (n) {
		line_grew(c->s, n);
		if (memchr(p, '\r', n))
			bare(c, n);
		c->at += n;
		t->bol = t->fresh = false;
	}
	if (cr && c->closed) {
		c->at++;
		t->cr = true;
	}
	flush(c);
}

/* The chunk before ended in CR. */
static void
after_cr(struct scan *c)
{
	c->s->content.cr = false;
	if (c->v.p[0] == '\n') {
		bool blank = c->s->content.fresh;

		c->at = 1;
		line_ended(c, true, blank);
	} else if (c->s->rules->normalise) {
		add(c->s, "\n", 1);
		line_ended(c, true, c->s->content.fresh);
	} else {
		bare(c, 0);
	}
}

size_t
smtp_server_scan(struct smtp_server *s, struct view v, bool dots, bool closed,
    bool *end)
{
	struct scan c = { .s = s, .v = v, .dots = dots, .closed = closed };

	if (v.n && s->content.cr)
		after_cr(&c);
	while (c.at < v.n && !c.end) {
		const char *lf;

		if (dots && s->content.bol && v.p[c.at] == '.') {
			if (!dot(&c))
				break;
			continue;
		}
		lf = memchr(v.p + c.at, '\n', v.n - c.at);
		if (lf == NULL) {
			partial(&c);
			break;
		}
		line(&c, lf);
	}
	if (!c.end)
		flush(&c);
	if (c.at && memchr(v.p, '\0', c.at))
		smtp_server_content_spoil(s, 554,
		    "5.6.0 the message has a NUL octet");
	if (!s->content.body && s->rules->max_header_bytes &&
	    s->tx.content.n > s->rules->max_header_bytes)
		smtp_server_content_spoil(s, 552,
		    "5.3.4 the header is too large");
	*end = c.end;
	return c.at;
}

void
smtp_server_scan_finish(struct smtp_server *s)
{
	struct smtp_server_content *t = &s->content;

	if (t->cr) {
		t->cr = false;
		if (!s->rules->normalise)
			smtp_server_content_spoil(s, 554,
			    "5.6.0 the message has a bare CR or LF");
		add(s, "\n", 1);
		t->fresh = true;
	}
	/* A last line without its end can only come in a chunk. */
	if (!t->fresh && s->tx.content.n)
		add(s, "\r\n", 2);
	if (!t->body)
		check_header(s);
}
