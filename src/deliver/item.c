#include "config.h"

#include "deliver/item.h"

#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "deliver/domain.h"
#include "deliver/drain.h"
#include "deliver/lane.h"
#include "deliver/place.h"
#include "deliver/sched.h"
#include "deliver/turn.h"
#include "deliver/verdict.h"
#include "store/store.h"

/* The record's address is normalised already: it is taken apart, not parsed
 * again. */
static int
fill_address(struct smtp_address *a, struct view v)
{
	size_t i;

	if (v.n == 0 || v.n >= sizeof(a->text))
		return -1;
	memcpy(a->text, v.p, v.n);
	a->text[v.n] = '\0';
	for (i = v.n; i > 0 && v.p[i - 1] != '@'; i--)
		;
	if (i < 2 || i == v.n)
		return -1;
	a->at = (unsigned short)(i - 1);
	a->literal = v.p[i] == '[';
	for (i = 0; i < a->at; i++)
		if ((unsigned char)v.p[i] > 127)
			a->utf8 = true;
	return 0;
}

int
deliver_item_address(struct deliver_item *i)
{
	return fill_address(&i->job.rcpt, i->job.lease->record.rcpt);
}

struct deliver_item *
deliver_item_new(
    struct deliver *d, struct store_lease *l, struct deliver_campaign *c)
{
	struct deliver_item *i = mem_zalloc(sizeof(*i));
	char id[STORE_ID_MAX];

	i->job.lease = l;
	if (deliver_item_address(i) == -1) {
		store_record_id_text(l->record.id, id);
		log_error("deliver.address", "id=%s rcpt=%s", id,
		    log_q(l->record.rcpt));
		store_settle(d->p.store, &l, STORE_PARK, 0, 0);
		free(i);
		return NULL;
	}
	i->job.campaign = c->sc;
	i->job.leased_ms = clock_now();
	i->job.owner = i;
	i->campaign = c;
	i->class = (unsigned char)deliver_turn_class(c);
	i->site = "";
	d->nitems++;
	return i;
}

struct deliver_item *
deliver_item_of(struct deliver_job *j)
{
	return LIST_ENTRY(j, struct deliver_item, job);
}

void
deliver_item_free(struct deliver *d, struct deliver_item *i)
{
	BUG_ON(i->lot != NULL || i->peer != NULL);
	if (i->job.lease != NULL)
		store_lease_free(&i->job.lease);
	free(i);
	d->nitems--;
	deliver_sched_unchoke(d);
	if (d->draining)
		deliver_drain_check(d);
}

/* The lane has a record again; Redis may say so too, later. */
void
deliver_item_release(struct deliver *d, struct deliver_item *i)
{
	struct store_lease *l = i->job.lease;
	unsigned shard = l->shard;
	char domain[SMTP_DOMAIN_MAX + 1];

	memcpy(domain, l->domain, strnlen(l->domain, SMTP_DOMAIN_MAX));
	domain[strnlen(l->domain, SMTP_DOMAIN_MAX)] = '\0';
	store_settle(d->p.store, &i->job.lease, STORE_RELEASED, 0, 0);
	if (!d->draining && !d->freeing && !d->shards[shard].lost)
		deliver_lane_told(d, shard, i->campaign->id, domain);
	deliver_item_free(d, i);
}

bool
deliver_item_groups(
    const struct deliver_item *first, const struct deliver_item *i)
{
	const struct store_record *a = &first->job.lease->record;
	const struct store_record *b = &i->job.lease->record;

	return first->campaign == i->campaign &&
	       a->content_hash == b->content_hash &&
	       a->content_bytes == b->content_bytes && a->base == b->base &&
	       a->ret == b->ret && a->eightbit == b->eightbit &&
	       a->smtputf8 == b->smtputf8 && a->report == b->report &&
	       view_eq(a->sender, b->sender) && view_eq(a->envid, b->envid) &&
	       view_eq(a->patch, b->patch);
}

bool
deliver_item_is_expired(
    const struct deliver *d, const struct deliver_item *i, int64_t now)
{
	const struct conf_site *policy = i->lot != NULL
					     ? i->lot->route->site->policy
					     : &d->conf->site_default;

	return now >= deliver_verdict_expires_ms(&i->job.lease->record, policy);
}
