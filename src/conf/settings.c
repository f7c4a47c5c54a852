#include "config.h"
#include "conf/settings.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/conf.h"

static const char *const protocol_names[] = { "smtp", "lmtp", NULL };
static const char *const tls_names[] = { "none", "opportunistic", "required",
	"implicit", NULL };
static const char *const auth_names[] = { "none", "optional", "required",
	NULL };
static const char *const newline_names[] = { "refuse", "normalise", NULL };
static const char *const bounce_names[] = { "none", "sender", NULL };
static const char *const class_names[] = { "bulk", "transactional", NULL };
static const char *const site_tls_names[] = { "none", "opportunistic",
	"required", "verified", NULL };
static const char *const durability_names[] = { "always", "everysec",
	"replica", NULL };
static const char *const level_names[] = { "debug", "info", "warn", "error",
	NULL };

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define KIB    INT64_C(1024)
#define MIB    (1024 * KIB)
#define GIB    (1024 * MIB)

/* clang-format off */
#define FIELD(s, f) offsetof(struct s, f), sizeof(((struct s *)0)->f)
#define STRING(b, name, s, f, check, def, help) \
	{ b, name, CONF_T_STRING, check, FIELD(s, f), 0, 0, 0, NULL, def, NULL, help }
#define STRINGS(b, name, s, f, check, def, help) \
	{ b, name, CONF_T_STRINGS, check, FIELD(s, f), 0, 0, 0, NULL, def, NULL, help }
#define NETS(b, name, s, f, help) \
	{ b, name, CONF_T_NETS, CONF_C_ANY, FIELD(s, f), 0, 0, 0, NULL, NULL, NULL, help }
#define WORD(b, name, s, f, names, def, help) \
	{ b, name, CONF_T_WORD, CONF_C_ANY, FIELD(s, f), 0, 0, 0, NULL, def, names, help }
#define ENUM(b, name, s, f, names, def, help) \
	{ b, name, CONF_T_ENUM, CONF_C_ANY, FIELD(s, f), 0, 0, 0, NULL, def, names, help }
#define BOOL(b, name, s, f, def, help) \
	{ b, name, CONF_T_BOOL, CONF_C_ANY, FIELD(s, f), 0, 0, 0, NULL, def, NULL, help }
#define MODE(b, name, s, f, def, help) \
	{ b, name, CONF_T_MODE, CONF_C_ANY, FIELD(s, f), 0, 0, 0777, NULL, def, NULL, help }
#define NUMBER(b, name, s, f, min, max, unit, def, help) \
	{ b, name, CONF_T_NUMBER, CONF_C_ANY, FIELD(s, f), 0, min, max, unit, def, NULL, help }
#define SIZE(b, name, s, f, min, max, def, help) \
	{ b, name, CONF_T_SIZE, CONF_C_ANY, FIELD(s, f), 0, min, max, "bytes", def, NULL, help }
#define TIME(b, name, s, f, min, max, def, help) \
	{ b, name, CONF_T_DURATION, CONF_C_ANY, FIELD(s, f), 0, min, max, "time", def, NULL, help }
#define RATE(b, name, s, f, def, help) \
	{ b, name, CONF_T_RATE, CONF_C_ANY, FIELD(s, f), 0, 0, INT64_C(1000000000), NULL, def, NULL, help }
#define TIMES(b, name, s, f, count, min, max, def, help) \
	{ b, name, CONF_T_DURATIONS, CONF_C_ANY, FIELD(s, f), offsetof(struct s, count), min, max, "times", def, NULL, help }

