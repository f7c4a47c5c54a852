/*
 * The statistics, a row each: name, kind (COUNTER, GAUGE, HISTOGRAM: ms),
 * help.  To add one, add a row; it is printed everywhere.
 */
#ifndef STATS_ROWS_H
#define STATS_ROWS_H

/* clang-format off */
#define STATS_ROWS(X) \
	X(INTAKE_CONNECTIONS, COUNTER, "connections accepted on the listeners") \
	X(INTAKE_OPEN, GAUGE, "incoming connections open now") \
	X(INTAKE_REFUSED, COUNTER, "incoming connections refused by a limit") \
	X(INTAKE_AUTH_FAILED, COUNTER, "failed authentications") \
	X(INTAKE_MESSAGES, COUNTER, "messages answered 250") \
	X(INTAKE_RECIPIENTS, COUNTER, "recipients accepted into the queue") \
	X(INTAKE_REJECTED, COUNTER, "messages refused with 5xx at their end") \
	X(INTAKE_TEMPFAIL, COUNTER, "messages refused with 4xx at their end") \
	X(INTAKE_BYTES, COUNTER, "content bytes of accepted messages") \
	X(INTAKE_LATENCY, HISTOGRAM, "ms from the end of content to its reply") \
	X(SUBMIT_SUPPRESSED, COUNTER, "recipients that fell out at enqueue as suppressed") \
	X(SUBMIT_PATCH_BYTES, COUNTER, "bytes of the patches written") \
	X(SUBMIT_CONTENT_BYTES, COUNTER, "bytes of the contents they stand for") \
	X(SUBMIT_BASES, COUNTER, "bases chosen or renewed") \
	X(STORE_UP, GAUGE, "1 while the queue can be used") \
	X(STORE_CALLS, COUNTER, "Redis calls") \
	X(STORE_ERRORS, COUNTER, "Redis calls that failed or were lost") \
	X(STORE_TIMEOUTS, COUNTER, "Redis calls that passed their deadline") \
	X(STORE_LATENCY, HISTOGRAM, "ms of a Redis call") \
	X(STORE_FENCED, COUNTER, "calls refused because another daemon owns the shard") \
	X(STORE_LEASED, COUNTER, "records leased") \
	X(STORE_SETTLED, COUNTER, "outcomes confirmed by Redis") \
	X(STORE_JOURNAL_BYTES, GAUGE, "size of the outcome journal") \
	X(DNS_QUERIES, COUNTER, "DNS queries sent") \
	X(DNS_CACHE_HITS, COUNTER, "DNS answers from the cache") \
	X(DNS_FAILURES, COUNTER, "DNS queries without a usable answer") \
	X(DELIVER_CONNECTS, COUNTER, "outgoing connections tried") \
	X(DELIVER_CONNECT_FAILED, COUNTER, "outgoing connections that failed") \
	X(DELIVER_SESSIONS, GAUGE, "outgoing sessions open now") \
	X(DELIVER_TLS, COUNTER, "outgoing sessions that used TLS") \
	X(DELIVER_SENT, COUNTER, "recipients delivered") \
	X(DELIVER_DEFERRED, COUNTER, "recipients deferred") \
	X(DELIVER_BOUNCED, COUNTER, "recipients failed for good") \
	X(DELIVER_EXPIRED, COUNTER, "recipients given up after their maximum age") \
	X(DELIVER_CANCELLED, COUNTER, "recipients dropped with their campaign") \
	X(DELIVER_SUPPRESSED, COUNTER, "recipients dropped at lease as suppressed") \
	X(DELIVER_PARKED, COUNTER, "records parked because they could not be rebuilt") \
	X(DELIVER_BYTES, COUNTER, "content bytes delivered") \
	X(DELIVER_LATENCY, HISTOGRAM, "ms from acceptance to delivery") \
	X(DELIVER_DSN, COUNTER, "delivery status reports queued") \
	X(DKIM_SIGNED, COUNTER, "DKIM signatures made") \
	X(DKIM_FAILED, COUNTER, "DKIM signatures that failed") \
	X(ACCOUNT_LOST, COUNTER, "accounting lines lost while their file could not be written") \
	X(CONTROL_COMMANDS, COUNTER, "commands on the control socket") \
	X(LOOP_TURNS, COUNTER, "turns of the event loop")

enum stats_id {
#define X(id, kind, help) STATS_##id,
	STATS_ROWS(X)
#undef X
	STATS_N
};
/* clang-format on */

#endif
