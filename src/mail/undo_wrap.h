/*
 * Where quoted-printable encoders break lines softly (RFC 2045 6.7 rule 5).
 * All work on the escaped text without soft breaks; a hard line ends before
 * its CRLF.  A policy is told where a line of output begins and says where it
 * ends.
 */
#ifndef MAIL_UNDO_WRAP_H
#define MAIL_UNDO_WRAP_H

#include <stddef.h>

#include "base/buf.h"

enum mail_undo_wrap_policy { /* part of the stored format */
	/* What fits: Python, Perl, JavaMail, .NET, Go, most others. */
	MAIL_UNDO_WRAP_GREEDY,
	/* The same, UTF-8 sequences kept together. */
	MAIL_UNDO_WRAP_GREEDY_UTF8,
	/* Behind blanks and punctuation: nodemailer's libqp. */
	MAIL_UNDO_WRAP_LIBQP,
	/* PHP's quoted_printable_encode over CRLF, and over LF that Symfony
	 * and SwiftMailer turn into CRLF afterwards. */
	MAIL_UNDO_WRAP_PHP,
	MAIL_UNDO_WRAP_PHP_LF,
	MAIL_UNDO_WRAP_N
};

#define MAIL_UNDO_WRAP_WIDTH_MAX 998 /* RFC 5322 2.1.1 */
#define MAIL_UNDO_WRAP_NONE ((size_t)-1)

struct mail_undo_wrap { /* plain value */
	enum mail_undo_wrap_policy policy;
	/* Columns that may be used, for GREEDY: before a soft break and
	 * before a hard one, when the last octet is literal or escaped. */
	unsigned soft[2], hard[2];
};

/* A line of output begins at from and its hard line ends at end (or the text
 * does).  Returns where a soft break follows, at most end, or NONE.  column:
 * what mail_undo_wrap_column said at the begin of a hard line, 0 behind a soft
 * break. */
size_t mail_undo_wrap_end(const struct mail_undo_wrap *w, struct view text,
    size_t from, size_t end, size_t column);
/* The column that the next hard line begins with, when the last line of output
 * began at from. */
size_t mail_undo_wrap_column(const struct mail_undo_wrap *w, struct view text,
    size_t from, size_t end, size_t column);
void mail_undo_wrap_put(const struct mail_undo_wrap *w, struct buf *head);
int mail_undo_wrap_get(struct view *head, struct mail_undo_wrap *w);

#endif
