#include "config.h"

#include "site/policy.h"

#include <stdbool.h>

#include "base/view.h"
#include "conf/conf.h"
#include "site/rollup.h"

static bool
names_domain(const struct conf_site *s, const char *domain)
{
	size_t i;

	for (i = 0; i < s->domains.n; i++)
		if (view_ieq(view_str(s->domains.v[i]), view_str(domain)))
			return true;
	return false;
}

const struct conf_site *
site_policy_find(const struct conf *c, const char *domain,
    const struct dns_mx_host *h, size_t n)
{
	size_t i;

	for (i = 0; i < c->nsite; i++)
		if (names_domain(&c->site[i], domain))
			return &c->site[i];
	for (i = 0; i < c->nsite; i++)
		if (c->site[i].mx_suffixes.n > 0 &&
		    site_rollup_below(&c->site[i].mx_suffixes, h, n))
			return &c->site[i];
	return &c->site_default;
}
