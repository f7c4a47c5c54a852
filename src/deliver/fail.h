/*
 * What the end of a session says of its route: nothing, that the site is full,
 * that the route is down, that it can never be reached.
 */
#ifndef DELIVER_FAIL_H
#define DELIVER_FAIL_H

struct deliver_end;
struct deliver_peer;

/* The peer is off its route's list already. */
void deliver_fail_learn(struct deliver_peer *p, const struct deliver_end *end);

#endif
