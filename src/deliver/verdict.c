#include "config.h"

#include "deliver/verdict.h"

#include <stdio.h>
#include <string.h>

#include "conf/conf.h"

#define FALLBACK_RETRY_MS 300000
#define FALLBACK_AGE_MS   (5 * 24 * 3600 * INT64_C(1000))
#define WARN_AFTER_MS     (4 * 3600 * INT64_C(1000))
#define LAST_TRY_MS       30000

/* Submission writes the expiry; it knows of scheduled sending, so the time of
 * acceptance counts only where there is none. */
int64_t
deliver_verdict_expires_ms(
    const struct store_record *r, const struct conf_site *policy)
{
	if (r->expires_s != 0)
		return (int64_t)r->expires_s * 1000;
	return r->created_ms +
	       (policy->max_age_ms > 0 ? policy->max_age_ms : FALLBACK_AGE_MS);
}

static int64_t
scheduled_ms(const struct conf_site *policy, unsigned n)
{
	if (policy->nretry == 0)
		return FALLBACK_RETRY_MS;
	if (n >= policy->nretry)
		n = (unsigned)policy->nretry - 1;
	return policy->retry_ms[n] > 0 ? policy->retry_ms[n] : 1;
}

int64_t
deliver_verdict_retry_ms(
    const struct conf_site *policy, unsigned n, uint64_t roll)
{
	int64_t ms = scheduled_ms(policy, n), spread;
	unsigned percent = policy->retry_jitter_percent;

	if (percent > 90)
		percent = 90;
	spread = ms * percent / 100;
	if (spread > 0)
		ms += (int64_t)(roll % (uint64_t)(2 * spread + 1)) - spread;
	return ms;
}

/* A delay is reported once: at the attempt by which the schedule has passed
 * four hours, or a quarter of a shorter life. */
static bool
warns_now(const struct conf_site *policy, unsigned attempt)
{
	int64_t after = policy->max_age_ms / 4, sum = 0;
	unsigned n;

	if (after <= 0 || after > WARN_AFTER_MS)
		after = WARN_AFTER_MS;
	for (n = 0; n < 1000; n++) {
		sum += scheduled_ms(policy, n);
		if (sum >= after)
			break;
	}
	return attempt == n;
}

static void
status_of(struct deliver_verdict *v, const struct deliver_result *r, int class)
{
	if (r != NULL && r->enhanced[0] == class)
		snprintf(v->status, sizeof(v->status), "%d.%d.%d",
		    r->enhanced[0], r->enhanced[1], r->enhanced[2]);
	else
		snprintf(v->status, sizeof(v->status), "%d.0.0", class);
}

/* RFC 3461 4.1: without NOTIFY a failure is reported; a report or a message
 * from <> never is (RFC 5321 4.5.5). */
static bool
reportable(const struct deliver_verdict_in *in)
{
	const struct store_record *r = in->record;

	return in->bounces && !r->report && r->sender.n > 0 &&
	       (r->notify & STORE_NOTIFY_NEVER) == 0;
}

static bool
wants_failure(const struct deliver_verdict_in *in)
{
	return reportable(in) &&
	       (in->record->notify == 0 ||
		   (in->record->notify & STORE_NOTIFY_FAILURE) != 0);
}

static bool
wants_delay(const struct deliver_verdict_in *in)
{
	if (!reportable(in) || !warns_now(in->policy, in->record->attempt))
		return false;
	if (in->record->notify == 0)
		return in->delay_warnings;
	return (in->record->notify & STORE_NOTIFY_DELAY) != 0;
}

static void
sent(const struct deliver_verdict_in *in, struct deliver_verdict *v)
{
	v->outcome = STORE_SENT;
	v->event = "sent";
	v->class = MAIL_CLASS_NONE;
	/* RFC 3461 5.2.2: the peer took no DSN promise, ours ends here */
	v->report = reportable(in) && !in->result->dsn_passed &&
		    (in->record->notify & STORE_NOTIFY_SUCCESS) != 0;
	v->action = MAIL_REPORT_RELAYED;
	status_of(v, in->result, 2);
}

