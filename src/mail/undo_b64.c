#include "config.h"
#include "mail/undo_part.h"

#include <stdint.h>
#include <string.h>

#define LINE_MAX 998

static const char letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Value of a letter plus one; 0: not in the alphabet (RFC 2045 6.8). */
static const unsigned char *
values(void)
{
	static unsigned char v[256];
	int i;

	if (v['A'] == 0)
		for (i = 0; i < 64; i++)
			v[(unsigned char)letters[i]] = (unsigned char)(i + 1);
	return v;
}

/* Decodes whole quanta; the last may be padded. */
static int
decode(struct view in, struct buf *text, bool last)
{
	const unsigned char *v = values();
	char *out = buf_reserve(text, in.n / 4 * 3);
	size_t i, n = 0;

	if (in.n % 4)
		return -1;
	for (i = 0; i < in.n; i += 4) {
		const unsigned char *p = (const unsigned char *)in.p + i;
		bool end = last && i + 4 == in.n;
		int pad = end ? (p[3] == '=') + (p[3] == '=' && p[2] == '=')
			      : 0;
		uint32_t a = v[p[0]], b = v[p[1]];
		uint32_t c = pad > 1 ? 1 : v[p[2]], d = pad > 0 ? 1 : v[p[3]];
		uint32_t x;

		if (!a || !b || !c || !d)
			return -1;
		x = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
		out[n++] = (char)(x >> 16);
		if (pad < 2)
			out[n++] = (char)(x >> 8);
		if (pad < 1)
			out[n++] = (char)x;
	}
	buf_grown(text, n);
	return 0;
}

static void
encode_line(struct view in, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)in.p;
	char *o = buf_reserve(out, (in.n + 2) / 3 * 4), *start = o;
	size_t i;

	for (i = 0; i + 2 < in.n; i += 3) {
		uint32_t x = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 |
		    p[i + 2];

		*o++ = letters[x >> 18];
		*o++ = letters[x >> 12 & 63];
		*o++ = letters[x >> 6 & 63];
		*o++ = letters[x & 63];
	}
	if (i < in.n) {
		uint32_t x = (uint32_t)p[i] << 16 |
		    (i + 1 < in.n ? (uint32_t)p[i + 1] << 8 : 0);

		*o++ = letters[x >> 18];
		*o++ = letters[x >> 12 & 63];
		*o++ = i + 1 < in.n ? letters[x >> 6 & 63] : '=';
		*o++ = '=';
	}
	buf_grown(out, (size_t)(o - start));
}

int
mail_undo_b64_undo(struct view encoded, struct buf *head, struct buf *text)
{
	ptrdiff_t first = view_find(encoded, VIEW("\r\n"));
	size_t width = first < 0 ? encoded.n : (size_t)first;

	if (width == 0 || width % 4 || (first >= 0 && width > LINE_MAX))
		return -1;
	buf_varint(head, first < 0 ? 0 : width);
	while (encoded.n) {
		size_t n = encoded.n < width ? encoded.n : width;
		bool last = n == encoded.n;

		if (decode(view_head(encoded, n), text, last))
			return -1;
		encoded = view_skip(encoded, n);
		if (last)
			break;
		if (encoded.n <= 2 || !view_starts(encoded, VIEW("\r\n")))
			return -1;
		encoded = view_skip(encoded, 2);
	}
	return 0;
}

int
mail_undo_b64_redo(struct view *head, struct view text, size_t max_bytes,
    struct buf *out)
{
	uint64_t width;
	size_t step;

	if (buf_get_varint(head, &width) || width > LINE_MAX || width % 4)
		return -1;
	if (text.n / 3 * 4 + (width ? text.n * 2 / width : 0) > max_bytes)
		return -1;
	step = width ? (size_t)width / 4 * 3 : text.n;
	while (text.n) {
		size_t n = text.n < step ? text.n : step;

		encode_line(view_head(text, n), out);
		text = view_skip(text, n);
		if (text.n)
			buf_adds(out, "\r\n");
	}
	return 0;
}
