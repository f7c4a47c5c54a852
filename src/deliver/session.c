#include "config.h"

#include "deliver/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "deliver/hop.h"
#include "deliver/session_priv.h"
#include "deliver/session_talk.h"
#include "smtp/client.h"

static void next_hop(struct deliver_session *s);
static void on_task(void *arg);
static void on_idle(void *arg);

/* --- results --------------------------------------------------------------- */

void
deliver_session_fill(const struct deliver_session *s, struct deliver_result *r)
{
	snprintf(r->mx, sizeof(r->mx), "%s", s->mx);
	snprintf(r->address, sizeof(r->address), "%s", s->address);
	snprintf(r->tls, sizeof(r->tls), "%s", s->tls);
	r->tls_verified = s->tls_verified;
	r->source = s->source ? s->source->name : NULL;
	r->ended_ms = clock_now();
}

void
deliver_session_answer(struct deliver_session *s, struct deliver_batch *b,
    struct deliver_result *r)
{
	deliver_session_fill(s, r);
	r->started_ms = b->started_ms;
	/* What comes back goes to the front again: the last one first. */
	while (b->n > 0)
		s->ops->done(s->arg, s, b->jobs[--b->n], r);
	deliver_batch_clear(b);
}

static void
failed(struct deliver_session *s, int kind, enum mail_stage stage, int detail,
    const char *text)
{
	struct deliver_result *r = &s->end.last;

	*r = (struct deliver_result){.kind = kind,
	    .stage = stage,
	    .code = kind == DELIVER_PERMANENT ? 550 : 450,
	    .enhanced = {kind == DELIVER_PERMANENT ? 5 : 4, 4, detail}};
	snprintf(r->text, sizeof(r->text), "%s", text);
	deliver_session_fill(s, r);
	r->started_ms = s->since_ms;
	s->end.failed = true;
}

enum mail_stage
deliver_session_stage(enum smtp_client_stage stage)
{
	static const enum mail_stage stages[] = {
	    [SMTP_CLIENT_AT_GREETING] = MAIL_STAGE_GREETING,
	    [SMTP_CLIENT_AT_HELO] = MAIL_STAGE_HELO,
	    [SMTP_CLIENT_AT_STARTTLS] = MAIL_STAGE_STARTTLS,
	    [SMTP_CLIENT_AT_MAIL] = MAIL_STAGE_MAIL,
	    [SMTP_CLIENT_AT_RCPT] = MAIL_STAGE_RCPT,
	    [SMTP_CLIENT_AT_DATA] = MAIL_STAGE_DATA,
	    [SMTP_CLIENT_AT_END] = MAIL_STAGE_END};
	_Static_assert(sizeof(stages) / sizeof(stages[0]) ==
			   SMTP_CLIENT_STAGES,
	    "a row each");

	return stages[stage];
}

/* What the engine says of its end. */
static void
learn(struct deliver_session *s)
{
	const struct smtp_client_result *f;

	f = s->client ? smtp_client_failure(s->client) : NULL;
	if (f == NULL || s->at_once)
		return;
	failed(s,
	    f->verdict == SMTP_CLIENT_PERMANENT ? DELIVER_PERMANENT
						: DELIVER_TEMPORARY,
	    deliver_session_stage(f->stage), 0, f->text);
	s->end.last.code = f->code;
	memcpy(s->end.last.enhanced, f->enhanced, sizeof(f->enhanced));
}

/* --- the end --------------------------------------------------------------- */

static void
disconnect(struct deliver_session *s)
{
	conn_close(&s->conn);
	smtp_client_free(&s->client);
	s->ready = s->securing = s->tls_verified = false;
	s->tls[0] = '\0';
	loop_timer_stop(&s->idle_timer);
}

static void
release(void *p)
{
	struct deliver_session *s = p;

	deliver_batch_fini(&s->slot[0]);
	deliver_batch_fini(&s->slot[1]);
	conf_unref(&s->conf);
	free(s);
}

static void
finish(struct deliver_session *s)
{
	struct deliver_result r = {
	    .kind = DELIVER_UNTRIED, .stage = MAIL_STAGE_CONNECT};

	if (s->dead)
		return;
	deliver_session_answer(s, s->cur, &r);
	deliver_session_answer(s, s->ahead, &r);
	disconnect(s);
	deliver_hop_free(&s->hop);
	loop_undefer(&s->task);
	s->dead = true;
	log_debug("session.end", "mx=%s address=%s transactions=%u", s->mx,
	    s->address, s->end.transactions);
	s->ops->gone(s->arg, s, &s->end);
	loop_bury(s->env->loop, s, release);
}

void
deliver_session_over(struct deliver_session *s)
{
	bool go_on = !s->ready && !s->stopping;

	learn(s);
	if (!go_on) {
		finish(s);
		return;
	}
	disconnect(s);
	next_hop(s);
}

void
deliver_session_loops(struct deliver_session *s)
{
	failed(s, DELIVER_PERMANENT, MAIL_STAGE_GREETING, 6,
	    "mail loops back to us");
	s->end.loops = true;
	finish(s);
}

/* --- finding a peer -------------------------------------------------------- */

static void
connect_peer(struct deliver_session *s)
{
	s->since_ms = clock_now();
	s->conn = conn_connect(s->env->loop, (const void *)&s->peer,
	    s->peer_len, s->local_len ? (const void *)&s->local : NULL,
	    s->local_len, &deliver_session_talk_ops, s);
	conn_deadline(s->conn, s->policy->connect_timeout_ms);
}

