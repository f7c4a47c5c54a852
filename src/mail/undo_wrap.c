#include "config.h"
#include "mail/undo_wrap.h"

#include <string.h>

#define LIBQP_WIDTH 76
#define LIBQP_MARGIN 25 /* a third: where a nice place is looked for */
#define PHP_WIDTH 75

/* The octet that the escape at p stands for. */
static unsigned
octet_at(const char *p)
{
	return ((unsigned)view_hex(p[1]) << 4 | (unsigned)view_hex(p[2])) &
	    0xff;
}

/* An offset of at most at that cuts no escape in two. */
static size_t
align(struct view text, size_t from, size_t at)
{
	if (at > from && text.p[at - 1] == '=')
		return at - 1;
	if (at > from + 1 && text.p[at - 2] == '=')
		return at - 2;
	return at;
}

static bool
is_escape(struct view text, size_t at, size_t end)
{
	return at + 3 <= end && text.p[at] == '=';
}

static size_t
keep_sequence(struct view text, size_t from, size_t at, size_t end)
{
	size_t back = at;
	int i;

	for (i = 0; i < 3; i++) {
		if (!is_escape(text, back, end) ||
		    (octet_at(text.p + back) & 0xc0) != 0x80)
			break;
		if (back < from + 6 || !is_escape(text, back - 3, end))
			return at;
		back -= 3;
	}
	return is_escape(text, back, end) &&
		(octet_at(text.p + back) & 0xc0) == 0xc0 ? back : at;
}

static size_t
greedy_end(const struct mail_undo_wrap *w, struct view text, size_t from,
    size_t end)
{
	size_t rest = end - from, at;
	bool escaped = rest >= 3 && text.p[end - 3] == '=';
	unsigned least = w->soft[0] < w->soft[1] ? w->soft[0] : w->soft[1];

	if (rest <= w->hard[escaped])
		return MAIL_UNDO_WRAP_NONE;
	at = align(text, from, from + (least < rest ? least : rest));
	while (at < end) {
		bool e = is_escape(text, at, end);
		size_t next = at + (e ? 3 : 1);

		if (next - from > w->soft[e] && at > from)
			break;
		at = next;
	}
	if (w->policy == MAIL_UNDO_WRAP_GREEDY_UTF8)
		at = keep_sequence(text, from, at, end);
	return at;
}

static bool
is_nice(char c)
{
	return c == ' ' || c == '\t' || c == '.' || c == ',' || c == '!' ||
	    c == '?';
}

/* The window ends in an escape or the begin of one: it goes to the next line,
 * with all of its UTF-8 sequence. */
static size_t
libqp_escapes(struct view text, size_t from, size_t at)
{
	at = align(text, from, at);
	while (at - from > 3 && at < text.n && text.p[at - 3] == '=') {
		unsigned c = octet_at(text.p + at - 3);
		bool only = at - from <= 12;
		size_t i;

		for (i = from; only && i < at; i += 3)
			only = text.p[i] == '=';
		if (only || c < 128)
			break;
		at -= 3;
		if (c >= 0xc0)
			break;
	}
	return at;
}

static size_t
libqp_end(struct view text, size_t from, size_t end)
{
	size_t left = text.n - from;
	size_t n = left < LIBQP_WIDTH ? left : LIBQP_WIDTH, i;
	size_t at = from + n, least = n < LIBQP_MARGIN ? from : at -
	    LIBQP_MARGIN;

	/* The whole line end lies in the window. */
	if (end < text.n && end + 2 <= at)
		return MAIL_UNDO_WRAP_NONE;
	for (i = at; i > least && !is_nice(text.p[i - 1]); i--)
		;
	if (n > LIBQP_WIDTH - LIBQP_MARGIN && i > least)
		at = i;
	else if ((n >= 1 && text.p[at - 1] == '=') ||
	    (n >= 2 && text.p[at - 2] == '=') ||
	    (n >= 3 && text.p[at - 3] == '='))
		at = libqp_escapes(text, from, at);
	if (at == text.n)
		return MAIL_UNDO_WRAP_NONE;
	if (at - from == LIBQP_WIDTH)
		at -= text.p[at - 3] == '=' ? 3 : 1;
	return at < end ? at : end;
}

