#include "config.h"
#include "facteurd/daemon.h"

#include <signal.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "deliver/deliver.h"
#include "dns/dns.h"
#include "facteurd/keys.h"
#include "intake/intake.h"
#include "io/loop.h"
#include "io/pool.h"
#include "mail/dkim.h"
#include "ops/account.h"
#include "ops/control.h"
#include "store/store.h"
#include "submit/submit.h"

enum phase { RUNNING, DRAINED, STOPPING, CLOSING };

struct daemon {
	struct conf *conf;       /* a reference */
	struct loop *loop;       /* owned, as all below */
	struct pool *pool;
	struct dns *dns;
	struct mail_dkim *dkim;
	struct facteurd_keys_check *check;
	struct store *store;
	struct submit *submit;
	struct deliver *deliver;
	struct intake *intake;
	struct ops_account *account;
	struct ops_control *control;
	ev_signal hup, term, interrupt, usr1;
	/* state */
	enum phase phase;
	bool was_up;
};

/* --- the queue's callbacks, up to the scheduler ------------------------- */

static void
on_up(void *arg)
{
	struct daemon *d = arg;

	log_info("queue.up", "shards=%u durability=\"%s\"",
	    store_shards(d->store), store_durability_text(d->store));
	if (!d->was_up)
		sd_notify(0, "READY=1");
	d->was_up = true;
	deliver_on_up(d->deliver);
}

static void
on_down(void *arg, const char *why)
{
	struct daemon *d = arg;

	log_error("queue.down", "why=%s", log_q(view_str(why)));
	deliver_on_down(d->deliver);
}

static void
on_lane(void *arg, unsigned shard, uint64_t campaign, const char *domain)
{
	struct daemon *d = arg;

	deliver_on_lane(d->deliver, shard, campaign, domain);
}

static void
on_shard_lost(void *arg, unsigned shard)
{
	struct daemon *d = arg;

	log_warn("queue.shard_lost", "shard=%u", shard);
	deliver_on_shard_lost(d->deliver, shard);
}

static void
on_campaign(void *arg, uint64_t campaign)
{
	struct daemon *d = arg;

	deliver_on_campaign(d->deliver, campaign);
}

static void
on_dropped(void *arg, uint64_t campaign, const char *domain,
    struct view packed, char code)
{
	struct daemon *d = arg;

	deliver_on_dropped(d->deliver, campaign, domain, packed, code);
}

static const struct store_ops store_ops = { .on_up = on_up,
	.on_down = on_down,
	.on_lane = on_lane,
	.on_shard_lost = on_shard_lost,
	.on_campaign = on_campaign,
	.on_dropped = on_dropped };

static void
on_outcome(void *arg, const struct deliver_outcome *o)
{
	struct daemon *d = arg;

	ops_account_write(d->account, o);
}

/* --- drain and stop ------------------------------------------------------ */

static void
on_store_shut(void *arg)
{
	struct daemon *d = arg;

	loop_break(d->loop);
}

static void
on_drained(void *arg)
{
	struct daemon *d = arg;

	log_info("daemon.drained", "pid=%d", (int)getpid());
	if (d->phase == STOPPING) {
		d->phase = CLOSING;
		store_shutdown(d->store, on_store_shut, d);
	}
}

static void
drain(void *arg)
{
	struct daemon *d = arg;

	if (d->phase != RUNNING)
		return;
	d->phase = DRAINED;
	log_info("daemon.draining", "within_ms=%lld",
	    (long long)d->conf->limits.drain_time_ms);
	intake_drain(d->intake);
	deliver_drain(d->deliver, d->conf->limits.drain_time_ms, on_drained,
	    d);
}

static void
stop(void *arg)
{
	struct daemon *d = arg;
	int64_t within = d->conf->limits.drain_time_ms;

	if (d->phase == CLOSING)
		return;
	if (d->phase == STOPPING)
		within = 0; /* asked twice: at once */
	log_info("daemon.stopping", "within_ms=%lld", (long long)within);
	sd_notify(0, "STOPPING=1");
	d->phase = STOPPING;
	intake_drain(d->intake);
	deliver_drain(d->deliver, within, on_drained, d);
}

/* --- reload -------------------------------------------------------------- */

static void
report_error(void *arg, const char *text)
{
	(void)arg;
	log_error("reload.error", "text=%s", log_q(view_str(text)));
}

static int
reload(void *arg, struct err *e)
{
	struct daemon *d = arg;
	struct conf *conf;
	struct mail_dkim *dkim = NULL;

	sd_notify(0, "RELOADING=1");
	conf = conf_load(d->conf->path, report_error, NULL, e);
	if (conf == NULL || (dkim = facteurd_keys_load(conf, e)) == NULL ||
	    intake_reload(d->intake, conf, e)) {
		log_error("reload.refused",
		    "text=%s kept=\"the running configuration\"",
		    log_q(view_str(e->text)));
		mail_dkim_free(&dkim);
		conf_unref(&conf);
		sd_notify(0, "READY=1");
		return -1;
	}
	store_reload(d->store, conf);
	submit_reload(d->submit, conf);
	deliver_reload(d->deliver, conf, dkim);
	ops_control_reload(d->control, conf);
	facteurd_keys_check_free(&d->check);
	mail_dkim_free(&d->dkim);
	d->dkim = dkim;
	conf_unref(&d->conf);
	d->conf = conf;
	d->check = facteurd_keys_check(d->dns, d->dkim, conf);
	if (ops_account_reopen(d->account, conf->log.accounting, e) ||
	    log_open(conf->log.path, log_level_parse(conf->log.level), e))
		log_error("reload.log", "text=%s", log_q(view_str(e->text)));
	log_info("reload.done", "path=%s", conf->path);
	sd_notify(0, "READY=1");
	return 0;
}

