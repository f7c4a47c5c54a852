#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond))                                                   \
			abort();                                               \
	} while (0)

/* What unpacks can be packed, and unpacks to the same. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store_record a, b;
	struct buf out = { 0 }, again = { 0 };
	struct err e;

	if (store_record_unpack(view_of(data, size), &a, &e)) {
		CHECK(e.text[0]);
		return 0;
	}
	store_record_pack(&a, &out);
	CHECK(store_record_unpack(buf_view(&out), &b, &e) == 0);
	CHECK(a.id == b.id && a.base == b.base && a.attempt == b.attempt);
	CHECK(view_eq(a.rcpt, b.rcpt) && view_eq(a.patch, b.patch));
	CHECK(view_eq(a.envid, b.envid) && a.content_hash == b.content_hash);
	store_record_pack(&b, &again);
	CHECK(view_eq(buf_view(&out), buf_view(&again)));
	buf_fini(&out);
	buf_fini(&again);
	return 0;
}
