#include "config.h"

#include "deliver/hop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/view.h"
#include "conf/conf.h"
#include "deliver/job.h"
#include "dns/dns.h"
#include "io/conn.h"
#include "io/listener.h"
#include "io/loop.h"

struct deliver_hop {
	struct deliver_hop_params p; /* mx is owned */
	struct dns_req *req;
	struct loop_task task;
	size_t mx_at; /* the host whose addresses these are, plus one */
	struct sockaddr_storage *addr; /* owned */
	size_t naddr, addr_at;
	bool skipped; /* an address of a family that the source has not */
	struct deliver_hop_addr now;
	struct deliver_result why;
	void (*done)(void *arg, const struct deliver_hop_addr *a,
	    const struct deliver_result *why);
	void *arg;
};

static void step(void *arg);

struct deliver_hop *
deliver_hop_new(const struct deliver_hop_params *p)
{
	struct deliver_hop *h = mem_zalloc(sizeof(*h));

	h->p = *p;
	h->p.mx = mem_dup(p->mx, p->nmx * sizeof(p->mx[0]));
	h->why.kind = DELIVER_UNTRIED;
	return h;
}

void
deliver_hop_free(struct deliver_hop **h)
{
	if (*h == NULL)
		return;
	dns_cancel(&(*h)->req);
	loop_undefer(&(*h)->task);
	free((*h)->addr);
	free((struct dns_mx_host *)(*h)->p.mx);
	free(*h);
	*h = NULL;
}

/* --- one address ---------------------------------------------------------- */

static int
numeric(struct view v, struct sockaddr_storage *sa)
{
	struct sockaddr_in *in4 = (void *)sa;
	struct sockaddr_in6 *in6 = (void *)sa;
	char text[INET6_ADDRSTRLEN];

	memset(sa, 0, sizeof(*sa));
	if (v.n > 2 && v.p[0] == '[' && v.p[v.n - 1] == ']')
		v = view_of(v.p + 1, v.n - 2);
	if (view_istarts(v, VIEW("IPv6:")))
		v = view_skip(v, 5);
	if (v.n >= sizeof(text))
		return -1;
	memcpy(text, v.p, v.n);
	text[v.n] = '\0';
	if (inet_pton(AF_INET, text, &in4->sin_addr) == 1)
		sa->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
		sa->ss_family = AF_INET6;
	else
		return -1;
	return 0;
}

static socklen_t
length(const struct sockaddr_storage *sa)
{
	return sa->ss_family == AF_INET ? sizeof(struct sockaddr_in)
					: sizeof(struct sockaddr_in6);
}

static struct view
bytes(const struct sockaddr_storage *sa)
{
	const struct sockaddr_in *in4 = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;

	if (sa->ss_family == AF_INET)
		return view_of(&in4->sin_addr, sizeof(in4->sin_addr));
	return view_of(&in6->sin6_addr, sizeof(in6->sin6_addr));
}

