#include "config.h"
#include "conf/scalar.h"

#include <string.h>

#include <arpa/inet.h>

#include "conf/conf.h"

static const struct unit {
	const char *name;
	int64_t ms;
} units[] = { { "w", 604800000 }, { "d", 86400000 }, { "h", 3600000 },
	{ "min", 60000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } };

#define NUNITS (sizeof(units) / sizeof(units[0]))

/* The digits at the front of *v, which moves past them. */
static int
take_number(struct view *v, int64_t *out)
{
	struct view digits = { v->p, 0 };
	uint64_t x;

	while (digits.n < v->n && v->p[digits.n] >= '0' &&
	    v->p[digits.n] <= '9')
		digits.n++;
	if (digits.n > 15 || view_u64(digits, &x))
		return -1;
	*v = view_skip(*v, digits.n);
	*out = (int64_t)x;
	return 0;
}

static int64_t
unit_ms(struct view name)
{
	size_t i;

	for (i = 0; i < NUNITS; i++)
		if (view_ieq(name, view_str(units[i].name)))
			return units[i].ms;
	return -1;
}

int
conf_scalar_size(struct view v, int64_t *bytes)
{
	static const char letters[] = "kmgt";
	int64_t x;
	const char *at;

	if (take_number(&v, &x))
		return -1;
	if (v.n && view_iends(v, VIEW("b")))
		v.n--;
	if (v.n && view_iends(v, VIEW("i")))
		v.n--;
	if (v.n > 1)
		return -1;
	if (v.n) {
		at = strchr(letters, v.p[0] | 0x20);
		if (at == NULL)
			return -1;
		if (x > INT64_MAX >> (10 * (at - letters + 1)))
			return -1;
		x <<= 10 * (at - letters + 1);
	}
	*bytes = x;
	return 0;
}

int
conf_scalar_time(struct view v, int64_t *ms)
{
	int64_t total = 0, x, per;

	if (view_eq(v, VIEW("0"))) {
		*ms = 0;
		return 0;
	}
	if (v.n == 0)
		return -1;
	while (v.n) {
		struct view name;

		if (take_number(&v, &x))
			return -1;
		name = (struct view){ v.p, 0 };
		while (name.n < v.n && (v.p[name.n] | 0x20) >= 'a')
			name.n++;
		per = unit_ms(name);
		if (per < 0 || x > (INT64_MAX / 2 - total) / per)
			return -1;
		total += x * per;
		v = view_skip(v, name.n);
	}
	*ms = total;
	return 0;
}

int
conf_scalar_rate(struct view v, struct conf_rate *r)
{
	int64_t count, ms;

	if (take_number(&v, &count))
		return -1;
	if (v.n == 0 && count == 0) {
		*r = (struct conf_rate){ 0 };
		return 0;
	}
	if (v.n < 2 || v.p[0] != '/')
		return -1;
	v = view_skip(v, 1);
	ms = unit_ms(v);
	if (ms < 0 && (conf_scalar_time(v, &ms) || ms == 0))
		return -1;
	*r = (struct conf_rate){ (uint64_t)count, ms };
	return 0;
}

int
conf_scalar_net(struct view v, struct conf_net *net)
{
	struct view text = v, addr = view_cut(&text, '/');
	char s[64];
	uint64_t bits;

	if (addr.n == 0 || addr.n >= sizeof(s))
		return -1;
	memcpy(s, addr.p, addr.n);
	s[addr.n] = '\0';
	*net = (struct conf_net){ .family = AF_INET, .bits = 32 };
	if (inet_pton(AF_INET, s, net->addr) != 1) {
		*net = (struct conf_net){ .family = AF_INET6, .bits = 128 };
		if (inet_pton(AF_INET6, s, net->addr) != 1)
			return -1;
	}
	if (text.p == NULL)
		return 0;
	if (view_u64(text, &bits) || bits > net->bits)
		return -1;
	net->bits = (unsigned)bits;
	return 0;
}

int
conf_scalar_bool(struct view v, bool *b)
{
	static const char *const yes[] = { "yes", "true", "on" };
	static const char *const no[] = { "no", "false", "off" };
	size_t i;

	for (i = 0; i < 3; i++) {
		if (view_ieq(v, view_str(yes[i])) ||
		    view_ieq(v, view_str(no[i]))) {
			*b = view_ieq(v, view_str(yes[i]));
			return 0;
		}
	}
	return -1;
}

int
conf_scalar_mode(struct view v, unsigned *mode)
{
	unsigned x = 0;
	size_t i;

	if (v.n == 0 || v.n > 5)
		return -1;
	for (i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '7')
			return -1;
		x = x * 8 + (unsigned)(v.p[i] - '0');
	}
	*mode = x;
	return 0;
}

void
conf_scalar_print_size(uint64_t bytes, struct buf *out)
{
	static const char letters[] = "KMG";
	int i;

	for (i = 2; i >= 0; i--) {
		uint64_t one = UINT64_C(1) << (10 * (i + 1));

		if (bytes && bytes % one == 0) {
			buf_addf(out, "%llu%c",
			    (unsigned long long)(bytes / one), letters[i]);
			return;
		}
	}
	buf_addf(out, "%llu", (unsigned long long)bytes);
}

void
conf_scalar_print_time(int64_t ms, struct buf *out)
{
	size_t i;

	if (ms == 0) {
		buf_addc(out, '0');
		return;
	}
	for (i = 1; i < NUNITS; i++) {
		if (ms % units[i].ms == 0) {
			buf_addf(out, "%lld%s",
			    (long long)(ms / units[i].ms), units[i].name);
			return;
		}
	}
}

void
conf_scalar_print_rate(const struct conf_rate *r, struct buf *out)
{
	buf_addf(out, "%llu", (unsigned long long)r->count);
	if (r->count == 0)
		return;
	buf_addc(out, '/');
	conf_scalar_print_time(r->period_ms, out);
}

void
conf_scalar_print_net(const struct conf_net *net, struct buf *out)
{
	char s[64];

	inet_ntop(net->family, net->addr, s, sizeof(s));
	buf_addf(out, "%s/%u", s, net->bits);
}
