/*
 * Worker threads for pure computation.  A job goes out, its result comes back
 * to the loop by ev_async; a worker touches nothing but the job.
 * With no workers the job runs inside pool_submit's turn, at its end.
 */
#ifndef IO_POOL_H
#define IO_POOL_H

#include <stddef.h>

struct loop;
struct pool;

struct pool *pool_new(struct loop *l, unsigned workers);
/* Waits for running jobs; calls no done, but release for each job left. */
void pool_free(struct pool **p);

struct pool_job; /* request; one per submitted job */
/* work(arg) on a worker, then done(arg) on the loop; the job is over when done
 * is called.  Cancelling: done will not be called; release(arg) is, on the
 * loop, once the worker let go.  So exactly one of done and release is called;
 * release may be NULL. */
struct pool_job *pool_submit(struct pool *p, void (*work)(void *arg),
    void (*done)(void *arg), void (*release)(void *arg), void *arg);
void pool_cancel(struct pool_job **j);
size_t pool_backlog(const struct pool *p);

#endif
