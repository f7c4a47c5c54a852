/*
 * Outcomes: verdict, accounting, report, settling; one line each.
 */
#ifndef DELIVER_SETTLE_H
#define DELIVER_SETTLE_H

#include "base/view.h"
#include "deliver/job.h"
#include "mail/class.h"

struct deliver;
struct deliver_campaign;
struct deliver_item;
struct deliver_route;
struct deliver_verdict;

/* Takes the item.  r NULL: past its expiry.  route NULL: none is known, the
 * default policy counts. */
void deliver_settle(struct deliver *d, struct deliver_item *i,
    const struct deliver_route *route, const struct deliver_result *r);
/* The last step, after a report that must come first is queued. */
void deliver_settle_finish(struct deliver *d, struct deliver_item *i,
    const struct deliver_verdict *v, const struct deliver_result *r);
/* With its campaign. */
void deliver_settle_cancelled(struct deliver *d, struct deliver_item *i);
/* A record that Redis dropped with its campaign. */
void deliver_settle_dropped(struct deliver *d, struct deliver_campaign *c,
    const char *domain, struct view packed, char code);
/* Items that waited for their campaign to be known. */
void deliver_settle_loaded(struct deliver *d, struct deliver_item *i);

#endif
