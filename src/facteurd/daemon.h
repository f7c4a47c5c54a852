/*
 * The daemon put together: makes every part, wires the callbacks that go up
 * (queue to scheduler, outcomes to accounting), and takes it down in order.
 */
#ifndef FACTEURD_DAEMON_H
#define FACTEURD_DAEMON_H

#include "base/err.h"

struct conf;
struct daemon;

/* Listeners open, the queue starting.  Takes over the reference to conf. */
struct daemon *facteurd_daemon_new(struct conf *conf, struct err *e);
/* Returns when the daemon was told to stop and all is settled. */
void facteurd_daemon_run(struct daemon *d);
void facteurd_daemon_free(struct daemon **d);

#endif
