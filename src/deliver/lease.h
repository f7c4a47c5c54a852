/*
 * Records from the lanes into memory: the wants of one turn leave in one call
 * per shard, what comes back goes to its route.
 */
#ifndef DELIVER_LEASE_H
#define DELIVER_LEASE_H

struct deliver;
struct deliver_lane;
struct deliver_route;

/* How much of each class the route may take now is filled from its lanes. */
void deliver_lease_fill(struct deliver *d, struct deliver_route *r);
void deliver_lease_condemned(struct deliver *d);
/* End of the turn: the calls leave. */
void deliver_lease_flush(struct deliver *d);
void deliver_lease_free_all(struct deliver *d);

#endif
