/*
 * What a quoted-printable encoder escapes (RFC 2045 6.7 rules 1 to 3): its
 * shape, and text escaped by it, without soft breaks.
 */
#ifndef MAIL_UNDO_ESCAPE_H
#define MAIL_UNDO_ESCAPE_H

#include "base/buf.h"

struct mail_undo_escape { /* plain value */
	unsigned char escaped[256]; /* 1: escaped wherever it stands */
	bool plain_map; /* the default, so that runs are copied */
	bool lower;     /* hex digits */
	bool open;      /* the part ends in a soft break */
	bool run;       /* all blanks at the end of a line are escaped */
};

/* Places where an encoder did other than predicted, as they are read: next is
 * the coming one, SIZE_MAX when there is none. */
struct mail_undo_escape_fixes {
	struct view *head;
	uint64_t left;
	size_t next;
};

void mail_undo_escape_init(struct mail_undo_escape *s);
bool mail_undo_escape_default(int c);
bool mail_undo_escape_break(struct view v, size_t i); /* CRLF at i */
/* The octet at i, which begins no line end. */
bool mail_undo_escape_is(const struct mail_undo_escape *s, struct view text,
    size_t i);
/* -1: the fixes are damaged. */
int mail_undo_escape_text(const struct mail_undo_escape *s, struct view text,
    struct mail_undo_escape_fixes *f, struct buf *out);
/* Moves on by the distance that stands next in the list. */
int mail_undo_escape_next(struct mail_undo_escape_fixes *f);
void mail_undo_escape_put(const struct mail_undo_escape *s, struct buf *head);
int mail_undo_escape_get(struct view *head, struct mail_undo_escape *s);

#endif
