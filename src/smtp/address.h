/*
 * Mailboxes and paths: RFC 5321 4.1.2, RFC 6531 3.3 (UTF-8), RFC 5891 (IDNA).
 *
 * One normalisation for the whole of Facteur: the domain in lower-case
 * A-labels, the local part in NFC.  smtp_address_key() is what is hashed for
 * suppression and sharding: there the local part is lower-cased as well.
 */
#ifndef SMTP_ADDRESS_H
#define SMTP_ADDRESS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define SMTP_LOCAL_MAX 64   /* octets; RFC 5321 4.5.3.1.1 */
#define SMTP_DOMAIN_MAX 255
#define SMTP_ADDRESS_MAX (SMTP_LOCAL_MAX * 2 + SMTP_DOMAIN_MAX + 4)

struct smtp_address { /* plain value */
	char text[SMTP_ADDRESS_MAX]; /* local@domain, normalised; "" is <> */
	unsigned short at;           /* offset of the @ */
	bool utf8;    /* the local part needs SMTPUTF8 */
	bool literal; /* domain is [192.0.2.1] or [IPv6:...] */
};

/* local@domain without brackets, quoted local parts too.  0, or -1 with the
 * reason (for a 501 or 553). */
int smtp_address_parse(struct view v, struct smtp_address *a, struct err *e);
/* Reads "<path>" at the front of *v and moves past it; a source route is
 * skipped (RFC 5321 appendix C).  "<>" gives the empty address, only where
 * null_ok.  "<postmaster>" without a domain is refused unless postmaster_ok,
 * then its domain is "". */
int smtp_address_path(struct view *v, bool null_ok, bool postmaster_ok,
    struct smtp_address *a, struct err *e);
const char *smtp_address_domain(const struct smtp_address *a);
struct view smtp_address_local(const struct smtp_address *a);
void smtp_address_key(const struct smtp_address *a, struct buf *out);
/* U-labels to lower-case A-labels; checks LDH and lengths.  out holds
 * SMTP_DOMAIN_MAX + 1. */
int smtp_address_ascii_domain(struct view domain, char *out, struct err *e);

/* xtext, RFC 3461 4: for ENVID and ORCPT. */
int smtp_address_xtext_decode(struct view v, struct buf *out);
void smtp_address_xtext_encode(struct view v, struct buf *out);

#endif
