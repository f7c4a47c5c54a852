/*
 * RESP (Redis serialization protocol, version 2): commands written straight
 * into an output buffer, replies read by hiredis' reader.
 *
 * A command states its number of arguments first; rdb_codec_end checks that
 * exactly so many followed.
 */
#ifndef RDB_CODEC_H
#define RDB_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct rdb_codec { /* plain value: one command being written */
	struct buf *out; /* borrowed */
	size_t left;     /* arguments still to come */
};

void rdb_codec_begin(struct rdb_codec *c, struct buf *out, size_t nargs);
void rdb_codec_view(struct rdb_codec *c, struct view v);
void rdb_codec_str(struct rdb_codec *c, const char *s);
void rdb_codec_num(struct rdb_codec *c, int64_t n);
void rdb_codec_u64(struct rdb_codec *c, uint64_t n);
void rdb_codec_id(struct rdb_codec *c, uint64_t id); /* 8 octets, big-endian */
/* Only the announcement of an argument of n bytes, which the caller then
 * appends to out himself, followed by "\r\n". */
void rdb_codec_head(struct rdb_codec *c, size_t n);
void rdb_codec_end(struct rdb_codec *c);

#endif
