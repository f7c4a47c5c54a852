/*
 * The DKIM keys that the configuration names, loaded; and their comparison
 * with what the domains publish.
 */
#ifndef FACTEURD_KEYS_H
#define FACTEURD_KEYS_H

#include "base/err.h"

struct conf;
struct dns;
struct facteurd_keys_check;
struct mail_dkim;

/* NULL with e naming the block and the file. */
struct mail_dkim *facteurd_keys_load(const struct conf *conf, struct err *e);

/* For every key with check_dns: asks for its record and logs an error when it
 * is missing or holds another key; a resolver's failure is only a warning.
 * Free it when the answers no longer matter; that cancels what is open. */
struct facteurd_keys_check *facteurd_keys_check(struct dns *dns,
    const struct mail_dkim *dkim, const struct conf *conf);
void facteurd_keys_check_free(struct facteurd_keys_check **c);

#endif
