/*
 * One DKIM signature with Ed25519 (RFC 8463), relaxed/relaxed, on EVP:
 * libopendkim leaks with such keys (doc/ARCHITECTURE.md).
 */
#ifndef MAIL_ED25519_H
#define MAIL_ED25519_H

#include "base/buf.h"
#include "base/err.h"

struct evp_pkey_st;

struct mail_ed25519 {
	struct evp_pkey_st *pkey; /* borrowed; shared by all threads */
	const char *domain, *selector;
	char *const *headers; /* signed when present, lower case */
	size_t nheaders;
	char *const *oversign; /* named once more than present */
	size_t noversign;
	int64_t now_s;
};

/* Appends one DKIM-Signature field with its CRLF. */
int mail_ed25519_sign(const struct mail_ed25519 *k, struct view message,
    struct buf *out, struct err *e);

#endif
