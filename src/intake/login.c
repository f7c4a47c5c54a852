#include "config.h"
#include "intake/intake_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "intake/auth.h"
#include "stats/stats.h"

/* A refusal comes this long after the question, whatever was wrong, so that
 * guessing is slow and does not tell which users there are. */
#define FAIL_MS 1000

static void
accept_login(struct intake_session *s)
{
	s->user = mem_strdup(smtp_server_tx(s->engine)->user);
	s->known = false;
	intake_session_answer(s, 235, NULL);
}

static void
fail_later(struct intake_session *s)
{
	stats_add(STATS_INTAKE_AUTH_FAILED, 1);
	log_warn("intake.auth_failed", "listener=%s client=%s user=%s",
	    s->door->listen->name, s->client,
	    log_q(view_str(smtp_server_tx(s->engine)->user)));
	s->failing = true;
	loop_timer_start(&s->timer, s->fail_at - clock_mono());
}

void
intake_login_fail_due(struct intake_session *s)
{
	int64_t left = s->fail_at - clock_mono();

	if (left > 0) {
		loop_timer_start(&s->timer, left);
		return;
	}
	s->failing = false;
	intake_session_answer(s, 535, "5.7.8 wrong user or password");
	intake_session_run(s);
}

static void
on_checked(void *arg, bool good)
{
	struct intake_session *s = arg;

	s->auth = NULL;
	if (!good) {
		fail_later(s);
		return;
	}
	accept_login(s);
	intake_session_run(s);
}

void
intake_login(struct intake_session *s)
{
	const struct smtp_server_tx *t = smtp_server_tx(s->engine);
	const struct conf_tenant *tenant;
	const struct conf_user *u =
	    intake_tenant_user(s->door, t->user, &tenant);

	s->fail_at = clock_mono() + FAIL_MS;
	if (u == NULL) {
		fail_later(s);
		return;
	}
	switch (intake_auth_check(s->intake->auth, t->user, t->password,
	    u->password, on_checked, s, &s->auth)) {
	case INTAKE_AUTH_GOOD:
		accept_login(s);
		return;
	case INTAKE_AUTH_ASKED:
		return;
	case INTAKE_AUTH_BUSY:
		intake_session_answer(s, 454,
		    "4.7.0 too many logins at once, try again");
		return;
	}
}
