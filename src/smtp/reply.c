#include "config.h"

#include "smtp/reply.h"

#include <stdio.h>
#include <string.h>

#define TEXT_CAP  (SMTP_REPLY_TEXT_MAX - 1)
#define LINE_ROOM 512 /* what a line may count on where lines are reported */

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : -1;
}

/* "x.y.z" at the front, RFC 3463 2: class 2, 4 or 5, then at most three
 * digits each; a blank or the end must follow.  Its length, 0: none. */
static size_t
enhanced(const char *p, size_t n, int out[3])
{
	size_t i = 0;
	int part;

	for (part = 0; part < 3; part++) {
		size_t from = i;

		out[part] = 0;
		while (i < n && i - from < 3 && digit(p[i]) >= 0)
			out[part] = out[part] * 10 + digit(p[i++]);
		if (i == from)
			return 0;
		if (part < 2 && (i >= n || p[i++] != '.'))
			return 0;
	}
	if (i < n && p[i] != ' ')
		return 0;
	while (i < n && p[i] == ' ')
		i++;
	return i;
}

static void
append(struct smtp_reply *r, const char *p, size_t n)
{
	size_t i, room = TEXT_CAP - r->text_len;

	if (n > room)
		n = room;
	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		r->text[r->text_len++] = c < 32 || c == 127 ? ' ' : (char)c;
	}
}

/* Length of the UTF-8 sequence at p (RFC 3629), 0: not one. */
static size_t
utf8(const unsigned char *p, size_t n)
{
	static const unsigned char least[] = {0, 0, 0xc2, 0xe0, 0xf0};
	size_t i, len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (len == 1)
		return 1;
	if (p[0] < least[len] || p[0] > 0xf4 || len > n)
		return 0;
	for (i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

static void
make_utf8(struct smtp_reply *r)
{
	unsigned char *p = (unsigned char *)r->text;
	size_t i = 0;

	while (i < r->text_len) {
		size_t len = utf8(p + i, r->text_len - i);

		if (len == 0)
			p[i] = '?';
		i += len ? len : 1;
	}
}

static void
line_end(struct smtp_reply *r)
{
	char *line = r->text + r->line_at;
	size_t n;
	int e[3];

	while (r->text_len > r->line_at && r->text[r->text_len - 1] == ' ')
		r->text_len--;
	n = r->text_len - r->line_at;
	n = enhanced(line, n, e);
	/* RFC 2034 4: its class is that of the code. */
	if (n > 0 && e[0] == r->code / 100 && e[0] != 3) {
		if (r->enhanced[0] == 0)
			memcpy(r->enhanced, e, sizeof(e));
		if (memcmp(e, r->enhanced, sizeof(e)) == 0) {
			memmove(line, line + n, r->text_len - r->line_at - n);
			r->text_len -= (unsigned)n;
		}
	}
	r->in_line = false;
	r->lines++;
	r->text[r->text_len] = '\0';
	if (r->on_line)
		r->on_line(r->arg,
		    view_of(r->text + r->line_at, r->text_len - r->line_at));
	if (r->last)
		make_utf8(r);
}

/* The code and what follows it: 1 read, 0 more is needed, -1 bad. */
static int
line_start(struct smtp_reply *r, struct buf *in)
{
	struct view v = buf_view(in);
	int code = 0;
	size_t i;

	for (i = 0; i < 3 && i < v.n; i++) {
		if (digit(v.p[i]) < (i == 0 ? 2 : 0) ||
		    digit(v.p[i]) > (i == 0 ? 5 : 9))
			return -1;
		code = code * 10 + digit(v.p[i]);
	}
	if (v.n < 4)
		return 0;
	if (memchr(" -\r\n", v.p[3], 4) == NULL)
		return -1;
	if (r->lines > 0 && code != r->code)
		return -1;
	r->code = code;
	r->last = v.p[3] != '-';
	r->in_line = true;
	if (r->on_line && r->text_len + LINE_ROOM > TEXT_CAP)
		r->text_len = 0;
	else if (r->lines > 0 && r->text_len < TEXT_CAP)
		r->text[r->text_len++] = '\n';
	r->line_at = r->text_len;
	buf_drop(in, v.p[3] == ' ' || v.p[3] == '-' ? 4 : 3);
	return 1;
}

int
smtp_reply_parse(struct smtp_reply *r, struct buf *in)
{
	while (in->n > 0) {
		struct view v;
		const char *nl;
		size_t n;

		if (!r->in_line) {
			int rc = line_start(r, in);

			if (rc != 1)
				return rc;
			continue;
		}
		v = buf_view(in);
		nl = memchr(v.p, '\n', v.n);
		n = nl ? (size_t)(nl - v.p) : v.n;
		append(r, v.p, n);
		buf_drop(in, nl ? n + 1 : n);
		if (nl == NULL)
			return 0;
		line_end(r);
		if (r->last)
			return 1;
	}
	return 0;
}

void
smtp_reply_reset(struct smtp_reply *r)
{
	r->code = 0;
	memset(r->enhanced, 0, sizeof(r->enhanced));
	r->lines = r->text_len = r->line_at = 0;
	r->in_line = r->last = false;
	r->text[0] = '\0';
}

void
smtp_reply_set(
    struct smtp_reply *r, int code, int subject, int detail, const char *text)
{
	smtp_reply_reset(r);
	r->code = code;
	r->enhanced[0] = code / 100;
	r->enhanced[1] = subject;
	r->enhanced[2] = detail;
	r->lines = 1;
	append(r, text, strlen(text));
	r->text[r->text_len] = '\0';
	make_utf8(r);
}

void
smtp_reply_enhanced_text(
    const struct smtp_reply *r, char out[SMTP_REPLY_ENHANCED_MAX])
{
	out[0] = '\0';
	if (r->enhanced[0] != 0)
		snprintf(out, SMTP_REPLY_ENHANCED_MAX, "%d.%d.%d",
		    r->enhanced[0], r->enhanced[1] % 1000,
		    r->enhanced[2] % 1000);
}
