#include "config.h"
#include "intake/intake_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "intake/auth.h"
#include "io/tls.h"
#include "stats/stats.h"

/* A client that does not read its replies is not read either. */
#define UNSENT_MAX (64 * 1024)
#define LAST_WORDS_MS 5000

static void on_read(void *arg);
static void on_secure(void *arg);
static void on_drain(void *arg);
static void on_close(void *arg, enum conn_end end, const char *why);

static const struct conn_ops ops = {
	.on_read = on_read,
	.on_secure = on_secure,
	.on_drain = on_drain,
	.on_close = on_close,
};

static void
release(void *p)
{
	free(p);
}

void
intake_session_close(struct intake_session **sp)
{
	struct intake_session *s = *sp;
	struct intake *i = s->intake;

	*sp = NULL;
	if (s->dead)
		return;
	s->dead = true;
	loop_timer_stop(&s->timer);
	intake_auth_cancel(&s->auth);
	intake_message_detach(s);
	i->content_bytes -= s->counted;
	s->counted = 0;
	conn_close(&s->conn);
	smtp_server_free(&s->engine);
	intake_accept_forget(s);
	if (s->port)
		s->port->nsessions--;
	i->nsessions--;
	stats_set(STATS_INTAKE_OPEN, (int64_t)i->nsessions);
	list_remove(&s->link);
	intake_door_unref(&s->door);
	free(s->user);
	loop_bury(i->loop, s, release);
}

static void
close_it(struct intake_session *s)
{
	intake_session_close(&s);
}

void
intake_session_answer(struct intake_session *s, int code, const char *text)
{
	smtp_server_answer(s->engine, conn_out(s->conn), code, text);
}

static void
arm(struct intake_session *s)
{
	int64_t at = smtp_server_deadline(s->engine);

	if (at < 0 || s->failing)
		return;
	/* A timer that is due earlier looks again when it fires. */
	if (loop_timer_pending(&s->timer) && s->timer_at <= at)
		return;
	s->timer_at = at;
	at -= clock_mono();
	loop_timer_start(&s->timer, at > 0 ? at : 0);
}

static void
on_timer(void *arg)
{
	struct intake_session *s = arg;
	int64_t at;

	if (s->failing) {
		intake_login_fail_due(s);
		return;
	}
	at = smtp_server_deadline(s->engine);
	if (at >= 0 && at <= clock_mono()) {
		log_info("intake.timeout", "id=%llu client=%s state=%s",
		    (unsigned long long)s->id, s->client,
		    smtp_server_state_text(s->engine));
		smtp_server_timeout(s->engine, conn_out(s->conn));
	}
	intake_session_run(s);
}

/* The memory of contents that are coming in, ours and in all. */
static void
count_content(struct intake_session *s)
{
	const struct conf_limits *lim =
	    &s->intake->generation->conf->limits;
	size_t n = smtp_server_tx(s->engine)->content.n;

	s->intake->content_bytes += n - s->counted;
	s->counted = n;
	if (n == 0 ||
	    s->intake->content_bytes <= lim->max_content_bytes_in_memory)
		return;
	smtp_server_spoil(s->engine, 452, "4.3.1 out of memory for contents");
	s->intake->content_bytes -= s->counted;
	s->counted = 0;
}

static void
starttls(struct intake_session *s)
{
	intake_message_drop(s);
	free(s->user);
	s->user = NULL;
	s->known = false;
	conn_starttls_server(s->conn, s->door->tls);
}

static void
say_goodbye(struct intake_session *s)
{
	conn_close_flushed(&s->conn, LAST_WORDS_MS);
	close_it(s);
}

static void (*const handlers[])(struct intake_session *s) = {
	[SMTP_SERVER_AUTH] = intake_login,
	[SMTP_SERVER_MAIL] = intake_message_mail,
	[SMTP_SERVER_RCPT] = intake_message_rcpt,
	[SMTP_SERVER_DATA] = intake_message_data,
	[SMTP_SERVER_MESSAGE] = intake_message_whole,
	[SMTP_SERVER_RESET] = intake_message_drop,
	[SMTP_SERVER_STARTTLS] = starttls,
	[SMTP_SERVER_CLOSE] = say_goodbye,
};
_Static_assert(sizeof(handlers) / sizeof(handlers[0]) == SMTP_SERVER_CLOSE + 1,
    "a handler per event");

