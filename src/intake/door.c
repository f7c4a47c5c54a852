#include "config.h"
#include "intake/intake_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/tls.h"

struct intake_generation *
intake_door_generation(struct conf *conf)
{
	struct intake_generation *g = mem_zalloc(sizeof(*g));

	g->refs = 1;
	g->conf = conf_ref(conf);
	intake_tenant_index(g);
	return g;
}

void
intake_door_generation_unref(struct intake_generation **gp)
{
	struct intake_generation *g = *gp;

	*gp = NULL;
	if (g == NULL || --g->refs)
		return;
	intake_tenant_index_free(g);
	conf_unref(&g->conf);
	free(g);
}

static void
set_rules(struct intake_door *d)
{
	const struct conf_listen *l = d->listen;

	d->rules = (struct smtp_server_rules){
		.lmtp = l->protocol == CONF_LMTP,
		.starttls = l->tls == CONF_TLS_OPPORTUNISTIC ||
		    l->tls == CONF_TLS_REQUIRED,
		.tls_required = l->tls == CONF_TLS_REQUIRED,
		.auth = l->auth != CONF_AUTH_NONE,
		.auth_without_tls = l->auth_without_tls,
		.normalise = l->bare_newlines == CONF_NEWLINES_NORMALISE,
		.hostname = d->hostname,
		.max_messages = l->max_messages,
		.max_recipients = l->max_recipients,
		.max_errors = l->max_errors,
		.max_hops = l->max_hops,
		.max_line_bytes = l->max_line_bytes,
		.max_header_bytes = l->max_header_bytes,
		.max_message_bytes = l->max_message_bytes,
		.idle_ms = l->idle_timeout_ms,
		.session_ms = l->session_timeout_ms,
		.data_ms = l->data_timeout_ms,
	};
}

static void
set_hostname(struct intake_door *d)
{
	const char *name = d->listen->hostname;

	if (name == NULL || *name == '\0')
		name = d->generation->conf->limits.hostname;
	if (name && *name)
		snprintf(d->hostname, sizeof(d->hostname), "%s", name);
	else if (gethostname(d->hostname, sizeof(d->hostname) - 1))
		snprintf(d->hostname, sizeof(d->hostname), "localhost");
}

struct intake_door *
intake_door_new(struct intake_generation *g, const struct conf_listen *l,
    struct err *e)
{
	struct intake_door *d = mem_zalloc(sizeof(*d));

	d->refs = 1;
	d->generation = g;
	g->refs++;
	d->listen = l;
	set_hostname(d);
	set_rules(d);
	if (l->tls == CONF_TLS_NONE)
		return d;
	if (l->tls_certificate == NULL || l->tls_key == NULL)
		err_set(e, "listen %s: TLS needs tls_certificate and tls_key",
		    l->name);
	else
		d->tls = tls_ctx_server(l->tls_certificate, l->tls_key, e);
	if (d->tls == NULL)
		intake_door_unref(&d);
	return d;
}

struct intake_door *
intake_door_ref(struct intake_door *d)
{
	d->refs++;
	return d;
}

void
intake_door_unref(struct intake_door **dp)
{
	struct intake_door *d = *dp;

	*dp = NULL;
	if (d == NULL || --d->refs)
		return;
	if (d->tls)
		tls_ctx_free(&d->tls);
	intake_door_generation_unref(&d->generation);
	free(d);
}
