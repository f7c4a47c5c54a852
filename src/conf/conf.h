/*
 * The configuration in force: plain values, read-only after conf_load.
 *
 * Every field below is filled from one row of the settings table
 * (conf/settings.c), which also gives its type, range, unit, default and
 * help.  Durations are ms (_ms) or s (_s), sizes bytes, as the names say.
 *
 * A reload makes a new struct conf; whoever keeps a pointer into one holds a
 * reference (conf_ref) until it lets go (conf_unref).  Strings are owned by the
 * conf; a string setting that was not given is NULL, or "" where the default
 * says so.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct conf_net { /* an address block; bits counts from the left */
	int family; /* AF_INET or AF_INET6 */
	unsigned char addr[16];
	unsigned bits;
};

struct conf_nets {
	struct conf_net *v;
	size_t n;
};

struct conf_strs {
	char **v;
	size_t n;
};

enum conf_protocol { CONF_SMTP, CONF_LMTP };
enum conf_listen_tls {
	CONF_TLS_NONE,
	CONF_TLS_OPPORTUNISTIC,
	CONF_TLS_REQUIRED, /* nothing but EHLO, STARTTLS, QUIT before TLS */
	CONF_TLS_IMPLICIT
};
enum conf_auth { CONF_AUTH_NONE, CONF_AUTH_OPTIONAL, CONF_AUTH_REQUIRED };
enum conf_newlines { CONF_NEWLINES_REFUSE, CONF_NEWLINES_NORMALISE };

struct conf_listen {
	char *name;           /* the title of the block */
	char *address;        /* "127.0.0.1:2525", "[::1]:2525", "unix:/p" */
	unsigned socket_mode; /* of a unix socket */
	enum conf_protocol protocol;
	enum conf_listen_tls tls;
	char *tls_certificate; /* PEM chain */
	char *tls_key;
	enum conf_auth auth;
	bool auth_without_tls;
	struct conf_nets networks; /* who may connect; empty: anyone */
	char *tenant;              /* whoever connects here is this tenant */
	char *hostname;            /* in the greeting; NULL: limits' hostname */
	enum conf_newlines bare_newlines;
	unsigned max_connections;
	unsigned max_connections_per_address;
	unsigned max_messages; /* per connection */
	unsigned max_recipients;
	unsigned max_errors;
	uint64_t max_message_bytes;
	unsigned max_header_bytes;
	unsigned max_line_bytes;
	unsigned max_hops;
	int64_t idle_timeout_ms;
	int64_t session_timeout_ms; /* one connection, at most */
	int64_t data_timeout_ms;    /* one message's content, at most */
};

struct conf_user {
	char *name;
	char *password; /* crypt(5) hash: yescrypt or SHA-512 */
};

enum conf_bounces { CONF_BOUNCES_NONE, CONF_BOUNCES_SENDER };

struct conf_tenant {
	char *name;
	struct conf_user *users;
	size_t nusers;
	struct conf_nets networks;          /* known without AUTH */
	struct conf_strs from_domains;      /* of From:; "*" any */
	struct conf_strs envelope_domains;  /* of MAIL FROM; "*" any */
	enum conf_bounces bounces;
	bool hide_submitter;      /* Received names no client address */
	bool delay_warnings;
	char *default_class;      /* bulk or transactional */
	struct conf_strs sources; /* names; empty: every source */
	uint64_t max_queued;      /* recipients; 0: no limit */
	unsigned max_message_rate; /* accepted messages a minute; 0: no limit */
};

struct conf_dkim {
	char *name;
	char *domain;   /* d= ; a From domain equal to or below it is signed */
	char *selector;
	char *key;      /* PEM file: RSA, or Ed25519 */
	char *tenant;   /* NULL: any tenant */
	bool check_dns; /* compare with the published record at start */
	struct conf_strs headers;   /* signed when present; empty: our list */
	struct conf_strs oversign;
};

enum conf_site_tls {
	CONF_SITE_TLS_NONE,
	CONF_SITE_TLS_OPPORTUNISTIC,
	CONF_SITE_TLS_REQUIRED,
	CONF_SITE_TLS_VERIFIED
};

struct conf_rate { /* count per period; count 0: no limit */
	uint64_t count;
	int64_t period_ms;
};

/* A "default" block and overrides.  An override names what it applies to by
 * MX suffixes (a provider) or by domains, and inherits the rest. */
