/*
 * The intake on its own, for test_intake.py: real listeners, TLS and logins,
 * with stand-ins for the configuration, the queue and the submission.
 * Commands come on standard input, answers go to standard output.
 */
#include "config.h"

#include <arpa/inet.h>
#include <crypt.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "intake/intake.h"
#include "io/loop.h"
#include "stats/stats.h"
#include "store/store.h"
#include "submit/submit.h"

/* --- stand-ins ----------------------------------------------------------- */

static int64_t stats[STATS_N];

void
stats_add(enum stats_id id, int64_t n)
{
	stats[id] += n;
}

void
stats_set(enum stats_id id, int64_t v)
{
	stats[id] = v;
}

void
stats_observe(enum stats_id id, int64_t ms)
{
	stats[id] += ms >= 0;
}

struct conf *
conf_ref(struct conf *c)
{
	c->refs++;
	return c;
}

void
conf_unref(struct conf **cp)
{
	struct conf *c = *cp;

	*cp = NULL;
	if (c && --c->refs == 0) {
		free(c->listen);
		free(c->tenant);
		free(c);
	}
}

const struct conf_tenant *
conf_tenant_find(const struct conf *c, const char *name)
{
	size_t k;

	for (k = 0; k < c->ntenant; k++)
		if (strcmp(c->tenant[k].name, name) == 0)
			return &c->tenant[k];
	return NULL;
}

/* The one net of these tests is a single IPv4 address. */
bool
conf_nets_match(const struct conf_nets *nets, const struct sockaddr *sa)
{
	return sa->sa_family == AF_INET &&
	    memcmp(nets->v[0].addr,
		&((const struct sockaddr_in *)sa)->sin_addr, 4) == 0;
}

static bool full;
static bool quiet; /* no files, no delay: for measuring */
static const char *folder;
static struct loop *loop;

bool
store_accepting(const struct store *s, const char **text)
{
	(void)s;
	*text = "the disk is full";
	return !full;
}

bool
store_is_up(const struct store *s)
{
	(void)s;
	return true;
}

struct submit_req {
	struct loop_timer timer;
	struct loop_task task;
	struct submit_message *m;
	void (*done)(void *arg);
	void *arg;
};

int
submit_check_sender(struct submit *s, struct submit_message *m)
{
	(void)s;
	if (strcmp(smtp_address_domain(&m->sender), "forbidden.test"))
		return 0;
	m->code = 550;
	snprintf(m->text, sizeof(m->text), "5.7.1 not your domain");
	return -1;
}

static void
save(const struct submit_message *m)
{
	static unsigned n;
	char path[1024];
	size_t k;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%06u", folder, ++n);
	f = fopen(path, "wb");
	fprintf(f, "%s|%s|%s|%s|%s|%s|%d|%s\n",
	    m->tenant ? m->tenant->name : "",
	    m->sender.text, m->protocol, m->helo, m->client,
	    m->tls ? m->tls : "", m->ret, m->envid ? m->envid : "");
	for (k = 0; k < m->nrcpt; k++)
		fprintf(f, "%s %u %s\n", m->rcpt[k].addr.text,
		    m->rcpt[k].notify,
		    m->rcpt[k].orcpt ? m->rcpt[k].orcpt : "-");
	fprintf(f, "\n");
	fwrite(buf_view(&m->content).p, 1, m->content.n, f);
	fclose(f);
}

static void
submitted(void *arg)
{
	struct submit_req *r = arg;
	struct submit_message *m = r->m;
	void (*done)(void *) = r->done;
	void *done_arg = r->arg;
	size_t k;

	m->code = 250;
	snprintf(m->text, sizeof(m->text), "2.0.0 queued");
	if (view_find(buf_view(&m->content), VIEW("X-Refuse:")) >= 0) {
		m->code = 554;
		snprintf(m->text, sizeof(m->text), "5.7.1 refused");
	} else if (!quiet) {
		save(m);
	}
	for (k = 0; k < m->nrcpt; k++) {
		bool no = strncmp(m->rcpt[k].addr.text, "full@", 5) == 0;

		m->rcpt[k].code = no ? 452 : m->code;
		m->rcpt[k].text = no ? "4.2.2 full" : m->text;
	}
	free(r);
	done(done_arg);
}

struct submit_req *
submit_send(struct submit *s, struct submit_message *m,
    void (*done)(void *arg), void *arg)
{
	struct submit_req *r = mem_zalloc(sizeof(*r));

	(void)s;
	r->m = m;
	r->done = done;
	r->arg = arg;
	loop_timer_init(&r->timer, loop, submitted, r);
	if (quiet)
		loop_defer(loop, &r->task, submitted, r);
	else
		loop_timer_start(&r->timer, 5);
	return r;
}

