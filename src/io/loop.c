#include "config.h"
#include "io/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/bug.h"
#include "base/mem.h"

/* Rounds of tasks and flushes in one turn; what is left after them runs in
 * the next turn, after the sockets had theirs. */
#define ROUNDS 16

struct grave {
	void *p; /* owned */
	void (*release)(void *p);
};

struct loop {
	struct ev_loop *ev; /* owned */

	ev_prepare prepare;
	ev_idle again; /* active while work is left: the loop does not sleep */

	struct list tasks;
	struct list flushes;
	struct list at_free;
	bool broken;

	struct grave *graves; /* owned */
	size_t ngraves;
	size_t max_graves;
};

static bool default_taken;

static bool
work_left(const struct loop *l)
{
	return !list_empty(&l->tasks) || !list_empty(&l->flushes);
}

/* Runs what is on the list now; what is added meanwhile waits for the next
 * round. */
static void
run_round(struct list *from)
{
	struct list now, *it;
	struct loop_task *t;

	list_init(&now);
	while ((it = list_pop(from)) != NULL)
		list_append(&now, it);
	while ((it = list_pop(&now)) != NULL) {
		t = LIST_ENTRY(it, struct loop_task, link);
		t->fn(t->arg);
	}
}

static void
empty_graves(struct loop *l)
{
	size_t i;

	/* A release may bury more: the array can move meanwhile. */
	for (i = 0; i < l->ngraves; i++) {
		struct grave g = l->graves[i];

		g.release(g.p);
	}
	l->ngraves = 0;
}

static void
turn_end(struct loop *l)
{
	int round;

	for (round = 1; round <= ROUNDS && work_left(l); round++) {
		run_round(&l->tasks);
		if (list_empty(&l->tasks) || round == ROUNDS)
			run_round(&l->flushes);
	}
	empty_graves(l);
}

static void
on_prepare(struct ev_loop *ev, ev_prepare *w, int revents)
{
	struct loop *l = w->data;

	(void)revents;
	turn_end(l);
	if (work_left(l))
		ev_idle_start(ev, &l->again);
	else
		ev_idle_stop(ev, &l->again);
}

static void
on_again(struct ev_loop *ev, ev_idle *w, int revents)
{
	(void)ev;
	(void)w;
	(void)revents;
}

struct loop *
loop_new(void)
{
	const unsigned flags = EVBACKEND_EPOLL | EVFLAG_NOENV;
	struct loop *l = mem_zalloc(sizeof(*l));

	signal(SIGPIPE, SIG_IGN);
	l->ev = default_taken ? ev_loop_new(flags) : ev_default_loop(flags);
	if (l->ev == NULL)
		bug_die("no event loop", __FILE__, __LINE__);
	if (ev_is_default_loop(l->ev))
		default_taken = true;
	list_init(&l->tasks);
	list_init(&l->flushes);
	list_init(&l->at_free);
	ev_idle_init(&l->again, on_again);
	ev_prepare_init(&l->prepare, on_prepare);
	l->prepare.data = l;
	/* Last of all prepare watchers, and no reason to stay alive. */
	ev_set_priority(&l->prepare, EV_MINPRI);
	ev_prepare_start(l->ev, &l->prepare);
	ev_unref(l->ev);
	return l;
}

void
loop_free(struct loop **lp)
{
	struct loop *l = *lp;

	if (l == NULL)
		return;
	*lp = NULL;
	run_round(&l->at_free);
	empty_graves(l);
	ev_idle_stop(l->ev, &l->again);
	ev_ref(l->ev);
	ev_prepare_stop(l->ev, &l->prepare);
	if (ev_is_default_loop(l->ev))
		default_taken = false;
	ev_loop_destroy(l->ev);
	free(l->graves);
	free(l);
}

struct ev_loop *
loop_ev(struct loop *l)
{
	return l->ev;
}

void
loop_run(struct loop *l)
{
	l->broken = false;
	/* Deferred work alone keeps no watcher active. */
	do
		ev_run(l->ev, 0);
	while (!l->broken && work_left(l));
	turn_end(l);
}

void
loop_break(struct loop *l)
{
	l->broken = true;
	ev_break(l->ev, EVBREAK_ONE);
}

void
loop_bury(struct loop *l, void *p, void (*release)(void *p))
{
	if (l->ngraves == l->max_graves) {
		l->max_graves = l->max_graves ? 2 * l->max_graves : 64;
		l->graves = mem_realloc(l->graves,
		    l->max_graves * sizeof(*l->graves));
	}
	l->graves[l->ngraves++] = (struct grave){ p, release };
}

static void
enlist(struct list *on, struct loop_task *t, void (*fn)(void *arg), void *arg)
{
	if (list_linked(&t->link))
		return;
	t->fn = fn;
	t->arg = arg;
	list_append(on, &t->link);
}

void
loop_defer(struct loop *l, struct loop_task *t, void (*fn)(void *arg),
    void *arg)
{
	enlist(&l->tasks, t, fn, arg);
}

void
loop_flush_later(struct loop *l, struct loop_task *t, void (*fn)(void *arg),
    void *arg)
{
	enlist(&l->flushes, t, fn, arg);
}

void
loop_at_free(struct loop *l, struct loop_task *t, void (*fn)(void *arg),
    void *arg)
{
	enlist(&l->at_free, t, fn, arg);
}

void
loop_undefer(struct loop_task *t)
{
	list_remove(&t->link);
}

int64_t
loop_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
on_timer(struct ev_loop *ev, ev_timer *w, int revents)
{
	struct loop_timer *t = w->data;

	(void)ev;
	(void)revents;
	t->fn(t->arg);
}

void
loop_timer_init(struct loop_timer *t, struct loop *l, void (*fn)(void *arg),
    void *arg)
{
	ev_timer_init(&t->ev, on_timer, 0., 0.);
	t->ev.data = t;
	t->loop = l;
	t->fn = fn;
	t->arg = arg;
}

void
loop_timer_start(struct loop_timer *t, int64_t ms)
{
	/* Before the loop runs its idea of now may be long past. */
	if (ev_depth(t->loop->ev) == 0)
		ev_now_update(t->loop->ev);
	ev_timer_stop(t->loop->ev, &t->ev);
	ev_timer_set(&t->ev, ms > 0 ? (double)ms / 1000. : 0., 0.);
	ev_timer_start(t->loop->ev, &t->ev);
}

void
loop_timer_stop(struct loop_timer *t)
{
	/* All-zero: never initialised, so never started. */
	if (t->loop)
		ev_timer_stop(t->loop->ev, &t->ev);
}

bool
loop_timer_pending(const struct loop_timer *t)
{
	return ev_is_active(&t->ev) || ev_is_pending(&t->ev);
}