static void
expired(const struct deliver_verdict_in *in, struct deliver_verdict *v)
{
	v->outcome = STORE_EXPIRED;
	v->event = "expired";
	v->class = MAIL_CLASS_EXPIRED;
	v->report = wants_failure(in);
	v->action = MAIL_REPORT_FAILED;
	/* RFC 3463 3.5: delivery time expired */
	snprintf(v->status, sizeof(v->status), "4.4.7");
}

static void
cancelled(struct deliver_verdict *v)
{
	v->outcome = STORE_CANCELLED_;
	v->event = "cancelled";
}

/* What a site's max_age leaves after the attempts so far, by the schedule. */
static int64_t
left_ms(const struct deliver_verdict_in *in)
{
	int64_t left = in->policy->max_age_ms;
	unsigned n;

	for (n = 0; n < in->record->attempt && left > 0; n++)
		left -= scheduled_ms(in->policy, n);
	return left;
}

/* The last retry is brought forward to shortly before the expiry, so that the
 * report can say what the peer answered then. */
static void
deferred(const struct deliver_verdict_in *in, struct deliver_verdict *v)
{
	int64_t end = v->expires_ms, margin;

	if (in->campaign == STORE_CANCELLED) {
		cancelled(v);
		return;
	}
	if (in->policy->max_age_ms > 0 && end > in->now_ms + left_ms(in))
		end = in->now_ms + left_ms(in);
	margin = (end - in->record->created_ms) / 50;
	if (margin > LAST_TRY_MS)
		margin = LAST_TRY_MS;
	if (margin < 0)
		margin = 0;
	if (end - in->now_ms <= margin) {
		expired(in, v);
		return;
	}
	v->outcome = STORE_DEFERRED;
	v->event = "deferred";
	v->due_ms = in->now_ms + deliver_verdict_retry_ms(
				     in->policy, in->record->attempt, in->roll);
	if (v->due_ms > end - margin)
		v->due_ms = end - margin;
	v->report = wants_delay(in);
	v->action = MAIL_REPORT_DELAYED;
	status_of(v, in->result, 4);
}

/* Only what the peer said of this very mailbox, and of it alone, may condemn
 * the address. */
static bool
condemns(const struct deliver_verdict_in *in, enum mail_class class)
{
	if (!mail_class_condemns(class))
		return false;
	return in->result->stage == MAIL_STAGE_RCPT ||
	       (in->result->stage == MAIL_STAGE_END && !in->grouped);
}

static void
bounced(const struct deliver_verdict_in *in, struct deliver_verdict *v)
{
	v->outcome = STORE_BOUNCED;
	v->event = "bounced";
	v->suppress = condemns(in, v->class) ? 'h' : 0;
	v->report = wants_failure(in);
	v->action = MAIL_REPORT_FAILED;
	status_of(v, in->result, 5);
}

/* RFC 5321 3.8, 4.2.1: what a peer says before any MAIL is about us or about
 * itself, not about the recipient. */
static bool
of_connection(enum mail_stage stage)
{
	return stage == MAIL_STAGE_CONNECT || stage == MAIL_STAGE_GREETING ||
	       stage == MAIL_STAGE_HELO || stage == MAIL_STAGE_STARTTLS;
}

static void
released(const struct deliver_verdict_in *in, struct deliver_verdict *v)
{
	if (in->campaign == STORE_CANCELLED)
		cancelled(v);
	else
		v->outcome = STORE_RELEASED;
}

void
deliver_verdict_of(
    const struct deliver_verdict_in *in, struct deliver_verdict *v)
{
	const struct deliver_result *r = in->result;

	memset(v, 0, sizeof(*v));
	v->expires_ms = deliver_verdict_expires_ms(in->record, in->policy);
	if (r == NULL) {
		expired(in, v);
		return;
	}
	if (r->kind == DELIVER_TEMPORARY || r->kind == DELIVER_PERMANENT)
		v->class =
		    mail_class_of(r->stage, r->code, r->enhanced, r->text);
	switch (r->kind) {
	case DELIVER_SENT:
		sent(in, v);
		return;
	case DELIVER_TEMPORARY:
		deferred(in, v);
		return;
	case DELIVER_PERMANENT:
		if (of_connection(r->stage))
			deferred(in, v);
		else
			bounced(in, v);
		return;
	case DELIVER_UNTRIED:
		released(in, v);
		return;
	case DELIVER_UNREBUILT:
		v->outcome = STORE_PARK;
		v->event = "parked";
		return;
	}
}
