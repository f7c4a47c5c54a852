#include "config.h"
#include "dns/req.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "dns/answer.h"

#define SLOTS (sizeof(((struct dns_req *)0)->slot) / \
    sizeof(struct dns_req_slot))

static void
set_name(struct dns_req *r, const char *name)
{
	size_t n = strlen(name), i;

	if (n && name[n - 1] == '.')
		n--;
	if (n >= sizeof(r->name))
		n = sizeof(r->name) - 1;
	for (i = 0; i < n; i++) {
		char c = name[i];

		r->name[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
}

struct dns_req *
dns_req_new(struct dns *d, const char *name,
    void (*complete)(struct dns_req *r), void *arg)
{
	struct dns_req *r = mem_zalloc(sizeof(*r));

	set_name(r, name);
	r->dns = d;
	r->complete = complete;
	r->arg = arg;
	list_append(&d->reqs, &r->link);
	return r;
}

static void
on_answer(void *arg, struct dns_answer *a, int64_t ttl_ms)
{
	struct dns_req_slot *slot = arg;
	struct dns_req *r = slot->req;

	slot->answer = dns_answer_ref(a);
	slot->ttl_ms = ttl_ms;
	if (--r->awaited == 0)
		r->complete(r);
}

void
dns_req_ask(struct dns_req *r, unsigned i, uint16_t type)
{
	struct dns_req_slot *slot = &r->slot[i];

	slot->req = r;
	slot->wait.done = on_answer;
	slot->wait.arg = slot;
	r->awaited++;
	dns_query_ask(r->dns->query, type, r->name, &slot->wait);
}

void
dns_req_ask_addresses(struct dns_req *r, unsigned i)
{
	if (r->dns->ipv4 || !r->dns->ipv6)
		dns_req_ask(r, i, DNS_ANSWER_A);
	if (r->dns->ipv6)
		dns_req_ask(r, i + 1, DNS_ANSWER_AAAA);
}

static void
on_known(void *arg)
{
	struct dns_req *r = arg;

	r->complete(r);
}

void
dns_req_known(struct dns_req *r)
{
	loop_defer(r->dns->loop, &r->task, on_known, r);
}

static void
release(void *p)
{
	struct dns_req *r = p;
	size_t i;

	for (i = 0; i < SLOTS; i++)
		dns_answer_unref(&r->slot[i].answer);
	free(r);
}

void
dns_req_end(struct dns_req *r)
{
	size_t i;

	if (r->dead)
		return;
	r->dead = true;
	list_remove(&r->link);
	loop_undefer(&r->task);
	for (i = 0; i < SLOTS; i++)
		dns_query_forget(&r->slot[i].wait);
	loop_bury(r->dns->loop, r, release);
}

enum dns_status
dns_req_status(const struct dns_req *r, unsigned from, unsigned n)
{
	static const int rank[] = {
		[DNS_OK] = 4,
		[DNS_TIMEOUT] = 3,
		[DNS_SERVFAIL] = 2,
		[DNS_NXDOMAIN] = 1,
		[DNS_NODATA] = 0,
	};
	enum dns_status s = DNS_NODATA;
	unsigned i;

	for (i = from; i < from + n; i++) {
		const struct dns_answer *a = r->slot[i].answer;

		if (a && rank[a->status] > rank[s])
			s = a->status;
	}
	return s;
}

int64_t
dns_req_ttl(const struct dns_req *r, unsigned from, unsigned n)
{
	int64_t least = INT64_MAX;
	unsigned i;

	for (i = from; i < from + n; i++)
		if (r->slot[i].answer && r->slot[i].ttl_ms < least)
			least = r->slot[i].ttl_ms;
	return least == INT64_MAX ? 0 : least;
}

bool
dns_req_literal(const char *text, struct sockaddr_storage *sa)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	char a[INET6_ADDRSTRLEN + 1] = "";
	size_t n = strlen(text);

	if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
		if (n > 5 && strncasecmp(text, "IPv6:", 5) == 0) {
			text += 5;
			n -= 5;
		}
	}
	if (n >= sizeof(a))
		return false;
	memcpy(a, text, n);
	memset(sa, 0, sizeof(*sa));
	if (inet_pton(AF_INET, a, &in.sin_addr) == 1) {
		memcpy(sa, &in, sizeof(in));
		return true;
	}
	if (inet_pton(AF_INET6, a, &in6.sin6_addr) == 1) {
		memcpy(sa, &in6, sizeof(in6));
		return true;
	}
	return false;
}
