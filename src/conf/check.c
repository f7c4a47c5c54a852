#include "config.h"
#include "conf/check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

#include "conf/conf.h"

static int
good_domain(struct view v)
{
	struct view label;

	if (v.n == 0 || v.n > 253)
		return 0;
	while (v.p) {
		size_t i;

		label = view_cut(&v, '.');
		if (label.n == 0 || label.n > 63 || label.p[0] == '-' ||
		    label.p[label.n - 1] == '-')
			return 0;
		for (i = 0; i < label.n; i++) {
			unsigned char c = (unsigned char)label.p[i];

			if (c < 0x80 && c != '-' && c != '_' &&
			    !(c >= '0' && c <= '9') &&
			    !((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
				return 0;
		}
	}
	return 1;
}

static int
good_ip(int family, struct view v)
{
	unsigned char a[16];
	char s[64];

	if (v.n == 0 || v.n >= sizeof(s))
		return 0;
	memcpy(s, v.p, v.n);
	s[v.n] = '\0';
	return inet_pton(family, s, a) == 1;
}

/* host:port, where host is whatever host_ok says; without port only where
 * that is allowed. */
static int
good_endpoint(struct view v, bool need_port, bool names)
{
	struct view host, port = { NULL, 0 };
	uint64_t n;

	if (v.n && v.p[0] == '[') {
		ptrdiff_t end = view_chr(v, ']');

		if (end < 0)
			return 0;
		host = view_head(view_skip(v, 1), (size_t)end - 1);
		v = view_skip(v, (size_t)end + 1);
		if (!good_ip(AF_INET6, host) || (v.n && v.p[0] != ':'))
			return 0;
		if (v.n)
			port = view_skip(v, 1);
	} else {
		if (!need_port && good_ip(AF_INET6, v))
			return 1;
		host = view_cut(&v, ':');
		port = v;
		if (!view_eq(host, VIEW("*")) && !good_ip(AF_INET, host) &&
		    !(names && good_domain(host)))
			return 0;
	}
	if (port.p == NULL)
		return !need_port;
	return view_u64(port, &n) == 0 && n <= 65535;
}

static int
good_header(struct view v)
{
	size_t i;

	for (i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] > '~' || v.p[i] == ':')
			return 0;
	return v.n > 0 && v.n < 80;
}

static int
check_file(const char *path, struct err *e)
{
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return err_set(e, "%s: %s", path, strerror(errno));
	fclose(f);
	return 0;
}

static int
good_domains(struct view v)
{
	if (view_eq(v, VIEW("*")))
		return 1;
	if (v.n && v.p[0] == '.')
		v = view_skip(v, 1);
	return good_domain(v);
}

static int
good_listen(struct view v)
{
	return (view_starts(v, VIEW("unix:/")) && v.n < 108) ||
	    good_endpoint(v, true, true);
}

/* A whole crypt(5) hash: what is cut short would refuse every login. */
static int
good_hash(struct view v)
{
	size_t want = view_starts(v, VIEW("$y$")) ? 43
	    : view_starts(v, VIEW("$6$"))	  ? 86
						  : 0;
	struct view part = v;

	while (v.p)
		part = view_cut(&v, '$');
	return want && part.n == want;
}

static int
good_host(struct view v)
{
	if (v.n > 2 && v.p[0] == '[' && v.p[v.n - 1] == ']')
		return 1;
	return good_domain(v);
}

static int
good_server(struct view v)
{
	return good_endpoint(v, false, false);
}

static int
good_ipv4(struct view v)
{
	return good_ip(AF_INET, v);
}

static int
good_ipv6(struct view v)
{
	return good_ip(AF_INET6, v);
}

static const struct {
	int (*good)(struct view v);
	const char *want;
} checks[CONF_C_N] = {
	[CONF_C_LISTEN] = { good_listen,
	    "\"address:port\", \"[v6]:port\" or \"unix:/path\"" },
	[CONF_C_SERVER] = { good_server, "an address, with or without port" },
	[CONF_C_HOST] = { good_host, "a host name" },
	[CONF_C_DOMAIN] = { good_domain, "a domain name" },
	[CONF_C_DOMAINS] = { good_domains,
	    "a domain name, \".domain\" or \"*\"" },
	[CONF_C_SELECTOR] = { good_domain, "a selector (DNS labels)" },
	[CONF_C_IPV4] = { good_ipv4, "an IPv4 address" },
	[CONF_C_IPV6] = { good_ipv6, "an IPv6 address" },
	[CONF_C_HEADER] = { good_header, "the name of a header field" },
	[CONF_C_HASH] = { good_hash,
	    "a crypt(5) hash: yescrypt ($y$) or SHA-512 ($6$), never the "
	    "password itself" },
};

int
conf_check_string(enum conf_settings_check check, const char *s, struct err *e)
{
	if (check == CONF_C_FILE)
		return check_file(s, e);
	if (checks[check].good == NULL || checks[check].good(view_str(s)))
		return 0;
	if (check == CONF_C_HASH) /* may be a password: not shown */
		return err_set(e, "expected %s", checks[check].want);
	return err_set(e, "\"%.80s\": expected %s", s, checks[check].want);
}

int
conf_check_secret_file(const char *path, struct buf *out, struct err *e)
{
	char line[1024];
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return err_set(e, "%s: %s", path, strerror(errno));
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	fclose(f);
	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] == '\0')
		return err_set(e, "%s: its first line is empty", path);
	buf_adds(out, line);
	return 0;
}