void
submit_cancel(struct submit_req **r)
{
	loop_timer_stop(&(*r)->timer);
	loop_undefer(&(*r)->task);
	free(*r);
	*r = NULL;
}

/* A sink for what comes to bounces@ any domain, from anyone. */
static bool
sink_claims(void *arg, const struct smtp_address *rcpt)
{
	(void)arg;
	return view_eq(smtp_address_local(rcpt), VIEW("bounces"));
}

static struct submit_req *
sink_send(void *arg, struct submit_message *m, void (*done)(void *done_arg),
    void *done_arg)
{
	(void)arg;
	return submit_send(NULL, m, done, done_arg);
}

static void
sink_cancel(void *arg, struct submit_req **r)
{
	(void)arg;
	submit_cancel(r);
}

static const struct intake_sink sink = { .name = "bounces",
	.open = true,
	.claims = sink_claims,
	.send = sink_send,
	.cancel = sink_cancel };

/* --- configuration ------------------------------------------------------- */

#define S(text) ((char *)(text))

static char addresses[12][32];
static char certificate[1024], key[1024], socket_path[1024];
static char secret[CRYPT_OUTPUT_SIZE];
static struct conf_user joe = { .name = S("joe"), .password = secret };
static struct conf_user ann = { .name = S("ann"), .password = secret };
static struct conf_net net = { .family = AF_INET, .addr = { 127, 0, 0, 9 },
	.bits = 32 };
static struct conf_net nowhere = { .family = AF_INET,
	.addr = { 127, 0, 0, 8 },
	.bits = 32 };

static const struct conf_listen usual = {
	.address = S("127.0.0.1:0"),
	.socket_mode = 0600,
	.auth = CONF_AUTH_OPTIONAL,
	.max_connections = 5000,
	.max_connections_per_address = 5000,
	.max_messages = 1000000,
	.max_recipients = 100,
	.max_errors = 5,
	.max_message_bytes = 1000000,
	.max_header_bytes = 64 * 1024,
	.max_line_bytes = 2000,
	.max_hops = 10,
	.idle_timeout_ms = 300000,
	.session_timeout_ms = 600000,
	.data_timeout_ms = 60000,
};

/* Each listener has an address of its own, so that a reload can tell. */
static struct conf *
make_conf(bool second)
{
	struct conf *c = mem_zalloc(sizeof(*c));
	struct conf_listen *l = mem_zalloc(12 * sizeof(*l));
	struct conf_tenant *t = mem_zalloc(4 * sizeof(*t));
	size_t k;

	c->refs = 1;
	c->limits.hostname = S("mx.test");
	c->limits.max_connections = 4000;
	c->limits.max_content_bytes_in_memory = 64 * 1024 * 1024;
	for (k = 0; k < 12; k++)
		l[k] = usual;
	l[0].name = S("plain");
	l[1].name = S("starttls");
	l[1].tls = CONF_TLS_OPPORTUNISTIC;
	l[2].name = S("required");
	l[2].tls = CONF_TLS_REQUIRED;
	l[3].name = S("implicit");
	l[3].tls = CONF_TLS_IMPLICIT;
	l[4].name = S("lmtp");
	l[4].address = socket_path;
	l[4].protocol = CONF_LMTP;
	l[4].tenant = S("acme");
	l[5].name = S("fixed");
	l[5].tenant = S("acme");
	l[5].auth_without_tls = true;
	if (second)
		l[5].max_recipients = 1;
	l[6].name = S("authonly");
	l[6].auth = CONF_AUTH_REQUIRED;
	l[6].auth_without_tls = true;
	l[7].name = S("few");
	l[7].tenant = S("acme");
	l[7].max_connections_per_address = 2;
	l[7].max_errors = 2;
	l[7].max_messages = 2;
	l[8].name = S("short");
	l[8].tenant = S("acme");
	l[8].idle_timeout_ms = 300;
	l[8].data_timeout_ms = 500;
	l[9].name = S("closed");
	l[9].tenant = S("acme");
	l[9].networks = (struct conf_nets){ &nowhere, 1 };
	l[10].name = S("slow");
	l[10].tenant = S("slow");
	l[11].name = S(second ? "new" : "old");
	l[11].address = S(second ? "127.0.0.3:0" : "127.0.0.2:0");
	l[11].tenant = S("acme");
	for (k = 0; k < 12; k++) {
		l[k].tls_certificate = certificate;
		l[k].tls_key = key;
		if (strcmp(l[k].address, usual.address) == 0)
			l[k].address = addresses[k];
		snprintf(addresses[k], sizeof(addresses[k]), "127.0.0.%zu:0",
		    10 + k);
	}
	t[0].name = S("acme");
	t[0].users = &joe;
	t[0].nusers = 1;
	t[1].name = S("beta");
	t[1].users = &ann;
	t[1].nusers = second ? 0 : 1;
	t[2].name = S("net");
	t[2].networks = (struct conf_nets){ &net, 1 };
	t[3].name = S("slow");
	t[3].max_message_rate = 3;
	c->listen = l;
	c->nlisten = 12;
	c->tenant = t;
	c->ntenant = 4;
	return c;
}

