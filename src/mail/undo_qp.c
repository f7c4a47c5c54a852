#include "config.h"
#include "mail/undo_part.h"

#include <stdint.h>
#include <string.h>

#include "base/err.h"

/*
 * Quoted-printable (RFC 2045 6.7).  Encoders differ in the length of lines, in
 * what they escape without need, and in where they break.  The first two are
 * read off the part; a break is predicted by the greedy rule, and where the
 * part broke elsewhere the difference is kept as a fix.
 */
#define WIDTH_MAX 998
#define MAP_BYTES 16
#define FLAG_DOT 1 /* a dot that begins a line is escaped */
/* More fixes than one in so many lines: another policy than ours. */
#define LINES_PER_FIX 4

struct shape {
	size_t width;
	unsigned char map[MAP_BYTES]; /* printable octets that are escaped */
	unsigned flags;
};

static const char hex[] = "0123456789ABCDEF";

static bool
in_map(const struct shape *s, unsigned char c)
{
	return c < 128 && (s->map[c >> 3] & (1u << (c & 7)));
}

static bool
is_break(struct view text, size_t i)
{
	return i + 1 < text.n && text.p[i] == '\r' && text.p[i + 1] == '\n';
}

/* Octets that the one at i becomes, when a line of output begins at from. */
static size_t
token(const struct shape *s, struct view text, size_t i, size_t from)
{
	unsigned char c = (unsigned char)text.p[i];

	if (c == ' ' || c == '\t') {
		if (i + 1 == text.n || is_break(text, i + 1))
			return 3;
	} else if (c < 33 || c > 126 || c == '=') {
		return 3;
	}
	if (c == '.' && i == from && (s->flags & FLAG_DOT))
		return 3;
	return in_map(s, c) ? 3 : 1;
}

/* Where the line of output that begins at from ends by the greedy rule: a
 * soft break needs room for its "=". */
static size_t
greedy_end(const struct shape *s, struct view text, size_t from)
{
	size_t col = 0, i = from;

	while (i < text.n && !is_break(text, i)) {
		size_t t = token(s, text, i, from);
		bool more = i + 1 < text.n && !is_break(text, i + 1);

		if (col + t + (more ? 1 : 0) > s->width)
			break;
		col += t;
		i++;
	}
	return i > from || i == text.n || is_break(text, i) ? i : i + 1;
}

static void
put_line(const struct shape *s, struct view text, size_t from, size_t to,
    struct buf *out)
{
	size_t i;
	char *o = buf_reserve(out, (to - from) * 3), *start = o;

	for (i = from; i < to; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (token(s, text, i, from) == 1) {
			*o++ = (char)c;
			continue;
		}
		*o++ = '=';
		*o++ = hex[c >> 4];
		*o++ = hex[c & 15];
	}
	buf_grown(out, (size_t)(o - start));
}

static int
hex_value(char c)
{
	const char *at = c ? strchr(hex, c) : NULL;

	return at ? (int)(at - hex) : -1;
}

/* What an escaped octet tells about the encoder. */
static void
learn(struct shape *s, unsigned char c, bool line_start, bool line_end)
{
	if (c == '=' || c > 126 || (c < 33 && c != ' ' && c != '\t'))
		return;
	if ((c == ' ' || c == '\t') && line_end)
		return;
	if (c == '.' && line_start)
		s->flags |= FLAG_DOT;
	else
		s->map[c >> 3] |= (unsigned char)(1u << (c & 7));
}

/* One line of the part: its octets to text; *soft: it ends in "=". */
static int
undo_line(struct shape *s, struct view line, struct buf *text, bool *soft)
{
	size_t i;

	if (line.n > s->width)
		s->width = line.n;
	*soft = line.n && line.p[line.n - 1] == '=';
	if (*soft)
		line.n--;
	for (i = 0; i < line.n; i++) {
		int hi, lo;
		bool start = i == 0;

		if (line.p[i] == '\r' || line.p[i] == '\n')
			return -1;
		if (line.p[i] != '=') {
			buf_addc(text, line.p[i]);
			continue;
		}
		if (i + 2 >= line.n || (hi = hex_value(line.p[i + 1])) < 0 ||
		    (lo = hex_value(line.p[i + 2])) < 0)
			return -1;
		i += 2;
		buf_addc(text, (char)(hi << 4 | lo));
		learn(s, (unsigned char)(hi << 4 | lo), start,
		    i + 1 == line.n && !*soft);
	}
	return line.n == 0 && *soft ? -1 : 0;
}

