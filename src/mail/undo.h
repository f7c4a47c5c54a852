/*
 * Plain form of a content: transfer encodings undone where doing them again
 * gives the same bytes (doc/ARCHITECTURE.md).  A plain form starts with the
 * list of what was undone, so that it can be turned back without more.
 */
#ifndef MAIL_UNDO_H
#define MAIL_UNDO_H

#include "base/buf.h"
#include "base/err.h"

void mail_undo_plain(struct view content, struct buf *plain);
/* -1: damaged, or longer than max_bytes.  Any thread. */
int mail_undo_redo(struct view plain, size_t max_bytes, struct buf *content,
    struct err *e);

#endif
