/*
 * Inside the session: for session*.c alone.
 *
 * session.c finds an address, connects, ends; session_talk.c drives the
 * protocol engine over the connection and pulls jobs.
 */
#ifndef DELIVER_SESSION_PRIV_H
#define DELIVER_SESSION_PRIV_H

#include "deliver/batch.h"
#include "deliver/session.h"
#include "io/conn.h"
#include "io/loop.h"

struct deliver_hop;
struct deliver_hop_addr;
struct smtp_client;

struct deliver_session {
	/* identity */
	const struct deliver_env *env;         /* borrowed */
	const struct deliver_session_ops *ops; /* borrowed */
	void *arg, *owner;
	struct conf *conf; /* reference: policy and source point into it */
	const struct conf_site *policy;
	const struct conf_source *source;
	const char *helo;
	/* owners */
	struct deliver_hop *hop;
	struct conn *conn;
	struct smtp_client *client;
	struct deliver_batch slot[2];
	struct deliver_batch *cur, *ahead; /* one slot each */
	/* watchers */
	struct loop_task task;
	struct loop_timer idle_timer;
	/* state */
	char mx[256], address[CONN_ADDR_MAX], tls[64];
	struct sockaddr_storage peer, local;
	socklen_t peer_len, local_len;
	bool started;  /* hops are being tried */
	bool ready;    /* this connection came so far */
	bool securing; /* handshake under way */
	bool clear;    /* TLS failed with this peer: go on without */
	bool tls_verified;
	bool begun; /* cur's transaction is with the engine */
	bool idle;  /* asked, and got nothing */
	bool woken;
	bool stopping, at_once;
	bool dead;
	struct deliver_end end;
	/* counters */
	unsigned taken; /* batches pulled on this connection */
	int64_t since_ms;
};

/* session.c */
struct deliver_result;
void
deliver_session_fill(const struct deliver_session *s, struct deliver_result *r);
/* All jobs of the batch; kind, stage, code, text are in r. */
void deliver_session_answer(struct deliver_session *s, struct deliver_batch *b,
    struct deliver_result *r);
/* The connection is over.  It goes on with the next address where it never
 * came to be ready; else the session ends. */
void deliver_session_over(struct deliver_session *s);
/* The connection could not be made (CONNECT), or secured (STARTTLS). */
void deliver_session_unreached(
    struct deliver_session *s, enum mail_stage stage, const char *why);
/* Ends, as the MX is ourselves. */
enum mail_stage deliver_session_stage(enum smtp_client_stage stage);
void deliver_session_loops(struct deliver_session *s);

#endif
