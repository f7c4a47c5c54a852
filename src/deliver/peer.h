/*
 * Our side of a session: which lot it works for, and what its end means for
 * the route.
 */
#ifndef DELIVER_PEER_H
#define DELIVER_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct deliver;
struct deliver_lot;
struct deliver_route;
struct deliver_session;
struct deliver_site;

struct deliver_peer {
	struct list of_route;
	struct list idle;     /* in its site's idle list */
	struct list idle_all; /* in the list of all */
	struct deliver *d;
	struct deliver_session *s; /* borrowed: ends with gone() */
	struct deliver_route *route;
	struct deliver_lot *lot;
	int source; /* index, or SITE_SOURCE_ANY */
	bool asked;      /* it came to ask for work: greeted */
	bool stopping;
	bool unproven;   /* counted as such */
	bool productive; /* the peer judged a recipient or a content */
	bool burnt;      /* an item's attempt was used by its failure */
	unsigned njobs, handed;
	int64_t opened; /* mono */
};

/* Opens a session for the lot; the limits were looked at. */
void deliver_peer_start(struct deliver *d, struct deliver_lot *lot,
    int source);
/* Ends an idle session of the site that serves another route, or, for NULL,
 * of any site. */
bool deliver_peer_make_room(struct deliver *d, struct deliver_site *s);
void deliver_peer_stop_all(struct deliver *d, bool at_once);

#endif
