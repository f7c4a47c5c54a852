/*
 * Delivery as a whole: the scheduler asks each site what it may take now,
 * leases that from the lanes, hands jobs to sessions, turns results into
 * outcomes and settles them; bounces go through submission.
 */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "deliver/job.h"

struct conf;
struct deliver;
struct dns;
struct loop;
struct mail_dkim;
struct pool;
struct store;
struct submit;

/* One line of accounting; everything is borrowed for the call. */
struct deliver_outcome {
	/* sent deferred bounced expired cancelled suppressed parked; a delivery
	 * that makes a "relayed" report (RFC 3461 5.2.2) is sent */
	const char *event;
	const struct deliver_job *job;
	const struct deliver_result *result; /* NULL where no peer was asked */
	enum mail_class class;
	const char *site;
	int64_t next_attempt_ms; /* of a deferral */
};

struct deliver_params {
	struct loop *loop;
	struct conf *conf;
	struct dns *dns;
	struct store *store;
	struct submit *submit;
	struct pool *pool;
	struct mail_dkim *dkim;
	void (*on_outcome)(void *arg, const struct deliver_outcome *o);
	void *arg;
};

struct deliver *deliver_new(const struct deliver_params *p);
void deliver_reload(struct deliver *d, struct conf *conf,
    struct mail_dkim *dkim);
/* No new work; done when nothing is in flight, or after within_ms: then the
 * rest is cut and returned to its lanes. */
void deliver_drain(struct deliver *d, int64_t within_ms,
    void (*done)(void *arg), void *arg);
void deliver_undrain(struct deliver *d);
void deliver_free(struct deliver **d);

/* Wired to the store's callbacks by facteurd. */
void deliver_on_up(struct deliver *d);
void deliver_on_down(struct deliver *d);
void deliver_on_lane(struct deliver *d, unsigned shard, uint64_t campaign,
    const char *domain);
void deliver_on_shard_lost(struct deliver *d, unsigned shard);
void deliver_on_campaign(struct deliver *d, uint64_t campaign);
void deliver_on_dropped(struct deliver *d, uint64_t campaign,
    const char *domain, struct view packed, char code);

/* For the control socket.  A domain whose MX can't be looked up is shown as a
 * site of its own name, "held". */
struct deliver_site_info {
	const char *name;
	const char *state; /* "open", "held", "full", "rate", "down" */
	const char *reason;
	unsigned connections, connecting, connections_max;
	uint64_t waiting; /* jobs leased and not begun */
	uint64_t lanes;
	uint64_t sent, deferred, bounced;
	int64_t held_until_ms; /* 0: not held */
	const char *last_reply;
};
void deliver_sites(struct deliver *d,
    void (*each)(void *arg, const struct deliver_site_info *i), void *arg);
struct deliver_session_info;
void deliver_sessions(struct deliver *d,
    void (*each)(void *arg, const char *site,
	const struct deliver_session_info *i),
    void *arg);
/* Lifts a hold of a site (by name or by domain); number lifted. */
unsigned deliver_flush(struct deliver *d, const char *site_or_domain);

#endif
