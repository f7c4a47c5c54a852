/*
 * A reply of Redis (hiredis' redisReply behind an opaque type).  Every reader
 * takes any reply, NULL too, so that an unexpected shape reads as empty.
 */
#ifndef RDB_REPLY_H
#define RDB_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

struct rdb_reply;

/* Elements of an array; 0 for all else. */
size_t rdb_reply_n(const struct rdb_reply *r);
/* NULL past the end. */
struct rdb_reply *rdb_reply_at(const struct rdb_reply *r, size_t i);
/* A string, status or error; else empty. */
struct view rdb_reply_view(const struct rdb_reply *r);
struct view rdb_reply_view_at(const struct rdb_reply *r, size_t i);
/* An integer, or a string that is a decimal number; else 0. */
int64_t rdb_reply_int(const struct rdb_reply *r);
int64_t rdb_reply_int_at(const struct rdb_reply *r, size_t i);
bool rdb_reply_is_nil(const struct rdb_reply *r); /* NULL too */
bool rdb_reply_is_error(const struct rdb_reply *r);
bool rdb_reply_is_array(const struct rdb_reply *r);
/* True when it is a string or status of exactly these bytes. */
bool rdb_reply_is(const struct rdb_reply *r, const char *s);
/* The string's memory, NUL-terminated, owned by the caller from now on (the
 * reply's string is then empty); NULL when it is none. */
char *rdb_reply_take(struct rdb_reply *r, size_t *n);

#endif
