#include "config.h"
#include "dns/chan.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"
#include "conf/conf.h"
#include "dns/answer.h"
#include "io/loop.h"
#include "stats/stats.h"

#define TICK_MS 100 /* the precision of time-outs */
#define EDNS_BYTES 1232 /* fits every path without fragments */
#define RECEIVE_BUFFER (1 << 20)

/* One c-ares channel.  A server that answers FORMERR makes c-ares give up
 * EDNS for all that is asked through it, so it is then replaced and ends with
 * its last query. */
struct dns_chan_port {
	struct list link;
	struct dns_chan *chan; /* borrowed */
	ares_channel ares;     /* owned */
	struct list socks;
	unsigned queries;
	bool worn;
};

struct sock {
	struct list link;
	struct dns_chan_port *port; /* borrowed */
	ev_io io;
};

struct dns_chan {
	struct loop *loop; /* borrowed */
	char *servers;     /* owned: "host:port,..."; NULL: resolv.conf */
	int timeout_ms, tries;
	unsigned max_queries;

	struct loop_timer tick;
	struct loop_task sweep; /* destroys worn ports */
	struct list ports;      /* the first one is in use */
	struct list waiting;
	unsigned queries; /* outstanding, all ports */
	bool asking; /* in ask_waiting: answers at once must not recurse */
	bool closing;
};

static void
on_io(struct ev_loop *ev, ev_io *w, int revents)
{
	struct sock *s = w->data;

	(void)ev;
	ares_process_fd(s->port->ares,
	    revents & EV_READ ? w->fd : ARES_SOCKET_BAD,
	    revents & EV_WRITE ? w->fd : ARES_SOCKET_BAD);
}

static void
release_sock(void *p)
{
	free(p);
}

static struct sock *
find_sock(struct dns_chan_port *p, int fd)
{
	struct list *it, *tmp;

	/* One per server and protocol, or few more: no table is needed. */
	LIST_FOREACH(it, tmp, &p->socks) {
		struct sock *s = LIST_ENTRY(it, struct sock, link);

		if (s->io.fd == fd)
			return s;
	}
	return NULL;
}

/* c-ares says what it wants to hear of a socket; both 0: it closes it. */
static void
on_sock_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct dns_chan_port *p = arg;
	struct sock *s = find_sock(p, fd);
	int events = (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0);

	if (s == NULL && events == 0)
		return;
	if (s == NULL) {
		s = mem_zalloc(sizeof(*s));
		s->port = p;
		ev_io_init(&s->io, on_io, fd, events);
		s->io.data = s;
		list_append(&p->socks, &s->link);
		ev_io_start(loop_ev(p->chan->loop), &s->io);
		return;
	}
	if (events && s->io.events == events)
		return;
	ev_io_stop(loop_ev(p->chan->loop), &s->io);
	if (events) {
		ev_io_set(&s->io, fd, events);
		ev_io_start(loop_ev(p->chan->loop), &s->io);
		return;
	}
	list_remove(&s->link);
	loop_bury(p->chan->loop, s, release_sock);
}

static void
destroy_port(struct dns_chan_port *p)
{
	ares_destroy(p->ares);
	list_remove(&p->link);
	free(p);
}

static int
add_port(struct dns_chan *c, struct err *e)
{
	struct dns_chan_port *p = mem_zalloc(sizeof(*p));
	struct ares_options o = { 0 };
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
	    ARES_OPT_SOCK_STATE_CB | ARES_OPT_EDNSPSZ |
	    ARES_OPT_SOCK_RCVBUF, rc;

	/* NOCHECKRESP: a SERVFAIL is an answer, not a dead server. */
	o.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH |
	    ARES_FLAG_NOALIASES | ARES_FLAG_EDNS;
	o.timeout = c->timeout_ms;
	o.tries = c->tries;
	o.ednspsz = EDNS_BYTES;
	o.socket_receive_buffer_size = RECEIVE_BUFFER;
	o.sock_state_cb = on_sock_state;
	o.sock_state_cb_data = p;
	p->chan = c;
	list_init(&p->socks);
	rc = ares_init_options(&p->ares, &o, mask);
	if (rc != ARES_SUCCESS) {
		free(p);
		return err_set(e, "resolver: %s", ares_strerror(rc));
	}
	if (c->servers &&
	    (rc = ares_set_servers_ports_csv(p->ares, c->servers))) {
		ares_destroy(p->ares);
		free(p);
		return err_set(e, "dns servers %s: %s", c->servers,
		    ares_strerror(rc));
	}
	list_prepend(&c->ports, &p->link);
	return 0;
}

static void
on_sweep(void *arg)
{
	struct dns_chan *c = arg;
	struct list *it, *tmp;

	LIST_FOREACH(it, tmp, &c->ports) {
		struct dns_chan_port *p =
		    LIST_ENTRY(it, struct dns_chan_port, link);

		if (p->worn && p->queries == 0)
			destroy_port(p);
	}
}

