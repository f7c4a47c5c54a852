#include "config.h"
#include "ops/json.h"

#include <string.h>
#include <unistr.h>

#include "base/clock.h"

static bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void
escape(struct buf *out, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = c ? strchr(from, c) : NULL;

	if (at)
		buf_addf(out, "\\%c", to[at - from]);
	else
		buf_addf(out, "\\u%04x", c);
}

/* One character beyond ASCII off the front; returns its octets. */
static size_t
wide(struct buf *out, struct view v)
{
	ucs4_t uc;
	int n = u8_mbtoucr(&uc, (const uint8_t *)v.p, v.n);

	if (n > 0) {
		buf_add(out, v.p, (size_t)n);
		return (size_t)n;
	}
	buf_adds(out, "\xef\xbf\xbd");
	return 1;
}

void
ops_json_string(struct buf *out, struct view v)
{
	size_t n;

	buf_addc(out, '"');
	while (v.n) {
		unsigned char c = (unsigned char)v.p[0];

		for (n = 0; n < v.n && is_plain((unsigned char)v.p[n]); n++)
			;
		if (n) {
			buf_add(out, v.p, n);
		} else if (c < 0x80) {
			escape(out, c);
			n = 1;
		} else {
			n = wide(out, v);
		}
		v = view_skip(v, n);
	}
	buf_addc(out, '"');
}

void
ops_json_utf8(struct buf *out, struct view v)
{
	size_t n;

	while (v.n) {
		if ((unsigned char)v.p[0] < 0x80) {
			buf_addc(out, v.p[0]);
			n = 1;
		} else {
			n = wide(out, v);
		}
		v = view_skip(v, n);
	}
}

void
ops_json_time(struct buf *out, int64_t ms)
{
	/* Times of one turn share few seconds; strftime is the dear part. */
	static struct {
		int64_t s;
		char text[CLOCK_ISO_MAX];
	} seen[8];
	int64_t s = ms / 1000;
	size_t i = (size_t)(s & 7);
	unsigned rest = (unsigned)(ms % 1000);
	char tail[] = { '.', (char)('0' + rest / 100),
		(char)('0' + rest / 10 % 10), (char)('0' + rest % 10), 'Z',
		'"' };

	if (ms <= 0) {
		buf_adds(out, "null");
		return;
	}
	if (seen[i].s != s || seen[i].text[0] == 0) {
		seen[i].s = s;
		clock_iso(s * 1000, seen[i].text);
	}
	buf_addc(out, '"');
	buf_add(out, seen[i].text, 19);
	buf_add(out, tail, sizeof(tail));
}
