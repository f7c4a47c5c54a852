#include "config.h"
#include "rdb/rdb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include <hiredis/hiredis.h>

#include "base/bug.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rand.h"
#include "io/conn.h"
#include "io/listener.h"
#include "io/loop.h"
#include "rdb/codec.h"
#include "rdb/reply.h"
#include "stats/stats.h"

#define RETRY_MIN_MS 20
#define RETRY_MAX_MS 3000

enum state { ST_WAITING, ST_CONNECTING, ST_GREETING, ST_UP };

struct rdb_call {
	struct list link;
	struct rdb *rdb;   /* borrowed: owns this */
	rdb_done_fn *done; /* NULL: cancelled */
	void *arg;
	size_t bytes;
	int64_t sent_ms;
	int64_t deadline_ms;
};

struct rdb {
	struct sockaddr_storage sa;
	socklen_t sa_len;
	char *user, *password; /* owned, or NULL */
	unsigned database;
	int64_t timeout_ms;

	struct loop *loop; /* borrowed */
	const struct rdb_ops *ops;
	void *arg;

	struct conn *conn;   /* owned; NULL while waiting */
	redisReader *reader; /* owned, with conn */
	struct loop_timer retry, deadline;
	struct loop_task refusing;

	struct list pending; /* sent, in order */
	struct list waiting; /* written to backlog, in order */
	struct list refused; /* to be answered RDB_DOWN */
	struct list spare;   /* calls to use again */
	struct buf backlog;
	struct buf trash; /* where commands go while down */
	struct buf *writing; /* between begin and send */
	size_t mark;

	enum state state;
	size_t outstanding;
	unsigned failures; /* in a row */
	unsigned greetings; /* replies still awaited */
	bool refusal_logged;
	bool dead;
};

static void connect_now(void *arg);

bool
rdb_is_up(const struct rdb *r)
{
	return r->state == ST_UP;
}

size_t
rdb_unanswered(const struct rdb *r)
{
	return r->outstanding + r->backlog.n;
}

static void
recycle(struct rdb *r, struct rdb_call *c)
{
	list_append(&r->spare, &c->link);
}

/* Answers one call and returns false when the owner closed us meanwhile. */
static bool
answer(struct rdb *r, struct rdb_call *c, enum rdb_status st, void *reply)
{
	rdb_done_fn *done = c->done;

	c->done = NULL;
	if (st != RDB_OK)
		stats_add(STATS_STORE_ERRORS, 1);
	if (done)
		done(c->arg, st, reply);
	recycle(r, c);
	return !r->dead;
}

static bool
answer_all(struct rdb *r, struct list *from, enum rdb_status st)
{
	struct list now, *it;

	list_init(&now);
	while ((it = list_pop(from)) != NULL)
		list_append(&now, it);
	while ((it = list_pop(&now)) != NULL) {
		struct rdb_call *c = LIST_ENTRY(it, struct rdb_call, link);

		if (r->dead)
			c->done = NULL;
		answer(r, c, st, NULL);
	}
	return !r->dead;
}

/* The connection is gone: everybody hears of it, then we try again. */
static void
drop(struct rdb *r, const char *why)
{
	unsigned shift = r->failures < 8 ? r->failures : 8;
	int64_t wait = (int64_t)RETRY_MIN_MS << shift;
	char text[256]; /* why may live in what goes now */

	snprintf(text, sizeof(text), "%s", why);
	conn_close(&r->conn);
	if (r->reader)
		redisReaderFree(r->reader);
	r->reader = NULL;
	r->state = ST_WAITING;
	r->outstanding = 0;
	buf_fini(&r->backlog);
	loop_timer_stop(&r->deadline);
	if (wait > RETRY_MAX_MS)
		wait = RETRY_MAX_MS;
	r->failures++;
	loop_timer_start(&r->retry, wait / 2 + rand_below((uint32_t)wait));
	if (!answer_all(r, &r->pending, RDB_LOST) ||
	    !answer_all(r, &r->waiting, RDB_DOWN))
		return;
	r->ops->on_down(r->arg, text);
}

static void
on_deadline(void *arg)
{
	struct rdb *r = arg;
	struct list *first = list_empty(&r->pending) ? r->waiting.next :
						       r->pending.next;
	struct rdb_call *c;
	int64_t left;

	if (list_empty(&r->pending) && list_empty(&r->waiting))
		return;
	c = LIST_ENTRY(first, struct rdb_call, link);
	left = c->deadline_ms - loop_ms();
	if (left > 0) {
		loop_timer_start(&r->deadline, left);
		return;
	}
	stats_add(STATS_STORE_TIMEOUTS, 1);
	drop(r, "Redis does not answer in time");
}

