/*
 * Which block of the configuration governs a destination: an override that
 * names the recipient's domain, else the first whose MX suffixes take every
 * host, else the default.
 */
#ifndef SITE_POLICY_H
#define SITE_POLICY_H

#include <stddef.h>

struct conf;
struct conf_site;
struct dns_mx_host;

/* Borrowed from c.  h NULL with n 0: an address literal, only domains and the
 * default can match. */
const struct conf_site *site_policy_find(const struct conf *c,
    const char *domain, const struct dns_mx_host *h, size_t n);

#endif
