/*
 * Which mail exchangers stand behind a domain, as one key: the normalised MX
 * set names the site, the set with its order names the route.  Pure functions
 * over plain arrays.
 */
#ifndef SITE_ROLLUP_H
#define SITE_ROLLUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "dns/dns.h"

struct conf_strs;

/* In place: lower case, no final dot; drops address literals (RFC 5321 5.1
 * wants names), names that are no host names, and repeats.  Returns how many
 * are left. */
size_t site_rollup_clean(struct dns_mx_host *h, size_t n);
/* RFC 5321 5.1: where one of our names is among them, it goes and so does
 * every host of the same or a higher preference value. */
size_t site_rollup_drop_self(struct dns_mx_host *h, size_t n,
    const char *const *own, size_t nown);
/* "a.example,b.example": sorted, whatever the order and the preferences. */
void site_rollup_set(const struct dns_mx_host *h, size_t n, struct buf *out);
/* The same with its preference groups: "a.example,b.example>c.example". */
void site_rollup_route(const struct dns_mx_host *h, size_t n, struct buf *out);
/* Every host lies below one of the suffixes: ".google.com" takes
 * a.google.com, not google.com and not evilgoogle.com; without the dot in
 * front the host itself is taken too. */
bool site_rollup_below(const struct conf_strs *suffixes,
    const struct dns_mx_host *h, size_t n);

#endif
