#include "config.h"
#include "io/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/list.h"
#include "base/mem.h"
#include "io/loop.h"

/* Workers yield to the loop: measured, that keeps its lateness under 1 ms. */
#define WORKER_NICE 10
/* Without workers: jobs in one go before the sockets have a chance. */
#define INLINE_JOBS 2

struct pool_job {
	struct list link; /* on todo or finished, or with a worker */
	struct pool *pool; /* borrowed */
	void (*work)(void *arg);
	void (*done)(void *arg);
	void (*release)(void *arg);
	void *arg;
	bool waiting;   /* on todo: under the lock */
	bool cancelled; /* the loop's alone */
};

struct pool {
	struct loop *loop; /* borrowed */
	ev_async wake;
	struct loop_task inline_task;
	pthread_t *threads; /* owned */
	unsigned workers;
	struct list over; /* the loop's: about to be answered */
	size_t backlog;   /* the loop's: submitted and not yet over */
	bool dead;

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t work_there;
	struct list todo;
	struct list finished;
	bool stopping;
};

static void
add_finished(struct pool *p, struct pool_job *j)
{
	if (list_empty(&p->finished))
		ev_async_send(loop_ev(p->loop), &p->wake);
	list_append(&p->finished, &j->link);
}

static void *
work_on(void *arg)
{
	struct pool *p = arg;
	struct pool_job *j;
	struct list *it;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), WORKER_NICE);
	pthread_mutex_lock(&p->lock);
	while (!p->stopping) {
		it = list_pop(&p->todo);
		if (it == NULL) {
			pthread_cond_wait(&p->work_there, &p->lock);
			continue;
		}
		j = LIST_ENTRY(it, struct pool_job, link);
		j->waiting = false;
		pthread_mutex_unlock(&p->lock);
		j->work(j->arg);
		pthread_mutex_lock(&p->lock);
		add_finished(p, j);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void
finish(struct pool *p, struct pool_job *j)
{
	void (*fn)(void *) = j->cancelled ? j->release : j->done;
	void *arg = j->arg;

	/* The loop runs on for the sake of jobs, not of the pool. */
	if (--p->backlog == 0)
		ev_unref(loop_ev(p->loop));
	free(j);
	if (fn)
		fn(arg);
}

static void
on_wake(struct ev_loop *ev, ev_async *w, int revents)
{
	struct pool *p = w->data;
	struct list *it;

	(void)ev;
	(void)revents;
	pthread_mutex_lock(&p->lock);
	while ((it = list_pop(&p->finished)) != NULL)
		list_append(&p->over, it);
	pthread_mutex_unlock(&p->lock);
	while (!p->dead && (it = list_pop(&p->over)) != NULL)
		finish(p, LIST_ENTRY(it, struct pool_job, link));
}

static void
on_inline(void *arg)
{
	struct pool *p = arg;
	struct pool_job *j;
	struct list *it;
	int i;

	for (i = 0; i < INLINE_JOBS && !p->dead; i++) {
		it = list_pop(&p->todo);
		if (it == NULL)
			return;
		j = LIST_ENTRY(it, struct pool_job, link);
		if (!j->cancelled)
			j->work(j->arg);
		finish(p, j);
	}
	if (!p->dead && !list_empty(&p->todo))
		loop_defer(p->loop, &p->inline_task, on_inline, p);
}

/* Signals are the loop's. */
static void
start_threads(struct pool *p, unsigned workers)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	p->threads = mem_zalloc(workers * sizeof(*p->threads));
	while (p->workers < workers && pthread_create(
	    &p->threads[p->workers], NULL, work_on, p) == 0)
		p->workers++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct pool *
pool_new(struct loop *l, unsigned workers)
{
	struct pool *p = mem_zalloc(sizeof(*p));

	p->loop = l;
	list_init(&p->todo);
	list_init(&p->finished);
	list_init(&p->over);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work_there, NULL);
	ev_async_init(&p->wake, on_wake);
	p->wake.data = p;
	ev_async_start(loop_ev(l), &p->wake);
	ev_unref(loop_ev(l));
	start_threads(p, workers);
	return p;
}

static void
release_all(struct pool *p, struct list *jobs)
{
	struct pool_job *j;
	struct list *it;

	while ((it = list_pop(jobs)) != NULL) {
		j = LIST_ENTRY(it, struct pool_job, link);
		j->cancelled = true;
		finish(p, j);
	}
}

static void
bury(void *arg)
{
	struct pool *p = arg;

	pthread_cond_destroy(&p->work_there);
	pthread_mutex_destroy(&p->lock);
	free(p->threads);
	free(p);
}

void
pool_free(struct pool **pp)
{
	struct pool *p = *pp;
	unsigned i;

	*pp = NULL;
	if (p == NULL)
		return;
	p->dead = true;
	pthread_mutex_lock(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->work_there);
	pthread_mutex_unlock(&p->lock);
	for (i = 0; i < p->workers; i++)
		pthread_join(p->threads[i], NULL);
	ev_ref(loop_ev(p->loop));
	ev_async_stop(loop_ev(p->loop), &p->wake);
	loop_undefer(&p->inline_task);
	release_all(p, &p->over);
	release_all(p, &p->finished);
	release_all(p, &p->todo);
	BUG_ON(p->backlog);
	loop_bury(p->loop, p, bury);
}

struct pool_job *
pool_submit(struct pool *p, void (*work)(void *arg), void (*done)(void *arg),
    void (*release)(void *arg), void *arg)
{
	struct pool_job *j = mem_zalloc(sizeof(*j));

	j->pool = p;
	j->work = work;
	j->done = done;
	j->release = release;
	j->arg = arg;
	if (p->backlog++ == 0)
		ev_ref(loop_ev(p->loop));
	if (p->workers == 0) {
		list_append(&p->todo, &j->link);
		loop_defer(p->loop, &p->inline_task, on_inline, p);
		return j;
	}
	pthread_mutex_lock(&p->lock);
	j->waiting = true;
	list_append(&p->todo, &j->link);
	pthread_cond_signal(&p->work_there);
	pthread_mutex_unlock(&p->lock);
	return j;
}

void
pool_cancel(struct pool_job **jp)
{
	struct pool_job *j = *jp;
	struct pool *p;

	*jp = NULL;
	if (j == NULL)
		return;
	p = j->pool;
	j->cancelled = true;
	if (p->workers == 0)
		return;
	pthread_mutex_lock(&p->lock);
	if (j->waiting) {
		j->waiting = false;
		list_remove(&j->link);
		add_finished(p, j);
	}
	pthread_mutex_unlock(&p->lock);
}

size_t
pool_backlog(const struct pool *p)
{
	return p->backlog;
}
