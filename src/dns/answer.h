/*
 * Reads a raw DNS answer (RFC 1035 4) into a set of records.  Sans-IO; the
 * bytes may be anything.
 */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"
#include "dns/dns.h"

enum dns_answer_type {
	DNS_ANSWER_A = 1,
	DNS_ANSWER_CNAME = 5,
	DNS_ANSWER_SOA = 6,
	DNS_ANSWER_PTR = 12,
	DNS_ANSWER_MX = 15,
	DNS_ANSWER_TXT = 16,
	DNS_ANSWER_AAAA = 28,
	DNS_ANSWER_OPT = 41,
	DNS_ANSWER_TLSA = 52
};

/* Records of one answer taken at most; of an answer with more, the first. */
#define DNS_ANSWER_MAX 256

struct dns_answer_rr {
	uint16_t preference; /* of an MX */
	/* A, AAAA: the address.  MX, PTR: the name, lower case, without the
	 * final dot ("" is the root), and NUL-terminated.  TXT: its strings
	 * joined, NUL-terminated.  Others: as they stand. */
	struct view data;
};

struct dns_answer {
	unsigned refs;
	enum dns_status status;
	bool secure;     /* AD bit (RFC 4035 3.2.3) */
	bool format_error; /* RFC 6891 7: perhaps the server knows no EDNS */
	bool has_opt;
	uint32_t ttl_s;  /* least of the chain; or of the negative answer */
	size_t n;
	struct dns_answer_rr *rr;
	size_t bytes; /* memory held, for the cache's bound */
};

/* A new answer with one reference; never NULL.  What cannot be read gives
 * DNS_SERVFAIL. */
struct dns_answer *dns_answer_parse(struct view raw, uint16_t type);
/* One without records. */
struct dns_answer *dns_answer_empty(enum dns_status status);
struct dns_answer *dns_answer_ref(struct dns_answer *a);
void dns_answer_unref(struct dns_answer **a);

#endif
