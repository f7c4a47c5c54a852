/*
 * DKIM signing (RFC 6376) by libopendkim; Ed25519 (RFC 8463) on EVP.
 * relaxed/relaxed, SIGNHDRS and OVERSIGNHDRS always set, never l=.
 */
#ifndef MAIL_DKIM_H
#define MAIL_DKIM_H

#include "base/buf.h"
#include "base/err.h"

struct mail_dkim;     /* keys and library handle: read-only once made */
struct mail_dkim_key; /* one (domain, selector, key) */

struct mail_dkim_row { /* what mail_dkim_add needs; borrowed for the call */
	const char *domain, *selector, *key_file, *tenant; /* tenant may be NULL */
	char *const *headers; /* NULL: our list */
	size_t nheaders;
	char *const *oversign; /* NULL: our list */
	size_t noversign;
};

struct mail_dkim *mail_dkim_new(struct err *e);
void mail_dkim_free(struct mail_dkim **d);
/* Reads and checks the key: at least RSA-1024, or Ed25519. */
int mail_dkim_add(struct mail_dkim *d, const struct mail_dkim_row *row,
    struct err *e);
/* The p= value this key should have in DNS (base64), for check_dns. */
void mail_dkim_public(const struct mail_dkim_key *k, struct buf *out);
struct mail_dkim_key *mail_dkim_at(const struct mail_dkim *d, size_t i);
const char *mail_dkim_name(const struct mail_dkim_key *k); /* sel._domainkey.dom */

/* Prepends to sigs one DKIM-Signature field (with CRLF) per key that fits
 * tenant and From domain; the most exact domain wins, all its keys sign.
 * Any thread.  Returns the number of signatures (0: no key), -1 on error. */
int mail_dkim_sign(const struct mail_dkim *d, const char *tenant,
    const char *from_domain, struct view message, struct buf *sigs,
    struct err *e);
/* True when the parsed-key cache behind libopendkim is hit (LIBRARIES:
 * else signing is four times slower).  Call once at start. */
int mail_dkim_cache_works(const struct mail_dkim *d);

#endif