/* As much of what waits as the limit allows. */
static void
pump(struct rdb *r)
{
	struct list *it;
	struct rdb_call *c;

	while (!list_empty(&r->waiting) &&
	    r->outstanding < RDB_OUTSTANDING_MAX) {
		it = list_pop(&r->waiting);
		c = LIST_ENTRY(it, struct rdb_call, link);
		buf_add(conn_out(r->conn), buf_ptr(&r->backlog), c->bytes);
		buf_drop(&r->backlog, c->bytes);
		r->outstanding += c->bytes;
		list_append(&r->pending, &c->link);
		conn_kick(r->conn);
	}
	if (list_empty(&r->waiting) && r->backlog.cap)
		buf_fini(&r->backlog);
}

/* --- calls ------------------------------------------------------------- */

struct buf *
rdb_begin(struct rdb *r)
{
	BUG_ON(r->writing);
	if (r->state != ST_UP && r->state != ST_GREETING) {
		buf_clear(&r->trash);
		r->writing = &r->trash;
	} else if (!list_empty(&r->waiting) ||
	    r->outstanding >= RDB_OUTSTANDING_MAX) {
		r->writing = &r->backlog;
	} else {
		r->writing = conn_out(r->conn);
	}
	r->mark = r->writing->n;
	return r->writing;
}

static void
refuse(void *arg)
{
	struct rdb *r = arg;

	answer_all(r, &r->refused, RDB_DOWN);
}

static struct rdb_call *
call_new(struct rdb *r)
{
	struct list *it = list_pop(&r->spare);
	struct rdb_call *c = it ? LIST_ENTRY(it, struct rdb_call, link) :
				  mem_alloc(sizeof(*c));

	*c = (struct rdb_call){ .rdb = r };
	return c;
}

struct rdb_call *
rdb_send(struct rdb *r, rdb_done_fn *done, void *arg, int64_t timeout_ms)
{
	struct rdb_call *c = call_new(r);
	struct buf *to = r->writing;

	BUG_ON(to == NULL || to->n <= r->mark);
	c->done = done;
	c->arg = arg;
	c->bytes = to->n - r->mark;
	c->sent_ms = loop_ms();
	c->deadline_ms = c->sent_ms + (timeout_ms ? timeout_ms : r->timeout_ms);
	r->writing = NULL;
	stats_add(STATS_STORE_CALLS, 1);
	if (to == &r->trash) {
		list_append(&r->refused, &c->link);
		loop_defer(r->loop, &r->refusing, refuse, r);
		return c;
	}
	if (to == &r->backlog) {
		list_append(&r->waiting, &c->link);
	} else {
		list_append(&r->pending, &c->link);
		r->outstanding += c->bytes;
		conn_kick(r->conn);
	}
	if (!loop_timer_pending(&r->deadline))
		loop_timer_start(&r->deadline, c->deadline_ms - c->sent_ms);
	return c;
}

void
rdb_cancel(struct rdb_call **cp)
{
	if (*cp)
		(*cp)->done = NULL;
	*cp = NULL;
}

/* --- replies ----------------------------------------------------------- */

static bool
means_absent(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_ERROR &&
	    strncmp(reply->str, "LOADING", 7) == 0;
}

/* One reply of the reader; false when nothing more can be read from it. */
static bool
on_reply(struct rdb *r, redisReply *reply)
{
	struct list *it = list_pop(&r->pending);
	struct rdb_call *c;
	bool alive;

	if (it == NULL) {
		freeReplyObject(reply);
		drop(r, "Redis answers what was not asked");
		return false;
	}
	c = LIST_ENTRY(it, struct rdb_call, link);
	if (means_absent(reply)) {
		freeReplyObject(reply);
		list_prepend(&r->pending, &c->link);
		drop(r, "Redis is loading its data");
		return false;
	}
	r->outstanding -= c->bytes;
	stats_observe(STATS_STORE_LATENCY, loop_ms() - c->sent_ms);
	alive = answer(r, c,
	    reply->type == REDIS_REPLY_ERROR ? RDB_ERROR : RDB_OK, reply);
	freeReplyObject(reply);
	return alive && r->reader;
}

static void
on_read(void *arg)
{
	struct rdb *r = arg;
	struct buf *in = conn_in(r->conn);
	void *reply;

	if (redisReaderFeed(r->reader, buf_ptr(in), in->n) != REDIS_OK) {
		drop(r, "out of memory for replies");
		return;
	}
	buf_drop(in, in->n);
	for (;;) {
		reply = NULL;
		if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) {
			drop(r, r->reader->errstr);
			return;
		}
		if (reply == NULL)
			break;
		if (!on_reply(r, reply))
			return;
	}
	pump(r);
}

