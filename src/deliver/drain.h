/*
 * Ending: no new work, what is in flight finishes, the rest goes back.
 */
#ifndef DELIVER_DRAIN_H
#define DELIVER_DRAIN_H

#include <stdint.h>

struct deliver;

void deliver_drain_start(struct deliver *d, int64_t within_ms,
    void (*done)(void *arg), void *arg);
void deliver_drain_stop(struct deliver *d);
/* Something ended: done, when it was the last. */
void deliver_drain_check(struct deliver *d);

#endif
