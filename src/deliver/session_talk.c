#include "config.h"

#include "deliver/session_talk.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/view.h"
#include "conf/conf.h"
#include "deliver/session_priv.h"
#include "io/tls.h"
#include "smtp/client.h"
#include "stats/stats.h"
#include "store/store.h"

/* Content given to the connection at a time: a flight of any usual message,
 * and no more of a large one than the socket takes soon. */
#define FLIGHT_MAX (128 * 1024)
#define JOBS_MAX   1000

static void drive(struct deliver_session *s);

/* --- the engine ------------------------------------------------------------ */

static void
new_client(struct deliver_session *s)
{
	const struct conf_site *p = s->policy;
	struct smtp_client_params cp = {.chunking = p->chunking,
	    .tls = SMTP_CLIENT_TLS_NONE,
	    .helo = s->helo,
	    .name = s->address};

	switch (p->tls) {
	case CONF_SITE_TLS_NONE:
		break;
	case CONF_SITE_TLS_OPPORTUNISTIC:
		if (!s->clear && s->env->tls_any)
			cp.tls = SMTP_CLIENT_TLS_IF_OFFERED;
		break;
	case CONF_SITE_TLS_REQUIRED:
	case CONF_SITE_TLS_VERIFIED:
		cp.tls = SMTP_CLIENT_TLS_REQUIRED;
		break;
	}
	cp.timeout_ms[SMTP_CLIENT_GREETING_TIMEOUT] = p->greeting_timeout_ms;
	cp.timeout_ms[SMTP_CLIENT_COMMAND_TIMEOUT] = p->command_timeout_ms;
	cp.timeout_ms[SMTP_CLIENT_DATA_START_TIMEOUT] =
	    p->data_start_timeout_ms;
	cp.timeout_ms[SMTP_CLIENT_DATA_BLOCK_TIMEOUT] =
	    p->data_block_timeout_ms;
	cp.timeout_ms[SMTP_CLIENT_DATA_END_TIMEOUT] = p->data_end_timeout_ms;
	cp.timeout_ms[SMTP_CLIENT_QUIT_TIMEOUT] = p->quit_timeout_ms;
	s->client = smtp_client_new(&cp);
}

static void
secure(struct deliver_session *s)
{
	struct tls_ctx *ctx = s->policy->tls == CONF_SITE_TLS_VERIFIED
				  ? s->env->tls_verified
				  : s->env->tls_any;

	if (ctx == NULL) {
		smtp_client_lost(s->client, "TLS could not be set up here");
		return;
	}
	s->securing = true;
	conn_starttls_client(s->conn, ctx,
	    s->mx[0] == '[' && ctx == s->env->tls_any ? NULL : s->mx);
}

static bool
is_ours(const struct deliver_session *s)
{
	const struct conf *conf = s->conf;
	size_t i;

	if (smtp_client_is_named(s->client, s->env->hostname))
		return true;
	for (i = 0; i < conf->nlisten; i++)
		if (conf->listen[i].hostname &&
		    smtp_client_is_named(s->client, conf->listen[i].hostname))
			return true;
	return false;
}

/* --- jobs ------------------------------------------------------------------ */

static void
on_ready(void *arg)
{
	drive(arg);
}

static void
prepare(struct deliver_session *s, struct deliver_batch *b)
{
	const struct smtp_client_caps *caps =
	    smtp_client_capabilities(s->client);

	/* Before EHLO was answered nobody knows: most peers take 8-bit. */
	deliver_batch_prepare(
	    b, s->env->content, !s->ready || caps->eightbit, on_ready, s);
}

/* Asks for one batch more than the one in hand; the limit of the connection
 * is not passed. */
static void
pull(struct deliver_session *s, struct deliver_batch *b)
{
	size_t max = s->policy->max_rcpt, n;

	if (b->n > 0 || s->stopping ||
	    s->taken >= s->policy->messages_per_connection)
		return;
	max = max < 1 ? 1 : max > JOBS_MAX ? JOBS_MAX : max;
	deliver_batch_reserve(b, max);
	n = s->ops->next(s->arg, s, b->jobs, max);
	s->idle = n == 0;
	if (n == 0)
		return;
	s->taken++;
	b->n = n;
	prepare(s, b);
}

