#include "config.h"

#include <netinet/in.h>
#include <string.h>

#include "base/rand.h"
#include "dns/answer.h"
#include "dns/req.h"

/* Slot 0: A; slot 1: AAAA. */

static void
put_address(struct sockaddr_storage *sa, const struct dns_answer_rr *rr)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	memset(sa, 0, sizeof(*sa));
	if (rr->data.n == sizeof(in.sin_addr)) {
		memcpy(&in.sin_addr, rr->data.p, sizeof(in.sin_addr));
		memcpy(sa, &in, sizeof(in));
	} else {
		memcpy(&in6.sin6_addr, rr->data.p, sizeof(in6.sin6_addr));
		memcpy(sa, &in6, sizeof(in6));
	}
}

/* At most `room` of the answer's addresses, in random order. */
static size_t
put_shuffled(const struct dns_answer *a, struct sockaddr_storage *v,
    size_t room)
{
	unsigned short pick[DNS_ANSWER_MAX];
	size_t i, j;

	if (a == NULL)
		return 0;
	for (i = 0; i < a->n; i++) {
		j = rand_below((uint32_t)i + 1);
		pick[i] = pick[j];
		pick[j] = (unsigned short)i;
	}
	for (i = 0; i < a->n && i < room; i++)
		put_address(&v[i], &a->rr[pick[i]]);
	return i;
}

static void
complete(struct dns_req *r)
{
	struct sockaddr_storage v[DNS_ADDR_MAX];
	const struct dns_answer *a = r->slot[0].answer;
	const struct dns_answer *aaaa = r->slot[1].answer;
	struct dns_addrs out = { .status = DNS_OK, .v = v };

	if (a || aaaa) {
		out.status = dns_req_status(r, 0, 2);
		out.ttl_ms = dns_req_ttl(r, 0, 2);
		out.secure = (!a || a->secure) && (!aaaa || aaaa->secure);
		/* Each family has room when there are both. */
		out.n = put_shuffled(a, v, aaaa && aaaa->n ?
		    DNS_ADDR_MAX / 2 : DNS_ADDR_MAX);
		out.n += put_shuffled(aaaa, v + out.n, DNS_ADDR_MAX - out.n);
	} else {
		v[0] = r->literal;
		out.n = 1;
		out.ttl_ms = INT32_MAX;
	}
	dns_req_end(r);
	r->done.addr(r->arg, &out);
}

struct dns_req *
dns_addr_lookup(struct dns *d, const char *host,
    void (*done)(void *arg, const struct dns_addrs *a), void *arg)
{
	struct dns_req *r = dns_req_new(d, host, complete, arg);

	r->done.addr = done;
	if (dns_req_literal(r->name, &r->literal))
		dns_req_known(r);
	else
		dns_req_ask_addresses(r, 0);
	return r;
}
