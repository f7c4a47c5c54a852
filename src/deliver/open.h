/*
 * Sessions for what waits on a route: how many, when, from which source.
 */
#ifndef DELIVER_OPEN_H
#define DELIVER_OPEN_H

struct deliver;
struct deliver_route;

/* Opens what the route's waiting items want, within the limits; where only
 * time is missing the route is looked at again then. */
void deliver_open_route(struct deliver *d, struct deliver_route *r);
/* Idle sessions of the route ask for work. */
void deliver_open_wake(struct deliver *d, struct deliver_route *r);

#endif
