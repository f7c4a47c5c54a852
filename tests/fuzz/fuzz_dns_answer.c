#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dns/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond))                                                   \
			abort();                                               \
	} while (0)

static void
check(const struct dns_answer *a, uint16_t type)
{
	size_t i;

	CHECK(a->refs == 1);
	CHECK(a->n <= DNS_ANSWER_MAX);
	CHECK((a->n > 0) == (a->status == DNS_OK));
	CHECK(a->ttl_s <= INT32_MAX);
	for (i = 0; i < a->n; i++) {
		struct view v = a->rr[i].data;

		CHECK(v.p[v.n] == '\0');
		if (type == DNS_ANSWER_A)
			CHECK(v.n == 4);
		if (type == DNS_ANSWER_AAAA)
			CHECK(v.n == 16);
		if (type == DNS_ANSWER_MX || type == DNS_ANSWER_PTR)
			CHECK(v.n < 256 && strlen(v.p) == v.n);
	}
}

/* The first byte chooses the type asked for. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { DNS_ANSWER_A, DNS_ANSWER_AAAA,
		DNS_ANSWER_MX, DNS_ANSWER_TXT, DNS_ANSWER_PTR,
		DNS_ANSWER_TLSA };
	struct dns_answer *a;
	uint16_t type;

	if (size == 0)
		return 0;
	type = types[data[0] % 6];
	a = dns_answer_parse(view_of(data + 1, size - 1), type);
	check(a, type);
	dns_answer_unref(&a);
	return 0;
}
