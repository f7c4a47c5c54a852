/*
 * Records that pass their expiry while they wait in a lane: asked for now and
 * then, a part of the queue at a time.
 */
#ifndef DELIVER_EXPIRY_H
#define DELIVER_EXPIRY_H

struct deliver;

void deliver_expiry_start(struct deliver *d);
void deliver_expiry_stop(struct deliver *d);

#endif
