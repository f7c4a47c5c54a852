/* The dialogues of test_smtp_client.c, which has the script's words. */
#ifndef TESTS_UNIT_CLIENT_ROWS_H
#define TESTS_UNIT_CLIENT_ROWS_H

#include "smtp/client.h"

struct client_row {
	const char *name;
	const char *script;
	bool lmtp, no_chunking;
	enum smtp_client_tls tls;
	unsigned nrcpt;      /* 0: 1 */
	const char *sender;  /* NULL: me@y.example */
	const char *content; /* NULL: "hi\r\n" */
	struct smtp_client_tx tx;     /* its parameters */
	struct smtp_client_rcpt rcpt; /* likewise, for all */
};

extern const struct client_row client_rows[];
extern const size_t client_rows_n;

#endif
