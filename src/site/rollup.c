#include "config.h"

#include "site/rollup.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/view.h"
#include "conf/conf.h"

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* A name of letters, digits, hyphens, underscores and dots whose last label is
 * not a number: that would be an IPv4 address. */
static bool
is_host_name(const char *s)
{
	const char *last = strrchr(s, '.');
	size_t n = strlen(s);

	if (n == 0 || s[0] == '.' || strstr(s, "..") != NULL)
		return false;
	if (strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != n)
		return false;
	last = last == NULL ? s : last + 1;
	return last[strspn(last, "0123456789")] != '\0';
}

static void
normalise(struct dns_mx_host *h)
{
	size_t i, n = strnlen(h->name, sizeof(h->name) - 1);

	h->name[n] = '\0';
	for (i = 0; i < n; i++)
		h->name[i] = lower(h->name[i]);
	if (n > 0 && h->name[n - 1] == '.')
		h->name[n - 1] = '\0';
}

static bool
seen_before(const struct dns_mx_host *h, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(h[i].name, name) == 0)
			return true;
	return false;
}

size_t
site_rollup_clean(struct dns_mx_host *h, size_t n)
{
	size_t i, kept = 0;

	for (i = 0; i < n; i++) {
		normalise(&h[i]);
		if (!is_host_name(h[i].name)) {
			log_warn("site.mx_ignored", "mx=%s",
			    log_q(view_str(h[i].name)));
			continue;
		}
		if (seen_before(h, kept, h[i].name))
			continue;
		if (kept != i)
			h[kept] = h[i];
		kept++;
	}
	return kept;
}

static bool
is_own(const char *name, const char *const *own, size_t nown)
{
	size_t i;

	for (i = 0; i < nown; i++)
		if (view_ieq(view_str(name), view_str(own[i])))
			return true;
	return false;
}

size_t
site_rollup_drop_self(
    struct dns_mx_host *h, size_t n, const char *const *own, size_t nown)
{
	unsigned limit = UINT16_MAX + 1u;
	size_t i, kept = 0;

	for (i = 0; i < n; i++)
		if (h[i].preference < limit && is_own(h[i].name, own, nown))
			limit = h[i].preference;
	for (i = 0; i < n; i++) {
		if (h[i].preference >= limit)
			continue;
		if (kept != i)
			h[kept] = h[i];
		kept++;
	}
	return kept;
}

static int
by_name(const void *a, const void *b)
{
	const struct dns_mx_host *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int
by_preference(const void *a, const void *b)
{
	const struct dns_mx_host *const *x = a, *const *y = b;

	if ((*x)->preference != (*y)->preference)
		return (*x)->preference < (*y)->preference ? -1 : 1;
	return strcmp((*x)->name, (*y)->name);
}

static size_t
sorted(const struct dns_mx_host *h, size_t n,
    const struct dns_mx_host *out[DNS_MX_MAX],
    int (*cmp)(const void *, const void *))
{
	size_t i;

	if (n > DNS_MX_MAX)
		n = DNS_MX_MAX;
	for (i = 0; i < n; i++)
		out[i] = &h[i];
	qsort(out, n, sizeof(out[0]), cmp);
	return n;
}

void
site_rollup_set(const struct dns_mx_host *h, size_t n, struct buf *out)
{
	const struct dns_mx_host *v[DNS_MX_MAX];
	size_t i;

	n = sorted(h, n, v, by_name);
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(out, ',');
		buf_adds(out, v[i]->name);
	}
}

void
site_rollup_route(const struct dns_mx_host *h, size_t n, struct buf *out)
{
	const struct dns_mx_host *v[DNS_MX_MAX];
	size_t i;

	n = sorted(h, n, v, by_preference);
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(out, v[i]->preference == v[i - 1]->preference
					  ? ','
					  : '>');
		buf_adds(out, v[i]->name);
	}
}

static bool
below(struct view host, struct view suffix)
{
	if (suffix.n > 0 && suffix.p[suffix.n - 1] == '.')
		suffix.n--;
	if (suffix.n == 0 || !view_iends(host, suffix))
		return false;
	if (suffix.p[0] == '.')
		return host.n > suffix.n;
	return host.n == suffix.n || host.p[host.n - suffix.n - 1] == '.';
}

bool
site_rollup_below(
    const struct conf_strs *suffixes, const struct dns_mx_host *h, size_t n)
{
	size_t i, j;

	for (i = 0; i < n; i++) {
		for (j = 0; j < suffixes->n; j++)
			if (below(
				view_str(h[i].name), view_str(suffixes->v[j])))
				break;
		if (j == suffixes->n)
			return false;
	}
	return n > 0;
}
