#include "config.h"
#include "smtp/address.h"

#include <string.h>

int
smtp_address_xtext_decode(struct view v, struct buf *out)
{
	size_t i;

	for (i = 0; i < v.n; i++) {
		char c = v.p[i];
		int hi, lo;

		if (c <= 32 || c >= 127 || c == '=')
			return -1;
		if (c != '+') {
			buf_addc(out, c);
			continue;
		}
		if (i + 2 >= v.n)
			return -1;
		hi = view_hex(v.p[i + 1]);
		lo = view_hex(v.p[i + 2]);
		/* NUL, CR and LF would break whoever writes it out again. */
		if (hi < 0 || lo < 0 || (hi == 0 && strchr("\r\n", lo)))
			return -1;
		buf_addc(out, (char)(hi << 4 | lo));
		i += 2;
	}
	return 0;
}

void
smtp_address_xtext_encode(struct view v, struct buf *out)
{
	size_t i;

	for (i = 0; i < v.n; i++) {
		char c = v.p[i];

		if (c <= 32 || c >= 127 || c == '+' || c == '=')
			buf_addf(out, "+%02X", (unsigned char)c);
		else
			buf_addc(out, c);
	}
}
