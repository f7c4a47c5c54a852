/*
 * JSON strings (RFC 8259) built straight into a buffer.
 */
#ifndef OPS_JSON_H
#define OPS_JSON_H

#include "base/buf.h"

/* v in quotes, escaped; octets that are not UTF-8 become U+FFFD. */
void ops_json_string(struct buf *out, struct view v);
/* The same without quotes: the well-formed text of v. */
void ops_json_utf8(struct buf *out, struct view v);
/* "2026-11-24T07:58:48.123Z" in quotes, or null for 0. */
void ops_json_time(struct buf *out, int64_t ms);

#endif
