#include "config.h"
#include "intake/intake_priv.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/clock.h"
#include "base/mem.h"

#define RATE_MS (60 * 1000)

struct intake_user {
	const struct conf_user *user;     /* of the generation's conf */
	const struct conf_tenant *tenant;
	UT_hash_handle hh;
};

struct intake_rate { /* messages of a tenant in this minute */
	char *tenant;
	int64_t since;
	unsigned count;
	UT_hash_handle hh;
};

void
intake_tenant_index(struct intake_generation *g)
{
	const struct conf *c = g->conf;
	size_t t, u;

	for (t = 0; t < c->ntenant; t++)
		for (u = 0; u < c->tenant[t].nusers; u++) {
			const struct conf_user *user = &c->tenant[t].users[u];
			struct intake_user *row;

			HASH_FIND(hh, g->users, user->name,
			    strlen(user->name), row);
			if (row) /* the first one in the file counts */
				continue;
			row = mem_zalloc(sizeof(*row));
			row->user = user;
			row->tenant = &c->tenant[t];
			HASH_ADD_KEYPTR(hh, g->users, user->name,
			    strlen(user->name), row);
		}
}

void
intake_tenant_index_free(struct intake_generation *g)
{
	struct intake_user *row, *next;

	HASH_ITER(hh, g->users, row, next) {
		HASH_DEL(g->users, row);
		free(row);
	}
}

/* A listener that is one tenant's own knows no other tenant's users. */
const struct conf_user *
intake_tenant_user(const struct intake_door *d, const char *name,
    const struct conf_tenant **tenant)
{
	struct intake_user *row;

	HASH_FIND(hh, d->generation->users, name, strlen(name), row);
	if (row == NULL || (d->listen->tenant &&
			       strcmp(d->listen->tenant, row->tenant->name)))
		return NULL;
	*tenant = row->tenant;
	return row->user;
}

static const struct conf_tenant *
by_network(struct intake_session *s)
{
	const struct conf *c = s->door->generation->conf;
	const struct sockaddr *peer;
	socklen_t len;
	size_t t;

	peer = conn_peer(s->conn, &len);
	if (len == 0 || peer->sa_family == AF_UNIX)
		return NULL;
	for (t = 0; t < c->ntenant; t++)
		if (c->tenant[t].networks.n &&
		    conf_nets_match(&c->tenant[t].networks, peer))
			return &c->tenant[t];
	return NULL;
}

static const struct conf_tenant *
look_up(struct intake_session *s)
{
	const struct intake_door *d = s->door;
	const struct conf_tenant *t = NULL;

	if (s->user)
		return intake_tenant_user(d, s->user, &t) ? t : NULL;
	if (d->listen->auth == CONF_AUTH_REQUIRED)
		return NULL;
	if (d->listen->tenant && *d->listen->tenant)
		return conf_tenant_find(d->generation->conf,
		    d->listen->tenant);
	return by_network(s);
}

const struct conf_tenant *
intake_tenant_of(struct intake_session *s)
{
	if (!s->known) {
		s->tenant = look_up(s);
		s->known = true;
	}
	return s->tenant;
}

/* --- max_message_rate ---------------------------------------------------- */

static struct intake_rate *
rate_of(struct intake *i, const struct conf_tenant *t)
{
	int64_t now = clock_mono();
	struct intake_rate *r;

	HASH_FIND_STR(i->rates, t->name, r);
	if (r == NULL) {
		r = mem_zalloc(sizeof(*r));
		r->tenant = mem_strdup(t->name);
		r->since = now;
		HASH_ADD_KEYPTR(hh, i->rates, r->tenant, strlen(r->tenant), r);
	}
	if (now - r->since >= RATE_MS) {
		r->since = now;
		r->count = 0;
	}
	return r;
}

bool
intake_tenant_rate_ok(struct intake *i, const struct conf_tenant *t)
{
	return t->max_message_rate == 0 ||
	    rate_of(i, t)->count < t->max_message_rate;
}

void
intake_tenant_rate_take(struct intake *i, const struct conf_tenant *t)
{
	if (t->max_message_rate)
		rate_of(i, t)->count++;
}

void
intake_tenant_rate_return(struct intake *i, const struct conf_tenant *t)
{
	struct intake_rate *r;

	if (t->max_message_rate == 0)
		return;
	r = rate_of(i, t);
	if (r->count)
		r->count--;
}

void
intake_tenant_rates_free(struct intake *i)
{
	struct intake_rate *r, *next;

	HASH_ITER(hh, i->rates, r, next) {
		HASH_DEL(i->rates, r);
		free(r->tenant);
		free(r);
	}
}
