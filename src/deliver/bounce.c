#include "config.h"

#include "deliver/bounce.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "deliver/content.h"
#include "deliver/drain.h"
#include "deliver/heap.h"
#include "deliver/item.h"
#include "deliver/lane.h"
#include "deliver/place.h"
#include "deliver/sched.h"
#include "deliver/settle.h"
#include "deliver/turn.h"
#include "deliver/verdict.h"
#include "mail/report.h"
#include "smtp/address.h"
#include "stats/stats.h"
#include "store/store.h"
#include "submit/submit.h"

#define WRITING_MAX 32
#define AGAIN_MS    5000
#define TRIES_MAX   100

struct deliver_report {
	struct list link; /* in d->reports, or d->writing */
	struct deliver *d;
	struct deliver_item *item; /* to be settled afterwards; or NULL */
	struct store_lease *lease; /* the item's, or an own copy */
	struct deliver_campaign *campaign;
	struct deliver_verdict verdict;
	struct deliver_result result;
	bool has_result;
	struct deliver_content_req *content;
	struct submit_req *submit;
	struct submit_message m;
	struct submit_rcpt rcpt;
	struct conf_tenant tenant; /* where the configuration lost it */
	struct deliver_heap_node again;
	unsigned tries;
};

static void pump(struct deliver *d);

static void
report_free(struct deliver_report *rep)
{
	struct deliver *d = rep->d;

	list_remove(&rep->link);
	deliver_sched_never(d, &rep->again);
	deliver_content_cancel(&rep->content);
	submit_cancel(&rep->submit);
	buf_fini(&rep->m.content);
	if (rep->item == NULL)
		store_lease_free(&rep->lease);
	free(rep);
	d->nreports--;
}

/* The report is queued, or there will be none. */
static void
over(struct deliver_report *rep)
{
	struct deliver *d = rep->d;
	struct deliver_item *i = rep->item;
	struct deliver_verdict v = rep->verdict;
	struct deliver_result r = rep->result;
	bool has = rep->has_result;

	d->nwriting--;
	report_free(rep);
	if (i != NULL)
		deliver_settle_finish(d, i, &v, has ? &r : NULL);
	deliver_sched_unchoke(d);
	pump(d);
	if (d->draining)
		deliver_drain_check(d);
}

static void
give_up(struct deliver_report *rep, const char *why)
{
	char id[STORE_ID_MAX];

	store_record_id_text(rep->lease->record.id, id);
	log_error(
	    "deliver.no_report", "id=%s text=%s", id, log_q(view_str(why)));
	over(rep);
}

static void write_report(void *arg);

static void
later(struct deliver_report *rep, const char *why)
{
	if (++rep->tries >= TRIES_MAX) {
		give_up(rep, why);
		return;
	}
	rep->again.fn = write_report;
	rep->again.arg = rep;
	deliver_sched_at(rep->d, &rep->again, clock_mono() + AGAIN_MS);
}

static void
on_submitted(void *arg)
{
	struct deliver_report *rep = arg;

	rep->submit = NULL;
	buf_clear(&rep->m.content);
	if (rep->m.code / 100 == 2) {
		stats_add(STATS_DELIVER_DSN, 1);
		over(rep);
	} else if (rep->m.code / 100 == 4) {
		later(rep, rep->m.text);
	} else {
		give_up(rep, rep->m.text);
	}
}

/* As given (xtext) to what a report shows; what can't be decoded is shown as
 * it is. */
static char *
plain(struct view v)
{
	struct buf b = {0};

	if (v.n == 0)
		return NULL;
	if (smtp_address_xtext_decode(v, &b) == -1) {
		buf_clear(&b);
		buf_addv(&b, v);
	}
	return buf_take(&b);
}

