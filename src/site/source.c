#include "config.h"

#include "site/source.h"

#include <string.h>

#include "conf/conf.h"

static size_t
count(const struct conf *c)
{
	return c->nsource < SITE_SOURCE_MAX ? c->nsource : SITE_SOURCE_MAX;
}

static void
add(struct site_source_set *s, size_t i)
{
	s->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool
is_empty(const struct site_source_set *s)
{
	size_t i;

	for (i = 0; i < SITE_SOURCE_MAX / 64; i++)
		if (s->bits[i] != 0)
			return false;
	return true;
}

static bool
names(const struct conf_strs *v, const char *name)
{
	size_t i;

	for (i = 0; i < v->n; i++)
		if (strcmp(v->v[i], name) == 0)
			return true;
	return false;
}

void
site_source_allowed(const struct conf *c, const struct conf_tenant *t,
    struct view wanted, struct site_source_set *out)
{
	struct site_source_set one = {{0}};
	size_t i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < count(c); i++) {
		if (t != NULL && t->sources.n > 0 &&
		    !names(&t->sources, c->source[i].name))
			continue;
		add(out, i);
		if (wanted.n > 0 &&
		    view_eq(wanted, view_str(c->source[i].name)))
			add(&one, i);
	}
	if (!is_empty(&one))
		*out = one;
}

bool
site_source_has(const struct site_source_set *s, int source)
{
	if (source == SITE_SOURCE_ANY)
		return true;
	if (source < 0 || source >= SITE_SOURCE_MAX)
		return false;
	return (s->bits[source / 64] >> (source % 64)) & 1;
}

bool
site_source_same(
    const struct site_source_set *a, const struct site_source_set *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* A source without any address leaves the choice to the kernel. */
static unsigned
families_of(const struct conf_source *s)
{
	unsigned f = (s->ipv4 != NULL && s->ipv4[0] != '\0' ? SITE_IPV4 : 0) |
		     (s->ipv6 != NULL && s->ipv6[0] != '\0' ? SITE_IPV6 : 0);

	return f == 0 ? SITE_IPV4 | SITE_IPV6 : f;
}

static bool
fits(const struct conf *c, const struct site_source_set *s, unsigned families,
    size_t i)
{
	return site_source_has(s, (int)i) &&
	       (families_of(&c->source[i]) & families) != 0;
}

int
site_source_choose(const struct conf *c, const struct site_source_set *s,
    unsigned families, const unsigned *busy, unsigned limit, uint64_t roll)
{
	uint64_t sum = 0;
	size_t i, n = count(c), first = n;

	if (n == 0)
		return SITE_SOURCE_ANY;
	for (i = 0; i < n; i++) {
		if (!fits(c, s, families, i) || (limit > 0 && busy[i] >= limit))
			continue;
		if (first == n)
			first = i;
		sum += c->source[i].weight;
	}
	if (first == n)
		return SITE_SOURCE_NONE;
	if (sum == 0) /* all of weight 0: wanted by name */
		return (int)first;
	roll %= sum;
	for (i = first; i < n; i++) {
		if (!fits(c, s, families, i) || (limit > 0 && busy[i] >= limit))
			continue;
		if (roll < c->source[i].weight)
			return (int)i;
		roll -= c->source[i].weight;
	}
	return (int)first;
}

bool
site_source_reaches(
    const struct conf *c, const struct site_source_set *s, unsigned families)
{
	size_t i, n = count(c);

	for (i = 0; i < n; i++)
		if (fits(c, s, families, i))
			return true;
	return n == 0;
}

bool
site_source_uneven(const struct conf *c)
{
	size_t i, n = count(c);

	for (i = 0; i < n; i++)
		if (families_of(&c->source[i]) != (SITE_IPV4 | SITE_IPV6))
			return true;
	return false;
}
