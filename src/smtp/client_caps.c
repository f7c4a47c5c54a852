#include "config.h"

#include "smtp/client_caps.h"

#include <stddef.h>

static const struct {
	const char *keyword;
	size_t at; /* of the bool in struct smtp_client_caps */
} rows[] = {
    {"PIPELINING", offsetof(struct smtp_client_caps, pipelining)},
    {"CHUNKING", offsetof(struct smtp_client_caps, chunking)},
    {"8BITMIME", offsetof(struct smtp_client_caps, eightbit)},
    {"SMTPUTF8", offsetof(struct smtp_client_caps, smtputf8)},
    {"DSN", offsetof(struct smtp_client_caps, dsn)},
    {"STARTTLS", offsetof(struct smtp_client_caps, starttls)},
    {"ENHANCEDSTATUSCODES", offsetof(struct smtp_client_caps, enhanced)},
    {"SIZE", offsetof(struct smtp_client_caps, size)},
};

void
smtp_client_caps_line(struct smtp_client_caps *caps, struct view line)
{
	struct view word = view_word(&line);
	uint64_t max;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (view_ieq(word, view_str(rows[i].keyword)))
			break;
	if (i == sizeof(rows) / sizeof(rows[0]))
		return;
	*(bool *)(void *)((char *)caps + rows[i].at) = true;
	if (rows[i].at == offsetof(struct smtp_client_caps, size) &&
	    view_u64(view_word(&line), &max) == 0)
		caps->size_max = max;
}
