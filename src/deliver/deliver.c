#include "config.h"

#include "deliver/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "deliver/bounce.h"
#include "deliver/content.h"
#include "deliver/domain.h"
#include "deliver/drain.h"
#include "deliver/expiry.h"
#include "deliver/info.h"
#include "deliver/item.h"
#include "deliver/lane.h"
#include "deliver/lease.h"
#include "deliver/peer.h"
#include "deliver/place.h"
#include "deliver/sched.h"
#include "deliver/settle.h"
#include "io/tls.h"
#include "store/store.h"

#define CALL_MAX 256

static void
set_hostname(struct deliver *d)
{
	const char *name = d->conf->limits.hostname;
	size_t i;

	if (name != NULL && name[0] != '\0')
		snprintf(d->hostname, sizeof(d->hostname), "%s", name);
	else if (gethostname(d->hostname, sizeof(d->hostname)) == -1)
		snprintf(d->hostname, sizeof(d->hostname), "localhost");
	d->hostname[sizeof(d->hostname) - 1] = '\0';
	d->env.hostname = d->hostname;
	d->nown = 0;
	d->own[d->nown++] = d->hostname;
	for (i = 0; i < d->conf->nlisten && d->nown < DELIVER_OWN_MAX; i++)
		if (d->conf->listen[i].hostname != NULL)
			d->own[d->nown++] = d->conf->listen[i].hostname;
}

static void
set_tls(struct deliver *d)
{
	struct err e;

	d->tls_any = tls_ctx_client(false, NULL, &e);
	if (d->tls_any == NULL)
		log_error("deliver.tls", "text=%s", log_q(view_str(e.text)));
	d->tls_verified = tls_ctx_client(true, NULL, &e);
	if (d->tls_verified == NULL)
		log_error("deliver.tls", "text=%s", log_q(view_str(e.text)));
	d->env.tls_any = d->tls_any;
	d->env.tls_verified = d->tls_verified;
}

static void
make_shards(struct deliver *d)
{
	unsigned k;

	d->nshards = store_shards(d->p.store);
	d->shards = mem_zalloc(d->nshards * sizeof(d->shards[0]));
	for (k = 0; k < d->nshards; k++) {
		struct deliver_shard *sh = &d->shards[k];

		sh->d = d;
		list_init(&sh->calls);
		sh->want = mem_zalloc(CALL_MAX * sizeof(sh->want[0]));
		sh->lane = mem_zalloc(CALL_MAX * sizeof(struct deliver_lane *));
	}
}

struct deliver *
deliver_new(const struct deliver_params *p)
{
	struct deliver *d = mem_zalloc(sizeof(*d));

	d->p = *p;
	d->conf = conf_ref(p->conf);
	set_hostname(d);
	set_tls(d);
	d->env.loop = p->loop;
	d->env.dns = p->dns;
	d->env.store = p->store;
	d->env.content =
	    deliver_content_new(p->loop, p->store, p->pool, p->dkim, p->conf);
	make_shards(d);
	deliver_sched_init(d);
	deliver_expiry_start(d);
	return d;
}

/* Sessions under the old settings end after their transaction; they keep
 * their own reference to them. */
void
deliver_reload(struct deliver *d, struct conf *conf, struct mail_dkim *dkim)
{
	struct conf *old = d->conf;

	d->conf = conf_ref(conf);
	d->p.conf = conf;
	d->p.dkim = dkim;
	set_hostname(d);
	deliver_content_reload(d->env.content, dkim, conf);
	deliver_lane_tenants_reload(d);
	deliver_place_reload(d);
	deliver_domain_reload(d);
	deliver_peer_stop_all(d, false);
	conf_unref(&old);
}

void
deliver_drain(
    struct deliver *d, int64_t within_ms, void (*done)(void *arg), void *arg)
{
	deliver_drain_start(d, within_ms, done, arg);
}

void
deliver_undrain(struct deliver *d)
{
	deliver_drain_stop(d);
}

static void
release_all(struct deliver *d)
{
	struct deliver_route *r, *tmp;

	HASH_ITER(hh, d->routes, r, tmp)
	deliver_place_release(d, r);
}

