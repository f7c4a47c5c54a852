/*
 * What a peer offers, read from the lines of its EHLO reply (RFC 5321
 * 4.1.1.1): keywords without case, unknown ones skipped.
 */
#ifndef SMTP_CLIENT_CAPS_H
#define SMTP_CLIENT_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/view.h"

struct smtp_client_caps {  /* plain value; all-zero: HELO, nothing offered */
	bool pipelining;   /* RFC 2920 */
	bool chunking;     /* RFC 3030 */
	bool eightbit;     /* 8BITMIME, RFC 6152 */
	bool smtputf8;     /* RFC 6531 */
	bool dsn;          /* RFC 3461 */
	bool starttls;     /* RFC 3207 */
	bool enhanced;     /* ENHANCEDSTATUSCODES, RFC 2034 */
	bool size;         /* RFC 1870 */
	uint64_t size_max; /* bytes; 0: no fixed maximum */
};

/* One line after the first. */
void smtp_client_caps_line(struct smtp_client_caps *caps, struct view line);

#endif
