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
 * Any thread may apply, holding a base that the loop keeps alive; make and the
 * mail_base_* of mail/base.h belong to the loop.
 */
#ifndef MAIL_PATCH_H
#define MAIL_PATCH_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "mail/base.h"

enum mail_patch_kind { /* first octet of a patch; part of the stored format */
	MAIL_PATCH_SAME = 1, /* the content is the base */
	MAIL_PATCH_ZSTD = 2,
	MAIL_PATCH_MERGE = 3 /* reserved: template and variables */
};

/* Plain form of a content, for building bases. */
void mail_patch_plain(struct view content, struct buf *out);
/* The spans of a (16 bytes and more, in a's order) that b has too; what lies
 * between them is blotted out with zeros. */
void mail_patch_common(struct view a, struct view b, struct buf *out);

/* base NULL: the content on its own. */
void mail_patch_make(const struct mail_base *base, struct view content,
    struct buf *patch);
/* -1: the patch is damaged or the result would pass max_bytes. */
int mail_patch_apply(const struct mail_base *base, struct view patch,
    size_t max_bytes, struct buf *content, struct err *e);
uint64_t mail_patch_hash(struct view content); /* XXH3; for the record */

#endif