static void
swap(struct deliver_session *s)
{
	struct deliver_batch *b = s->cur;

	s->cur = s->ahead;
	s->ahead = b;
}

static void
pump(struct deliver_session *s)
{
	if (!smtp_client_has_content(s->client))
		return;
	if (!deliver_batch_owned(s->cur, s->env->store))
		smtp_client_abandon(
		    s->client, "the queue's shard is not ours any more");
	else
		smtp_client_pump(s->client, conn_out(s->conn), FLIGHT_MAX);
}

/* Sends what is in hand.  False: there is nothing yet. */
static bool
begin(struct deliver_session *s)
{
	const struct smtp_client_caps *caps =
	    smtp_client_capabilities(s->client);
	struct deliver_batch *b = s->cur;
	struct deliver_result r = {
	    .kind = DELIVER_UNTRIED, .stage = MAIL_STAGE_LOCAL};
	struct deliver_job *j;

	if (!b->ready)
		return false;
	if (deliver_batch_needs_7bit(b, caps)) {
		prepare(s, b);
		return false;
	}
	deliver_session_fill(s, &r);
	r.started_ms = b->started_ms;
	while ((j = deliver_batch_fenced(b, s->env->store)) != NULL)
		s->ops->done(s->arg, s, j, &r);
	while ((j = deliver_batch_misfit(b, caps, &r)) != NULL)
		s->ops->done(s->arg, s, j, &r);
	if (b->n == 0) {
		deliver_batch_clear(b);
		return true;
	}
	b->started_ms = clock_now();
	s->begun = true;
	s->end.transactions++;
	smtp_client_start(s->client, deliver_batch_tx(b), conn_out(s->conn));
	pump(s);
	pull(s, s->ahead);
	return true;
}

static void
report(struct deliver_session *s)
{
	static const int kinds[] = {[SMTP_CLIENT_UNDECIDED] = DELIVER_TEMPORARY,
	    [SMTP_CLIENT_SENT] = DELIVER_SENT,
	    [SMTP_CLIENT_TEMPORARY] = DELIVER_TEMPORARY,
	    [SMTP_CLIENT_PERMANENT] = DELIVER_PERMANENT,
	    [SMTP_CLIENT_UNTRIED] = DELIVER_UNTRIED};
	struct deliver_batch *b = s->cur;
	struct deliver_result r = {.started_ms = b->started_ms};
	size_t i;

	if (smtp_client_content_sent(s->client))
		r.bytes = b->bytes.n;
	smtp_client_take(s->client);
	s->begun = false;
	deliver_session_fill(s, &r);
	for (i = 0; i < b->n; i++) {
		const struct smtp_client_result *got = &b->rcpt[i].result;

		r.kind = kinds[got->verdict];
		r.stage = deliver_session_stage(got->stage);
		r.code = got->code;
		memcpy(r.enhanced, got->enhanced, sizeof(r.enhanced));
		memcpy(r.text, got->text, strlen(got->text) + 1);
		r.dsn_passed = got->verdict == SMTP_CLIENT_SENT &&
			       smtp_client_capabilities(s->client)->dsn;
		s->ops->done(s->arg, s, b->jobs[i], &r);
	}
	deliver_batch_clear(b);
}

/* --- driving --------------------------------------------------------------- */

