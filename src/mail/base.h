/*
 * A base: bytes that many contents share, with the dictionaries that zstd
 * prepared from them.  Refcounted by the loop; read-only once made, so that
 * worker threads may use one that the loop holds for them.
 */
#ifndef MAIL_BASE_H
#define MAIL_BASE_H

#include "base/buf.h"
#include "base/err.h"

struct mail_base;
struct ZSTD_CDict_s;
struct ZSTD_DDict_s;

struct mail_base *mail_base_new(struct view plain);
struct mail_base *mail_base_ref(struct mail_base *b);
void mail_base_unref(struct mail_base **b);
struct view mail_base_plain(const struct mail_base *b);
size_t mail_base_memory(const struct mail_base *b);
/* As stored in Redis (compressed), and back; max_bytes caps the result. */
void mail_base_pack(struct view plain, struct buf *out);
int mail_base_unpack(struct view stored, size_t max_bytes, struct buf *out,
    struct err *e);

/* For mail/patch.c; the first is made when first asked for, by the loop. */
const struct ZSTD_CDict_s *mail_base_cdict(const struct mail_base *b);
const struct ZSTD_DDict_s *mail_base_ddict(const struct mail_base *b);

#endif
