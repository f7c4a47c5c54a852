#include "config.h"
#include "dns/dns.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/conf.h"
#include "dns/answer.h"
#include "dns/cache.h"
#include "dns/chan.h"
#include "dns/req.h"

#define CACHE_ENTRIES 100000
#define CACHE_BYTES (64u << 20)

struct dns *
dns_open(struct loop *l, const struct conf_dns *conf, struct err *e)
{
	struct dns_chan *chan = dns_chan_open(l, conf, e);
	struct dns *d;

	if (chan == NULL)
		return NULL;
	d = mem_zalloc(sizeof(*d));
	d->loop = l;
	d->chan = chan;
	d->cache = dns_cache_new(CACHE_ENTRIES, CACHE_BYTES);
	d->query = dns_query_open(l, chan, d->cache, conf);
	d->ipv4 = conf->ipv4;
	d->ipv6 = conf->ipv6;
	list_init(&d->reqs);
	return d;
}

static void
release(void *p)
{
	free(p);
}

void
dns_close(struct dns **dp)
{
	struct dns *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	while (!list_empty(&d->reqs))
		dns_req_end(LIST_ENTRY(d->reqs.next, struct dns_req, link));
	dns_chan_close(&d->chan);
	dns_query_close(&d->query);
	dns_cache_free(&d->cache);
	loop_bury(d->loop, d, release);
}

void
dns_flush(struct dns *d)
{
	dns_cache_clear(d->cache);
}

void
dns_cancel(struct dns_req **rp)
{
	struct dns_req *r = *rp;

	*rp = NULL;
	if (r)
		dns_req_end(r);
}

const char *
dns_status_text(enum dns_status s)
{
	switch (s) {
	case DNS_OK:
		return "found";
	case DNS_NODATA:
		return "no such record";
	case DNS_NXDOMAIN:
		return "no such domain";
	case DNS_SERVFAIL:
		return "DNS server failure";
	case DNS_TIMEOUT:
		return "DNS time-out";
	}
	return "?";
}

static void
complete_texts(struct dns_req *r)
{
	const char *v[DNS_ANSWER_MAX];
	const struct dns_answer *a = r->slot[0].answer;
	struct dns_texts t = { .status = DNS_NXDOMAIN, .v = v };

	if (a) {
		t.status = a->status;
		t.secure = a->secure;
		t.ttl_ms = r->slot[0].ttl_ms;
		for (; t.n < a->n; t.n++)
			v[t.n] = a->rr[t.n].data.p;
	}
	dns_req_end(r);
	r->done.text(r->arg, &t);
}

struct dns_req *
dns_txt_lookup(struct dns *d, const char *name,
    void (*done)(void *arg, const struct dns_texts *t), void *arg)
{
	struct dns_req *r = dns_req_new(d, name, complete_texts, arg);

	r->done.text = done;
	dns_req_ask(r, 0, DNS_ANSWER_TXT);
	return r;
}

/* RFC 1035 3.5, RFC 3596 2.5. */
static int
reverse_name(const struct sockaddr *sa, char out[80])
{
	const unsigned char *p;
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	int i;

	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		p = (const unsigned char *)&in.sin_addr;
		snprintf(out, 80, "%u.%u.%u.%u.in-addr.arpa", p[3], p[2],
		    p[1], p[0]);
		return 0;
	}
	if (sa->sa_family != AF_INET6)
		return -1;
	memcpy(&in6, sa, sizeof(in6));
	p = in6.sin6_addr.s6_addr;
	for (i = 0; i < 16; i++)
		snprintf(out + 4 * i, 5, "%x.%x.", p[15 - i] & 15,
		    p[15 - i] >> 4);
	snprintf(out + 64, 16, "ip6.arpa");
	return 0;
}

struct dns_req *
dns_ptr_lookup(struct dns *d, const struct sockaddr *sa,
    void (*done)(void *arg, const struct dns_texts *t), void *arg)
{
	char name[80] = "";
	int rc = reverse_name(sa, name);
	struct dns_req *r = dns_req_new(d, name, complete_texts, arg);

	r->done.text = done;
	if (rc)
		dns_req_known(r); /* a unix socket has no name */
	else
		dns_req_ask(r, 0, DNS_ANSWER_PTR);
	return r;
}
