#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "smtp/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond))                                                   \
			abort();                                               \
	} while (0)

/* What is accepted is in its normal form already: parsing it again gives the
 * same, and it holds nothing that could break a command line. */
static void
check(const struct smtp_address *a)
{
	struct smtp_address again;
	struct buf key = { 0 };
	struct err e;
	size_t n = strlen(a->text);
	size_t i;

	for (i = 0; i < n; i++)
		CHECK((unsigned char)a->text[i] >= 32 && a->text[i] != 127);
	if (n == 0 || smtp_address_domain(a)[0] == '\0')
		return;
	CHECK(smtp_address_parse(view_str(a->text), &again, &e) == 0);
	CHECK(strcmp(a->text, again.text) == 0);
	CHECK(a->at == again.at && a->utf8 == again.utf8);
	smtp_address_key(a, &key);
	CHECK(key.n);
	buf_fini(&key);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size);
	struct smtp_address a;
	struct buf plain = { 0 };
	struct buf xtext = { 0 };
	struct buf back = { 0 };
	struct err e;

	if (smtp_address_parse(v, &a, &e) == 0)
		check(&a);
	if (smtp_address_path(&v, true, true, &a, &e) == 0) {
		CHECK(v.n < size);
		check(&a);
	}
	v = view_of(data, size);
	if (smtp_address_xtext_decode(v, &plain) == 0) {
		smtp_address_xtext_encode(buf_view(&plain), &xtext);
		CHECK(smtp_address_xtext_decode(buf_view(&xtext), &back) == 0);
		CHECK(view_eq(buf_view(&plain), buf_view(&back)));
	}
	buf_fini(&plain);
	buf_fini(&xtext);
	buf_fini(&back);
	return 0;
}