/* ends: for each line of the part, where it ends in the text. */
static int
undo_lines(struct view encoded, struct shape *s, struct buf *text,
    struct buf *ends)
{
	while (encoded.p) {
		ptrdiff_t at = view_find(encoded, VIEW("\r\n"));
		struct view line = at < 0 ? encoded
					  : view_head(encoded, (size_t)at);
		bool soft;
		size_t end;

		if (undo_line(s, line, text, &soft))
			return -1;
		end = text->n;
		buf_add(ends, &end, sizeof(end));
		if (at < 0)
			return soft ? -1 : 0;
		encoded = view_skip(encoded, (size_t)at + 2);
		if (!soft)
			buf_adds(text, "\r\n");
	}
	return 0;
}

static uint64_t
zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

/* Compares each line's end with the greedy one; the differences to fixes. */
static int
find_fixes(const struct shape *s, struct view text, struct view ends,
    struct buf *fixes, size_t *nfixes)
{
	size_t lines = ends.n / sizeof(size_t), i, from = 0, last = 0;

	*nfixes = 0;
	for (i = 0; i < lines; i++) {
		size_t want, got;

		memcpy(&want, ends.p + i * sizeof(want), sizeof(want));
		got = greedy_end(s, text, from);
		if (got != want) {
			buf_varint(fixes, i - last);
			buf_varint(fixes,
			    zigzag((int64_t)want - (int64_t)got));
			last = i;
			if (++*nfixes > 2 + lines / LINES_PER_FIX)
				return -1;
		}
		from = is_break(text, want) ? want + 2 : want;
	}
	return 0;
}

int
mail_undo_qp_undo(struct view encoded, struct buf *head, struct buf *text)
{
	struct shape s = { 0 };
	struct buf ends = { 0 }, fixes = { 0 };
	size_t n;
	int rc = -1;

	if (undo_lines(encoded, &s, text, &ends) || s.width > WIDTH_MAX ||
	    s.width < 4 ||
	    find_fixes(&s, buf_view(text), buf_view(&ends), &fixes, &n))
		goto out;
	buf_varint(head, s.width);
	buf_varint(head, s.flags);
	buf_add(head, s.map, sizeof(s.map));
	buf_varint(head, n);
	buf_addv(head, buf_view(&fixes));
	rc = 0;
out:
	buf_fini(&ends);
	buf_fini(&fixes);
	return rc;
}

static int
read_shape(struct view *head, struct shape *s, uint64_t *nfixes)
{
	uint64_t width, flags;

	if (buf_get_varint(head, &width) || width < 4 || width > WIDTH_MAX ||
	    buf_get_varint(head, &flags) || flags > FLAG_DOT ||
	    head->n < MAP_BYTES)
		return -1;
	s->width = (size_t)width;
	s->flags = (unsigned)flags;
	memcpy(s->map, head->p, MAP_BYTES);
	*head = view_skip(*head, MAP_BYTES);
	return buf_get_varint(head, nfixes);
}

/* The end of line number `line`, with the fix for it where there is one.
 * *next: the number of the next line with a fix. */
static int
fixed_end(struct view *head, uint64_t *nfixes, uint64_t line, uint64_t *next,
    size_t *end)
{
	uint64_t z, delta;
	int64_t fix;

	if (*nfixes == 0 || line != *next)
		return 0;
	if (buf_get_varint(head, &z))
		return -1;
	fix = (int64_t)(z >> 1) ^ -(int64_t)(z & 1);
	if (fix > (int64_t)WIDTH_MAX || fix < -(int64_t)WIDTH_MAX ||
	    (fix < 0 && (size_t)-fix > *end))
		return -1;
	*end = (size_t)((int64_t)*end + fix);
	if (--*nfixes && buf_get_varint(head, &delta) == 0)
		*next += delta;
	return 0;
}

int
mail_undo_qp_redo(struct view *head, struct view text, size_t max_bytes,
    struct buf *out)
{
	struct shape s = { 0 };
	uint64_t nfixes, next = 0, line;
	size_t from = 0, start = out->n;

	if (read_shape(head, &s, &nfixes) ||
	    (nfixes && buf_get_varint(head, &next)))
		return -1;
	for (line = 0;; line++) {
		size_t end = greedy_end(&s, text, from);

		if (fixed_end(head, &nfixes, line, &next, &end) ||
		    end < from || end > text.n ||
		    out->n - start > max_bytes)
			return -1;
		put_line(&s, text, from, end, out);
		if (end == text.n)
			break;
		if (is_break(text, end)) {
			buf_adds(out, "\r\n");
			from = end + 2;
		} else {
			if (end == from)
				return -1;
			buf_adds(out, "=\r\n");
			from = end;
		}
	}
	return nfixes ? -1 : 0;
}
