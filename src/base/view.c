#include "config.h"
#include "base/view.h"

#include <string.h>
#include <strings.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct view
view_str(const char *s)
{
	return (struct view){ s, s ? strlen(s) : 0 };
}

struct view
view_of(const void *p, size_t n)
{
	return (struct view){ p, n };
}

bool
view_eq(struct view a, struct view b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool
view_ieq(struct view a, struct view b)
{
	return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

bool
view_starts(struct view v, struct view prefix)
{
	return v.n >= prefix.n && view_eq(view_head(v, prefix.n), prefix);
}

bool
view_istarts(struct view v, struct view prefix)
{
	return v.n >= prefix.n && view_ieq(view_head(v, prefix.n), prefix);
}

bool
view_iends(struct view v, struct view suffix)
{
	return v.n >= suffix.n &&
	    view_ieq(view_skip(v, v.n - suffix.n), suffix);
}

struct view
view_head(struct view v, size_t n)
{
	return (struct view){ v.p, n < v.n ? n : v.n };
}

struct view
view_skip(struct view v, size_t n)
{
	if (n > v.n)
		n = v.n;
	return (struct view){ v.p ? v.p + n : NULL, v.n - n };
}

struct view
view_trim(struct view v)
{
	while (v.n && strchr(" \t\r\n", v.p[0]) && v.p[0])
		v = view_skip(v, 1);
	while (v.n && v.p[v.n - 1] && strchr(" \t\r\n", v.p[v.n - 1]))
		v.n--;
	return v;
}

struct view
view_cut(struct view *v, char c)
{
	ptrdiff_t at = view_chr(*v, c);
	struct view head = *v;

	if (at < 0) {
		*v = (struct view){ NULL, 0 };
		return head;
	}
	head.n = (size_t)at;
	*v = view_skip(*v, (size_t)at + 1);
	return head;
}

struct view
view_word(struct view *v)
{
	struct view w;

	while (v->n && is_blank(v->p[0]))
		*v = view_skip(*v, 1);
	w = (struct view){ v->p, 0 };
	while (w.n < v->n && !is_blank(v->p[w.n]))
		w.n++;
	*v = view_skip(*v, w.n);
	while (v->n && is_blank(v->p[0]))
		*v = view_skip(*v, 1);
	return w;
}

ptrdiff_t
view_find(struct view v, struct view needle)
{
	const char *at;

	if (needle.n == 0)
		return 0;
	at = v.n ? memmem(v.p, v.n, needle.p, needle.n) : NULL;
	return at ? at - v.p : -1;
}

ptrdiff_t
view_chr(struct view v, char c)
{
	const char *at = v.n ? memchr(v.p, c, v.n) : NULL;

	return at ? at - v.p : -1;
}

int
view_u64(struct view v, uint64_t *out)
{
	uint64_t x = 0;
	size_t i;

	if (v.n == 0 || v.n > 19)
		return -1;
	for (i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return -1;
		x = x * 10 + (uint64_t)(v.p[i] - '0');
	}
	*out = x;
	return 0;
}

int
view_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
