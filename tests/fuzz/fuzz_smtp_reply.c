#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond))                                                   \
			abort();                                               \
	} while (0)

/* Byte by byte and at once give the same first reply. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_reply a = { 0 }, b = { 0 };
	struct buf in = { 0 };
	int rc, slow = 0;
	size_t i;

	buf_add(&in, data, size);
	rc = smtp_reply_parse(&a, &in);
	buf_clear(&in);
	for (i = 0; i < size && slow == 0; i++) {
		buf_addc(&in, (char)data[i]);
		slow = smtp_reply_parse(&b, &in);
	}
	CHECK(rc == slow);
	CHECK(a.text_len < SMTP_REPLY_TEXT_MAX && b.text_len < sizeof(b.text));
	if (rc == 1) {
		CHECK(a.code >= 200 && a.code < 600 && a.code == b.code);
		CHECK(strcmp(a.text, b.text) == 0);
		CHECK(strlen(a.text) == a.text_len);
		CHECK(memcmp(a.enhanced, b.enhanced, sizeof(a.enhanced)) == 0);
	}
	buf_fini(&in);
	return 0;
}
