#include "config.h"
#include "rdb/codec.h"

#include <string.h>

#include "base/bug.h"

#define DIGITS_MAX 20

static size_t
digits(char out[DIGITS_MAX], uint64_t n)
{
	char rev[DIGITS_MAX];
	size_t i, len = 0;

	do {
		rev[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	for (i = 0; i < len; i++)
		out[i] = rev[len - 1 - i];
	return len;
}

/* c, n in decimal, CR LF at p; returns past it. */
static char *
put_head(char *p, char c, size_t n)
{
	*p++ = c;
	p += digits(p, n);
	*p++ = '\r';
	*p++ = '\n';
	return p;
}

void
rdb_codec_begin(struct rdb_codec *c, struct buf *out, size_t nargs)
{
	char *at = buf_reserve(out, DIGITS_MAX + 3);

	BUG_ON(nargs == 0);
	buf_grown(out, (size_t)(put_head(at, '*', nargs) - at));
	*c = (struct rdb_codec){ .out = out, .left = nargs };
}

void
rdb_codec_head(struct rdb_codec *c, size_t n)
{
	char *at = buf_reserve(c->out, n + DIGITS_MAX + 5);

	BUG_ON(c->left == 0);
	c->left--;
	buf_grown(c->out, (size_t)(put_head(at, '$', n) - at));
}

void
rdb_codec_view(struct rdb_codec *c, struct view v)
{
	char *at = buf_reserve(c->out, v.n + DIGITS_MAX + 5), *p;

	BUG_ON(c->left == 0);
	c->left--;
	p = put_head(at, '$', v.n);
	if (v.n)
		memcpy(p, v.p, v.n);
	p += v.n;
	*p++ = '\r';
	*p++ = '\n';
	buf_grown(c->out, (size_t)(p - at));
}

void
rdb_codec_str(struct rdb_codec *c, const char *s)
{
	rdb_codec_view(c, view_str(s));
}

void
rdb_codec_u64(struct rdb_codec *c, uint64_t n)
{
	char d[DIGITS_MAX];

	rdb_codec_view(c, view_of(d, digits(d, n)));
}

void
rdb_codec_num(struct rdb_codec *c, int64_t n)
{
	char d[DIGITS_MAX + 1] = "-";

	if (n >= 0)
		rdb_codec_u64(c, (uint64_t)n);
	else
		rdb_codec_view(c,
		    view_of(d, 1 + digits(d + 1, 0 - (uint64_t)n)));
}

void
rdb_codec_id(struct rdb_codec *c, uint64_t id)
{
	char b[8];
	int i;

	for (i = 0; i < 8; i++)
		b[i] = (char)(id >> (56 - 8 * i));
	rdb_codec_view(c, view_of(b, sizeof(b)));
}

void
rdb_codec_end(struct rdb_codec *c)
{
	BUG_ON(c->left != 0);
	c->out = NULL;
}
