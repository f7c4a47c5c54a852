/*
 * The keyed hash of an address (HMAC-SHA-256, cut to 8 octets): what shards
 * and suppression know of a person.  One key per queue, kept in a file of the
 * spool that is made once; its fingerprint is checked when a shard is owned,
 * so that two daemons with different keys can't share a queue.
 */
#ifndef STORE_ADDR_H
#define STORE_ADDR_H

#include "base/err.h"
#include "base/view.h"

struct store_addr_key;

#define STORE_ADDR_FP_MAX 17

/* Reads the key, or makes one (mode 0600) where the file is missing. */
struct store_addr_key *store_addr_key_open(const char *path, struct err *e);
void store_addr_key_close(struct store_addr_key **k);
/* 16 hex digits that tell two keys apart and give neither away. */
const char *store_addr_key_fp(const struct store_addr_key *k);
void store_addr_hash(const struct store_addr_key *k, struct view text,
    unsigned char out[8]);
unsigned store_addr_shard(const unsigned char hash[8], unsigned shards);

#endif
