/*
 * A request of the resolver's users: one or two questions, and the callback
 * that gets what comes of them.
 */
#ifndef DNS_REQ_H
#define DNS_REQ_H

#include "dns/dns.h"
#include "dns/query.h"
#include "io/loop.h"

struct dns_answer;

struct dns {
	struct loop *loop;           /* borrowed */
	struct dns_chan *chan;       /* owned */
	struct dns_cache *cache;     /* owned */
	struct dns_query_set *query; /* owned */
	struct list reqs;
	bool ipv4, ipv6;
};

struct dns_req_slot {
	struct dns_req *req; /* borrowed: the one it is in */
	struct dns_query_wait wait;
	struct dns_answer *answer; /* a reference, once it is there */
	int64_t ttl_ms;
};

struct dns_req {
	char name[256]; /* lower case, no final dot; longer ones are cut and
			 * do not exist */
	struct list link; /* of dns->reqs */
	struct dns *dns;  /* borrowed */
	void (*complete)(struct dns_req *r); /* all asked for is there */
	union {
		void (*mx)(void *arg, const struct dns_mx *mx);
		void (*addr)(void *arg, const struct dns_addrs *a);
		void (*text)(void *arg, const struct dns_texts *t);
	} done;
	void *arg;
	struct dns_req_slot slot[3];
	struct loop_task task; /* an answer that needs no question */
	struct sockaddr_storage literal;
	unsigned awaited;
	bool dead;
};

struct dns_req *dns_req_new(struct dns *d, const char *name,
    void (*complete)(struct dns_req *r), void *arg);
/* Slot i becomes what the DNS says; complete is called when no slot is
 * awaited any more. */
void dns_req_ask(struct dns_req *r, unsigned i, uint16_t type);
/* Both address types, as configured, into slots i and i + 1. */
void dns_req_ask_addresses(struct dns_req *r, unsigned i);
/* Complete at the end of the turn without asking. */
void dns_req_known(struct dns_req *r);
/* Over: to be called before the callback.  Memory and answers stay until the
 * end of the turn. */
void dns_req_end(struct dns_req *r);

/* Of two or more slots: OK when one is, else a temporary failure when there
 * is one, else NXDOMAIN before NODATA.  Empty slots do not count. */
enum dns_status dns_req_status(const struct dns_req *r, unsigned from,
    unsigned n);
int64_t dns_req_ttl(const struct dns_req *r, unsigned from, unsigned n);
/* "192.0.2.1", "[192.0.2.1]", "2001:db8::1", "[IPv6:2001:db8::1]" */
bool dns_req_literal(const char *text, struct sockaddr_storage *sa);

#endif
