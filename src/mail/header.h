/*
 * The header of a message (RFC 5322 2.2), read and edited in place of its
 * bytes.  Lines end in CRLF.  Views point into the message.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <stdbool.h>

#include "base/buf.h"

struct mail_field {
	struct view name;
	struct view value; /* unfolded it is not: CRLF SP may be inside */
	struct view raw;   /* the whole field with its final CRLF */
};

/* Length of the header including the empty line (the whole, when there is no
 * body). */
size_t mail_header_bytes(struct view message);
/* Iterates: *at is a view of the header still to read, first the header
 * itself.  1: a field; 0: end; -1: a line that is no field. */
int mail_header_next(struct view *at, struct mail_field *f);
/* First field of that name (case folded); false: none. */
bool mail_header_find(struct view header, struct view name,
    struct mail_field *f);
/* Value without folding and comments-free of CRLF, trimmed, appended. */
void mail_header_unfold(struct view value, struct buf *out);
/* The single address of From:, its domain lower-cased in A-labels.  -1: none
 * or several or broken. */
int mail_header_from_domain(struct view header, char out[256]);
bool mail_header_8bit(struct view v); /* any octet above 127 */

#endif
