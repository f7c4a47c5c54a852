/*
 * Sessions and the hosts they talk to, as the scheduler's tests see them.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/view.h"
#include "deliver/session.h"
#include "deliver_world.h"
#include "dns/dns.h"
#include "io/loop.h"
#include "store/store.h"

#define JOBS_MAX 64

struct deliver_session {
	struct deliver_session_params p;
	const struct deliver_session_ops *ops;
	void *arg;
	struct world_peer *peer;
	char mx[256];
	struct loop_timer timer;
	struct loop_task task;
	struct deliver_job *jobs[JOBS_MAX];
	size_t njobs;
	unsigned transactions, messages;
	bool connected, stopping, refused;
	struct deliver_end end;
};

static struct world_peer any = { .mx = "", .connect_ms = 5, .reply_ms = 10 };
static unsigned left;

unsigned
world_sessions_left(void)
{
	return left;
}

static struct world_peer *
peer_of(const char *mx)
{
	struct world_peer *p;

	for (p = world_peers; p != NULL && p->mx != NULL; p++)
		if (view_iends(view_str(mx), view_str(p->mx)))
			return p;
	return &any;
}

static void
gone(void *arg)
{
	struct deliver_session *s = arg;

	loop_timer_stop(&s->timer);
	loop_undefer(&s->task);
	world_open--;
	s->peer->open--;
	left--;
	s->end.connected = s->connected;
	s->end.transactions = s->transactions;
	s->ops->gone(s->arg, s, &s->end);
	free(s);
}

static void
result(struct deliver_session *s, struct deliver_result *r, int kind,
    enum mail_stage stage, int code, const char *text)
{
	memset(r, 0, sizeof(*r));
	r->kind = kind;
	r->stage = stage;
	r->code = code;
	r->enhanced[0] = code / 100;
	snprintf(r->text, sizeof(r->text), "%s", text);
	snprintf(r->mx, sizeof(r->mx), "%s", s->mx);
	r->source = s->p.source != NULL ? s->p.source->name : "";
	r->dsn_passed = !s->peer->no_dsn;
	r->started_ms = r->ended_ms = clock_now();
}

static void
fail_with(struct deliver_session *s, int kind, enum mail_stage stage, int code,
    const char *text)
{
	s->end.failed = true;
	result(s, &s->end.last, kind, stage, code, text);
	loop_defer(NULL, &s->task, gone, s);
}

static void
note_sent(struct deliver_session *s, const struct deliver_job *j, size_t group)
{
	struct world_sent *w;

	if ((world_nsent & (world_nsent - 1)) == 0)
		world_sent = mem_realloc(world_sent,
		    (world_nsent + 1) * 2 * sizeof(*world_sent));
	w = &world_sent[world_nsent++];
	memset(w, 0, sizeof(*w));
	w->campaign = j->campaign->id;
	w->at_ms = clock_now();
	w->source = s->p.source != NULL ? s->p.source->name : "";
	w->group = (unsigned)group;
	snprintf(w->rcpt, sizeof(w->rcpt), "%.79s", j->rcpt.text);
	snprintf(w->mx, sizeof(w->mx), "%.79s", s->mx);
	s->peer->sent++;
}

static void
answer(struct deliver_session *s, struct deliver_job *j, size_t group)
{
	struct deliver_result r;

	switch (s->peer->kind) {
	case PEER_RCPT_550:
		result(s, &r, DELIVER_PERMANENT, MAIL_STAGE_RCPT, 550,
		    "no such user");
		break;
	case PEER_RCPT_450:
		result(s, &r, DELIVER_TEMPORARY, MAIL_STAGE_RCPT, 450,
		    "greylisted");
		break;
	case PEER_421_AT_MAIL:
		result(s, &r, DELIVER_TEMPORARY, MAIL_STAGE_MAIL, 421,
		    "too busy");
		break;
	case PEER_DAMAGED:
		result(s, &r, DELIVER_UNREBUILT, MAIL_STAGE_LOCAL, 0,
		    "hash differs");
		break;
	case PEER_UNTRIED:
		result(s, &r, DELIVER_UNTRIED, MAIL_STAGE_LOCAL, 0, "");
		break;
	default:
		result(s, &r, DELIVER_SENT, MAIL_STAGE_END, 250, "ok");
		note_sent(s, j, group);
		break;
	}
	s->ops->done(s->arg, s, j, &r);
}

static void ask(void *arg);

static void
transaction_over(void *arg)
{
	struct deliver_session *s = arg;
	size_t i, n = s->njobs;

	s->njobs = 0;
	s->transactions++;
	s->messages++;
	for (i = 0; i < n; i++)
		answer(s, s->jobs[i], n);
	if (s->peer->kind == PEER_421_AT_MAIL)
		fail_with(s, DELIVER_TEMPORARY, MAIL_STAGE_MAIL, 421,
		    "too busy");
	else if (s->stopping ||
	    s->messages >= s->p.policy->messages_per_connection)
		loop_defer(NULL, &s->task, gone, s);
	else
		ask(s);
}

static void
idle_out(void *arg)
{
	struct deliver_session *s = arg;

	s->stopping = true;
	loop_defer(NULL, &s->task, gone, s);
}

static void
ask(void *arg)
{
	struct deliver_session *s = arg;

	s->njobs = s->ops->next(s->arg, s, s->jobs, JOBS_MAX);
	if (s->stopping && s->njobs == 0)
		return;
	if (s->njobs == 0)
		loop_timer_init(&s->timer, NULL, idle_out, s);
	else
		loop_timer_init(&s->timer, NULL, transaction_over, s);
	loop_timer_start(&s->timer,
	    s->njobs == 0 ? s->p.policy->idle_timeout_ms : s->peer->reply_ms);
}

static void
connected(void *arg)
{
	struct deliver_session *s = arg;

	switch (s->peer->kind) {
	case PEER_REFUSED:
		fail_with(s, DELIVER_TEMPORARY, MAIL_STAGE_CONNECT, 0,
		    "connection refused");
		return;
	case PEER_SILENT:
		fail_with(s, DELIVER_TEMPORARY, MAIL_STAGE_CONNECT, 0,
		    "time-out");
		return;
	case PEER_GREETS_554:
		fail_with(s, DELIVER_PERMANENT, MAIL_STAGE_GREETING, 554,
		    "go away");
		return;
	case PEER_NO_HOST:
		fail_with(s, DELIVER_PERMANENT, MAIL_STAGE_DNS, 550,
		    "no such host");
		return;
	case PEER_IS_US:
		s->end.loops = true;
		fail_with(s, DELIVER_PERMANENT, MAIL_STAGE_GREETING, 550,
		    "it is us");
		return;
	default:
		break;
	}
	if (s->refused) {
		fail_with(s, DELIVER_TEMPORARY, MAIL_STAGE_GREETING, 421,
		    "too many connections");
		return;
	}
	s->connected = true;
	ask(s);
}

struct deliver_session *
deliver_session_open(const struct deliver_env *env,
    const struct deliver_session_params *p,
    const struct deliver_session_ops *ops, void *arg)
{
	struct deliver_session *s = mem_zalloc(sizeof(*s));

	assert_string_equal(env->hostname, "us.example");
	assert_in_range(p->nmx, 1, 32);
	s->p = *p;
	s->ops = ops;
	s->arg = arg;
	snprintf(s->mx, sizeof(s->mx), "%s", p->mx[0].name);
	s->peer = peer_of(s->mx);
	world_opened++;
	left++;
	if (++world_open > world_open_most)
		world_open_most = world_open;
	s->peer->opened++;
	if (++s->peer->open > s->peer->open_most)
		s->peer->open_most = s->peer->open;
	s->refused = s->peer->sessions_max > 0 &&
	    s->peer->open > s->peer->sessions_max;
	loop_timer_init(&s->timer, NULL, connected, s);
	loop_timer_start(&s->timer,
	    s->peer->kind == PEER_SILENT ? 30000 : s->peer->connect_ms + 1);
	return s;
}

void
deliver_session_wake(struct deliver_session *s)
{
	assert_true(s->connected);
	assert_int_equal(s->njobs, 0);
	if (s->stopping)
		return;
	loop_timer_stop(&s->timer);
	loop_defer(NULL, &s->task, ask, s);
}

void
deliver_session_stop(struct deliver_session *s, bool at_once)
{
	size_t i, n = s->njobs;

	s->stopping = true;
	if (n > 0 && !at_once)
		return;
	s->njobs = 0;
	loop_timer_stop(&s->timer);
	loop_undefer(&s->task);
	for (i = 0; i < n; i++) {
		struct deliver_result r;

		result(s, &r, DELIVER_UNTRIED, MAIL_STAGE_LOCAL, 0, "cut");
		s->ops->done(s->arg, s, s->jobs[i], &r);
	}
	loop_defer(NULL, &s->task, gone, s);
}

void *
deliver_session_owner(const struct deliver_session *s)
{
	return s->p.owner;
}

bool
deliver_session_idle(const struct deliver_session *s)
{
	return s->connected && s->njobs == 0;
}

void
deliver_session_info(const struct deliver_session *s,
    struct deliver_session_info *i)
{
	*i = (struct deliver_session_info){ .state = s->njobs > 0 ? "sending" :
								    "ready",
		.mx = s->mx,
		.transactions = s->transactions };
}
