/*
 * Ed25519 signatures of DKIM (RFC 8463), relaxed/relaxed, on EVP: libopendkim
 * leaks in this algorithm.
 */
#ifndef MAIL_DKIM_ED25519_H
#define MAIL_DKIM_ED25519_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct mail_dkim_ed25519 { /* what one signature needs; all borrowed */
	const char *domain, *selector;
	void *key; /* EVP_PKEY */
	const char *const *headers; /* NULL-terminated, in the order of h= */
	const char *const *oversign;
	int64_t when_s;
};

/* Appends the DKIM-Signature field with its CRLF to out.  Any thread. */
int mail_dkim_ed25519_sign(const struct mail_dkim_ed25519 *s,
    struct view message, struct buf *out, struct err *e);

#endif