/* --- commands ------------------------------------------------------------ */

static struct intake *intake;
static struct conf *conf;

static void
print_ports(void)
{
	size_t k;

	for (k = 0; k < conf->nlisten; k++)
		printf("%s=%s:%u ", conf->listen[k].name,
		    conf->listen[k].address,
		    intake_port(intake, conf->listen[k].name));
}

static void
print_session(void *arg, const struct intake_info *x)
{
	(void)arg;
	printf("%s,%s,%s,%s,%s,%s ", x->listener, x->client, x->tenant,
	    x->user, x->tls, x->state);
}

static void
reload(void)
{
	struct conf *c = make_conf(true);
	struct err e;

	if (intake_reload(intake, c, &e)) {
		printf("failed: %s", e.text);
		conf_unref(&c);
		return;
	}
	conf_unref(&conf);
	conf = c;
	printf("ok");
}

static void
usage(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	printf("cpu_us=%lld",
	    (long long)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000 +
		r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static bool
command(const char *c)
{
	if (strcmp(c, "ports") == 0)
		print_ports();
	else if (strcmp(c, "reload") == 0)
		reload();
	else if (strcmp(c, "drain") == 0)
		intake_drain(intake);
	else if (strcmp(c, "full") == 0)
		full = true;
	else if (strcmp(c, "space") == 0)
		full = false;
	else if (strcmp(c, "badcert") == 0)
		snprintf(certificate, sizeof(certificate), "/nowhere");
	else if (strcmp(c, "sessions") == 0)
		intake_sessions(intake, print_session, NULL);
	else if (strcmp(c, "usage") == 0)
		usage();
	else if (strcmp(c, "stats") == 0)
		printf("open=%lld refused=%lld authfail=%lld messages=%lld "
		       "recipients=%lld rejected=%lld latency=%lld busy=%zu",
		    (long long)stats[STATS_INTAKE_OPEN],
		    (long long)stats[STATS_INTAKE_REFUSED],
		    (long long)stats[STATS_INTAKE_AUTH_FAILED],
		    (long long)stats[STATS_INTAKE_MESSAGES],
		    (long long)stats[STATS_INTAKE_RECIPIENTS],
		    (long long)stats[STATS_INTAKE_REJECTED],
		    (long long)stats[STATS_INTAKE_LATENCY],
		    intake_busy(intake));
	else
		return false;
	printf("\n");
	fflush(stdout);
	return true;
}

static void
on_stdin(struct ev_loop *ev, ev_io *w, int revents)
{
	static char line[256];
	static size_t n;
	ssize_t got = read(0, line + n, sizeof(line) - 1 - n);
	char *lf;

	(void)ev;
	(void)w;
	(void)revents;
	if (got <= 0) {
		loop_break(loop);
		return;
	}
	n += (size_t)got;
	line[n] = '\0';
	while ((lf = strchr(line, '\n'))) {
		*lf = '\0';
		if (!command(line))
			loop_break(loop);
		n -= (size_t)(lf + 1 - line);
		memmove(line, lf + 1, n + 1);
	}
}

int
main(int argc, char **argv)
{
	struct intake_params p = { 0 };
	struct err e;
	char salt[CRYPT_GENSALT_OUTPUT_SIZE];
	ev_io in;

	if (argc < 2)
		return 2;
	folder = argv[1];
	quiet = argc > 2 && strcmp(argv[2], "quiet") == 0;
	snprintf(certificate, sizeof(certificate), "%s/../cert.pem", folder);
	snprintf(key, sizeof(key), "%s/../key.pem", folder);
	snprintf(socket_path, sizeof(socket_path), "unix:%s/../lmtp", folder);
	if (log_open("stderr", quiet ? LOG_ERROR_ : LOG_INFO_, &e) ||
	    crypt_gensalt_rn("$y$", 1, NULL, 0, salt, sizeof(salt)) == NULL)
		return 2;
	snprintf(secret, sizeof(secret), "%s", crypt("secret", salt));
	loop = loop_new();
	conf = make_conf(false);
	p.loop = loop;
	p.conf = conf;
	p.sinks = &sink;
	p.nsinks = argc > 2 && strcmp(argv[2], "sink") == 0;
	intake = intake_new(&p, &e);
	if (intake == NULL) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	ev_io_init(&in, on_stdin, 0, EV_READ);
	ev_io_start(loop_ev(loop), &in);
	loop_run(loop);
	intake_free(&intake);
	conf_unref(&conf);
	loop_free(&loop);
	return 0;
}
