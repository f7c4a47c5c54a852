/*
 * From how an attempt ended to what becomes of the recipient: settled how,
 * tried again when, reported to whom (RFC 3461), suppressed or not.  Pure.
 */
#ifndef DELIVER_VERDICT_H
#define DELIVER_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "deliver/job.h"
#include "mail/report.h"
#include "store/store.h"

struct conf_site;

struct deliver_verdict_in {
	const struct deliver_result *result; /* NULL: past its expiry */
	const struct store_record *record;
	const struct conf_site *policy;
	enum store_campaign_state campaign;
	bool bounces;        /* of the tenant: reports are wanted at all */
	bool delay_warnings; /* of the tenant: where NOTIFY was not given */
	bool grouped; /* several recipients shared the transaction */
	int64_t now_ms;
	uint64_t roll; /* any random number: the jitter */
};

struct deliver_verdict {
	enum store_outcome outcome;
	const char *event; /* of accounting; NULL: none (released) */
	enum mail_class class;
	int64_t due_ms; /* of a deferral */
	int64_t expires_ms; /* when it will be given up */
	char suppress;  /* reason, or 0 */
	bool report;
	enum mail_report_action action;
	char status[16]; /* RFC 3463, for the report */
};

void deliver_verdict_of(const struct deliver_verdict_in *in,
    struct deliver_verdict *v);
/* When the record is given up. */
int64_t deliver_verdict_expires_ms(const struct store_record *r,
    const struct conf_site *policy);
/* Wait before the n-th retry (from 0), with jitter. */
int64_t deliver_verdict_retry_ms(const struct conf_site *policy, unsigned n,
    uint64_t roll);

#endif
