#include "config.h"
#include "conf/verify.h"

#include <string.h>

#include "base/err.h"
#include "conf/conf.h"

struct verify {
	const struct conf *conf;
	void (*found)(void *arg, const char *block, const char *title,
	    const char *setting, const char *text);
	void *arg;
};

static void
check_tenant(const struct verify *v, const char *block, const char *title,
    const char *tenant)
{
	struct err e;

	if (tenant == NULL || conf_tenant_find(v->conf, tenant))
		return;
	err_set(&e, "tenant: there is no tenant \"%s\"", tenant);
	v->found(v->arg, block, title, "tenant", e.text);
}

static void
verify_listen(const struct verify *v, const struct conf_listen *l)
{
	check_tenant(v, "listen", l->name, l->tenant);
	if (l->auth == CONF_AUTH_REQUIRED && l->tls == CONF_TLS_NONE &&
	    !l->auth_without_tls)
		v->found(v->arg, "listen", l->name, "auth",
		    "auth: nobody can log in without tls or "
		    "auth_without_tls");
	if (l->tls == CONF_TLS_NONE)
		return;
	if (l->tls_certificate == NULL)
		v->found(v->arg, "listen", l->name, "tls",
		    "tls needs tls_certificate");
	else if (l->tls_key == NULL)
		v->found(v->arg, "listen", l->name, "tls",
		    "tls needs tls_key");
}

/* A user's name is known in one tenant only: AUTH has nothing else. */
static void
verify_users(const struct verify *v, size_t at)
{
	const struct conf_tenant *t = &v->conf->tenant[at];
	size_t i, j, k;
	struct err e;

	for (i = 0; i < at; i++) {
		const struct conf_tenant *o = &v->conf->tenant[i];

		for (j = 0; j < t->nusers; j++) {
			for (k = 0; k < o->nusers; k++) {
				if (strcmp(t->users[j].name, o->users[k].name))
					continue;
				err_set(&e,
				    "user \"%s\" is one of tenant \"%s\" too",
				    t->users[j].name, o->name);
				v->found(v->arg, "tenant", t->name, NULL,
				    e.text);
			}
		}
	}
}

static bool
shares_network(const struct conf_nets *a, const struct conf_nets *b)
{
	size_t i, k;

	for (i = 0; i < a->n; i++)
		for (k = 0; k < b->n; k++)
			if (a->v[i].family == b->v[k].family &&
			    a->v[i].bits == b->v[k].bits &&
			    memcmp(a->v[i].addr, b->v[k].addr,
				sizeof(a->v[i].addr)) == 0)
				return true;
	return false;
}

/* Who connects from there must be one tenant, not the first that fits. */
static void
verify_networks(const struct verify *v, size_t at)
{
	const struct conf_tenant *t = &v->conf->tenant[at];
	struct err e;
	size_t i;

	for (i = 0; i < at; i++) {
		const struct conf_tenant *o = &v->conf->tenant[i];

		if (!shares_network(&t->networks, &o->networks))
			continue;
		err_set(&e, "networks: one of them is of tenant \"%s\" too",
		    o->name);
		v->found(v->arg, "tenant", t->name, "networks", e.text);
	}
}

static void
verify_tenant(const struct verify *v, size_t at)
{
	const struct conf_tenant *t = &v->conf->tenant[at];
	struct err e;
	size_t i;

	verify_users(v, at);
	verify_networks(v, at);
	for (i = 0; i < t->sources.n; i++) {
		if (conf_source_find(v->conf, t->sources.v[i]))
			continue;
		err_set(&e, "sources: there is no source \"%s\"",
		    t->sources.v[i]);
		v->found(v->arg, "tenant", t->name, "sources", e.text);
	}
}

static void
verify_sites(const struct verify *v)
{
	size_t i;

	if (v->conf->site_default.mx_suffixes.n)
		v->found(v->arg, "site", "default", "mx_suffixes",
		    "mx_suffixes: the default block is for all sites");
	if (v->conf->site_default.domains.n)
		v->found(v->arg, "site", "default", "domains",
		    "domains: the default block is for all sites");
	for (i = 0; i < v->conf->nsite; i++) {
		const struct conf_site *s = &v->conf->site[i];

		if (s->mx_suffixes.n == 0 && s->domains.n == 0)
			v->found(v->arg, "site", s->name, NULL,
			    "a site needs mx_suffixes or domains to apply to");
	}
}

void
conf_verify(const struct conf *c,
    void (*found)(void *arg, const char *block, const char *title,
	const char *setting, const char *text),
    void *arg)
{
	const struct verify v = { c, found, arg };
	size_t i;

	for (i = 0; i < c->nlisten; i++)
		verify_listen(&v, &c->listen[i]);
	for (i = 0; i < c->ntenant; i++)
		verify_tenant(&v, i);
	for (i = 0; i < c->ndkim; i++)
		check_tenant(&v, "dkim", c->dkim[i].name, c->dkim[i].tenant);
	verify_sites(&v);
	for (i = 0; i < c->nsource; i++)
		if (c->source[i].ipv4 == NULL && c->source[i].ipv6 == NULL)
			found(arg, "source", c->source[i].name, NULL,
			    "a source needs ipv4 or ipv6");
	if (!c->redis.embedded && c->redis.address == NULL)
		found(arg, "redis", NULL, "embedded",
		    "address must be given where embedded is no");
}
