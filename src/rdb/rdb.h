/*
 * A connection to one Redis, kept up by itself: connect, AUTH, SELECT, and
 * again after a pause (growing, with jitter) whenever it breaks.  A Redis that
 * answers -LOADING counts as not connected.
 *
 * A call is written with rdb_codec into the buffer that rdb_begin gives, then
 * sent by rdb_send; calls travel pipelined and are answered in order, exactly
 * once, from the loop, never from inside rdb_send.  A call that passes its
 * deadline means that Redis hangs: the connection is dropped and every pending
 * call answered.
 */
#ifndef RDB_RDB_H
#define RDB_RDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct loop;
struct rdb;
struct rdb_call;
struct rdb_reply;

/* Bytes of calls sent and not answered; what is beyond waits here. */
#define RDB_OUTSTANDING_MAX (4u * 1024 * 1024)

enum rdb_status {
	RDB_OK,
	RDB_ERROR, /* an error reply; its text is the reply */
	RDB_LOST,  /* sent, no answer: executed or not */
	RDB_DOWN   /* not sent */
};

struct rdb_params { /* copied */
	const char *address; /* "host:port" or "unix:/path" */
	const char *user;     /* or NULL */
	const char *password; /* or NULL */
	unsigned database;
	int64_t timeout_ms; /* of connecting and of each call */
};

struct rdb_ops {
	void (*on_up)(void *arg);
	/* After every pending call was answered; for each failed attempt to
	 * connect too. */
	void (*on_down)(void *arg, const char *why);
};

typedef void rdb_done_fn(void *arg, enum rdb_status st, struct rdb_reply *r);

struct rdb *rdb_open(struct loop *l, const struct rdb_params *p,
    const struct rdb_ops *ops, void *arg, struct err *e);
/* Silence: pending calls are forgotten, their requests no longer valid. */
void rdb_close(struct rdb **r);
bool rdb_is_up(const struct rdb *r);
/* Where the command goes; rdb_send must follow before anything else. */
struct buf *rdb_begin(struct rdb *r);
/* The reply (NULL unless OK or ERROR) is borrowed for the callback.  timeout_ms
 * 0: as given at open. */
struct rdb_call *rdb_send(struct rdb *r, rdb_done_fn *done, void *arg,
    int64_t timeout_ms);
/* rdb_begin and rdb_send of words without blanks. */
struct rdb_call *rdb_words(struct rdb *r, const char *words, rdb_done_fn *done,
    void *arg);
/* The command still runs; its answer is nobody's. */
void rdb_cancel(struct rdb_call **c);
size_t rdb_unanswered(const struct rdb *r); /* bytes, with those that wait */

#endif
