/*
 * What the files of the intake share.
 *
 * A port is a listening socket: it outlives reloads and shows the door that is
 * in force (intake/door.h).
 */
#ifndef INTAKE_INTAKE_PRIV_H
#define INTAKE_INTAKE_PRIV_H

#include "base/list.h"
#include "conf/conf.h"
#include "intake/door.h"
#include "intake/intake.h"
#include "io/conn.h"
#include "io/loop.h"
#include "smtp/server.h"
#include "submit/submit.h"

struct intake_address;
struct intake_auth;
struct intake_auth_req;
struct intake_rate;
struct listener;

struct intake_port {
	struct list link;
	struct intake *intake;      /* borrowed: the owner */
	struct listener *listener;  /* owned */
	struct intake_door *door;   /* a reference: in force */
	struct intake_door *coming; /* during a reload; NULL: to be closed */
	size_t nsessions;
};

struct intake {
	/* borrowed */
	struct loop *loop;
	struct store *store;
	struct submit *submit;
	const struct intake_sink *sinks;
	size_t nsinks;
	/* owned */
	struct intake_generation *generation; /* a reference */
	struct intake_auth *auth;
	struct intake_address *addresses; /* hash: sessions by address */
	struct intake_rate *rates;        /* hash: by tenant */
	struct list ports;
	struct list sessions;
	struct list messages; /* handed over, not answered yet */
	/* state */
	bool draining;
	size_t nsessions;
	size_t nmessages;
	uint64_t content_bytes; /* of all contents under way */
	uint64_t last_id;
};

struct intake_message {
	struct submit_message m;
	struct list link;
	struct intake *intake;           /* borrowed */
	struct intake_session *session;  /* borrowed; NULL: it is gone */
	struct intake_door *door;        /* a reference: holds the tenant */
	const struct intake_sink *sink;  /* NULL: the submission */
	struct submit_req *req;
	size_t rcpt_cap;
	size_t content_bytes;
	int64_t since; /* clock_mono() of the end of content */
	bool rated;    /* counted in the tenant's rate */
	char *helo;
	char client[CONN_ADDR_MAX];
	char tls[80];
};

struct intake_session {
	/* identity */
	struct list link;
	uint64_t id;
	char client[CONN_ADDR_MAX];
	/* owners */
	struct intake *intake;     /* borrowed */
	struct intake_port *port;  /* borrowed; NULL: its listener closed */
	struct intake_door *door;  /* a reference */
	struct intake_address *address; /* borrowed; NULL: unix */
	/* owned */
	struct conn *conn;
	struct smtp_server *engine;
	struct intake_message *message; /* the transaction, or in submission */
	char *user;                     /* logged in as */
	/* watchers */
	struct loop_timer timer;
	struct intake_auth_req *auth;
	/* state */
	bool dead;
	bool choked;   /* reads no more until its output has left */
	bool sent;     /* the message is being submitted */
	bool failing;  /* a failed login waits for its reply */
	bool known;    /* tenant was looked up */
	const struct conf_tenant *tenant; /* of door's generation */
	int64_t timer_at;
	int64_t fail_at;
	int64_t began;
	size_t counted; /* of content_bytes */
};

/* tenant.c */
void intake_tenant_index(struct intake_generation *g);
void intake_tenant_index_free(struct intake_generation *g);
/* NULL: no such user here. */
const struct conf_user *intake_tenant_user(const struct intake_door *d,
    const char *name, const struct conf_tenant **tenant);
/* Who speaks; NULL: nobody who may send. */
const struct conf_tenant *intake_tenant_of(struct intake_session *s);
/* max_message_rate: false when the tenant has used it up. */
bool intake_tenant_rate_ok(struct intake *i, const struct conf_tenant *t);
void intake_tenant_rate_take(struct intake *i, const struct conf_tenant *t);
void intake_tenant_rate_return(struct intake *i, const struct conf_tenant *t);
void intake_tenant_rates_free(struct intake *i);

/* accept.c */
void intake_accept(void *arg, int fd, const struct sockaddr *peer);
void intake_accept_forget(struct intake_session *s);

/* session.c */
void intake_session_open(struct intake_port *p, int fd,
    struct intake_address *a, const struct sockaddr *peer);
void intake_session_close(struct intake_session **s);
void intake_session_answer(struct intake_session *s, int code,
    const char *text);
void intake_session_run(struct intake_session *s);
void intake_session_drain(struct intake_session *s);
void intake_session_info(struct intake_session *s, struct intake_info *info);

/* login.c */
void intake_login(struct intake_session *s);
void intake_login_fail_due(struct intake_session *s);

/* message.c: answers to the engine's questions. */
void intake_message_mail(struct intake_session *s);
void intake_message_rcpt(struct intake_session *s);
void intake_message_data(struct intake_session *s);
void intake_message_whole(struct intake_session *s);
void intake_message_drop(struct intake_session *s);
void intake_message_detach(struct intake_session *s);
void intake_message_cancel_all(struct intake *i);

#endif