void
deliver_destroy(struct deliver *d)
{
	unsigned k;

	deliver_place_free_all(d);
	loop_timer_stop(&d->timer);
	deliver_heap_fini(&d->heap);
	deliver_content_free(&d->env.content);
	tls_ctx_free(&d->tls_any);
	tls_ctx_free(&d->tls_verified);
	for (k = 0; k < d->nshards; k++) {
		free(d->shards[k].want);
		free(d->shards[k].lane);
	}
	free(d->shards);
	conf_unref(&d->conf);
	free(d);
}

/* Sessions that are still being cut keep what they use until the last of
 * them is gone. */
void
deliver_free(struct deliver **dp)
{
	struct deliver *d = *dp;

	if (d == NULL)
		return;
	*dp = NULL;
	d->freeing = true;
	deliver_peer_stop_all(d, true);
	deliver_expiry_stop(d);
	deliver_lease_free_all(d);
	deliver_bounce_free_all(d);
	release_all(d);
	loop_undefer(&d->turn);
	loop_undefer(&d->drained_task);
	loop_timer_stop(&d->drain_timer);
	deliver_lane_free_all(d);
	deliver_domain_free_all(d);
	d->freed = true;
	if (d->npeers == 0)
		deliver_destroy(d);
}

void
deliver_on_up(struct deliver *d)
{
	struct deliver_route *r, *tmp;
	unsigned k;

	d->up = true;
	for (k = 0; k < d->nshards; k++)
		d->shards[k].lost = false;
	HASH_ITER(hh, d->routes, r, tmp)
	deliver_sched_kick(d, r);
	deliver_sched_soon(d);
}

/* What was leased and not begun goes back: settling waits for the queue, so
 * nothing depends on how long it stays away. */
void
deliver_on_down(struct deliver *d)
{
	d->up = false;
	release_all(d);
}

void
deliver_on_lane(
    struct deliver *d, unsigned shard, uint64_t campaign, const char *domain)
{
	if (shard >= d->nshards)
		return;
	d->shards[shard].lost = false;
	deliver_lane_told(d, shard, campaign, domain);
}

/* Another daemon has those records now: what had not begun is forgotten. */
static void
forget_items(struct deliver *d, struct deliver_lot *lot, unsigned shard)
{
	struct list *it, *tmp;
	unsigned class;

	for (class = 0; class < DELIVER_CLASSES; class ++)
		LIST_FOREACH (it, tmp, &lot->ready[class]) {
			struct deliver_item *i =
			    LIST_ENTRY(it, struct deliver_item, job.link);

			if (i->job.lease->shard != shard)
				continue;
			deliver_place_take(i);
			deliver_item_free(d, i);
		}
}

void
deliver_on_shard_lost(struct deliver *d, unsigned shard)
{
	struct deliver_route *r, *rtmp;
	struct list *it, *tmp;

	if (shard >= d->nshards)
		return;
	d->shards[shard].lost = true;
	HASH_ITER(hh, d->routes, r, rtmp)
	{
		LIST_FOREACH (it, tmp, &r->lots)
			forget_items(
			    d, LIST_ENTRY(it, struct deliver_lot, link), shard);
		deliver_sched_kick(d, r);
	}
	deliver_bounce_shard_lost(d, shard);
	deliver_lane_shard_lost(d, shard);
}

void
deliver_on_campaign(struct deliver *d, uint64_t campaign)
{
	deliver_lane_campaign_changed(d, campaign);
}

void
deliver_on_dropped(struct deliver *d, uint64_t campaign, const char *domain,
    struct view packed, char code)
{
	deliver_settle_dropped(
	    d, deliver_lane_campaign(d, campaign), domain, packed, code);
}

void
deliver_sites(struct deliver *d,
    void (*each)(void *arg, const struct deliver_site_info *i), void *arg)
{
	deliver_info_sites(d, each, arg);
}

void
deliver_sessions(struct deliver *d,
    void (*each)(
	void *arg, const char *site, const struct deliver_session_info *i),
    void *arg)
{
	deliver_info_sessions(d, each, arg);
}

unsigned
deliver_flush(struct deliver *d, const char *site_or_domain)
{
	return deliver_info_flush(d, site_or_domain);
}
