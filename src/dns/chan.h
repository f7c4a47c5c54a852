/*
 * The c-ares channel in our loop: sockets, the coarse timer, the bound on
 * outstanding queries.  Queries beyond the bound wait in order.
 */
#ifndef DNS_CHAN_H
#define DNS_CHAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

struct conf_dns;
struct dns_answer;
struct dns_chan;
struct dns_chan_port;
struct loop;

struct dns_chan *dns_chan_open(struct loop *l, const struct conf_dns *conf,
    struct err *e);
void dns_chan_close(struct dns_chan **c); /* queries stay silent */

/* One question to the servers.  Embedded by its owner, who may not free it
 * while it is sent; all-zero is idle.  done takes the answer; it may come
 * from inside dns_chan_ask. */
struct dns_chan_query {
	struct list link; /* waiting for its turn */
	const char *name; /* borrowed */
	uint16_t type;
	void (*done)(void *arg, struct dns_answer *a);
	void *arg;
	struct dns_chan *chan;  /* set while asked */
	struct dns_chan_port *port; /* set while sent */
	bool plain; /* sent without EDNS */
};
void dns_chan_ask(struct dns_chan *c, struct dns_chan_query *q);
/* Takes back what only waits: false when it is sent already. */
bool dns_chan_withdraw(struct dns_chan_query *q);

#endif
