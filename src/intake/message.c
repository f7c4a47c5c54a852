#include "config.h"
#include "intake/intake_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/tls.h"
#include "stats/stats.h"
#include "store/store.h"

#define ENOUGH_RCPT 4

/* The engine's names for DSN parameters and the queue's are the same. */
_Static_assert((int)SMTP_SERVER_NEVER == (int)STORE_NOTIFY_NEVER &&
	(int)SMTP_SERVER_SUCCESS == (int)STORE_NOTIFY_SUCCESS &&
	(int)SMTP_SERVER_FAILURE == (int)STORE_NOTIFY_FAILURE &&
	(int)SMTP_SERVER_DELAY == (int)STORE_NOTIFY_DELAY &&
	(int)SMTP_SERVER_FULL == (int)STORE_RET_FULL &&
	(int)SMTP_SERVER_HDRS == (int)STORE_RET_HDRS,
    "DSN parameters");

static void
message_free(struct intake_message *x)
{
	size_t k;

	for (k = 0; k < x->m.nrcpt; k++)
		free(x->m.rcpt[k].orcpt);
	free(x->m.rcpt);
	free(x->m.envid);
	buf_fini(&x->m.content);
	free(x->helo);
	x->intake->content_bytes -= x->content_bytes;
	intake_door_unref(&x->door);
	free(x);
}

void
intake_message_drop(struct intake_session *s)
{
	if (s->message == NULL || s->sent)
		return;
	if (s->message->rated)
		intake_tenant_rate_return(s->intake, s->message->m.tenant);
	message_free(s->message);
	s->message = NULL;
}

/* The session is over.  What was handed over goes on: the client cannot know
 * what became of it, but may not lose it. */
void
intake_message_detach(struct intake_session *s)
{
	if (s->sent) {
		s->message->session = NULL;
		s->message = NULL;
		s->sent = false;
	}
	intake_message_drop(s);
}

static void
cancel(struct intake_message *x)
{
	if (x->sink)
		x->sink->cancel(x->sink->arg, &x->req);
	else
		submit_cancel(&x->req);
}

void
intake_message_cancel_all(struct intake *i)
{
	struct list *l;

	while ((l = list_pop(&i->messages))) {
		struct intake_message *x =
		    LIST_ENTRY(l, struct intake_message, link);

		cancel(x);
		if (x->session) {
			x->session->sent = false;
			x->session->message = NULL;
		}
		i->nmessages--;
		message_free(x);
	}
}

static bool
has_open_sink(const struct intake *i)
{
	size_t k;

	for (k = 0; k < i->nsinks; k++)
		if (i->sinks[k].open)
			return true;
	return false;
}

/* A reload since: between two messages the session moves to the new door. */
static void
follow_port(struct intake_session *s)
{
	struct intake_door *d = s->port ? s->port->door : NULL;

	if (d == NULL || d == s->door)
		return;
	smtp_server_rules_set(s->engine, &d->rules);
	intake_door_ref(d);
	intake_door_unref(&s->door);
	s->door = d;
	s->known = false;
}

static void
refuse_stranger(struct intake_session *s)
{
	log_warn("intake.no_tenant", "listener=%s client=%s user=%s sender=%s",
	    s->door->listen->name, s->client, log_q(view_str(s->user)),
	    log_q(view_str(smtp_server_tx(s->engine)->sender.text)));
	if (s->door->listen->auth != CONF_AUTH_NONE)
		intake_session_answer(s, 530, "5.7.0 authentication required");
	else
		intake_session_answer(s, 550,
		    "5.7.1 this server takes no mail from you");
}

static int
check_tenant(struct intake_session *s, const struct conf_tenant *t)
{
	struct submit_message *m = &s->message->m;
	char text[sizeof(m->text)];
	int code;

	if (!intake_tenant_rate_ok(s->intake, t)) {
		intake_message_drop(s);
		intake_session_answer(s, 450,
		    "4.7.1 too many messages this minute");
		return -1;
	}
	if (submit_check_sender(s->intake->submit, m) == 0)
		return 0;
	code = m->code;
	memcpy(text, m->text, sizeof(text));
	intake_message_drop(s);
	intake_session_answer(s, code, text);
	return -1;
}

void
intake_message_mail(struct intake_session *s)
{
	const struct smtp_server_tx *tx = smtp_server_tx(s->engine);
	const struct conf_tenant *t;
	struct intake_message *x;

	follow_port(s);
	t = intake_tenant_of(s);
	if (t == NULL && !has_open_sink(s->intake)) {
		refuse_stranger(s);
		return;
	}
	x = s->message = mem_zalloc(sizeof(*x));
	x->intake = s->intake;
	x->session = s;
	x->door = intake_door_ref(s->door);
	x->m.tenant = t;
	x->m.sender = tx->sender;
	x->m.ret = tx->ret;
	x->m.smtputf8 = tx->smtputf8;
	x->m.hostname = s->door->hostname;
	x->m.max_hops = s->door->listen->max_hops;
	if (t == NULL || check_tenant(s, t) == 0)
		intake_session_answer(s, 250, NULL);
}

static const struct intake_sink *
sink_for(const struct intake *i, const struct smtp_address *a)
{
	size_t k;

	for (k = 0; k < i->nsinks; k++)
		if (i->sinks[k].claims(i->sinks[k].arg, a))
			return &i->sinks[k];
	return NULL;
}