static char *
diagnostic(const struct deliver_report *rep)
{
	const struct deliver_result *r = &rep->result;
	char status[20], *text, *p;

	if (!rep->has_result || r->code == 0)
		return NULL;
	snprintf(status, sizeof(status), "%d.%d.%d ", r->enhanced[0],
	    r->enhanced[1], r->enhanced[2]);
	if (r->enhanced[0] == 0 ||
	    strncmp(r->text, status, strlen(status)) == 0)
		status[0] = '\0';
	text = mem_printf("%d %s%s", r->code, status, r->text);
	for (p = text; *p != '\0'; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	return text;
}

static void
compose(struct deliver_report *rep, struct view original)
{
	const struct store_record *rec = &rep->lease->record;
	const struct deliver_result *r = &rep->result;
	char id[STORE_ID_MAX];
	char *sender = mem_strndup(rec->sender.p, rec->sender.n);
	char *rcpt = mem_strndup(rec->rcpt.p, rec->rcpt.n);
	char *orcpt = plain(rec->orcpt), *envid = plain(rec->envid);
	char *diag = diagnostic(rep);
	struct mail_report m = {.action = rep->verdict.action,
	    .hostname = rep->d->hostname,
	    .sender = sender,
	    .rcpt = rcpt,
	    .orcpt = orcpt,
	    .envid = envid,
	    .status = rep->verdict.status,
	    .remote_mta = r->mx[0] != '\0' ? r->mx : NULL,
	    .diagnostic = diag,
	    .id = id,
	    .arrival_ms = rec->created_ms,
	    .last_attempt_ms = rep->has_result ? r->ended_ms : 0,
	    .full = rec->ret == STORE_RET_FULL &&
		    rep->verdict.action == MAIL_REPORT_FAILED,
	    .original = original};

	if (rep->verdict.action == MAIL_REPORT_DELAYED)
		m.will_retry_until_ms = rep->verdict.expires_ms;
	store_record_id_text(rec->id, id);
	buf_clear(&rep->m.content);
	mail_report_write(&m, &rep->m.content);
	free(sender);
	free(rcpt);
	free(orcpt);
	free(envid);
	free(diag);
}

static const struct conf_tenant *
tenant_of(struct deliver_report *rep)
{
	struct deliver_tenant *t = rep->campaign->tenant;

	if (t->conf != NULL)
		return t->conf;
	rep->tenant = (struct conf_tenant){
	    .name = t->name, .bounces = CONF_BOUNCES_SENDER};
	return &rep->tenant;
}

static void
send_report(struct deliver_report *rep, struct view original)
{
	struct deliver *d = rep->d;
	struct submit_message *m = &rep->m;
	struct err e;

	memset(&rep->rcpt, 0, sizeof(rep->rcpt));
	rep->rcpt.notify = STORE_NOTIFY_NEVER;
	if (smtp_address_parse(
		rep->lease->record.sender, &rep->rcpt.addr, &e) == -1) {
		give_up(rep, e.text);
		return;
	}
	compose(rep, original);
	memset(&m->sender, 0, sizeof(m->sender));
	m->tenant = tenant_of(rep);
	m->rcpt = &rep->rcpt;
	m->nrcpt = 1;
	m->smtputf8 = rep->rcpt.addr.utf8 || rep->lease->record.smtputf8;
	m->report = true;
	m->protocol = "ESMTP";
	m->helo = d->hostname;
	m->client = "";
	m->hostname = d->hostname;
	m->max_hops = 100;
	m->code = 0;
	rep->submit = submit_send(d->p.submit, m, on_submitted, rep);
}

static void
on_original(void *arg, enum deliver_content_status st, struct buf *bytes,
    const char *text)
{
	struct deliver_report *rep = arg;
	struct buf own = {0};

	rep->content = NULL;
	switch (st) {
	case DELIVER_CONTENT_LATER:
		later(rep, text != NULL ? text : "the original is not there");
		return;
	case DELIVER_CONTENT_OK:
		buf_swap(&own, bytes);
		break;
	case DELIVER_CONTENT_DAMAGED:
	case DELIVER_CONTENT_NOT_7BIT:
	case DELIVER_CONTENT_UNSIGNED:
		break; /* the report goes without it */
	}
	send_report(rep, buf_view(&own));
	buf_fini(&own);
}

static void
write_report(void *arg)
{
	struct deliver_report *rep = arg;

	rep->content = deliver_content_original(
	    rep->d->env.content, rep->lease, on_original, rep);
}

static void
pump(struct deliver *d)
{
	struct list *it;

	while (d->nwriting < WRITING_MAX && !d->freeing &&
	       (it = list_pop(&d->reports)) != NULL) {
		struct deliver_report *rep =
		    LIST_ENTRY(it, struct deliver_report, link);

		d->nwriting++;
		list_append(&d->writing, &rep->link);
		write_report(rep);
	}
}

static struct deliver_report *
report_new(struct deliver *d, const struct deliver_item *i,
    const struct deliver_verdict *v, const struct deliver_result *r)
{
	struct deliver_report *rep = mem_zalloc(sizeof(*rep));

	rep->d = d;
	rep->campaign = i->campaign;
	rep->verdict = *v;
	if (r != NULL) {
		rep->result = *r;
		rep->has_result = true;
	}
	d->nreports++;
	list_append(&d->reports, &rep->link);
	return rep;
}

void
deliver_bounce_first(struct deliver *d, struct deliver_item *i,
    const struct deliver_verdict *v, const struct deliver_result *r)
{
	struct deliver_report *rep = report_new(d, i, v, r);

	rep->item = i;
	rep->lease = i->job.lease;
	pump(d);
}

static struct store_lease *
copy_of(const struct store_lease *l)
{
	struct store_lease *c = mem_zalloc(sizeof(*c));
	struct buf b = {0};
	size_t n;

	store_record_pack(&l->record, &b);
	n = buf_view(&b).n;
	c->shard = l->shard;
	c->campaign = l->campaign;
	c->domain = mem_strdup(l->domain);
	c->packed = buf_take(&b);
	if (store_record_unpack(view_of(c->packed, n), &c->record, NULL) == -1)
		store_lease_free(&c);
	return c;
}

void
deliver_bounce_after(struct deliver *d, const struct deliver_item *i,
    const struct deliver_verdict *v, const struct deliver_result *r)
{
	struct store_lease *copy = copy_of(i->job.lease);
	struct deliver_report *rep;

	if (copy == NULL)
		return;
	rep = report_new(d, i, v, r);
	rep->lease = copy;
	pump(d);
}

static void
drop(struct deliver_report *rep, bool release)
{
	struct deliver *d = rep->d;
	struct deliver_item *i = rep->item;

	report_free(rep);
	if (i == NULL)
		return;
	if (release)
		deliver_item_release(d, i);
	else
		deliver_item_free(d, i);
}

void
deliver_bounce_shard_lost(struct deliver *d, unsigned shard)
{
	struct list *it, *tmp;

	LIST_FOREACH (it, tmp, &d->reports) {
		struct deliver_report *rep =
		    LIST_ENTRY(it, struct deliver_report, link);

		if (rep->lease->shard == shard && rep->item != NULL)
			drop(rep, false);
	}
	LIST_FOREACH (it, tmp, &d->writing) {
		struct deliver_report *rep =
		    LIST_ENTRY(it, struct deliver_report, link);

		if (rep->lease->shard != shard || rep->item == NULL)
			continue;
		d->nwriting--;
		drop(rep, false);
	}
	pump(d);
}

void
deliver_bounce_free_all(struct deliver *d)
{
	struct list *it;

	while (!list_empty(&d->reports)) {
		it = d->reports.next;
		drop(LIST_ENTRY(it, struct deliver_report, link), true);
	}
	while (!list_empty(&d->writing)) {
		it = d->writing.next;
		d->nwriting--;
		drop(LIST_ENTRY(it, struct deliver_report, link), true);
	}
}
