/*
 * Sources: the local addresses we deliver from.  A set says which of them a
 * message may use; one of it is chosen by weight.
 */
#ifndef SITE_SOURCE_H
#define SITE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/view.h"

struct conf;
struct conf_tenant;

#define SITE_SOURCE_MAX 256
#define SITE_SOURCE_ANY (-1) /* none configured: the kernel chooses */
#define SITE_SOURCE_NONE (-2)

enum site_family { SITE_IPV4 = 1, SITE_IPV6 = 2 };

struct site_source_set { /* plain value: bit i is conf->source[i] */
	uint64_t bits[SITE_SOURCE_MAX / 64];
};

/* What the tenant may use (all when t is NULL or names none), narrowed to the
 * wanted one where that is among them. */
void site_source_allowed(const struct conf *c, const struct conf_tenant *t,
    struct view wanted, struct site_source_set *out);
bool site_source_has(const struct site_source_set *s, int source);
bool site_source_same(const struct site_source_set *a,
    const struct site_source_set *b);
/* families: enum site_family bits the peer can be reached by; busy[i]:
 * connections in use of source i, at most limit (0: none) each.  roll: any
 * random number.  An index, SITE_SOURCE_ANY, or SITE_SOURCE_NONE: all busy or
 * without the family. */
int site_source_choose(const struct conf *c, const struct site_source_set *s,
    unsigned families, const unsigned *busy, unsigned limit, uint64_t roll);
/* The set, regardless of connections in use, has one for these families. */
bool site_source_reaches(const struct conf *c,
    const struct site_source_set *s, unsigned families);
/* Sources differ in their families, so that the peer's must be known. */
bool site_source_uneven(const struct conf *c);

#endif