static void
on_tick(void *arg)
{
	struct dns_chan *c = arg;
	struct list *it, *tmp;

	LIST_FOREACH(it, tmp, &c->ports)
		ares_process_fd(
		    LIST_ENTRY(it, struct dns_chan_port, link)->ares,
		    ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	if (c->queries)
		loop_timer_start(&c->tick, TICK_MS);
}

static bool
lost_edns(struct dns_chan_port *p)
{
	struct ares_options o;
	int mask;
	bool lost;

	if (ares_save_options(p->ares, &o, &mask) != ARES_SUCCESS)
		return false;
	lost = !(o.flags & ARES_FLAG_EDNS);
	ares_destroy_options(&o);
	return lost;
}

static struct dns_answer *
answer_of(int status, unsigned char *p, int n, uint16_t type)
{
	if (status == ARES_SUCCESS)
		return dns_answer_parse(view_of(p, (size_t)n), type);
	if (status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED)
		return dns_answer_empty(DNS_TIMEOUT);
	return dns_answer_empty(DNS_SERVFAIL);
}

static void ask_now(struct dns_chan *c, struct dns_chan_query *q);

static void
ask_waiting(struct dns_chan *c)
{
	struct list *it;

	if (c->asking)
		return;
	c->asking = true;
	while (c->queries < c->max_queries &&
	    (it = list_pop(&c->waiting)) != NULL)
		ask_now(c, LIST_ENTRY(it, struct dns_chan_query, link));
	c->asking = false;
}

static void
finish(struct dns_chan_query *q, struct dns_answer *a)
{
	q->chan = NULL;
	q->port = NULL;
	q->done(q->arg, a);
}

static void
on_answer(void *arg, int status, int timeouts, unsigned char *p, int n)
{
	struct dns_chan_query *q = arg;
	struct dns_chan *c = q->chan;
	struct dns_answer *a;

	(void)timeouts;
	c->queries--;
	q->port->queries--;
	if (c->closing || status == ARES_EDESTRUCTION)
		return;
	a = answer_of(status, p, n, q->type);
	if (status == ARES_SUCCESS && !q->plain && !a->has_opt &&
	    !q->port->worn && lost_edns(q->port) && add_port(c, NULL) == 0) {
		q->port->worn = true;
		loop_defer(c->loop, &c->sweep, on_sweep, c);
	}
	if (q->port->worn && q->port->queries == 0)
		loop_defer(c->loop, &c->sweep, on_sweep, c);
	if (a->format_error && !q->plain) {
		/* RFC 6891 7: once more, without. */
		dns_answer_unref(&a);
		q->plain = true;
		q->port = NULL;
		list_prepend(&c->waiting, &q->link);
	} else {
		finish(q, a);
	}
	ask_waiting(c);
}

static void
ask_now(struct dns_chan *c, struct dns_chan_query *q)
{
	unsigned char *wire;
	int n, rc;

	rc = ares_create_query(q->name, ns_c_in, q->type,
	    (unsigned short)rand_u64(), 1, &wire, &n,
	    q->plain ? 0 : EDNS_BYTES);
	if (rc != ARES_SUCCESS) {
		/* What is no name at all cannot exist. */
		finish(q, dns_answer_empty(rc == ARES_ENOMEM ? DNS_SERVFAIL :
		    DNS_NXDOMAIN));
		return;
	}
	wire[3] |= 0x20; /* AD: we understand it (RFC 6840 5.7) */
	stats_add(STATS_DNS_QUERIES, 1);
	q->port = LIST_ENTRY(c->ports.next, struct dns_chan_port, link);
	q->port->queries++;
	c->queries++;
	ares_send(q->port->ares, wire, n, on_answer, q);
	ares_free_string(wire);
	if (c->queries && !loop_timer_pending(&c->tick))
		loop_timer_start(&c->tick, TICK_MS);
}

void
dns_chan_ask(struct dns_chan *c, struct dns_chan_query *q)
{
	q->chan = c;
	q->plain = false;
	if (c->queries >= c->max_queries)
		list_append(&c->waiting, &q->link);
	else
		ask_now(c, q);
}

bool
dns_chan_withdraw(struct dns_chan_query *q)
{
	if (q->port || !list_linked(&q->link))
		return false;
	list_remove(&q->link);
	q->chan = NULL;
	return true;
}

struct dns_chan *
dns_chan_open(struct loop *l, const struct conf_dns *conf, struct err *e)
{
	struct dns_chan *c = mem_zalloc(sizeof(*c));
	struct buf b = { 0 };
	size_t i;

	for (i = 0; i < conf->servers.n; i++)
		buf_addf(&b, "%s%s", i ? "," : "", conf->servers.v[i]);
	c->servers = b.n ? buf_take(&b) : NULL;
	c->loop = l;
	c->timeout_ms = conf->timeout_ms > 0 ? (int)conf->timeout_ms : 5000;
	c->tries = conf->tries ? (int)conf->tries : 3;
	c->max_queries = conf->max_queries ? conf->max_queries : 1;
	list_init(&c->ports);
	list_init(&c->waiting);
	loop_timer_init(&c->tick, l, on_tick, c);
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
	    add_port(c, e)) {
		free(c->servers);
		free(c);
		return NULL;
	}
	return c;
}

static void
release(void *p)
{
	struct dns_chan *c = p;

	free(c->servers);
	free(c);
}

void
dns_chan_close(struct dns_chan **cp)
{
	struct dns_chan *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	c->closing = true;
	loop_timer_stop(&c->tick);
	loop_undefer(&c->sweep);
	while (!list_empty(&c->waiting))
		list_pop(&c->waiting);
	while (!list_empty(&c->ports))
		destroy_port(LIST_ENTRY(c->ports.next, struct dns_chan_port,
		    link));
	ares_library_cleanup();
	loop_bury(c->loop, c, release);
}
