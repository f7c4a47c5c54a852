/*
 * One encoded part undone and done again: each codec writes what it needs to
 * know in front, and nothing where its own encoder would not give the same
 * bytes back.
 */
#ifndef MAIL_UNDO_PART_H
#define MAIL_UNDO_PART_H

#include "base/buf.h"

/* encoded: the part's body without its final CRLF; text is the scratch's
 * part.  0: text has the decoded bytes and head the parameters; 1: the same,
 * and doing it again was seen to give these bytes; -1: this part stays as it is
 * (both may hold leavings). */
int mail_undo_b64_undo(struct view encoded, struct buf *head,
    struct buf *text);
int mail_undo_qp_undo(struct view encoded, struct buf *head, struct buf *text);
/* Reads its parameters off *head; -1: damaged, or out would pass max_bytes. */
int mail_undo_b64_redo(struct view *head, struct view text, size_t max_bytes,
    struct buf *out);
int mail_undo_qp_redo(struct view *head, struct view text, size_t max_bytes,
    struct buf *out);

#endif