/* --- signals --------------------------------------------------------------- */

static void
on_hup(struct ev_loop *l, ev_signal *w, int events)
{
	struct err e;

	(void)l;
	(void)events;
	reload(w->data, &e);
}

static void
on_term(struct ev_loop *l, ev_signal *w, int events)
{
	(void)l;
	(void)events;
	stop(w->data);
}

static void
on_usr1(struct ev_loop *l, ev_signal *w, int events)
{
	struct daemon *d = w->data;
	struct err e;

	(void)l;
	(void)events;
	if (log_reopen(&e) ||
	    ops_account_reopen(d->account, d->conf->log.accounting, &e))
		log_error("log.reopen", "text=%s", log_q(view_str(e.text)));
}

static void
watch_signals(struct daemon *d)
{
	ev_signal_init(&d->hup, on_hup, SIGHUP);
	ev_signal_init(&d->term, on_term, SIGTERM);
	ev_signal_init(&d->interrupt, on_term, SIGINT);
	ev_signal_init(&d->usr1, on_usr1, SIGUSR1);
	d->hup.data = d->term.data = d->interrupt.data = d->usr1.data = d;
	ev_signal_start(loop_ev(d->loop), &d->hup);
	ev_signal_start(loop_ev(d->loop), &d->term);
	ev_signal_start(loop_ev(d->loop), &d->interrupt);
	ev_signal_start(loop_ev(d->loop), &d->usr1);
}

/* --- made and unmade --------------------------------------------------------- */

static int
make_keys(struct daemon *d, struct err *e)
{
	if ((d->dkim = facteurd_keys_load(d->conf, e)) == NULL)
		return -1;
	if (d->conf->ndkim && !mail_dkim_cache_works(d->dkim))
		log_warn("dkim.slow",
		    "text=\"parsed keys are not reused: this program was "
		    "linked without -rdynamic\"");
	return 0;
}

static int
make_parts(struct daemon *d, struct err *e)
{
	struct deliver_params dp = { .on_outcome = on_outcome, .arg = d };
	struct intake_params ip = { 0 };

	if (make_keys(d, e))
		return -1;
	d->pool = pool_new(d->loop, d->conf->limits.workers);
	if ((d->dns = dns_open(d->loop, &d->conf->dns, e)) == NULL ||
	    (d->account = ops_account_open(d->loop, d->conf->log.accounting,
		 e)) == NULL ||
	    (d->store = store_open(d->loop, d->conf, &store_ops, d, e)) ==
		NULL)
		return -1;
	d->submit = submit_new(d->loop, d->conf, d->store);
	dp.loop = d->loop;
	dp.conf = d->conf;
	dp.dns = d->dns;
	dp.store = d->store;
	dp.submit = d->submit;
	dp.pool = d->pool;
	dp.dkim = d->dkim;
	d->deliver = deliver_new(&dp);
	ip.loop = d->loop;
	ip.conf = d->conf;
	ip.store = d->store;
	ip.submit = d->submit;
	if ((d->intake = intake_new(&ip, e)) == NULL)
		return -1;
	return 0;
}

static int
open_control(struct daemon *d, struct err *e)
{
	struct ops_control_params p = { .loop = d->loop,
		.conf = d->conf,
		.store = d->store,
		.deliver = d->deliver,
		.reload = reload,
		.drain = drain,
		.stop = stop,
		.arg = d };

	d->control = ops_control_open(&p, e);
	return d->control ? 0 : -1;
}

struct daemon *
facteurd_daemon_new(struct conf *conf, struct err *e)
{
	struct daemon *d = mem_zalloc(sizeof(*d));

	d->conf = conf;
	d->loop = loop_new();
	watch_signals(d);
	if (make_parts(d, e) || open_control(d, e)) {
		facteurd_daemon_free(&d);
		return NULL;
	}
	d->check = facteurd_keys_check(d->dns, d->dkim, conf);
	log_info("daemon.started", "version=%s pid=%d conf=%s",
	    PACKAGE_VERSION, (int)getpid(), conf->path);
	return d;
}

void
facteurd_daemon_run(struct daemon *d)
{
	loop_run(d->loop);
	log_info("daemon.stopped", "pid=%d", (int)getpid());
}

void
facteurd_daemon_free(struct daemon **dp)
{
	struct daemon *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	ops_control_close(&d->control);
	facteurd_keys_check_free(&d->check);
	intake_free(&d->intake);
	deliver_free(&d->deliver);
	submit_free(&d->submit);
	store_close(&d->store);
	dns_close(&d->dns);
	pool_free(&d->pool);
	mail_dkim_free(&d->dkim);
	ops_account_close(&d->account);
	loop_free(&d->loop);
	conf_unref(&d->conf);
	free(d);
}
