#include "config.h"
#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "base/bug.h"
#include "conf/settings.h"
#include "conf/value.h"

struct conf *
conf_ref(struct conf *c)
{
	c->refs++;
	return c;
}

static void
free_values(enum conf_settings_block b, void *s)
{
	size_t i;

	for (i = 0; i < conf_settings_nrows; i++)
		if (conf_settings_rows[i].block == b)
			conf_value_free(&conf_settings_rows[i], s);
}

static void
free_block(int b, void *parent)
{
	const struct conf_settings_blockrow *r = &conf_settings_blocks[b];
	size_t i;
	void *s;
	int inner;

	for (i = 0;
	     (s = conf_settings_get((enum conf_settings_block)b, parent, i));
	     i++) {
		for (inner = 0; inner < CONF_B_N; inner++)
			if (conf_settings_blocks[inner].parent == b)
				free_block(inner, s);
		free_values((enum conf_settings_block)b, s);
		if (!r->titled)
			return;
		free(*(char **)s);
	}
	memcpy(&s, (char *)parent + r->at, sizeof(s));
	free(s);
}

void
conf_unref(struct conf **cp)
{
	struct conf *c = *cp;
	int b;

	*cp = NULL;
	if (c == NULL)
		return;
	BUG_ON(c->refs == 0);
	if (--c->refs)
		return;
	for (b = 0; b < CONF_B_N; b++)
		if (conf_settings_blocks[b].parent < 0)
			free_block(b, c);
	free_values(CONF_B_SITE, &c->site_default);
	free(c->site_default.name);
	free(c->path);
	free(c);
}

const struct conf_tenant *
conf_tenant_find(const struct conf *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->ntenant; i++)
		if (strcmp(c->tenant[i].name, name) == 0)
			return &c->tenant[i];
	return NULL;
}

const struct conf_source *
conf_source_find(const struct conf *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->nsource; i++)
		if (strcmp(c->source[i].name, name) == 0)
			return &c->source[i];
	return NULL;
}

static bool
same_bits(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return rest == 0 ||
	    ((a[bits / 8] ^ b[bits / 8]) & (0xff00 >> rest) & 0xff) == 0;
}

bool
conf_nets_match(const struct conf_nets *nets, const struct sockaddr *sa)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	const unsigned char *addr;
	int family = sa->sa_family;
	size_t i;

	if (family == AF_INET) {
		addr = (const void *)&((const struct sockaddr_in *)(const void *)
			sa)->sin_addr;
	} else if (family == AF_INET6) {
		addr = ((const struct sockaddr_in6 *)(const void *)sa)
			   ->sin6_addr.s6_addr;
		if (memcmp(addr, mapped, sizeof(mapped)) == 0) {
			family = AF_INET;
			addr += sizeof(mapped);
		}
	} else {
		return false;
	}
	for (i = 0; i < nets->n; i++)
		if (nets->v[i].family == family &&
		    same_bits(nets->v[i].addr, addr, nets->v[i].bits))
			return true;
	return false;
}
