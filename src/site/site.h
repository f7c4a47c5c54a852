/*
 * What an MX answer means for a domain: the site its throttles belong to, the
 * route that leads there, or why there is none.  Pure.
 */
#ifndef SITE_SITE_H
#define SITE_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "dns/dns.h"

struct conf;
struct conf_site;

enum site_verdict {
	SITE_ROUTE, /* site, route, hosts, policy are set */
	SITE_NEVER, /* code, enhanced, text: permanent */
	SITE_LATER  /* text: temporary */
};

struct site_target { /* init with {0}; site_target_fini */
	enum site_verdict verdict;
	struct buf site;  /* name: of the provider's block, or the MX set */
	struct buf route; /* key, unique for site and MX set with its order */
	const struct conf_site *policy; /* borrowed from the conf */
	bool literal;
	bool implicit; /* no MX: the domain itself */
	struct dns_mx_host hosts[DNS_MX_MAX];
	size_t nhosts;
	int code;
	int enhanced[3];
	char text[256];
};

void site_target_fini(struct site_target *t);
/* own: our host names, for RFC 5321 5.1. */
void site_target_mx(struct site_target *t, const struct conf *c,
    const char *domain, const struct dns_mx *mx, const char *const *own,
    size_t nown);
/* "[192.0.2.1]", "[IPv6:2001:db8::1]" */
void site_target_literal(struct site_target *t, const struct conf *c,
    const char *domain);
/* Under another configuration: policy, site and route anew. */
void site_target_name(struct site_target *t, const struct conf *c,
    const char *domain);
/* The answer for the address of an implicit MX: RFC 5321 5.1, 2.3.5. */
void site_target_implicit(struct site_target *t, enum dns_status addresses);

#endif
