/*
 * One outgoing connection: resolves the addresses of its route's MX hosts,
 * connects (next address, next MX on failure), greets, secures, and carries
 * transactions until there is no work, the limit is reached or the peer ends.
 *
 * It pulls: next() is asked whenever it could start a transaction; a session
 * that got none waits idle (idle_timeout) and can be woken.  Each job taken
 * is answered exactly once through done(), after which the job belongs to the
 * scheduler again.
 */
#ifndef DELIVER_SESSION_H
#define DELIVER_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "deliver/job.h"

struct conf;
struct conf_site;
struct conf_source;
struct deliver_session;
struct deliver_content; /* rebuilds and signs: deliver/content.h */
struct dns;
struct dns_mx_host;
struct loop;
struct store;

struct deliver_env { /* what all sessions share; borrowed */
	struct loop *loop;
	struct dns *dns;
	struct store *store;
	struct deliver_content *content;
	struct tls_ctx *tls_any; /* opportunistic, required */
	struct tls_ctx *tls_verified;
	const char *hostname; /* ours, for loop detection and HELO */
};

/* Why a session is over. */
struct deliver_end {
	bool connected; /* some address answered with a greeting of 2xx */
	bool loops;     /* the MX is ourselves */
	struct deliver_result last; /* the failure, when there was one: kind
				     * TEMPORARY or PERMANENT, stage, text */
	bool failed;                /* last is set */
	unsigned transactions;
};

struct deliver_session_ops {
	/* Up to max jobs that may share one transaction (same content, sender,
	 * DSN RET and ENVID) into jobs[]; 0: no work now. */
	size_t (*next)(void *arg, struct deliver_session *s,
	    struct deliver_job **jobs, size_t max);
	void (*done)(void *arg, struct deliver_session *s,
	    struct deliver_job *job, const struct deliver_result *r);
	/* Last call: the session is gone, all its jobs were answered. */
	void (*gone)(void *arg, struct deliver_session *s,
	    const struct deliver_end *end);
};

struct deliver_session_params {
	const struct conf_site *policy; /* referenced through conf */
	struct conf *conf;
	const struct conf_source *source; /* NULL: let the kernel choose */
	const struct dns_mx_host *mx;     /* in the order to try; copied */
	size_t nmx;
	bool literal; /* mx[0] is an address literal, not a name */
	void *owner;  /* the scheduler's own */
};

struct deliver_session *deliver_session_open(const struct deliver_env *env,
    const struct deliver_session_params *p,
    const struct deliver_session_ops *ops, void *arg);
/* Work is there: an idle session asks next(). */
void deliver_session_wake(struct deliver_session *s);
/* No new transaction; QUIT when the current one is over.  at_once: jobs under
 * way are answered UNTRIED or TEMPORARY and the connection is cut. */
void deliver_session_stop(struct deliver_session *s, bool at_once);
void *deliver_session_owner(const struct deliver_session *s);
bool deliver_session_idle(const struct deliver_session *s);

/* "connecting", "ready", "sending" ...; host and counts for `sessions`. */
struct deliver_session_info {
	const char *state, *mx, *address, *tls;
	unsigned transactions;
	int64_t since_ms;
};

void deliver_session_info(
    const struct deliver_session *s, struct deliver_session_info *i);

#endif
