/*
 * Counts system calls of the code under test (linked with --wrap), and runs
 * the loop until a condition holds or five seconds have passed.
 */
#ifndef IO_CALLS_H
#define IO_CALLS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/socket.h>

#include "io/loop.h"

static struct { unsigned sends, recvs; } calls;

ssize_t __real_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
ssize_t __real_recv(int fd, void *p, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags);

ssize_t
__wrap_send(int fd, const void *p, size_t n, int flags)
{
	calls.sends++;
	return __real_send(fd, p, n, flags);
}

ssize_t
__wrap_recv(int fd, void *p, size_t n, int flags)
{
	calls.recvs++;
	return __real_recv(fd, p, n, flags);
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *m, int flags)
{
	calls.recvs++;
	return __real_recvmsg(fd, m, flags);
}

static struct loop *loop;

static void
guard_fired(void *arg)
{
	*(bool *)arg = true;
	loop_break(loop);
}

static inline void
run_guarded(int64_t ms, bool may_end)
{
	struct loop_timer guard;
	bool fired = false;

	loop_timer_init(&guard, loop, guard_fired, &fired);
	loop_timer_start(&guard, ms);
	loop_run(loop);
	loop_timer_stop(&guard);
	if (!may_end)
		assert_false(fired);
}

/* Until loop_break(). */
#define RUN() run_guarded(5000, false)
/* For so long. */
#define RUN_FOR(ms) run_guarded((ms), true)

#endif
