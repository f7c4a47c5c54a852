/*
 * The world around a session under test: names, queue and contents are stood
 * in for at link time, the peer is a scripted server on 127.0.0.1.
 */
#ifndef TESTS_UNIT_SESSION_WORLD_H
#define TESTS_UNIT_SESSION_WORLD_H

#include <stdbool.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "deliver/content.h"
#include "deliver/session.h"
#include "io/loop.h"
#include "smtp/client.h"

#define WORLD_JOBS 8

/* What the peer answers; NULL: what a good server says; "close": hangs up;
 * "silent": says nothing. */
struct world_peer {
	const char *greeting;
	const char *ehlo; /* the lines, ready to send */
	const char *helo;
	const char *starttls;
	const char *mail;
	const char *rcpt;    /* for all */
	const char *rcpt_of; /* "b@x.example 550 no\r\n": for one */
	const char *data;
	const char *end;
	const char *second;   /* greeting of the connections after the first */
	unsigned close_after; /* messages, then closes without a word */
	bool broken_tls;
};

struct world_job {
	const char *rcpt;                  /* NULL: no such job */
	bool eightbit, smtputf8, together; /* together: with the one before */
};

extern struct world {
	struct loop *loop;
	struct conf conf;
	struct deliver_env env;
	const struct world_peer *peer;
	unsigned port;
	/* what the peer saw */
	struct buf lines;   /* commands, each with \n */
	struct buf content; /* of the last message, as received */
	unsigned connections, messages, tls;
	/* the queue's and the contents' side */
	bool owned;
	const char *bytes; /* content given */
	size_t bytes_n;
	enum deliver_content_status status, status_7bit;
	unsigned asked, asked_7bit; /* contents */
	bool lose_shard;            /* once a content is asked for */
	unsigned sends, receives;   /* system calls, of both sides */
	/* jobs and results */
	struct deliver_job job[WORLD_JOBS];
	struct deliver_result result[WORLD_JOBS];
	unsigned answers[WORLD_JOBS];
	bool together[WORLD_JOBS];
	size_t njobs, taken, done;
	unsigned repeat; /* the first job is given out that often again */
	struct deliver_session *session;
	struct deliver_end end;
	bool gone;
	void (*on_done)(void);
} world;

void world_open(void);
void world_close(void);
void world_jobs(const struct world_job *j, size_t n);
/* mx: names, blank-separated; those that resolve: mx (the peer), dead (a
 * closed port), two (dead and the peer), none, fails, self. */
void world_session(const char *mx, const struct conf_source *source);
/* Until the session is gone, or until all jobs were answered. */
void world_run(bool until_gone);
void world_tls(const char *certificate, const char *key, const char *ca);
void world_end_session(void);

#endif
