/*
 * The spool directory: one daemon at a time, and the names and keys it keeps.
 *
 *     lock          held (flock) while a daemon runs
 *     daemon        our name as an owner of shards, made once
 *     address.key   what addresses are hashed with, made once
 *     outcomes.0 .1 the outcome journal
 *     redis/        the embedded server's
 */
#ifndef STORE_SPOOL_H
#define STORE_SPOOL_H

#include "base/err.h"

struct store;

/* Fills in spool, lock_fd, daemon and key. */
int store_spool_open(struct store *s, const char *dir, struct err *e);
void store_spool_close(struct store *s);

#endif
