/*
 * One event loop (libev) and what lives in it: timers, work put off to the
 * end of the turn, and the graveyard.
 *
 * Lifetime rule: x_close(&p) may be called at any time, even inside p's own
 * callback.  It stops the watchers, sets p->dead, NULLs the caller's pointer
 * and hands the memory to loop_bury(); memory is freed at the end of the turn
 * and nowhere else.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

#include "base/list.h"

struct loop;

/* The first loop is libev's default loop, so that it may watch children.
 * SIGPIPE is ignored from here on. */
struct loop *loop_new(void);
void loop_free(struct loop **l); /* runs the graveyard a last time */
struct ev_loop *loop_ev(struct loop *l);
void loop_run(struct loop *l);
void loop_break(struct loop *l);

/* Memory to release at the end of this turn, by release(p). */
void loop_bury(struct loop *l, void *p, void (*release)(void *p));

/* fn(arg) once, at the end of this turn, before the loop sleeps.  Already
 * pending: nothing changes.  Cancelling promises silence. */
struct loop_task {
	struct list link;
	void (*fn)(void *arg);
	void *arg;
};
void loop_defer(struct loop *l, struct loop_task *t, void (*fn)(void *arg),
    void *arg);
void loop_undefer(struct loop_task *t);
/* The same, but after every deferred task of this turn: here connections
 * write what the whole turn appended.  loop_undefer takes it back. */
void loop_flush_later(struct loop *l, struct loop_task *t,
    void (*fn)(void *arg), void *arg);
/* fn(arg) when the loop is freed, for what lives on without an owner. */
void loop_at_free(struct loop *l, struct loop_task *t, void (*fn)(void *arg),
    void *arg);

/* ms that never step back; timers and deadlines follow them even where a test
 * has set base/clock. */
int64_t loop_ms(void);

/* One-shot timer. */
struct loop_timer {
	ev_timer ev;
	struct loop *loop; /* borrowed */
	void (*fn)(void *arg);
	void *arg;
};
void loop_timer_init(struct loop_timer *t, struct loop *l,
    void (*fn)(void *arg), void *arg);
void loop_timer_start(struct loop_timer *t, int64_t ms); /* restarts */
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_pending(const struct loop_timer *t);

#endif