/* Only an address of this machine can be bound. */
static bool
is_local(const struct sockaddr_storage *sa)
{
	struct sockaddr_storage any = *sa;
	int fd = socket(sa->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool local;

	if (fd == -1)
		return false;
	((struct sockaddr_in *)(void *)&any)->sin_port = 0;
	local = bind(fd, (const void *)&any, length(&any)) == 0;
	close(fd);
	return local;
}

static bool
is_any(const struct sockaddr_storage *sa)
{
	static const char zero[sizeof(struct in6_addr)];
	struct view v = bytes(sa);

	return memcmp(v.p, zero, v.n) == 0;
}

/* One of our listeners is there.  Listeners by name are told by greeting. */
static bool
is_self(const struct deliver_hop *h, const struct sockaddr_storage *peer)
{
	const struct conf *conf = h->p.conf;
	struct sockaddr_storage sa;
	socklen_t len;
	size_t i;

	for (i = 0; i < conf->nlisten; i++) {
		const char *text = conf->listen[i].address;

		if (text == NULL || strchr("0123456789[*", text[0]) == NULL ||
		    listener_parse(text, &sa, &len, NULL) ||
		    conn_addr_port((void *)&sa) != h->p.port)
			continue;
		conn_addr_unmap(&sa);
		if (is_any(&sa) ? is_local(peer)
				: sa.ss_family == peer->ss_family &&
				      view_eq(bytes(&sa), bytes(peer)))
			return true;
	}
	return false;
}

/* The source's own address for the family; false: it has none. */
static bool
set_local(struct deliver_hop *h, int family)
{
	const struct conf_source *s = h->p.source;
	const char *text;

	h->now.local_len = 0;
	if (s == NULL || (s->ipv4 == NULL && s->ipv6 == NULL))
		return true;
	text = family == AF_INET ? s->ipv4 : s->ipv6;
	if (text == NULL || numeric(view_str(text), &h->now.local) ||
	    h->now.local.ss_family != family)
		return false;
	h->now.local_len = length(&h->now.local);
	return true;
}

/* --- one after the other -------------------------------------------------- */

static void
answer(struct deliver_hop *h, const struct deliver_hop_addr *a)
{
	void (*done)(void *, const struct deliver_hop_addr *,
	    const struct deliver_result *) = h->done;

	h->done = NULL;
	done(h->arg, a, a ? NULL : &h->why);
}

static void
note(struct deliver_hop *h, int kind, int detail, const char *text)
{
	/* A temporary failure of one name may hide a way to deliver. */
	if (h->why.kind == DELIVER_TEMPORARY && kind == DELIVER_PERMANENT)
		return;
	h->why.kind = kind;
	h->why.stage = MAIL_STAGE_DNS;
	h->why.code = kind == DELIVER_PERMANENT ? 550 : 450;
	h->why.enhanced[0] = kind == DELIVER_PERMANENT ? 5 : 4;
	h->why.enhanced[1] = 4;
	h->why.enhanced[2] = detail;
	snprintf(h->why.text, sizeof(h->why.text), "%s", text);
	snprintf(h->why.mx, sizeof(h->why.mx), "%s",
	    h->mx_at ? h->p.mx[h->mx_at - 1].name : "");
}

static void
on_addrs(void *arg, const struct dns_addrs *a)
{
	struct deliver_hop *h = arg;
	const char *name = h->p.mx[h->mx_at - 1].name;
	char text[400];

	h->req = NULL;
	h->addr_at = h->naddr = 0;
	if (a->status == DNS_OK && a->n > 0) {
		h->addr = mem_realloc(h->addr, a->n * sizeof(a->v[0]));
		memcpy(h->addr, a->v, a->n * sizeof(a->v[0]));
		h->naddr = a->n;
	} else {
		bool gone =
		    a->status == DNS_NODATA || a->status == DNS_NXDOMAIN;

		snprintf(text, sizeof(text), "address of %s: %s", name,
		    dns_status_text(a->status));
		note(h, gone ? DELIVER_PERMANENT : DELIVER_TEMPORARY,
		    gone ? 4 : 3, text);
	}
	step(h);
}

static void
resolve(struct deliver_hop *h)
{
	const char *name = h->p.mx[h->mx_at++].name;

	if (!h->p.literal) {
		h->req = dns_addr_lookup(h->p.dns, name, on_addrs, h);
		return;
	}
	h->addr = mem_realloc(h->addr, sizeof(h->addr[0]));
	h->naddr = numeric(view_str(name), &h->addr[0]) == 0;
	h->addr_at = 0;
	if (h->naddr == 0)
		note(h, DELIVER_PERMANENT, 4, "bad address literal");
	loop_defer(h->p.loop, &h->task, step, h);
}

static void
step(void *arg)
{
	struct deliver_hop *h = arg;

	while (h->addr_at < h->naddr) {
		h->now.peer = h->addr[h->addr_at++];
		h->now.peer_len = length(&h->now.peer);
		h->now.mx = h->p.mx[h->mx_at - 1].name;
		if (!set_local(h, h->now.peer.ss_family)) {
			h->skipped = true;
			continue;
		}
		/* the port is at the same place in both families */
		((struct sockaddr_in *)(void *)&h->now.peer)->sin_port =
		    htons((uint16_t)h->p.port);
		h->now.self = is_self(h, &h->now.peer);
		answer(h, &h->now);
		return;
	}
	if (h->mx_at < h->p.nmx) {
		resolve(h);
		return;
	}
	if (h->skipped)
		note(h, DELIVER_TEMPORARY, 1,
		    "the source has no address of the peer's family");
	answer(h, NULL);
}

void
deliver_hop_next(struct deliver_hop *h,
    void (*done)(void *arg, const struct deliver_hop_addr *a,
	const struct deliver_result *why),
    void *arg)
{
	h->done = done;
	h->arg = arg;
	loop_defer(h->p.loop, &h->task, step, h);
}