/* Its look-ahead for a lead octet is also applied to the octets behind. */
static unsigned
php_ahead(unsigned c)
{
	if (c <= 0x7f || c > 0xf4)
		return 0;
	return c <= 0xdf ? 3 : c <= 0xef ? 6 : 9;
}

/* A blank before LF was counted as one column: it became "=20" with the
 * line end. */
static size_t
php_late_blank(const struct mail_undo_wrap *w, struct view text, size_t from,
    size_t end)
{
	return w->policy == MAIL_UNDO_WRAP_PHP_LF && end >= from + 3 &&
		memcmp(text.p + end - 3, "=20", 3) == 0 ? 2 : 0;
}

static size_t
php_end(const struct mail_undo_wrap *w, struct view text, size_t from,
    size_t end, size_t column)
{
	size_t late = php_late_blank(w, text, from, end);
	size_t safe = column + 12 < PHP_WIDTH ? PHP_WIDTH - column - 12 : 0;
	size_t at = align(text, from,
	    from + (safe < end - from ? safe : end - from));

	while (at < end) {
		bool e = is_escape(text, at, end);
		size_t col = column + (at - from) + (e ? 3 : 1) -
		    (at + 3 == end ? late : 0);
		unsigned c = e ? octet_at(text.p + at) : 0;

		/* 0xf5 and above were never looked at. */
		if (col + php_ahead(c) > PHP_WIDTH && c <= 0xf4)
			return at;
		at += e ? 3 : 1;
	}
	/* "=0A", which becomes a line end only later. */
	if (w->policy == MAIL_UNDO_WRAP_PHP_LF && end < text.n &&
	    column + (end - from) - late + 3 > PHP_WIDTH)
		return end;
	return MAIL_UNDO_WRAP_NONE;
}

size_t
mail_undo_wrap_end(const struct mail_undo_wrap *w, struct view text,
    size_t from, size_t end, size_t column)
{
	switch (w->policy) {
	case MAIL_UNDO_WRAP_GREEDY:
	case MAIL_UNDO_WRAP_GREEDY_UTF8:
		return greedy_end(w, text, from, end);
	case MAIL_UNDO_WRAP_LIBQP:
		return libqp_end(text, from, end);
	case MAIL_UNDO_WRAP_PHP:
	case MAIL_UNDO_WRAP_PHP_LF:
		return php_end(w, text, from, end, column);
	case MAIL_UNDO_WRAP_N:
		break;
	}
	return MAIL_UNDO_WRAP_NONE;
}

size_t
mail_undo_wrap_column(const struct mail_undo_wrap *w, struct view text,
    size_t from, size_t end, size_t column)
{
	size_t next = column + (end - from) + 3 -
	    php_late_blank(w, text, from, end);

	if (w->policy != MAIL_UNDO_WRAP_PHP_LF)
		return 0;
	return next > PHP_WIDTH ? 3 : next;
}

void
mail_undo_wrap_put(const struct mail_undo_wrap *w, struct buf *head)
{
	buf_varint(head, w->policy);
	if (w->policy > MAIL_UNDO_WRAP_GREEDY_UTF8)
		return;
	buf_varint(head, w->soft[0]);
	buf_varint(head, w->soft[1]);
	buf_varint(head, w->hard[0]);
	buf_varint(head, w->hard[1]);
}

int
mail_undo_wrap_get(struct view *head, struct mail_undo_wrap *w)
{
	unsigned *column[] = { &w->soft[0], &w->soft[1], &w->hard[0],
		&w->hard[1] };
	uint64_t v;
	size_t i;

	if (buf_get_varint(head, &v) || v >= MAIL_UNDO_WRAP_N)
		return -1;
	w->policy = (enum mail_undo_wrap_policy)v;
	if (w->policy > MAIL_UNDO_WRAP_GREEDY_UTF8)
		return 0;
	for (i = 0; i < 4; i++) {
		if (buf_get_varint(head, &v) || v > MAIL_UNDO_WRAP_WIDTH_MAX)
			return -1;
		*column[i] = (unsigned)v;
	}
	return 0;
}
