#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "mail/encode.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond))                                                   \
			abort();                                               \
	} while (0)

/* Fields lie one behind the other inside the header; what is made 7-bit has no
 * octet above 127. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view m = view_of(data, size), at;
	size_t head = mail_header_bytes(m);
	struct mail_field f;
	struct buf out = { 0 };
	char domain[256];
	struct err e;
	size_t sum = 0;
	int rc;

	CHECK(head <= size);
	at = view_head(m, head);
	while ((rc = mail_header_next(&at, &f)) == 1) {
		CHECK(f.raw.p == (const char *)data + sum);
		CHECK(f.name.n > 0 && f.name.n < f.raw.n);
		CHECK(f.value.p + f.value.n <= f.raw.p + f.raw.n);
		sum += f.raw.n;
		buf_clear(&out);
		mail_header_unfold(f.value, &out);
		CHECK(out.n <= f.value.n);
	}
	CHECK(rc == 0 || rc == -1);
	if (mail_header_from_domain(view_head(m, head), domain) == 0)
		CHECK(memchr(domain, '\0', sizeof(domain)) && domain[0]);
	buf_clear(&out);
	if (mail_encode_7bit(m, &out, &e) == 0)
		CHECK(!mail_header_8bit(buf_view(&out)));
	buf_fini(&out);
	return 0;
}
