/*
 * Taking mail in: SMTP and LMTP listeners, who the tenant is, limits, and
 * handing each whole message to where it belongs: the submission, or a sink
 * that claims its recipients.
 *
 * Nobody relays without being a tenant: by AUTH, by the listener's fixed
 * tenant, or by network, in this order.
 */
#ifndef INTAKE_INTAKE_H
#define INTAKE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct conf;
struct intake;
struct loop;
struct pool;
struct smtp_address;
struct store;
struct submit;
struct submit_message;
struct submit_req;

/* Where some recipients' mail goes instead of into the queue.  A message has
 * recipients of one sink only; others are asked for in a transaction of their
 * own (452). */
struct intake_sink {
	const char *name;
	bool open; /* takes mail from anyone, tenant or not: m->tenant is then
		    * NULL */
	bool (*claims)(void *arg, const struct smtp_address *rcpt);
	/* As submit_send and submit_cancel. */
	struct submit_req *(*send)(void *arg, struct submit_message *m,
	    void (*done)(void *done_arg), void *done_arg);
	void (*cancel)(void *arg, struct submit_req **r);
	void *arg;
};

struct intake_params { /* all borrowed for the intake's life, but conf */
	struct loop *loop;
	struct conf *conf; /* a reference is taken */
	struct store *store;
	struct submit *submit;
	struct pool *pool; /* passwords are checked there; NULL: in a thread of
			    * its own, which never keeps the loop waiting */
	const struct intake_sink *sinks; /* asked in this order */
	size_t nsinks;
};

/* Opens all listeners or fails with the first reason. */
struct intake *intake_new(const struct intake_params *p, struct err *e);
/* All of the new configuration or, with -1, nothing of it.  Listeners with the
 * same address keep their socket and their connections, which follow the new
 * settings from their next message on. */
int intake_reload(struct intake *i, struct conf *conf, struct err *e);
/* Listeners close, sessions end after their transaction with 421. */
void intake_drain(struct intake *i);
void intake_free(struct intake **i);

size_t intake_open(const struct intake *i); /* sessions */
size_t intake_busy(const struct intake *i); /* messages being submitted */
/* Port in use, for address "...:0"; 0: no such listener. */
unsigned intake_port(const struct intake *i, const char *listener);

struct intake_info { /* one session; borrowed during the call */
	uint64_t id;
	const char *listener;
	const char *protocol; /* "ESMTPS" ... */
	const char *client;   /* address text */
	const char *helo;
	const char *tenant; /* "": none yet */
	const char *user;   /* "": not logged in */
	const char *tls;    /* "": in clear */
	const char *state;
	unsigned messages;
	int64_t age_ms;
};
void intake_sessions(const struct intake *i,
    void (*each)(void *arg, const struct intake_info *info), void *arg);

#endif