/* A transaction may begin.  False: nothing to do now. */
static bool
on_idle_engine(struct deliver_session *s)
{
	if (!s->ready) {
		s->ready = true;
		s->end.failed = false; /* of addresses tried before */
		if (is_ours(s)) {
			deliver_session_loops(s);
			return false;
		}
	}
	if (s->cur->n == 0)
		swap(s);
	if (!s->stopping)
		pull(s, s->cur);
	if (s->stopping || s->cur->n == 0) {
		if (s->stopping ||
		    s->taken >= s->policy->messages_per_connection) {
			loop_timer_stop(&s->idle_timer);
			smtp_client_quit(s->client, conn_out(s->conn));
			return true;
		}
		if (!loop_timer_pending(&s->idle_timer))
			loop_timer_start(
			    &s->idle_timer, s->policy->idle_timeout_ms);
		return false;
	}
	if (loop_timer_pending(&s->idle_timer))
		loop_timer_stop(&s->idle_timer);
	return begin(s);
}

/* False: wait. */
static bool
step(struct deliver_session *s)
{
	switch (smtp_client_want(s->client)) {
	case SMTP_CLIENT_READ:
		return false;
	case SMTP_CLIENT_TLS:
		if (s->securing)
			return false;
		secure(s);
		return true;
	case SMTP_CLIENT_DONE:
		report(s);
		return true;
	case SMTP_CLIENT_READY:
		return on_idle_engine(s);
	case SMTP_CLIENT_OVER:
		deliver_session_over(s);
		return false;
	}
	return false;
}

static void
drive(struct deliver_session *s)
{
	int64_t deadline;

	if (s->dead || s->client == NULL)
		return;
	while (step(s))
		;
	if (s->dead || s->conn == NULL || s->client == NULL)
		return;
	if (s->woken && s->begun)
		pull(s, s->ahead);
	s->woken = false;
	deadline = smtp_client_deadline(s->client);
	if (deadline > 0) {
		deadline -= clock_mono();
		conn_deadline(s->conn, deadline > 0 ? deadline : 0);
	} else {
		conn_deadline(s->conn, -1);
	}
	if (conn_out(s->conn)->n > 0)
		conn_kick(s->conn);
}

void
deliver_session_talk_drive(struct deliver_session *s)
{
	drive(s);
}

/* --- the connection -------------------------------------------------------- */

static void
on_connect(void *arg)
{
	struct deliver_session *s = arg;

	new_client(s);
	drive(s);
}

static void
on_read(void *arg)
{
	struct deliver_session *s = arg;
	bool before = smtp_client_greeted(s->client);

	smtp_client_input(s->client, conn_in(s->conn), conn_out(s->conn));
	if (!before && smtp_client_greeted(s->client)) {
		s->end.connected = true;
		if (is_ours(s)) {
			deliver_session_loops(s);
			return;
		}
		/* Signed while EHLO and STARTTLS are under way. */
		pull(s, s->cur);
	}
	pump(s);
	drive(s);
}

static void
on_secure(void *arg)
{
	struct deliver_session *s = arg;
	const struct tls_info *i = conn_tls(s->conn);

	s->securing = false;
	if (i) {
		snprintf(
		    s->tls, sizeof(s->tls), "%s %s", i->version, i->cipher);
		s->tls_verified = i->verified;
	}
	stats_add(STATS_DELIVER_TLS, 1);
	smtp_client_secured(s->client, conn_out(s->conn));
	drive(s);
}

static void
on_drain(void *arg)
{
	struct deliver_session *s = arg;

	if (s->client == NULL || !smtp_client_has_content(s->client))
		return;
	pump(s);
	drive(s);
}

static void
on_close(void *arg, enum conn_end end, const char *why)
{
	struct deliver_session *s = arg;

	if (s->client == NULL) {
		deliver_session_unreached(s, MAIL_STAGE_CONNECT, why);
		return;
	}
	if (s->securing) {
		deliver_session_unreached(s, MAIL_STAGE_STARTTLS, why);
		return;
	}
	if (end == CONN_TIMEOUT)
		smtp_client_expired(s->client);
	smtp_client_lost(s->client, why);
	drive(s);
}

const struct conn_ops deliver_session_talk_ops = {
    .on_connect = on_connect,
    .on_read = on_read,
    .on_secure = on_secure,
    .on_drain = on_drain,
    .on_close = on_close,
};
