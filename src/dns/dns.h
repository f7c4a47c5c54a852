/*
 * Resolver over c-ares: one path for all types, our own reading of the raw
 * answer (TTL, rcode, AD bit), a cache with negative entries, cancellable
 * requests.  Every request is answered exactly once, from the loop, never
 * from inside the call.
 */
#ifndef DNS_DNS_H
#define DNS_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#include "base/err.h"

struct conf_dns;
struct dns;
struct dns_req;
struct loop;

struct dns *dns_open(struct loop *l, const struct conf_dns *conf,
    struct err *e);
/* Requests still open are dropped in silence; their owners must have let go
 * of them by the end of the turn. */
void dns_close(struct dns **d);
void dns_flush(struct dns *d); /* forgets the cache */

enum dns_status {
	DNS_OK,       /* at least one record */
	DNS_NODATA,   /* the name exists, not this type */
	DNS_NXDOMAIN, /* RFC 2308: no such name */
	DNS_SERVFAIL, /* temporary: server failure, refused, bad answer */
	DNS_TIMEOUT   /* temporary: no server answered */
};
const char *dns_status_text(enum dns_status s);

/* MX of a domain, RFC 5321 5.1: sorted by preference, each group shuffled;
 * without MX the domain itself (implicit), if it has an address.  domain is in
 * A-labels, or an address literal ("192.0.2.1", "[IPv6:2001:db8::1]"), which
 * is its own host. */
#define DNS_MX_MAX 32
struct dns_mx_host {
	char name[256]; /* lower case, no final dot */
	uint16_t preference;
};
struct dns_mx {
	enum dns_status status; /* NODATA, NXDOMAIN: nothing to deliver to */
	bool null_mx;           /* RFC 7505: the domain takes no mail */
	bool implicit;
	bool secure; /* AD bit */
	size_t nhosts;
	const struct dns_mx_host *hosts;
	int64_t ttl_ms;
};
/* The result is borrowed until the callback returns. */
struct dns_req *dns_mx_lookup(struct dns *d, const char *domain,
    void (*done)(void *arg, const struct dns_mx *mx), void *arg);

/* Addresses of a host: A and AAAA as configured, CNAMEs followed, IPv4 first;
 * each family shuffled.  Ports are 0.  An address literal is its own answer.
 * /etc/hosts is not consulted. */
#define DNS_ADDR_MAX 32
struct dns_addrs {
	enum dns_status status;
	bool secure;
	size_t n;
	const struct sockaddr_storage *v;
	int64_t ttl_ms;
};
struct dns_req *dns_addr_lookup(struct dns *d, const char *host,
    void (*done)(void *arg, const struct dns_addrs *a), void *arg);

/* TXT: each record's strings joined; PTR: names. */
struct dns_texts {
	enum dns_status status;
	bool secure;
	size_t n;
	const char *const *v; /* NUL-terminated */
	int64_t ttl_ms;
};
struct dns_req *dns_txt_lookup(struct dns *d, const char *name,
    void (*done)(void *arg, const struct dns_texts *t), void *arg);
struct dns_req *dns_ptr_lookup(struct dns *d, const struct sockaddr *sa,
    void (*done)(void *arg, const struct dns_texts *t), void *arg);

/* Silence from now on.  A request is over once its callback is called; inside
 * the callback this is harmless. */
void dns_cancel(struct dns_req **r);

#endif
