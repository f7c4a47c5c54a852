/*
 * SMTP replies as a client reads them: RFC 5321 4.2, enhanced status codes
 * RFC 2034 and RFC 3463.  Any length comes in; what is kept is capped.
 */
#ifndef SMTP_REPLY_H
#define SMTP_REPLY_H

#include "base/buf.h"

#define SMTP_REPLY_TEXT_MAX 1024

struct smtp_reply {
	int code;              /* 200..599; 0: none */
	int enhanced[3];       /* 0.0.0: none given */
	unsigned lines;
	/* the lines' texts joined by '\n', without codes, capped; printable
	 * (control characters become spaces); NUL-terminated */
	char text[SMTP_REPLY_TEXT_MAX];
	unsigned text_len;
};

/* Takes one whole reply off the front of in: 1 done, 0 more is needed, -1 not
 * SMTP.  State over calls is kept in r; start with an all-zero r. */
int smtp_reply_parse(struct smtp_reply *r, struct buf *in);
/* "5.1.1", or "" when none was given. */
#define SMTP_REPLY_ENHANCED_MAX 16
void smtp_reply_enhanced_text(const struct smtp_reply *r,
    char out[SMTP_REPLY_ENHANCED_MAX]);

#endif
