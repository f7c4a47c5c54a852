/*
 * Content as base + patch (doc/ARCHITECTURE.md).
 *
 * A content's *plain form* is the content with base64 and quoted-printable
 * parts undone wherever doing them again gives the same bytes back; the list
 * of what was undone is kept with the patch.  The patch is a zstd frame of the
 * plain form with the base (itself a plain form) as dictionary, or without
 * one.  Every content comes back byte for byte: mail_patch_make verifies that
 * before it returns.
 *
 * A mail_base is refcounted and holds the prepared dictionaries.  Any thread
 * may apply; make and base_* belong to the loop.
 */
#ifndef MAIL_PATCH_H
#define MAIL_PATCH_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct mail_base;

enum mail_patch_kind { /* first octet of a patch; part of the stored format */
	MAIL_PATCH_SAME = 1, /* the content is the base */
	MAIL_PATCH_ZSTD = 2,
	MAIL_PATCH_MERGE = 3 /* reserved: template and variables */
};

struct mail_base *mail_base_new(struct view plain);
struct mail_base *mail_base_ref(struct mail_base *b);
void mail_base_unref(struct mail_base **b);
struct view mail_base_plain(const struct mail_base *b);
size_t mail_base_memory(const struct mail_base *b);
/* As stored in Redis (compressed), and back; max_bytes caps the result. */
void mail_base_pack(struct view plain, struct buf *out);
int mail_base_unpack(struct view stored, size_t max_bytes, struct buf *out,
    struct err *e);

/* Plain form of a content, for building bases. */
void mail_patch_plain(struct view content, struct buf *out);
/* The spans of a (16 bytes and more, in a's order) that b has too. */
void mail_patch_common(struct view a, struct view b, struct buf *out);

/* base NULL: the content on its own. */
void mail_patch_make(const struct mail_base *base, struct view content,
    struct buf *patch);
/* -1: the patch is damaged or the result would pass max_bytes. */
int mail_patch_apply(const struct mail_base *base, struct view patch,
    size_t max_bytes, struct buf *content, struct err *e);
uint64_t mail_patch_hash(struct view content); /* XXH3; for the record */

#endif
