#include "config.h"
#include "mail/header.h"

#include <idn2.h>
#include <string.h>
#include <strings.h>

size_t
mail_header_bytes(struct view message)
{
	ptrdiff_t at;

	if (view_starts(message, VIEW("\r\n")))
		return 2;
	at = view_find(message, VIEW("\r\n\r\n"));
	return at < 0 ? message.n : (size_t)at + 4;
}

/* Length of the first field with its continuation lines; 0: a bare LF. */
static size_t
field_bytes(struct view v)
{
	size_t at = 0;

	for (;;) {
		const char *nl = memchr(v.p + at, '\n', v.n - at);

		if (nl == NULL)
			return v.n;
		at = (size_t)(nl - v.p) + 1;
		if (at < 2 || v.p[at - 2] != '\r')
			return 0;
		if (at == v.n || (v.p[at] != ' ' && v.p[at] != '\t'))
			return at;
	}
}

int
mail_header_next(struct view *at, struct mail_field *f)
{
	struct view line;
	size_t n, i;

	if (at->n == 0 || view_starts(*at, VIEW("\r\n")))
		return 0;
	n = field_bytes(*at);
	if (n == 0)
		return -1;
	line = view_head(*at, n);
	for (i = 0; i < n && line.p[i] > 32 && line.p[i] < 127 &&
	    line.p[i] != ':'; i++)
		;
	if (i == 0)
		return -1;
	f->name = view_head(line, i);
	/* RFC 5322 4.5: blanks before the colon are obsolete, not wrong. */
	while (i < n && (line.p[i] == ' ' || line.p[i] == '\t'))
		i++;
	if (i == n || line.p[i] != ':')
		return -1;
	f->raw = line;
	f->value = view_skip(line, i + 1);
	if (f->value.n >= 2 && f->value.p[f->value.n - 1] == '\n')
		f->value.n -= 2;
	*at = view_skip(*at, n);
	return 1;
}

bool
mail_header_find(struct view header, struct view name, struct mail_field *f)
{
	while (mail_header_next(&header, f) == 1) {
		if (view_ieq(f->name, name))
			return true;
	}
	return false;
}

void
mail_header_unfold(struct view value, struct buf *out)
{
	size_t i;

	value = view_trim(value);
	for (i = 0; i < value.n; i++) {
		if (value.p[i] != '\r' && value.p[i] != '\n')
			buf_addc(out, value.p[i]);
	}
}

bool
mail_header_8bit(struct view v)
{
	size_t i = 0;
	uint64_t word;

	for (; i + sizeof(word) <= v.n; i += sizeof(word)) {
		memcpy(&word, v.p + i, sizeof(word));
		if (word & UINT64_C(0x8080808080808080))
			return true;
	}
	for (; i < v.n; i++) {
		if (v.p[i] & 0x80)
			return true;
	}
	return false;
}

/* Past a comment or quoted string that starts at v.p[i]; v.n when it does
 * not end. */
static size_t
skip_quoted(struct view v, size_t i)
{
	char open = v.p[i], close = open == '(' ? ')' : '"';
	int depth = 1;

	for (i++; i < v.n; i++) {
		if (v.p[i] == '\\')
			i++;
		else if (v.p[i] == close && --depth == 0)
			return i + 1;
		else if (open == '(' && v.p[i] == '(')
			depth++;
	}
	return v.n + 1;
}

struct from_scan {
	struct view domain; /* after the last @ of the address */
	int addresses;
	bool angle, in_angle, has_at;
};

/* One octet outside comments and quoted strings.  False: broken. */
static bool
from_octet(struct from_scan *s, struct view v, size_t i)
{
	switch (v.p[i]) {
	case '<':
		if (s->angle)
			return false;
		s->angle = s->in_angle = true;
		s->has_at = false;
		break;
	case '>':
		if (!s->in_angle || !s->has_at)
			return false;
		s->in_angle = false;
		s->domain.n = (size_t)(v.p + i - s->domain.p);
		break;
	case '@':
		if (s->angle && !s->in_angle)
			return false;
		s->has_at = true;
		s->domain = (struct view){ v.p + i + 1, v.n - i - 1 };
		break;
	case ':': /* a route is obsolete, a group has no one domain */
	case ';':
		return false;
	}
	return true;
}

/* The domain of the address without comments and blanks, in A-labels. */
static int
from_finish(struct view domain, char out[256])
{
	char plain[256], *ascii = NULL;
	size_t n = 0, i;

	for (i = 0; i < domain.n; i++) {
		char c = domain.p[i];

		if (c == '(') {
			i = skip_quoted(domain, i) - 1;
			continue;
		}
		if (strchr(" \t\r\n", c) && c)
			continue;
		if (c == '\0' || c == '"' || n == sizeof(plain) - 1)
			return -1;
		plain[n++] = c;
	}
	plain[n] = '\0';
	if (n == 0 || plain[0] == '.' || plain[n - 1] == '.')
		return -1;
	if (plain[0] != '[' && idn2_to_ascii_8z(plain, &ascii,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
		return -1;
	n = strlen(ascii ? ascii : plain);
	if (n < 256)
		memcpy(out, ascii ? ascii : plain, n + 1);
	idn2_free(ascii);
	for (i = 0; i < n && n < 256; i++) {
		if (out[i] >= 'A' && out[i] <= 'Z')
			out[i] = (char)(out[i] + 32);
	}
	return n < 256 ? 0 : -1;
}

int
mail_header_from_domain(struct view header, char out[256])
{
	struct from_scan s = { .addresses = 1 };
	struct mail_field f;
	struct view v;
	size_t i = 0;

	if (!mail_header_find(header, VIEW("from"), &f))
		return -1;
	v = f.value;
	while (i < v.n) {
		if (v.p[i] == '(' || v.p[i] == '"') {
			i = skip_quoted(v, i);
			continue;
		}
		/* The end of a list of one is allowed (obs-mbox-list). */
		if (v.p[i] == ',' && !s.in_angle) {
			if (view_trim(view_skip(v, i + 1)).n || !s.has_at)
				return -1;
			if (!s.angle)
				s.domain.n = (size_t)(v.p + i - s.domain.p);
			break;
		}
		if (!from_octet(&s, v, i))
			return -1;
		i++;
	}
	if (i > v.n || !s.has_at || s.in_angle)
		return -1;
	return from_finish(s.domain, out);
}
