/*
 * Parsed private keys, kept per thread.
 *
 * libopendkim parses the PEM text for every message, which costs more than
 * the signature.  It calls PEM_read_bio_PrivateKey through the dynamic
 * linker, so the program's own definition (in mail/pem.c) comes first and
 * answers from a cache.  Only keys registered here are kept; all other
 * callers get OpenSSL's own reading.
 */
#ifndef MAIL_PEM_H
#define MAIL_PEM_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct evp_pkey_st;

/* The text of a key file, with a NUL behind it. */
int mail_pem_read(const char *path, struct buf *out, struct err *e);
/* A new key, or NULL: never asks for a pass phrase. */
struct evp_pkey_st *mail_pem_parse(struct view text, struct err *e);
/* From now on the text is answered from the cache.  Any thread reads; only
 * the loop registers and forgets, balanced. */
void mail_pem_register(struct view text);
void mail_pem_forget(struct view text);
/* How often this thread's calls were answered from its cache. */
uint64_t mail_pem_hits(void);

#endif