static void
on_hop(void *arg, const struct deliver_hop_addr *a,
    const struct deliver_result *why)
{
	struct deliver_session *s = arg;

	if (a == NULL) {
		/* What a peer said tells more than a name without address. */
		if (why->kind != DELIVER_UNTRIED && !s->end.failed) {
			s->end.last = *why;
			s->end.failed = true;
		}
		finish(s);
		return;
	}
	s->peer = a->peer;
	s->peer_len = a->peer_len;
	s->local = a->local;
	s->local_len = a->local_len;
	s->clear = false;
	snprintf(s->mx, sizeof(s->mx), "%s", a->mx);
	conn_addr_text((const void *)&s->peer, s->address);
	if (a->self)
		deliver_session_loops(s);
	else
		connect_peer(s);
}

static void
next_hop(struct deliver_session *s)
{
	s->since_ms = clock_now();
	deliver_hop_next(s->hop, on_hop, s);
}

/* The connection could not be made, or the handshake failed. */
void
deliver_session_unreached(
    struct deliver_session *s, enum mail_stage stage, const char *why)
{
	char text[512];

	if (stage == MAIL_STAGE_STARTTLS && !s->clear &&
	    s->policy->tls == CONF_SITE_TLS_OPPORTUNISTIC) {
		log_info("session.tls_failed", "mx=%s address=%s text=%s",
		    s->mx, s->address, log_q(view_str(why)));
		disconnect(s);
		s->clear = true;
		connect_peer(s);
		return;
	}
	snprintf(text, sizeof(text), "%s %s: %s",
	    stage == MAIL_STAGE_CONNECT ? "connect to" : "TLS with", s->address,
	    why);
	failed(s, DELIVER_TEMPORARY, stage, stage == MAIL_STAGE_CONNECT ? 1 : 7,
	    text);
	if (stage == MAIL_STAGE_STARTTLS) { /* RFC 3463: security, 4.7.5 */
		s->end.last.enhanced[1] = 7;
		s->end.last.enhanced[2] = 5;
	}
	disconnect(s);
	if (s->stopping)
		finish(s);
	else
		next_hop(s);
}

/* --- the scheduler's calls -------------------------------------------------- */

struct deliver_session *
deliver_session_open(const struct deliver_env *env,
    const struct deliver_session_params *p,
    const struct deliver_session_ops *ops, void *arg)
{
	struct deliver_session *s = mem_zalloc(sizeof(*s));
	struct deliver_hop_params hp = {.loop = env->loop,
	    .dns = env->dns,
	    .conf = p->conf,
	    .source = p->source,
	    .mx = p->mx,
	    .nmx = p->nmx,
	    .literal = p->literal,
	    .port = p->policy->port};

	s->env = env;
	s->ops = ops;
	s->arg = arg;
	s->owner = p->owner;
	s->conf = conf_ref(p->conf);
	s->policy = p->policy;
	s->source = p->source;
	s->helo =
	    p->source && p->source->helo ? p->source->helo : env->hostname;
	s->hop = deliver_hop_new(&hp);
	s->cur = &s->slot[0];
	s->ahead = &s->slot[1];
	s->since_ms = clock_now();
	loop_timer_init(&s->idle_timer, env->loop, on_idle, s);
	loop_defer(env->loop, &s->task, on_task, s);
	return s;
}

/* Nothing came to do: leave politely. */
static void
on_idle(void *arg)
{
	struct deliver_session *s = arg;

	s->stopping = true;
	deliver_session_talk_drive(s);
}

static void
on_task(void *arg)
{
	struct deliver_session *s = arg;

	if (s->at_once && s->client)
		smtp_client_abandon(s->client, "stopped");
	if (s->client) {
		/* Politely only where a transaction may run, or could. */
		if (s->stopping && !s->ready)
			finish(s);
		else
			deliver_session_talk_drive(s);
	} else if (s->stopping) {
		finish(s);
	} else if (!s->started) {
		s->started = true;
		next_hop(s);
	}
}

void
deliver_session_wake(struct deliver_session *s)
{
	if (s->dead)
		return;
	s->woken = true;
	loop_defer(s->env->loop, &s->task, on_task, s);
}

void
deliver_session_stop(struct deliver_session *s, bool at_once)
{
	if (s->dead)
		return;
	s->stopping = true;
	s->at_once |= at_once;
	loop_defer(s->env->loop, &s->task, on_task, s);
}

void *
deliver_session_owner(const struct deliver_session *s)
{
	return s->owner;
}

bool
deliver_session_idle(const struct deliver_session *s)
{
	return s->idle && !s->begun;
}

static const char *
state_name(const struct deliver_session *s)
{
	if (s->conn == NULL)
		return "resolving";
	if (s->client == NULL)
		return "connecting";
	if (deliver_session_idle(s))
		return "idle";
	if (s->ready && !s->begun && s->cur->n > 0)
		return "preparing";
	return smtp_client_state_name(s->client);
}

void
deliver_session_info(
    const struct deliver_session *s, struct deliver_session_info *i)
{
	*i = (struct deliver_session_info){.state = state_name(s),
	    .mx = s->mx,
	    .address = s->address,
	    .tls = s->tls,
	    .transactions = s->end.transactions,
	    .since_ms = s->since_ms};
}
