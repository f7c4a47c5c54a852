/*
 * SMTP replies as a client reads them: RFC 5321 4.2, enhanced status codes
 * RFC 2034 and RFC 3463.  Any length comes in; what is kept is capped.
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include <stdbool.h>

#include "base/buf.h"

#define SMTP_REPLY_TEXT_MAX 1024

struct smtp_reply {
	int code;        /* 200..599; 0: none */
	int enhanced[3]; /* 0.0.0: none given */
	unsigned lines;
	/* the lines' texts joined by '\n', without codes, capped; printable
	 * (control characters become spaces) and valid UTF-8; NUL-terminated */
	char text[SMTP_REPLY_TEXT_MAX];
	unsigned text_len;
	/* optional: every line of the reply, capped, as it is read; then text
	 * may lack the middle of a long reply */
	void (*on_line)(void *arg, struct view line);
	void *arg;
	/* reader's state */
	unsigned line_at; /* where the line being read begins in text */
	bool in_line;     /* past the code of a line */
	bool last;        /* that line is the last one */
};

/* Takes one whole reply off the front of in: 1 done, 0 more is needed, -1 not
 * SMTP.  State over calls is kept in r; start with an all-zero r (or
 * smtp_reply_reset, which keeps on_line and arg). */
int smtp_reply_parse(struct smtp_reply *r, struct buf *in);
void smtp_reply_reset(struct smtp_reply *r);
/* A reply of our own: for failures that no peer worded. */
void smtp_reply_set(
    struct smtp_reply *r, int code, int subject, int detail, const char *text);
/* "5.1.1", or "" when none was given. */
#define SMTP_REPLY_ENHANCED_MAX 16
void smtp_reply_enhanced_text(
    const struct smtp_reply *r, char out[SMTP_REPLY_ENHANCED_MAX]);

#endif