const struct conf_settings_row conf_settings_rows[] = {
#define B CONF_B_LISTEN
#define S conf_listen
	STRING(B, "address", S, address, CONF_C_LISTEN, "!", "Where to listen: \"127.0.0.1:2525\", \"[::1]:2525\", \"*:25\", or \"unix:/path\" for a socket in the file system."),
	MODE(B, "socket_mode", S, socket_mode, "0660", "File mode of a unix socket."),
	ENUM(B, "protocol", S, protocol, protocol_names, "smtp", "SMTP (RFC 5321), or LMTP (RFC 2033) with one reply for each recipient."),
	ENUM(B, "tls", S, tls, tls_names, "none", "none: in clear. opportunistic: STARTTLS is offered. required: nothing else is done before STARTTLS. implicit: TLS from the first octet."),
	STRING(B, "tls_certificate", S, tls_certificate, CONF_C_FILE, NULL, "PEM file with the certificate and its chain."),
	STRING(B, "tls_key", S, tls_key, CONF_C_FILE, NULL, "PEM file with the private key."),
	ENUM(B, "auth", S, auth, auth_names, "optional", "Whether users may or must log in (AUTH PLAIN, LOGIN)."),
	BOOL(B, "auth_without_tls", S, auth_without_tls, "no", "Offer AUTH on connections in clear, too: for private networks only."),
	NETS(B, "networks", S, networks, "Who may connect; empty: anyone. Mail is accepted from tenants only, whatever stands here."),
	STRING(B, "tenant", S, tenant, CONF_C_TENANT, NULL, "Whoever connects here is this tenant, without logging in. Protect such a listener by networks or socket_mode."),
	STRING(B, "hostname", S, hostname, CONF_C_HOST, NULL, "Name in the greeting; by default that of the limits block."),
	ENUM(B, "bare_newlines", S, bare_newlines, newline_names, "refuse", "A CR or LF that stands alone: the message is refused, or lines are made to end in CRLF."),
	NUMBER(B, "max_connections", S, max_connections, 1, 100000, "connections", "2000", "Connections open at once."),
	NUMBER(B, "max_connections_per_address", S, max_connections_per_address, 1, 100000, "connections", "1000", "Connections open at once from one address."),
	NUMBER(B, "max_messages", S, max_messages, 1, 1000000000, "messages", "1000000", "Messages in one connection; then it is ended with 421."),
	NUMBER(B, "max_recipients", S, max_recipients, 1, 100000, "recipients", "1000", "Recipients of one message."),
	NUMBER(B, "max_errors", S, max_errors, 1, 100000, "errors", "20", "Refused commands in one connection; then it is ended with 421."),
	SIZE(B, "max_message_size", S, max_message_bytes, KIB, GIB, "25M", "Size of one message."),
	SIZE(B, "max_header_size", S, max_header_bytes, KIB, 16 * MIB, "64K", "Size of a message's header."),
	SIZE(B, "max_line_length", S, max_line_bytes, 1000, 64 * MIB, "64K", "Length of one line of a message. Lines above 998 octets break RFC 5322 and are passed on as they are."),
	NUMBER(B, "max_hops", S, max_hops, 1, 1000, "hops", "50", "Received fields; more mean that the message runs in a loop (RFC 5321 6.3)."),
	TIME(B, "idle_timeout", S, idle_timeout_ms, 100, DAY, "5m", "Wait for the next command (RFC 5321 4.5.3.2.7)."),
	TIME(B, "session_timeout", S, session_timeout_ms, SECOND, 30 * DAY, "6h", "Longest duration of one connection; it is ended between two messages."),
	TIME(B, "data_timeout", S, data_timeout_ms, SECOND, DAY, "10m", "Longest duration of one message's content."),
#undef B
#undef S
#define B CONF_B_TENANT
#define S conf_tenant
	NETS(B, "networks", S, networks, "Addresses that are this tenant without logging in."),
	STRINGS(B, "from_domains", S, from_domains, CONF_C_DOMAINS, "!", "Domains allowed in From: a name allows itself, \".example.org\" what is below it, \"*\" any."),
	STRINGS(B, "envelope_domains", S, envelope_domains, CONF_C_DOMAINS, NULL, "Domains allowed in MAIL FROM; by default those of from_domains."),
	ENUM(B, "bounces", S, bounces, bounce_names, "sender", "Where delivery failures are reported by mail (RFC 3464): to the envelope sender, or nowhere."),
	BOOL(B, "hide_submitter", S, hide_submitter, "no", "Leave the client's name and address out of the Received field."),
	BOOL(B, "delay_warnings", S, delay_warnings, "no", "Report delays by mail as well, where the sender did not say (RFC 3461)."),
	WORD(B, "default_class", S, default_class, class_names, "bulk", "Class of messages that name none."),
	STRINGS(B, "sources", S, sources, CONF_C_SOURCE, NULL, "Sources that this tenant's mail may leave by; empty: all."),
	NUMBER(B, "max_queued", S, max_queued, 0, INT64_C(1000000000000), "recipients", "0", "Recipients in the queue; 0: no limit."),
	NUMBER(B, "max_message_rate", S, max_message_rate, 0, 1000000000, "messages a minute", "0", "Messages accepted in a minute; 0: no limit."),
#undef B
#undef S
	STRING(CONF_B_USER, "password", conf_user, password, CONF_C_HASH, "!", "Hash of the password, never the password itself: yescrypt ($y$) or SHA-512 ($6$), as \"mkpasswd\" prints it."),
#define B CONF_B_DKIM
#define S conf_dkim
	STRING(B, "domain", S, domain, CONF_C_DOMAIN, "!", "Signing domain (d=). Mail whose From domain is this or below it is signed."),
	STRING(B, "selector", S, selector, CONF_C_SELECTOR, "!", "Selector (s=): the key is published at SELECTOR._domainkey.DOMAIN."),
	STRING(B, "key", S, key, CONF_C_FILE, "!", "PEM file with the private key: RSA of 1024 bits or more, or Ed25519 (RFC 8463)."),
	STRING(B, "tenant", S, tenant, CONF_C_TENANT, NULL, "Only for this tenant's mail; by default for any."),
	BOOL(B, "check_dns", S, check_dns, "no", "Compare the key with the published record at start."),
	STRINGS(B, "headers", S, headers, CONF_C_HEADER, NULL, "Header fields signed where present; empty: those that RFC 6376 5.4.1 names, List-Unsubscribe and List-Unsubscribe-Post."),
	STRINGS(B, "oversign", S, oversign, CONF_C_HEADER, "From", "Header fields signed once more than present, so that none can be added."),
#undef B
#undef S
#define B CONF_B_SITE
#define S conf_site
	STRINGS(B, "mx_suffixes", S, mx_suffixes, CONF_C_DOMAINS, NULL, "This block is for domains all of whose MX hosts end so (\".google.com\"). Not in the default block."),
	STRINGS(B, "domains", S, domains, CONF_C_DOMAINS, NULL, "This block is for these recipient domains; goes before mx_suffixes. Not in the default block."),
	NUMBER(B, "connections", S, connections, 1, 100000, "connections", "20", "Connections to the site at once."),
	NUMBER(B, "connections_per_source", S, connections_per_source, 1, 100000, "connections", "20", "Connections to the site at once from one source."),
	NUMBER(B, "messages_per_connection", S, messages_per_connection, 1, 1000000, "messages", "100", "Messages sent over one connection."),
	NUMBER(B, "max_rcpt", S, max_rcpt, 1, 1000, "recipients", "50", "Recipients of the same content in one transaction."),
	RATE(B, "rate", S, rate, "0", "Recipients in a time: \"100/s\", \"1000/min\", \"5000/h\", \"10000/d\"; 0: no limit."),
	RATE(B, "connect_rate", S, connect_rate, "0", "New connections in a time; 0: no limit."),
	ENUM(B, "tls", S, tls, site_tls_names, "opportunistic", "none: in clear. opportunistic: where offered, any certificate (RFC 7435). required: or not at all. verified: and the certificate must be right."),
	BOOL(B, "chunking", S, chunking, "yes", "Send by BDAT where it is offered (RFC 3030): one round trip less."),
	TIME(B, "idle_timeout", S, idle_timeout_ms, 0, HOUR, "5s", "How long a connection without work is kept."),
	TIMES(B, "retry", S, retry_ms, nretry, 10, 30 * DAY, "5m 15m 30m 1h 2h 4h", "Wait before each retry; the last one repeats."),
	NUMBER(B, "retry_jitter", S, retry_jitter_percent, 0, 100, "percent", "20", "Up to so much is added to or taken from each wait, by chance."),
	TIME(B, "max_age", S, max_age_ms, SECOND, 365 * DAY, "5d", "A recipient not delivered after this is given up (RFC 5321 4.5.4.1)."),
	TIME(B, "connect_timeout", S, connect_timeout_ms, 10, HOUR, "30s", "Wait for a connection."),
	TIME(B, "greeting_timeout", S, greeting_timeout_ms, 10, HOUR, "5m", "Wait for the greeting (RFC 5321 4.5.3.2.1)."),
	TIME(B, "command_timeout", S, command_timeout_ms, 10, HOUR, "5m", "Wait for the reply to EHLO, MAIL, RCPT and RSET (RFC 5321 4.5.3.2.2 and .3)."),
	TIME(B, "data_start_timeout", S, data_start_timeout_ms, 10, HOUR, "2m", "Wait for the reply to DATA (RFC 5321 4.5.3.2.4)."),
	TIME(B, "data_block_timeout", S, data_block_timeout_ms, 10, HOUR, "3m", "Wait while the peer takes no content (RFC 5321 4.5.3.2.5)."),
	TIME(B, "data_end_timeout", S, data_end_timeout_ms, 10, HOUR, "10m", "Wait for the reply to the content (RFC 5321 4.5.3.2.6)."),
	TIME(B, "quit_timeout", S, quit_timeout_ms, 10, HOUR, "10s", "Wait for the reply to QUIT."),
	NUMBER(B, "port", S, port, 1, 65535, "port", "25", "TCP port of the site's hosts."),
#undef B
#undef S
#define B CONF_B_SOURCE
#define S conf_source
	STRING(B, "ipv4", S, ipv4, CONF_C_IPV4, NULL, "Local IPv4 address to send from."),
	STRING(B, "ipv6", S, ipv6, CONF_C_IPV6, NULL, "Local IPv6 address to send from."),
	STRING(B, "helo", S, helo, CONF_C_HOST, NULL, "Name given in EHLO: the one that the address resolves to; by default the host's."),
	NUMBER(B, "weight", S, weight, 0, 1000000, "parts", "1", "Share of the mail among the sources; 0: only where X-Source asks for it."),
#undef B
#undef S
#define B CONF_B_REDIS
#define S conf_redis
	BOOL(B, "embedded", S, embedded, "yes", "Run a private redis-server in the spool directory."),
	STRING(B, "server", S, server, CONF_C_FILE, REDIS_SERVER_PATH, "The redis-server program to run."),
	STRING(B, "address", S, address, CONF_C_LISTEN, NULL, "Redis to use when embedded is no: \"host:port\" or \"unix:/path\"."),
	STRING(B, "user", S, user, CONF_C_ANY, NULL, "ACL user of that Redis."),
	STRING(B, "password", S, password, CONF_C_SECRET, NULL, "Its password."),
	STRING(B, "password_file", S, password, CONF_C_SECRET_FILE, NULL, "File whose first line is the password, instead of password."),
	NUMBER(B, "database", S, database, 0, 1023, "number", "0", "Its database."),
	NUMBER(B, "shards", S, shards, 1, 100, "shards", "1", "Parts of the queue. Fixed when the queue is created; 16 or more for several daemons."),
	ENUM(B, "durability", S, durability, durability_names, "always", "What stands behind each 250: always: it is on disk. everysec: it will be within a second. replica: it is on disk and in that many replicas."),
	NUMBER(B, "replicas", S, replicas, 1, 16, "replicas", "1", "Replicas that must have confirmed, for durability = replica."),
	SIZE(B, "max_memory", S, max_memory_bytes, 0, 64 * 1024 * GIB, "0", "Memory of the embedded Redis; 0: half of the machine's."),
	TIME(B, "call_timeout", S, call_timeout_ms, 100, HOUR, "10s", "Longest wait for an answer of Redis."),
	TIME(B, "lease_time", S, lease_ms, SECOND, HOUR, "30s", "A shard whose daemon was silent for so long may be taken over."),
	SIZE(B, "min_free_space", S, min_free_bytes, 0, 1024 * GIB, "64M", "Room kept free on the spool's disk, besides what rewriting the queue needs; below it mail is answered 452."),
#undef B
#undef S
#define B CONF_B_DNS
#define S conf_dns
	STRINGS(B, "servers", S, servers, CONF_C_SERVER, NULL, "Resolvers, with or without port (\"127.0.0.1:53\", \"[::1]:53\"); empty: those of /etc/resolv.conf."),
	TIME(B, "timeout", S, timeout_ms, 10, MINUTE, "5s", "Wait for one answer."),
	NUMBER(B, "tries", S, tries, 1, 10, "tries", "3", "How often a server is asked."),
	NUMBER(B, "max_queries", S, max_queries, 1, 5000, "queries", "2000", "Queries under way at once."),
	TIME(B, "max_ttl", S, max_ttl_ms, 0, 7 * DAY, "1d", "Longest time for which an answer is kept."),
	TIME(B, "negative_ttl", S, negative_ttl_ms, 0, DAY, "5m", "Longest time for which \"there is none\" is kept."),
	BOOL(B, "ipv4", S, ipv4, "yes", "Deliver to IPv4 addresses."),
	BOOL(B, "ipv6", S, ipv6, "yes", "Deliver to IPv6 addresses."),
#undef B
#undef S
#define B CONF_B_LIMITS
#define S conf_limits
	STRING(B, "hostname", S, hostname, CONF_C_HOST, NULL, "Name of this host in greetings, EHLO and Received; by default the system's."),
	STRING(B, "spool", S, spool, CONF_C_PATH, LOCALSTATEDIR "/spool/facteur", "Directory for the embedded Redis, the outcome journal and the lock."),
	STRING(B, "user", S, user, CONF_C_ANY, NULL, "User to become when started as root."),
	STRING(B, "group", S, group, CONF_C_ANY, NULL, "Group to become; by default the user's."),
	STRING(B, "control_socket", S, control_socket, CONF_C_PATH, RUNSTATEDIR "/facteur/control", "Unix socket of facteur(1)."),
	MODE(B, "control_mode", S, control_mode, "0600", "Its file mode."),
	STRINGS(B, "control_users", S, control_users, CONF_C_ANY, NULL, "Users (names or numbers) who may use it besides root and the daemon's own."),
	NUMBER(B, "max_connections", S, max_connections, 1, 1000000, "connections", "4000", "Incoming connections, all listeners together."),
	NUMBER(B, "max_sessions", S, max_sessions, 1, 1000000, "connections", "1000", "Outgoing connections, all sites together."),
	SIZE(B, "max_content_memory", S, max_content_bytes_in_memory, MIB, 1024 * GIB, "512M", "Memory for the contents of messages under way; above it new ones are answered 452."),
	NUMBER(B, "workers", S, workers, 0, 256, "threads", "auto", "Threads that sign; 0: none, the main thread signs; auto: one less than the machine has cores."),
	TIME(B, "drain_time", S, drain_time_ms, 0, HOUR, "10s", "How long transactions under way may take at the stop."),
	TIME(B, "campaign_idle", S, campaign_idle_ms, SECOND, 365 * DAY, "7d", "A campaign without mail for so long is done."),
#undef B
#undef S
#define B CONF_B_HEADERS
#define S conf_headers
	STRING(B, "campaign", S, campaign, CONF_C_HEADER, "X-Campaign", "Names the campaign of a message; created at first sight."),
	STRING(B, "list", S, list, CONF_C_HEADER, "X-List", "Names the mailing list, a scope of suppression."),
	STRING(B, "priority_class", S, priority_class, CONF_C_HEADER, "X-Priority-Class", "bulk or transactional."),
	STRING(B, "not_before", S, not_before, CONF_C_HEADER, "X-Not-Before", "Date (RFC 5322) before which the message is not sent."),
	STRING(B, "expires", S, expires, CONF_C_HEADER, "X-Expires", "Date after which it is not tried any more."),
	STRING(B, "source", S, source, CONF_C_HEADER, "X-Source", "Names the source to send from."),
#undef B
#undef S
#define B CONF_B_LOG
#define S conf_log
	STRING(B, "path", S, path, CONF_C_LOG, "stderr", "stderr, syslog or a file; reopened on SIGUSR1."),
	WORD(B, "level", S, level, level_names, "info", "Least level that is written."),
	STRING(B, "accounting", S, accounting, CONF_C_PATH, "", "File for one JSON line per outcome, see ACCOUNTING in facteurd(8); \"\": none. Reopened on SIGUSR1."),
#undef B
#undef S
};
/* clang-format on */

