#include "config.h"
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"

void
buf_fini(struct buf *b)
{
	free(b->mem);
	*b = (struct buf){ 0 };
}

void
buf_clear(struct buf *b)
{
	b->off = b->n = 0;
}

char *
buf_reserve(struct buf *b, size_t n)
{
	size_t want = b->n + n;

	BUG_ON(want < n);
	if (b->off + want <= b->cap)
		return b->mem + b->off + b->n;
	if (want <= b->cap && b->off >= b->n) {
		memcpy(b->mem, b->mem + b->off, b->n);
	} else {
		size_t cap = b->cap < 64 ? 64 : b->cap;
		char *mem;

		while (cap < want)
			cap *= 2;
		mem = mem_alloc(cap);
		if (b->n)
			memcpy(mem, b->mem + b->off, b->n);
		free(b->mem);
		b->mem = mem;
		b->cap = cap;
	}
	b->off = 0;
	return b->mem + b->n;
}

void
buf_grown(struct buf *b, size_t n)
{
	BUG_ON(b->off + b->n + n > b->cap);
	b->n += n;
}

void
buf_add(struct buf *b, const void *p, size_t n)
{
	char *at;

	if (n == 0)
		return;
	at = buf_reserve(b, n);
	memcpy(at, p, n);
	b->n += n;
}

void
buf_addv(struct buf *b, struct view v)
{
	buf_add(b, v.p, v.n);
}

void
buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void
buf_addc(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->n++;
}

void
buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	BUG_ON(n < 0);
	vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
	va_end(again);
	b->n += (size_t)n;
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

void
buf_drop(struct buf *b, size_t n)
{
	BUG_ON(n > b->n);
	b->n -= n;
	b->off = b->n ? b->off + n : 0;
}

void
buf_cut(struct buf *b, size_t n)
{
	BUG_ON(n > b->n);
	b->n = n;
}

struct view
buf_view(const struct buf *b)
{
	return (struct view){ b->mem ? b->mem + b->off : "", b->n };
}

char *
buf_ptr(const struct buf *b)
{
	return b->mem ? b->mem + b->off : NULL;
}

const char *
buf_str(struct buf *b)
{
	*buf_reserve(b, 1) = '\0';
	return b->mem + b->off;
}

char *
buf_take(struct buf *b)
{
	char *s;

	buf_str(b);
	if (b->off) {
		memmove(b->mem, b->mem + b->off, b->n + 1);
		b->off = 0;
	}
	s = b->mem;
	*b = (struct buf){ 0 };
	return s;
}

void
buf_swap(struct buf *a, struct buf *b)
{
	struct buf t = *a;

	*a = *b;
	*b = t;
}

void
buf_varint(struct buf *b, uint64_t v)
{
	while (v >= 0x80) {
		buf_addc(b, (char)(v | 0x80));
		v >>= 7;
	}
	buf_addc(b, (char)v);
}

void
buf_be(struct buf *b, uint64_t v, int bytes)
{
	int i;

	for (i = bytes - 1; i >= 0; i--)
		buf_addc(b, (char)(v >> (8 * i)));
}

int
buf_get_varint(struct view *v, uint64_t *out)
{
	uint64_t x = 0;
	size_t i;

	for (i = 0; i < v->n && i < 10; i++) {
		unsigned char c = (unsigned char)v->p[i];

		if (i == 9 && c > 1)
			return -1;
		x |= (uint64_t)(c & 0x7f) << (7 * i);
		if (!(c & 0x80)) {
			*out = x;
			*v = view_skip(*v, i + 1);
			return 0;
		}
	}
	return -1;
}

int
buf_get_be(struct view *v, int bytes, uint64_t *out)
{
	uint64_t x = 0;
	int i;

	if (v->n < (size_t)bytes)
		return -1;
	for (i = 0; i < bytes; i++)
		x = x << 8 | (unsigned char)v->p[i];
	*out = x;
	*v = view_skip(*v, (size_t)bytes);
	return 0;
}

void
buf_addlv(struct buf *b, struct view v)
{
	buf_varint(b, v.n);
	buf_addv(b, v);
}

int
buf_get_lv(struct view *v, struct view *out)
{
	struct view at = *v;
	uint64_t n;

	if (buf_get_varint(&at, &n) || n > at.n)
		return -1;
	*out = view_head(at, (size_t)n);
	*v = view_skip(at, (size_t)n);
	return 0;
}
