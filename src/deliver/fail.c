#include "config.h"

#include "deliver/fail.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rand.h"
#include "conf/conf.h"
#include "deliver/domain.h"
#include "deliver/item.h"
#include "deliver/peer.h"
#include "deliver/place.h"
#include "deliver/sched.h"
#include "deliver/session.h"
#include "deliver/settle.h"
#include "deliver/verdict.h"
#include "stats/stats.h"

#define FULL_MS 10000 /* no further session after a refused one */

/* The item that a failed connection was opened for has used its attempt. */
static void
burn_one(struct deliver_peer *p, const struct deliver_result *why)
{
	struct deliver_result r = *why;
	unsigned class;

	for (class = 0; class < DELIVER_CLASSES; class ++)
		if (!list_empty(&p->lot->ready[class])) {
			struct deliver_item *i =
			    LIST_ENTRY(p->lot->ready[class].next,
				struct deliver_item, job.link);

			r.kind = DELIVER_TEMPORARY;
			deliver_place_take(i);
			deliver_settle(p->d, i, p->route, &r);
			return;
		}
}

static void
failed(struct deliver_peer *p, const struct deliver_end *end)
{
	struct deliver *d = p->d;
	struct deliver_route *r = p->route;
	struct deliver_site *s = r->site;
	int64_t ms;

	deliver_place_note(s, &end->last);
	if (r->npeers > 0 && r->proven) {
		s->full_until = clock_mono() + FULL_MS;
		s->full_at = s->npeers;
		snprintf(s->reason, sizeof(s->reason), "%s", s->last_reply);
		deliver_place_stall(d, r, s->full_until);
		return;
	}
	if (r->npeers > 0) {
		r->failing = true;
		return;
	}
	ms = deliver_verdict_retry_ms(s->policy, r->failures, rand_u64());
	r->failures++;
	if (!p->burnt)
		burn_one(p, &end->last);
	deliver_place_hold(d, r, ms, s->last_reply);
	log_info("deliver.route_held",
	    "site=%s mx=%s failures=%u wait_ms=%lld text=%s", s->name,
	    r->hosts[0].name, r->failures, (long long)ms,
	    log_q(view_str(s->last_reply)));
}

static void
condemn_loop(struct deliver *d, struct deliver_route *r)
{
	struct deliver_result why = {.kind = DELIVER_PERMANENT,
	    .stage = MAIL_STAGE_DNS,
	    .code = 550,
	    .enhanced = {5, 4, 6}};

	snprintf(why.text, sizeof(why.text), "mail loops back to us");
	snprintf(why.mx, sizeof(why.mx), "%s", r->hosts[0].name);
	deliver_domain_condemn(d, r, &why);
}

void
deliver_fail_learn(struct deliver_peer *p, const struct deliver_end *end)
{
	struct deliver_route *r = p->route;

	if (!end->connected)
		stats_add(STATS_DELIVER_CONNECT_FAILED, 1);
	if (p->stopping)
		return;
	if (end->loops) {
		condemn_loop(p->d, r);
	} else if (end->failed && end->last.stage == MAIL_STAGE_DNS &&
		   end->last.kind == DELIVER_PERMANENT && r->npeers == 0) {
		deliver_domain_condemn(p->d, r, &end->last);
	} else if (end->failed && !p->productive &&
		   (!p->asked || p->handed > 0)) {
		failed(p, end);
	}
	if (r->npeers == 0)
		r->failing = false;
}
