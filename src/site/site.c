#include "config.h"

#include "site/site.h"

#include <stdio.h>
#include <string.h>

#include "base/view.h"
#include "conf/conf.h"
#include "site/policy.h"
#include "site/rollup.h"

#define NAME_MAX_BYTES 160

void
site_target_fini(struct site_target *t)
{
	buf_fini(&t->site);
	buf_fini(&t->route);
	t->nhosts = 0;
}

static void
never(struct site_target *t, int code, int detail, const char *text)
{
	t->verdict = SITE_NEVER;
	t->code = code;
	t->enhanced[0] = 5;
	t->enhanced[1] = detail / 100;
	t->enhanced[2] = detail % 100;
	snprintf(t->text, sizeof(t->text), "%s", text);
}

static void
later(struct site_target *t, const char *what, enum dns_status st)
{
	t->verdict = SITE_LATER;
	t->code = 451;
	t->enhanced[0] = 4;
	t->enhanced[1] = 4;
	t->enhanced[2] = 3; /* RFC 3463: directory server failure */
	snprintf(t->text, sizeof(t->text), "%s lookup: %s", what,
	    dns_status_text(st));
}

/* A long MX set is cut and told apart by its FNV-1a hash. */
static void
cap_name(struct buf *b)
{
	uint64_t h = 14695981039346656037u;
	struct view v = buf_view(b);
	size_t i;

	if (v.n <= NAME_MAX_BYTES)
		return;
	for (i = 0; i < v.n; i++)
		h = (h ^ (unsigned char)v.p[i]) * 1099511628211u;
	buf_cut(b, NAME_MAX_BYTES - 20);
	buf_addf(b, "...%016llx", (unsigned long long)h);
}

void
site_target_name(
    struct site_target *t, const struct conf *c, const char *domain)
{
	buf_clear(&t->site);
	buf_clear(&t->route);
	t->policy = site_policy_find(c, domain, t->literal ? NULL : t->hosts,
	    t->literal ? 0 : t->nhosts);
	if (t->policy != &c->site_default && t->policy->name != NULL)
		buf_adds(&t->site, t->policy->name);
	else if (t->literal)
		buf_adds(&t->site, t->hosts[0].name);
	else
		site_rollup_set(t->hosts, t->nhosts, &t->site);
	cap_name(&t->site);
	buf_addv(&t->route, buf_view(&t->site));
	buf_addc(&t->route, '|');
	if (t->literal)
		buf_adds(&t->route, t->hosts[0].name);
	else
		site_rollup_route(t->hosts, t->nhosts, &t->route);
}

static bool
take_hosts(struct site_target *t, const struct dns_mx *mx,
    const char *const *own, size_t nown)
{
	size_t n = mx->nhosts < DNS_MX_MAX ? mx->nhosts : DNS_MX_MAX;

	if (n > 0)
		memcpy(t->hosts, mx->hosts, n * sizeof(t->hosts[0]));
	n = site_rollup_clean(t->hosts, n);
	if (n == 0) {
		never(t, 550, 404, "no mail exchanger is a host name");
		return false;
	}
	t->nhosts = site_rollup_drop_self(t->hosts, n, own, nown);
	if (t->nhosts == 0)
		never(t, 550, 406, "mail for this domain loops back to us");
	return t->nhosts > 0;
}

void
site_target_mx(struct site_target *t, const struct conf *c, const char *domain,
    const struct dns_mx *mx, const char *const *own, size_t nown)
{
	t->literal = false;
	t->implicit = mx->implicit;
	t->nhosts = 0;
	if (mx->null_mx) { /* RFC 7505 4.2 */
		never(t, 556, 110, "the domain takes no mail (null MX)");
		return;
	}
	switch (mx->status) {
	case DNS_OK:
		break;
	case DNS_NODATA:
		never(t, 550, 102, "the domain has no MX nor address");
		return;
	case DNS_NXDOMAIN:
		never(t, 550, 102, "no such domain");
		return;
	case DNS_SERVFAIL:
	case DNS_TIMEOUT:
		later(t, "MX", mx->status);
		return;
	}
	if (!take_hosts(t, mx, own, nown))
		return;
	t->verdict = SITE_ROUTE;
	site_target_name(t, c, domain);
}

void
site_target_literal(
    struct site_target *t, const struct conf *c, const char *domain)
{
	size_t n = strlen(domain);

	t->literal = true;
	t->implicit = false;
	t->verdict = SITE_ROUTE;
	t->nhosts = 1;
	if (n >= sizeof(t->hosts[0].name))
		n = sizeof(t->hosts[0].name) - 1;
	memset(&t->hosts[0], 0, sizeof(t->hosts[0]));
	memcpy(t->hosts[0].name, domain, n);
	site_target_name(t, c, domain);
}

void
site_target_implicit(struct site_target *t, enum dns_status addresses)
{
	switch (addresses) {
	case DNS_OK:
		return;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		never(t, 550, 102, "the domain has no MX nor address");
		return;
	case DNS_SERVFAIL:
	case DNS_TIMEOUT:
		later(t, "address", addresses);
		return;
	}
}
