#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "dns/answer.h"
#include "dns/req.h"

/* Slot 0: the MX records; 1 and 2: the addresses of a domain without. */

struct candidate {
	uint32_t order; /* random: shuffles a group of equal preference */
	const struct dns_answer_rr *rr;
};

static int
by_preference(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->rr->preference != y->rr->preference)
		return x->rr->preference < y->rr->preference ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void
add_host(struct dns_mx *mx, struct dns_mx_host *hosts,
    const struct dns_answer_rr *rr)
{
	size_t i;

	for (i = 0; i < mx->nhosts; i++)
		if (strcmp(hosts[i].name, rr->data.p) == 0)
			return;
	memcpy(hosts[mx->nhosts].name, rr->data.p, rr->data.n + 1);
	hosts[mx->nhosts++].preference = rr->preference;
}

static void
sort_hosts(const struct dns_answer *a, struct dns_mx *mx,
    struct dns_mx_host hosts[DNS_MX_MAX])
{
	struct candidate c[DNS_ANSWER_MAX];
	size_t i, n = 0;

	for (i = 0; i < a->n; i++) {
		/* RFC 7505 3: "." stands alone; beside others it is none. */
		if (a->rr[i].data.n == 0 ||
		    a->rr[i].data.n >= sizeof(hosts[0].name))
			continue;
		c[n].order = (uint32_t)rand_u64();
		c[n++].rr = &a->rr[i];
	}
	qsort(c, n, sizeof(c[0]), by_preference);
	for (i = 0; i < n && mx->nhosts < DNS_MX_MAX; i++)
		add_host(mx, hosts, c[i].rr);
	mx->hosts = hosts;
	mx->null_mx = mx->nhosts == 0;
}

static void
set_implicit(const struct dns_req *r, struct dns_mx *mx,
    struct dns_mx_host hosts[DNS_MX_MAX])
{
	memcpy(hosts[0].name, r->name, sizeof(hosts[0].name));
	hosts[0].preference = 0;
	mx->hosts = hosts;
	mx->nhosts = 1;
	mx->implicit = true;
}

static void
complete(struct dns_req *r)
{
	struct dns_mx_host hosts[DNS_MX_MAX];
	struct dns_answer *a = r->slot[0].answer;
	struct dns_mx mx = { .status = DNS_OK };

	/* RFC 5321 5.1: a domain without MX is its own, if it has an
	 * address. */
	if (a && a->status == DNS_NODATA && r->slot[1].req == NULL &&
	    r->slot[2].req == NULL) {
		dns_req_ask_addresses(r, 1);
		return;
	}
	if (a) {
		mx.status = a->status;
		mx.secure = a->secure;
		mx.ttl_ms = dns_req_ttl(r, 0, 3);
	} else { /* a literal */
		mx.ttl_ms = INT32_MAX;
	}
	if (mx.status == DNS_NODATA)
		mx.status = dns_req_status(r, 1, 2);
	if (mx.status == DNS_OK && a && a->status == DNS_OK)
		sort_hosts(a, &mx, hosts);
	else if (mx.status == DNS_OK)
		set_implicit(r, &mx, hosts);
	dns_req_end(r);
	r->done.mx(r->arg, &mx);
}

struct dns_req *
dns_mx_lookup(struct dns *d, const char *domain,
    void (*done)(void *arg, const struct dns_mx *mx), void *arg)
{
	struct dns_req *r = dns_req_new(d, domain, complete, arg);

	r->done.mx = done;
	if (dns_req_literal(r->name, &r->literal))
		dns_req_known(r);
	else
		dns_req_ask(r, 0, DNS_ANSWER_MX);
	return r;
}