static void
add_rcpt(struct intake_message *x, struct smtp_server_rcpt *r)
{
	struct submit_rcpt *to;

	if (x->m.nrcpt == x->rcpt_cap) {
		x->rcpt_cap = x->rcpt_cap ? x->rcpt_cap * ENOUGH_RCPT : 1;
		x->m.rcpt = mem_realloc(x->m.rcpt,
		    x->rcpt_cap * sizeof(*x->m.rcpt));
	}
	to = &x->m.rcpt[x->m.nrcpt++];
	*to = (struct submit_rcpt){ .addr = r->addr,
		.notify = r->notify,
		.orcpt = r->orcpt };
	r->orcpt = NULL;
}

void
intake_message_rcpt(struct intake_session *s)
{
	struct smtp_server_rcpt *r = &smtp_server_tx(s->engine)->rcpt;
	struct intake_message *x = s->message;
	const struct intake_sink *k = sink_for(s->intake, &r->addr);

	if (x->m.tenant == NULL && (k == NULL || !k->open)) {
		refuse_stranger(s);
		return;
	}
	if (x->m.nrcpt && k != x->sink) {
		intake_session_answer(s, 452,
		    "4.5.3 that recipient wants a transaction of its own");
		return;
	}
	x->sink = k;
	add_rcpt(x, r);
	intake_session_answer(s, 250, NULL);
}

void
intake_message_data(struct intake_session *s)
{
	struct intake *i = s->intake;
	const struct conf_tenant *t = s->message->m.tenant;
	const char *why = NULL;
	char text[256];

	if (!store_accepting(i->store, &why)) {
		snprintf(text, sizeof(text), "%s %.200s",
		    store_is_up(i->store) ? "4.3.1" : "4.3.0",
		    why ? why : "the queue takes no mail now");
		intake_session_answer(s, store_is_up(i->store) ? 452 : 451,
		    text);
		return;
	}
	if (i->content_bytes >=
	    i->generation->conf->limits.max_content_bytes_in_memory) {
		intake_session_answer(s, 452,
		    "4.3.1 out of memory for contents");
		return;
	}
	if (t && !intake_tenant_rate_ok(i, t)) {
		intake_session_answer(s, 451,
		    "4.7.1 too many messages this minute");
		return;
	}
	if (t) {
		intake_tenant_rate_take(i, t);
		s->message->rated = true;
	}
	intake_session_answer(s, 354, NULL);
}

/* --- whole --------------------------------------------------------------- */

static void
count(const struct intake_message *x)
{
	const struct submit_message *m = &x->m;
	size_t accepted = 0;
	size_t k;

	stats_observe(STATS_INTAKE_LATENCY, clock_mono() - x->since);
	for (k = 0; k < m->nrcpt; k++)
		if ((m->rcpt[k].code ? m->rcpt[k].code : m->code) == 250)
			accepted++;
	stats_add(STATS_INTAKE_RECIPIENTS, (int64_t)accepted);
	if (m->code == 250) {
		stats_add(STATS_INTAKE_MESSAGES, 1);
		stats_add(STATS_INTAKE_BYTES, (int64_t)x->content_bytes);
	} else {
		stats_add(m->code >= 500 ? STATS_INTAKE_REJECTED
					 : STATS_INTAKE_TEMPFAIL,
		    1);
	}
	log_info("intake.message",
	    "tenant=%s client=%s sender=%s rcpts=%zu bytes=%zu code=%d "
	    "text=%s",
	    m->tenant ? m->tenant->name : "", x->client,
	    log_q(view_str(m->sender.text)), m->nrcpt, x->content_bytes,
	    m->code, log_q(view_str(m->text)));
}

static void
answer(struct intake_session *s, const struct submit_message *m)
{
	size_t k;

	if (!s->door->rules.lmtp) {
		intake_session_answer(s, m->code, m->text);
		return;
	}
	for (k = 0; k < m->nrcpt; k++) {
		const struct submit_rcpt *r = &m->rcpt[k];

		intake_session_answer(s, r->code ? r->code : m->code,
		    r->code && r->text ? r->text : m->text);
	}
}

static void
on_done(void *arg)
{
	struct intake_message *x = arg;
	struct intake_session *s = x->session;

	x->req = NULL;
	list_remove(&x->link);
	x->intake->nmessages--;
	count(x);
	if (x->rated && x->m.code != 250)
		intake_tenant_rate_return(x->intake, x->m.tenant);
	if (s) {
		s->message = NULL;
		s->sent = false;
		answer(s, &x->m);
	}
	message_free(x);
	if (s)
		intake_session_run(s);
}

void
intake_message_whole(struct intake_session *s)
{
	struct smtp_server_tx *tx = smtp_server_tx(s->engine);
	struct intake_message *x = s->message;
	struct submit_message *m = &x->m;
	const struct tls_info *tls = conn_tls(s->conn);
	struct intake *i = s->intake;

	buf_swap(&m->content, &tx->content);
	m->envid = tx->envid;
	tx->envid = NULL;
	i->content_bytes += m->content.n - s->counted;
	s->counted = 0;
	x->content_bytes = m->content.n;
	x->since = clock_mono();
	memcpy(x->client, s->client, sizeof(x->client));
	m->client = x->client;
	m->helo = x->helo = mem_strdup(smtp_server_helo(s->engine));
	m->protocol = smtp_server_protocol(s->engine);
	if (tls) {
		snprintf(x->tls, sizeof(x->tls), "%s %s", tls->version,
		    tls->cipher);
		m->tls = x->tls;
	}
	s->sent = true;
	list_append(&i->messages, &x->link);
	i->nmessages++;
	x->req = x->sink ? x->sink->send(x->sink->arg, m, on_done, x)
			 : submit_send(i->submit, m, on_done, x);
}
