#include "config.h"
#include "submit/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "io/loop.h"
#include "mail/header.h"
#include "mail/patch.h"
#include "store/store.h"
#include "submit/base.h"
#include "submit/edit.h"
#include "submit/rules.h"

struct submit {
	struct loop *loop;   /* borrowed */
	struct conf *conf;   /* a reference */
	struct store *store; /* borrowed */
	struct submit_bases *bases;
	struct list reqs;
};

struct submit_req {
	struct submit *submit;    /* borrowed: ends us with itself */
	struct submit_message *m; /* borrowed: the caller's until done */
	struct list link;
	void (*done)(void *arg);
	void *arg;
	struct loop_task answer; /* a refusal known at once */
	struct store_req *store;
	struct submit_edit edit;
	struct submit_base_cut cut;
	struct store_message queue;
};

struct submit *
submit_new(struct loop *l, struct conf *conf, struct store *store)
{
	struct submit *s = mem_zalloc(sizeof(*s));

	s->loop = l;
	s->conf = conf_ref(conf);
	s->store = store;
	s->bases = submit_base_new();
	list_init(&s->reqs);
	return s;
}

void
submit_reload(struct submit *s, struct conf *conf)
{
	conf_ref(conf);
	conf_unref(&s->conf);
	s->conf = conf;
}

void
submit_free(struct submit **s)
{
	struct submit *submit = *s;

	*s = NULL;
	if (submit == NULL)
		return;
	while (!list_empty(&submit->reqs)) {
		struct submit_req *r =
		    LIST_ENTRY(submit->reqs.next, struct submit_req, link);

		submit_cancel(&r);
	}
	submit_base_free(&submit->bases);
	conf_unref(&submit->conf);
	free(submit);
}

struct mail_base *
submit_base_get(struct submit *s, unsigned shard, uint64_t id)
{
	(void)shard; /* ids are hashes of what they name */
	return submit_base_find(s->bases, id);
}

/* --- answers --------------------------------------------------------------- */
static int
refuse(struct submit_message *m, int code, const char *enhanced,
    const char *text)
{
	m->code = code;
	snprintf(m->text, sizeof(m->text), "%s %.240s", enhanced, text);
	return -1;
}

static void
req_end(struct submit_req *r)
{
	r->done = NULL;
	list_remove(&r->link);
	loop_undefer(&r->answer);
	store_cancel(&r->store);
	submit_base_cut_fini(&r->cut);
	free(r->queue.rcpt);
	r->queue.rcpt = NULL;
	loop_bury(r->submit->loop, r, free);
}

void
submit_cancel(struct submit_req **r)
{
	struct submit_req *req = *r;

	*r = NULL;
	if (req != NULL && req->done != NULL)
		req_end(req);
}

static void
finish(void *arg)
{
	struct submit_req *r = arg;
	struct submit_message *m = r->m;
	void (*done)(void *arg) = r->done;
	size_t i;

	for (i = 0; i < m->nrcpt; i++) {
		if (m->rcpt[i].code == 0) {
			m->rcpt[i].code = m->code;
			m->rcpt[i].text = m->text;
		}
	}
	arg = r->arg;
	req_end(r);
	done(arg);
}

static int
refuse_status(struct submit_message *m, enum store_status st, const char *text)
{
	switch (st) {
	case STORE_OK:
		return 0;
	case STORE_FULL:
		return refuse(m, 452, "4.3.1", "the queue is full");
	case STORE_UNAVAILABLE:
	case STORE_FENCED:
		break;
	case STORE_REFUSED:
	case STORE_NOT_FOUND:
		return refuse(m, 451, "4.3.0",
		    text && *text ? text : "the queue refuses the message");
	}
	return refuse(m, 451, "4.3.0", "the queue is not available");
}