/* --- connecting -------------------------------------------------------- */

static void
on_greeting(void *arg, enum rdb_status st, struct rdb_reply *reply)
{
	struct rdb *r = arg;
	struct view text = rdb_reply_view(reply);

	if (st == RDB_LOST || st == RDB_DOWN || r->state != ST_GREETING)
		return;
	if (st == RDB_ERROR) {
		if (!r->refusal_logged)
			log_error("redis.refused", "text=%s", log_q(text));
		r->refusal_logged = true;
		/* Not from inside a reply: the reader is in use. */
		r->greetings = 0;
		conn_deadline(r->conn, 0);
		return;
	}
	if (r->greetings == 0 || --r->greetings)
		return;
	r->state = ST_UP;
	r->failures = 0;
	r->refusal_logged = false;
	r->ops->on_up(r->arg);
}

static void
greet(struct rdb *r, const char *a, const char *b, const char *c)
{
	struct rdb_codec cmd;

	rdb_codec_begin(&cmd, rdb_begin(r), (size_t)1 + (b != NULL) +
	    (c != NULL));
	rdb_codec_str(&cmd, a);
	if (b)
		rdb_codec_str(&cmd, b);
	if (c)
		rdb_codec_str(&cmd, c);
	rdb_codec_end(&cmd);
	r->greetings++;
	rdb_send(r, on_greeting, r, 0);
}

static void
on_connect(void *arg)
{
	struct rdb *r = arg;
	char db[24];

	conn_deadline(r->conn, -1);
	r->state = ST_GREETING;
	r->greetings = 0;
	if (r->password && r->user)
		greet(r, "AUTH", r->user, r->password);
	else if (r->password)
		greet(r, "AUTH", r->password, NULL);
	snprintf(db, sizeof(db), "%u", r->database);
	if (r->database)
		greet(r, "SELECT", db, NULL);
	greet(r, "PING", NULL, NULL); /* -LOADING, -NOAUTH show here */
}

static void
on_close(void *arg, enum conn_end end, const char *why)
{
	struct rdb *r = arg;

	if (end == CONN_TIMEOUT)
		why = r->state == ST_GREETING ? "Redis refuses us" :
						"connecting timed out";
	drop(r, end == CONN_EOF ? "Redis closed the connection" : why);
}

static const struct conn_ops conn_ops = {
	.on_connect = on_connect,
	.on_read = on_read,
	.on_close = on_close,
};

static void
connect_now(void *arg)
{
	struct rdb *r = arg;

	r->state = ST_CONNECTING;
	r->reader = redisReaderCreate();
	BUG_ON(r->reader == NULL);
	r->conn = conn_connect(r->loop, (const struct sockaddr *)&r->sa,
	    r->sa_len, NULL, 0, &conn_ops, r);
	conn_deadline(r->conn, r->timeout_ms);
}

struct rdb *
rdb_open(struct loop *l, const struct rdb_params *p, const struct rdb_ops *ops,
    void *arg, struct err *e)
{
	struct rdb *r = mem_zalloc(sizeof(*r));

	if (listener_parse(p->address, &r->sa, &r->sa_len, e)) {
		free(r);
		return NULL;
	}
	r->user = mem_strdup(p->user);
	r->password = mem_strdup(p->password);
	r->database = p->database;
	r->timeout_ms = p->timeout_ms;
	r->loop = l;
	r->ops = ops;
	r->arg = arg;
	list_init(&r->pending);
	list_init(&r->waiting);
	list_init(&r->refused);
	list_init(&r->spare);
	loop_timer_init(&r->retry, l, connect_now, r);
	loop_timer_init(&r->deadline, l, on_deadline, r);
	connect_now(r);
	return r;
}

static void
free_calls(struct list *from)
{
	struct list *it;

	while ((it = list_pop(from)) != NULL)
		free(LIST_ENTRY(it, struct rdb_call, link));
}

static void
release(void *p)
{
	struct rdb *r = p;

	if (r->reader)
		redisReaderFree(r->reader);
	free_calls(&r->pending);
	free_calls(&r->waiting);
	free_calls(&r->refused);
	free_calls(&r->spare);
	buf_fini(&r->backlog);
	buf_fini(&r->trash);
	free(r->user);
	free(r->password);
	free(r);
}

void
rdb_close(struct rdb **rp)
{
	struct rdb *r = *rp;

	if (r == NULL)
		return;
	*rp = NULL;
	r->dead = true;
	r->state = ST_WAITING;
	conn_close(&r->conn);
	loop_timer_stop(&r->retry);
	loop_timer_stop(&r->deadline);
	loop_undefer(&r->refusing);
	loop_bury(r->loop, r, release);
}
