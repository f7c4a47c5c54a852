#include "config.h"
#include "mail/undo_escape.h"

#include <endian.h>
#include <string.h>

#define FLAG_LOWER 1 /* hex digits */
#define FLAG_MAP 2   /* a map follows */
#define FLAG_OPEN 4  /* the part ends in a soft break */
#define FLAG_RUN 8   /* all blanks at the end of a line are escaped */
#define MAP_BYTES 32
#define BLANKS_MAX 64 /* looked ahead, so that the cost stays linear */

static const char upper[] = "0123456789ABCDEF";
static const char lower[] = "0123456789abcdef";

bool
mail_undo_escape_default(int c)
{
	return (c < 32 && c != '\t') || c > 126 || c == '=';
}

void
mail_undo_escape_init(struct mail_undo_escape *s)
{
	int c;

	*s = (struct mail_undo_escape){ .plain_map = true };
	for (c = 0; c < 256; c++)
		s->escaped[c] = mail_undo_escape_default(c);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

bool
mail_undo_escape_break(struct view v, size_t i)
{
	return i + 1 < v.n && v.p[i] == '\r' && v.p[i + 1] == '\n';
}

static bool
ends_line(const struct mail_undo_escape *s, struct view text, size_t i)
{
	size_t far = ++i + BLANKS_MAX;

	while (s->run && i < text.n && i < far && is_blank(text.p[i]))
		i++;
	return i == text.n || mail_undo_escape_break(text, i);
}

/* RFC 2045 6.7 rule 3: a blank at the end of a line is escaped. */
bool
mail_undo_escape_is(const struct mail_undo_escape *s, struct view text,
    size_t i)
{
	unsigned char c = (unsigned char)text.p[i];

	if (is_blank((char)c) && ends_line(s, text, i))
		return true;
	return s->escaped[c];
}

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS (ONES << 7)

/* How many of the eight octets at p stand for themselves by default, blanks
 * at line ends aside. */
static size_t
literals(const char *p)
{
	uint64_t x, eq, del;

	memcpy(&x, p, 8);
	x = le64toh(x);
	eq = x ^ (ONES * '=');
	del = x ^ (ONES * 127);
	/* Exact up to the first hit: what borrows come later. */
	x = (x | (x - ONES * 32) | (eq - ONES) | (del - ONES)) & HIGHS;
	return x ? (size_t)__builtin_ctzll(x) / 8 : 8;
}

static char *
put_octet(const struct mail_undo_escape *s, char *o, unsigned char c)
{
	const char *hex = s->lower ? lower : upper;

	*o++ = '=';
	*o++ = hex[c >> 4];
	*o++ = hex[c & 15];
	return o;
}

int
mail_undo_escape_next(struct mail_undo_escape_fixes *f)
{
	uint64_t delta;

	if (f->left == 0) {
		f->next = SIZE_MAX;
		return 0;
	}
	if (buf_get_varint(f->head, &delta) || delta >= SIZE_MAX - f->next)
		return -1;
	f->left--;
	f->next += delta;
	return 0;
}

/* Copies the octets that stand for themselves; returns where it stopped: the
 * rest, and blanks before it, must be looked at one by one. */
static size_t
copy_literals(struct view text, size_t i, size_t end, char *o)
{
	size_t start = i;

	while (i + 8 <= end) {
		size_t n = literals(text.p + i);

		memcpy(o, text.p + i, 8);
		o += n;
		i += n;
		if (n < 8)
			break;
	}
	while (i > start && is_blank(text.p[i - 1]))
		i--;
	return i;
}

/* The octet at i, or the line end there, as the shape and the fix say. */
static int
escape_one(const struct mail_undo_escape *s, struct view text, size_t *i,
    struct mail_undo_escape_fixes *f, char **o)
{
	bool fixed = *i == f->next;

	if (fixed && mail_undo_escape_next(f))
		return -1;
	if (!fixed && mail_undo_escape_break(text, *i)) {
		*(*o)++ = '\r';
		*(*o)++ = '\n';
		*i += 2;
		return 0;
	}
	if (fixed ? mail_undo_escape_break(text, *i) || !mail_undo_escape_is(s, text, *i)
		  : mail_undo_escape_is(s, text, *i))
		*o = put_octet(s, *o, (unsigned char)text.p[*i]);
	else
		*(*o)++ = text.p[*i];
	++*i;
	return 0;
}

/* The text escaped, without soft breaks. */
int
mail_undo_escape_text(const struct mail_undo_escape *s, struct view text, struct mail_undo_escape_fixes *f,
    struct buf *out)
{
	char *o = buf_reserve(out, text.n * 3 + 8), *start = o;
	size_t i = 0;

	while (i < text.n) {
		if (s->plain_map) {
			size_t stop = copy_literals(text, i,
			    f->next < text.n ? f->next : text.n, o);

			o += stop - i;
			i = stop;
		}
		/* Blanks together: a copy would stop there again. */
		do {
			if (i == text.n)
				break;
			if (escape_one(s, text, &i, f, &o))
				return -1;
		} while (i > 0 && is_blank(text.p[i - 1]));
	}
	buf_grown(out, (size_t)(o - start));
	return f->next == SIZE_MAX ? 0 : -1;
}

void
mail_undo_escape_put(const struct mail_undo_escape *s, struct buf *head)
{
	size_t i;

	buf_varint(head, (s->lower ? FLAG_LOWER : 0) |
	    (s->plain_map ? 0 : FLAG_MAP) |
	    (s->open ? FLAG_OPEN : 0) | (s->run ? FLAG_RUN : 0));
	for (i = 0; i < MAP_BYTES && !s->plain_map; i++) {
		int bits = 0, k;

		for (k = 0; k < 8; k++)
			bits |= s->escaped[i * 8 + (size_t)k] << k;
		buf_addc(head, (char)bits);
	}
}

int
mail_undo_escape_get(struct view *head, struct mail_undo_escape *s)
{
	uint64_t flags;
	size_t c;

	mail_undo_escape_init(s);
	if (buf_get_varint(head, &flags) || 
	    flags > (FLAG_LOWER | FLAG_MAP | FLAG_OPEN | FLAG_RUN))
		return -1;
	s->lower = flags & FLAG_LOWER;
	s->open = flags & FLAG_OPEN;
	s->run = flags & FLAG_RUN;
	s->plain_map = !(flags & FLAG_MAP);
	if (s->plain_map)
		return 0;
	if (head->n < MAP_BYTES)
		return -1;
	for (c = 0; c < 256; c++)
		s->escaped[c] = (unsigned char)head->p[c / 8] >> (c % 8) & 1;
	*head = view_skip(*head, MAP_BYTES);
	return 0;
}