void
intake_session_run(struct intake_session *s)
{
	enum smtp_server_event event;

	if (s->choked)
		return;
	for (;;) {
		event = smtp_server_run(s->engine, conn_in(s->conn),
		    conn_out(s->conn));
		if (event != SMTP_SERVER_MESSAGE)
			count_content(s);
		if (event == SMTP_SERVER_NONE)
			break;
		handlers[event](s);
		if (s->dead)
			return;
	}
	if (conn_out(s->conn)->n)
		conn_kick(s->conn);
	s->choked = conn_unsent(s->conn) > UNSENT_MAX;
	if (s->choked)
		conn_pause(s->conn);
	else
		conn_resume(s->conn);
	arm(s);
}

static void
on_read(void *arg)
{
	intake_session_run(arg);
}

static void
on_drain(void *arg)
{
	struct intake_session *s = arg;

	if (!s->choked)
		return;
	s->choked = false;
	conn_resume(s->conn);
	/* What had come is there even if nothing more comes. */
	intake_session_run(s);
}

static void
on_secure(void *arg)
{
	struct intake_session *s = arg;

	if (s->door->listen->tls == CONF_TLS_IMPLICIT)
		smtp_server_greet(s->engine, conn_out(s->conn));
	else
		smtp_server_secured(s->engine);
	intake_session_run(s);
}

static void
on_close(void *arg, enum conn_end end, const char *why)
{
	struct intake_session *s = arg;

	if (end == CONN_TLS_FAILED)
		log_warn("intake.tls_failed", "listener=%s client=%s why=%s",
		    s->door->listen->name, s->client, log_q(view_str(why)));
	else
		log_debug("intake.closed", "id=%llu client=%s why=%s",
		    (unsigned long long)s->id, s->client,
		    log_q(view_str(why)));
	close_it(s);
}

void
intake_session_open(struct intake_port *p, int fd, struct intake_address *a,
    const struct sockaddr *peer)
{
	struct intake *i = p->intake;
	struct intake_session *s = mem_zalloc(sizeof(*s));
	bool implicit = p->door->listen->tls == CONF_TLS_IMPLICIT;

	s->id = ++i->last_id;
	s->intake = i;
	s->port = p;
	s->door = intake_door_ref(p->door);
	s->address = a;
	s->began = clock_mono();
	conn_addr_text(peer, s->client);
	loop_timer_init(&s->timer, i->loop, on_timer, s);
	s->engine = smtp_server_new(&s->door->rules, implicit);
	s->conn = conn_accept(i->loop, fd, &ops, s);
	list_append(&i->sessions, &s->link);
	p->nsessions++;
	i->nsessions++;
	stats_set(STATS_INTAKE_OPEN, (int64_t)i->nsessions);
	if (implicit)
		conn_starttls_server(s->conn, s->door->tls);
	else
		smtp_server_greet(s->engine, conn_out(s->conn));
	conn_kick(s->conn);
	arm(s);
}

void
intake_session_drain(struct intake_session *s)
{
	smtp_server_drain(s->engine, conn_out(s->conn));
	s->choked = false; /* what is left of it must get to its end */
	intake_session_run(s);
}

void
intake_session_info(struct intake_session *s, struct intake_info *info)
{
	const struct tls_info *tls = conn_tls(s->conn);
	const struct conf_tenant *t = s->known ? s->tenant : NULL;

	*info = (struct intake_info){
		.id = s->id,
		.listener = s->door->listen->name,
		.protocol = smtp_server_protocol(s->engine),
		.client = s->client,
		.helo = smtp_server_helo(s->engine),
		.tenant = t ? t->name : "",
		.user = s->user ? s->user : "",
		.tls = tls ? tls->version : "",
		.state = smtp_server_state_text(s->engine),
		.messages = smtp_server_messages(s->engine),
		.age_ms = clock_mono() - s->began,
	};
}