const size_t conf_settings_nrows = sizeof(conf_settings_rows) /
    sizeof(conf_settings_rows[0]);

#define LIST(parent, type, f, n)                                               \
	offsetof(struct parent, f), offsetof(struct parent, n),                \
	    sizeof(struct type)
#define ONE(type, f) offsetof(struct conf, f), 0, sizeof(struct type)

const struct conf_settings_blockrow conf_settings_blocks[CONF_B_N] = {
	[CONF_B_LISTEN] = { "listen", true, -1,
	    LIST(conf, conf_listen, listen, nlisten),
	    "A place where mail is taken in." },
	[CONF_B_TENANT] = { "tenant", true, -1,
	    LIST(conf, conf_tenant, tenant, ntenant),
	    "Someone who may submit mail: known by a user's login, by network, or "
	    "by the listener. Nobody else can." },
	[CONF_B_USER] = { "user", true, CONF_B_TENANT,
	    LIST(conf_tenant, conf_user, users, nusers),
	    "A login of the tenant; stands inside the tenant block. Names are "
	    "unique among all tenants." },
	[CONF_B_DKIM] = { "dkim", true, -1, LIST(conf, conf_dkim, dkim, ndkim),
	    "A DKIM key. Mail is signed by all that fit: one of RSA and one of "
	    "Ed25519 is usual." },
	[CONF_B_SITE] = { "site", true, -1, LIST(conf, conf_site, site, nsite),
	    "What a destination may get. The block \"default\" is for all sites; "
	    "others name whom they are for and inherit the rest from it." },
	[CONF_B_SOURCE] = { "source", true, -1,
	    LIST(conf, conf_source, source, nsource),
	    "A local address that mail leaves from. Without any the system "
	    "chooses." },
	[CONF_B_REDIS] = { "redis", false, -1, ONE(conf_redis, redis),
	    "Where the queue is." },
	[CONF_B_DNS] = { "dns", false, -1, ONE(conf_dns, dns),
	    "How names are looked up." },
	[CONF_B_LIMITS] = { "limits", false, -1, ONE(conf_limits, limits),
	    "The daemon as a whole." },
	[CONF_B_HEADERS] = { "headers", false, -1, ONE(conf_headers, headers),
	    "Names of the header fields that steer a message. They are removed "
	    "before it is sent." },
	[CONF_B_LOG] = { "log", false, -1, ONE(conf_log, log),
	    "What is written down, and where." },
};

void *
conf_settings_get(enum conf_settings_block b, void *parent, size_t i)
{
	const struct conf_settings_blockrow *r = &conf_settings_blocks[b];
	char *p = parent, *v;
	size_t n;

	if (!r->titled)
		return i == 0 ? p + r->at : NULL;
	memcpy(&n, p + r->count_at, sizeof(n));
	memcpy(&v, p + r->at, sizeof(v));
	return i < n ? v + i * r->size : NULL;
}

void *
conf_settings_append(enum conf_settings_block b, void *parent,
    const char *title)
{
	const struct conf_settings_blockrow *r = &conf_settings_blocks[b];
	char *p = parent, *v;
	char *name = mem_strdup(title);
	size_t n;

	memcpy(&n, p + r->count_at, sizeof(n));
	memcpy(&v, p + r->at, sizeof(v));
	v = mem_realloc(v, (n + 1) * r->size);
	memset(v + n * r->size, 0, r->size);
	memcpy(v + n * r->size, &name, sizeof(name));
	n++;
	memcpy(p + r->at, &v, sizeof(v));
	memcpy(p + r->count_at, &n, sizeof(n));
	return v + (n - 1) * r->size;
}