/* --- checks ---------------------------------------------------------------- */
int
submit_check_sender(struct submit *s, struct submit_message *m)
{
	const char *why = NULL;
	struct err e;

	if (!m->report && (m->tenant == NULL ||
		submit_rules_envelope(m->tenant, &m->sender, &e) == -1))
		return refuse(
		    m, 550, "5.7.1", m->tenant ? e.text : "no tenant");
	if (!store_is_up(s->store))
		return refuse_status(m, STORE_UNAVAILABLE, NULL);
	if (!store_accepting(s->store, &why))
		return refuse(m, 452, "4.3.1", why ? why : "the queue is full");
	return 0;
}

static int
check_header(struct submit_req *r)
{
	struct submit_message *m = r->m;
	struct view header = buf_view(&m->content);
	const char *source = r->edit.control.source;
	char domain[256];
	struct err e;

	if (r->edit.hops > m->max_hops)
		return refuse(m, 554, "5.4.6", "too many hops: a mail loop");
	if (m->report)
		return 0;
	header.n = mail_header_bytes(header);
	if (r->edit.nfrom != 1 ||
	    mail_header_from_domain(header, domain) == -1)
		return refuse(
		    m, 554, "5.6.0", "From must have exactly one address");
	if (submit_rules_from(m->tenant, domain, &e) == -1)
		return refuse(m, 550, "5.7.1", e.text);
	if (*source && !submit_rules_source(m->tenant, source)) {
		snprintf(e.text, sizeof(e.text), "%s is not your source",
		    r->submit->conf->headers.source);
		return refuse(m, 554, "5.6.0", e.text);
	}
	return 0;
}

/* The message made ready for the queue; -1: refused. */
static int
prepare(struct submit_req *r)
{
	struct submit_message *m = r->m;
	struct buf out = {0};
	struct err e;

	if (submit_check_sender(r->submit, m) == -1)
		return -1;
	if (submit_edit(&r->edit, r->submit->conf, m, &out, &e) == -1) {
		buf_fini(&out);
		return refuse(m, 554, "5.6.0", e.text);
	}
	buf_swap(&m->content, &out);
	buf_fini(&out);
	return check_header(r);
}

