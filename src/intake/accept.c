#include "config.h"
#include "intake/intake_priv.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uthash.h>

#include "base/log.h"
#include "base/mem.h"
#include "stats/stats.h"

struct intake_address { /* of clients that are connected now */
	unsigned char key[17];
	size_t nsessions;
	UT_hash_handle hh;
};

static void
address_key(const struct sockaddr *sa, unsigned char key[17])
{
	memset(key, 0, 17);
	key[0] = (unsigned char)sa->sa_family;
	if (sa->sa_family == AF_INET)
		memcpy(key + 1, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	else
		memcpy(key + 1, &((const struct sockaddr_in6 *)sa)->sin6_addr,
		    16);
}

static struct intake_address *
address_of(struct intake *i, const struct sockaddr *peer)
{
	struct intake_address *a;
	unsigned char key[17];

	if (peer->sa_family != AF_INET && peer->sa_family != AF_INET6)
		return NULL;
	address_key(peer, key);
	HASH_FIND(hh, i->addresses, key, sizeof(key), a);
	if (a == NULL) {
		a = mem_zalloc(sizeof(*a));
		memcpy(a->key, key, sizeof(key));
		HASH_ADD(hh, i->addresses, key, sizeof(key), a);
	}
	return a;
}

static void
address_drop(struct intake *i, struct intake_address *a)
{
	if (a == NULL || a->nsessions)
		return;
	HASH_DEL(i->addresses, a);
	free(a);
}

void
intake_accept_forget(struct intake_session *s)
{
	if (s->address == NULL)
		return;
	s->address->nsessions--;
	address_drop(s->intake, s->address);
	s->address = NULL;
}

/* One write that cannot block, as there is no session to wait with. */
static void
turn_away(struct intake_port *p, int fd, const struct sockaddr *peer, int code,
    const char *text)
{
	char client[CONN_ADDR_MAX];
	struct buf b = { 0 };

	conn_addr_text(peer, client);
	log_warn("intake.refused", "listener=%s client=%s code=%d text=%s",
	    p->door->listen->name, client, code, log_q(view_str(text)));
	stats_add(STATS_INTAKE_REFUSED, 1);
	if (p->door->listen->tls != CONF_TLS_IMPLICIT) {
		smtp_server_refuse(&b, p->door->hostname, code, text);
		send(fd, buf_ptr(&b), b.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		buf_fini(&b);
	}
	close(fd);
}

void
intake_accept(void *arg, int fd, const struct sockaddr *peer)
{
	struct intake_port *p = arg;
	struct intake *i = p->intake;
	const struct conf_listen *l = p->door->listen;
	struct intake_address *a = NULL;
	const char *why = NULL;

	stats_add(STATS_INTAKE_CONNECTIONS, 1);
	if (l->networks.n && peer->sa_family != AF_UNIX &&
	    !conf_nets_match(&l->networks, peer)) {
		turn_away(p, fd, peer, 554, "5.7.1 not from your address");
		return;
	}
	a = address_of(i, peer);
	if (i->nsessions >= i->generation->conf->limits.max_connections ||
	    p->nsessions >= l->max_connections)
		why = "4.3.2 too many connections";
	else if (a && a->nsessions >= l->max_connections_per_address)
		why = "4.7.0 too many connections from your address";
	if (why) {
		turn_away(p, fd, peer, 421, why);
		address_drop(i, a);
		return;
	}
	if (a)
		a->nsessions++;
	intake_session_open(p, fd, a, peer);
}