struct conf_site {
	char *name;
	struct conf_strs mx_suffixes; /* ".google.com": all MX must match */
	struct conf_strs domains;     /* recipient domains: wins over MX */
	unsigned connections;
	unsigned connections_per_source;
	unsigned messages_per_connection;
	unsigned max_rcpt; /* recipients per transaction */
	struct conf_rate rate; /* recipients */
	struct conf_rate connect_rate;
	enum conf_site_tls tls;
	bool chunking; /* use BDAT where offered */
	int64_t idle_timeout_ms; /* a connection without work */
	int64_t retry_ms[16]; /* schedule; the last one repeats */
	size_t nretry;
	unsigned retry_jitter_percent;
	int64_t max_age_ms;
	/* RFC 5321 4.5.3.2 */
	int64_t connect_timeout_ms;
	int64_t greeting_timeout_ms;
	int64_t command_timeout_ms;   /* EHLO, MAIL, RCPT, RSET */
	int64_t data_start_timeout_ms;
	int64_t data_block_timeout_ms;
	int64_t data_end_timeout_ms;
	int64_t quit_timeout_ms;
	unsigned port; /* 25 */
};

struct conf_source {
	char *name;
	char *ipv4; /* local address; NULL: none of this family */
	char *ipv6;
	char *helo;
	unsigned weight;
};

enum conf_durability { CONF_DURABLE_ALWAYS, CONF_DURABLE_EVERYSEC,
	CONF_DURABLE_REPLICA };

struct conf_redis {
	bool embedded;
	char *server;   /* program, for embedded */
	char *address;  /* external: "host:port" or "unix:/path" */
	char *user;
	char *password;
	unsigned database;
	unsigned shards;
	enum conf_durability durability;
	unsigned replicas; /* for durability = replica */
	uint64_t max_memory_bytes; /* embedded; 0: half of the machine's */
	int64_t call_timeout_ms;
	int64_t lease_ms; /* shard ownership */
	uint64_t min_free_bytes; /* of the spool's disk, beyond the reserve */
};

struct conf_dns {
	struct conf_strs servers; /* "127.0.0.1:5353"; empty: resolv.conf */
	int64_t timeout_ms;
	unsigned tries;
	unsigned max_queries; /* outstanding */
	int64_t max_ttl_ms;
	int64_t negative_ttl_ms;
	bool ipv4;
	bool ipv6;
};

struct conf_limits {
	char *hostname; /* ours; NULL: gethostname */
	char *spool;    /* directory: redis, journal, keys, lock */
	char *user;     /* to become when started as root; NULL: stay */
	char *group;
	char *control_socket;
	unsigned control_mode;
	struct conf_strs control_users; /* uids or names besides root and ours */
	unsigned max_connections;       /* incoming, all listeners */
	unsigned max_sessions;          /* outgoing */
	uint64_t max_content_bytes_in_memory;
	unsigned workers; /* signing threads; default cores - 1 */
	int64_t drain_time_ms;
	int64_t campaign_idle_ms; /* done after this long without mail */
};

struct conf_headers { /* names of the control headers */
	char *campaign;
	char *list;
	char *priority_class;
	char *not_before;
	char *expires;
	char *source;
};

struct conf_log {
	char *path; /* "stderr", "syslog" or a file */
	char *level;
	char *accounting; /* JSON lines file; "" : none */
};

struct conf {
	unsigned refs;
	char *path; /* of the main file */
	struct conf_listen *listen;
	size_t nlisten;
	struct conf_tenant *tenant;
	size_t ntenant;
	struct conf_dkim *dkim;
	size_t ndkim;
	struct conf_site site_default;
	struct conf_site *site; /* overrides, in file order */
	size_t nsite;
	struct conf_source *source;
	size_t nsource;
	struct conf_redis redis;
	struct conf_dns dns;
	struct conf_limits limits;
	struct conf_headers headers;
	struct conf_log log;
};

/* Reads and checks the whole; NULL with e naming file and line.  Each further
 * error of the same file is reported through on_error when that is given. */
struct conf *conf_load(const char *path,
    void (*on_error)(void *arg, const char *text), void *arg, struct err *e);
struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf **c);

const struct conf_tenant *conf_tenant_find(const struct conf *c,
    const char *name);
const struct conf_source *conf_source_find(const struct conf *c,
    const char *name);
/* sockaddr is AF_INET or AF_INET6 (v4-mapped is taken as IPv4). */
struct sockaddr;
bool conf_nets_match(const struct conf_nets *nets, const struct sockaddr *sa);

#endif