/* --- records --------------------------------------------------------------- */
static uint32_t
expiry(const struct submit_req *r, int64_t now)
{
	const struct submit_control *c = &r->edit.control;
	int64_t from = c->not_before_ms > now ? c->not_before_ms : now;
	int64_t ms = c->expires_ms;

	if (ms == 0)
		ms = from + r->submit->conf->site_default.max_age_ms;
	ms = (ms + 999) / 1000;
	return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static struct store_record
record(const struct submit_req *r)
{
	const struct submit_message *m = r->m;
	struct view content = buf_view(&m->content);
	struct view header = view_head(content, mail_header_bytes(content));

	return (struct store_record){
	    .base = r->cut.base,
	    .created_ms = clock_now(),
	    .expires_s = expiry(r, clock_now()),
	    .sender = view_str(m->sender.text),
	    .content_hash = mail_patch_hash(content),
	    .content_bytes = content.n,
	    .eightbit = mail_header_8bit(content),
	    /* A header in 8 bits from a client that never said SMTPUTF8 is
	     * passed on as it came. */
	    .smtputf8 = m->sender.utf8 ||
		(m->smtputf8 && mail_header_8bit(header)),
	    .report = m->report,
	    .ret = (enum store_ret)m->ret,
	    .envid = view_str(m->envid),
	    .source = view_str(r->edit.control.source),
	    .patch = buf_view(&r->cut.patch),
	};
}

static void
build(struct submit_req *r, struct store_campaign *c)
{
	struct submit_message *m = r->m;
	struct store_message *q = &r->queue;
	struct store_record common;
	size_t i;

	q->campaign = c;
	q->rcpt = mem_zalloc(m->nrcpt * sizeof(*q->rcpt));
	q->nrcpt = m->nrcpt;
	for (i = 0; i < m->nrcpt; i++)
		store_addr_of(r->submit->store, &m->rcpt[i].addr,
		    &q->rcpt[i].addr);
	submit_base_cut(r->submit->bases, c, buf_view(&m->content),
	    q->rcpt[0].addr.hash, m->nrcpt > 1, &r->cut);
	if (r->cut.base) {
		q->base[0].id = r->cut.base;
		q->base[0].stored = r->cut.stored;
		q->base[0].pin = r->cut.pin;
		q->nbase = 1;
	}
	common = record(r);
	for (i = 0; i < m->nrcpt; i++) {
		const struct submit_rcpt *from = &m->rcpt[i];
		struct store_new *to = &q->rcpt[i];

		to->domain = smtp_address_domain(&from->addr);
		to->due_ms = r->edit.control.not_before_ms;
		to->record = common;
		memcpy(to->record.addr_hash, to->addr.hash,
		    sizeof(to->record.addr_hash));
		to->record.rcpt = view_str(from->addr.text);
		to->record.smtputf8 |= from->addr.utf8;
		to->record.notify = from->notify;
		to->record.orcpt = view_str(from->orcpt);
	}
}

static void
on_enqueued(void *arg, enum store_status st, const char *text)
{
	struct submit_req *r = arg;
	struct submit_message *m = r->m;
	char id[STORE_ID_MAX];
	bool cancelled = false;
	size_t i;

	r->store = NULL;
	if (refuse_status(m, st, text) == -1) {
		finish(r);
		return;
	}
	store_record_id_text(r->queue.rcpt[0].id, id);
	m->code = 250;
	snprintf(m->text, sizeof(m->text), "2.0.0 queued as %s", id);
	for (i = 0; i < m->nrcpt; i++)
		cancelled |= r->queue.rcpt[i].cancelled;
	/* What other shards took of it they drop with the campaign. */
	if (cancelled)
		refuse(m, 554, "5.7.1", "the campaign is cancelled");
	finish(r);
}

static void
on_campaign(void *arg, enum store_status st, struct store_campaign *c)
{
	struct submit_req *r = arg;

	r->store = NULL;
	if (st == STORE_OK && c == NULL)
		st = STORE_NOT_FOUND;
	if (refuse_status(r->m, st, NULL) == -1) {
		finish(r);
		return;
	}
	if (c->state == STORE_CANCELLED) {
		refuse(r->m, 554, "5.7.1", "the campaign is cancelled");
		finish(r);
		return;
	}
	build(r, c);
	r->store =
	    store_enqueue(r->submit->store, &r->queue, on_enqueued, r);
}

/* Reports have a campaign of their own: pausing a mailing keeps none back. */
static void
ask_campaign(struct submit_req *r)
{
	const struct submit_control *c = &r->edit.control;
	const struct submit_message *m = r->m;
	const char *class = c->class;
	const char *name = *c->campaign ? c->campaign : "default";

	if (m->report) {
		name = "reports";
		class = "transactional";
	} else if (*class == '\0' && m->tenant->default_class != NULL) {
		class = m->tenant->default_class;
	}
	r->store = store_campaign_get(r->submit->store,
	    m->tenant ? m->tenant->name : "local", name,
	    strcmp(class, "transactional") == 0 ?
		STORE_TRANSACTIONAL : STORE_BULK,
	    c->list, on_campaign, r);
}

struct submit_req *
submit_send(struct submit *s, struct submit_message *m,
    void (*done)(void *arg), void *arg)
{
	struct submit_req *r = mem_zalloc(sizeof(*r));
	size_t i;

	r->submit = s;
	r->m = m;
	r->done = done;
	r->arg = arg;
	list_append(&s->reqs, &r->link);
	m->code = 0;
	for (i = 0; i < m->nrcpt; i++)
		m->rcpt[i].code = 0;
	if (m->nrcpt == 0)
		refuse(m, 554, "5.5.1", "no recipient");
	else if (prepare(r) == 0)
		ask_campaign(r);
	if (m->code)
		loop_defer(s->loop, &r->answer, finish, r);
	return r;
}
