/*
 * Delivery status notifications written: RFC 3464, RFC 3462, RFC 3461 6,
 * internationalised (RFC 6533) where an address needs it.
 */
#ifndef MAIL_REPORT_H
#define MAIL_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum mail_report_action {
	MAIL_REPORT_FAILED,
	MAIL_REPORT_DELAYED,
	MAIL_REPORT_RELAYED /* to a peer without DSN */
};

struct mail_report {
	enum mail_report_action action;
	const char *hostname;   /* ours: Reporting-MTA and From */
	const char *sender;     /* who gets the report */
	const char *rcpt;
	const char *orcpt;      /* "rfc822;...", or NULL */
	const char *envid;      /* decoded, or NULL */
	const char *status;     /* "5.1.1" */
	const char *remote_mta; /* or NULL */
	const char *diagnostic; /* "550 5.1.1 no such user", or NULL */
	const char *id;         /* ours, for the queue id and Message-ID */
	int64_t arrival_ms, last_attempt_ms, will_retry_until_ms; /* 0: none */
	bool full;              /* RET=FULL; else headers only */
	struct view original;   /* the message it is about */
};

void mail_report_write(const struct mail_report *r, struct buf *out);

#endif
