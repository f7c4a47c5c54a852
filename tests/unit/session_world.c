#include "config.h"

#include "tests/unit/session_world.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/mem.h"
#include "dns/dns.h"
#include "io/conn.h"
#include "io/listener.h"
#include "io/tls.h"
#include "store/store.h"
#include "tests/unit/session_peer.h"

struct world world;

static struct listener *listener;
static struct store_campaign campaign = {.id = 1, .tenant = "t"};
static struct tls_ctx *ctx_server;

/* --- stand-ins -------------------------------------------------------------- */

struct dns_req {
	struct loop_task task;
	struct sockaddr_storage sa[2];
	struct dns_addrs a;
	void (*done)(void *arg, const struct dns_addrs *a);
	void *arg;
};

static void
dns_answer(void *arg)
{
	struct dns_req *r = arg;

	r->a.v = r->sa;
	r->done(r->arg, &r->a);
	free(r);
}

static void
add_addr(struct dns_req *r, const char *text)
{
	struct sockaddr_in *in = (void *)&r->sa[r->a.n++];

	in->sin_family = AF_INET;
	inet_pton(AF_INET, text, &in->sin_addr);
}

/* "dead" is an address where nobody listens on the peer's port. */
struct dns_req *
dns_addr_lookup(struct dns *d, const char *host,
    void (*done)(void *arg, const struct dns_addrs *a), void *arg)
{
	struct dns_req *r = mem_zalloc(sizeof(*r));

	(void)d;
	r->done = done;
	r->arg = arg;
	if (strcmp(host, "none") == 0)
		r->a.status = DNS_NXDOMAIN;
	else if (strcmp(host, "fails") == 0)
		r->a.status = DNS_SERVFAIL;
	if (strcmp(host, "dead") == 0 || strcmp(host, "two") == 0)
		add_addr(r, "127.0.0.2");
	if (strncmp(host, "mx", 2) == 0 || strcmp(host, "two") == 0)
		add_addr(r, "127.0.0.1");
	loop_defer(world.loop, &r->task, dns_answer, r);
	return r;
}

void
dns_cancel(struct dns_req **r)
{
	if (*r)
		loop_undefer(&(*r)->task);
	free(*r);
	*r = NULL;
}

const char *
dns_status_text(enum dns_status s)
{
	return s == DNS_NXDOMAIN ? "no such name" : "server failure";
}

bool
store_owns(const struct store *s, unsigned shard)
{
	(void)s;
	return world.owned || shard == 7;
}

struct deliver_content_req {
	struct loop_task task;
	bool eightbit_ok;
	void (*done)(void *arg, enum deliver_content_status st,
	    struct buf *bytes, const char *text);
	void *arg;
};

static void
content_answer(void *arg)
{
	struct deliver_content_req *r = arg;
	enum deliver_content_status st =
	    r->eightbit_ok ? world.status : world.status_7bit;
	struct buf b = {0};

	buf_add(&b, world.bytes, world.bytes_n);
	if (!r->eightbit_ok)
		buf_adds(&b, "(7bit)\r\n");
	if (world.lose_shard)
		world.owned = false;
	r->done(r->arg, st, st == DELIVER_CONTENT_OK ? &b : NULL, "because");
	buf_fini(&b);
	free(r);
}

struct deliver_content_req *
deliver_content_get(struct deliver_content *c, const struct store_lease *l,
    const struct store_campaign *camp, bool eightbit_ok,
    void (*done)(void *arg, enum deliver_content_status st, struct buf *bytes,
	const char *text),
    void *arg)
{
	struct deliver_content_req *r = mem_zalloc(sizeof(*r));

	(void)c;
	assert_ptr_equal(camp, &campaign);
	world.asked++;
	world.asked_7bit += !eightbit_ok;
	r->eightbit_ok = eightbit_ok || !l->record.eightbit;
	r->done = done;
	r->arg = arg;
	loop_defer(world.loop, &r->task, content_answer, r);
	return r;
}

void
deliver_content_cancel(struct deliver_content_req **r)
{
	if (*r)
		loop_undefer(&(*r)->task);
	free(*r);
	*r = NULL;
}

ssize_t __real_send(int fd, const void *p, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *p, size_t n, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *m, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *m, int flags);

ssize_t
__wrap_send(int fd, const void *p, size_t n, int flags)
{
	world.sends++;
	return __real_send(fd, p, n, flags);
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *m, int flags)
{
	world.receives++;
	return __real_recvmsg(fd, m, flags);
}

/* --- the scheduler's side ----------------------------------------------------- */

static size_t
on_next(
    void *arg, struct deliver_session *s, struct deliver_job **jobs, size_t max)
{
	size_t n = 0;

	(void)arg;
	assert_ptr_equal(s, world.session);
	while (n < max && world.taken < world.njobs &&
	       (n == 0 || world.together[world.taken]))
		jobs[n++] = &world.job[world.taken++];
	return n;
}

static void
on_done(void *arg, struct deliver_session *s, struct deliver_job *job,
    const struct deliver_result *r)
{
	size_t i = (size_t)(job - world.job);

	(void)arg;
	(void)s;
	assert_false(world.gone);
	if (world.repeat > 0) {
		assert_int_equal(r->kind, DELIVER_SENT);
		world.repeat--;
		world.taken = i;
		return;
	}
	world.answers[i]++;
	world.result[i] = *r;
	world.done++;
	if (world.on_done)
		world.on_done();
}

static void
on_gone(void *arg, struct deliver_session *s, const struct deliver_end *end)
{
	(void)arg;
	(void)s;
	assert_false(world.gone);
	world.end = *end;
	world.gone = true;
	world.session = NULL;
	loop_break(world.loop);
}

static const struct deliver_session_ops ops = {
    .next = on_next, .done = on_done, .gone = on_gone};

void
world_jobs(const struct world_job *j, size_t n)
{
	size_t i;

	for (i = 0; i < n && j[i].rcpt; i++) {
		struct deliver_job *job = &world.job[i];
		struct store_lease *l = mem_zalloc(sizeof(*l));

		l->record.sender = VIEW("me@y.example");
		l->record.eightbit = j[i].eightbit;
		l->record.smtputf8 = j[i].smtputf8;
		job->lease = l;
		job->campaign = &campaign;
		snprintf(
		    job->rcpt.text, sizeof(job->rcpt.text), "%s", j[i].rcpt);
		world.together[i] = j[i].together;
	}
	world.njobs = i;
}

void
world_session(const char *mx, const struct conf_source *source)
{
	struct dns_mx_host hosts[4] = {0};
	struct deliver_session_params p = {.policy = &world.conf.site_default,
	    .conf = &world.conf,
	    .source = source,
	    .mx = hosts,
	    .literal = mx[0] == '['};
	struct view v = view_str(mx);

	while (v.n > 0) {
		struct view w = view_word(&v);

		snprintf(hosts[p.nmx++].name, 256, "%.*s", VIEW_ARG(w));
	}
	world.session = deliver_session_open(&world.env, &p, &ops, &world);
}

/* --- running ------------------------------------------------------------------ */

static void
guard(void *arg)
{
	*(bool *)arg = true;
	loop_break(world.loop);
}

static void
look(void *arg)
{
	(void)arg;
	loop_break(world.loop);
}

void
world_run(bool until_gone)
{
	struct loop_timer t, poll;
	bool late = false;

	loop_timer_init(&t, world.loop, guard, &late);
	loop_timer_init(&poll, world.loop, look, NULL);
	loop_timer_start(&t, 5000);
	while (
	    !late && !world.gone && (until_gone || world.done < world.njobs)) {
		loop_timer_start(&poll, 2);
		loop_run(world.loop);
	}
	loop_timer_stop(&t);
	loop_timer_stop(&poll);
	assert_false(late);
}

void
world_open(void)
{
	struct conf_site *p;
	struct err e;

	memset(&world, 0, sizeof(world));
	world.loop = loop_new();
	listener = listener_open(
	    world.loop, "127.0.0.1:0", 0, session_peer_accept, NULL, &e);
	assert_non_null(listener);
	world.port = listener_port(listener);
	world.conf.refs = 1000;
	p = &world.conf.site_default;
	p->port = world.port;
	p->messages_per_connection = 100;
	p->max_rcpt = 5;
	p->chunking = true;
	p->idle_timeout_ms = 10;
	p->connect_timeout_ms = p->greeting_timeout_ms = 1000;
	p->command_timeout_ms = p->data_start_timeout_ms = 1000;
	p->data_block_timeout_ms = p->data_end_timeout_ms = 1000;
	p->quit_timeout_ms = 100;
	world.env.loop = world.loop;
	world.env.hostname = "me.example";
	world.owned = true;
	world.bytes = "Subject: x\r\n\r\n.dot\r\nbody\r\n";
	world.bytes_n = strlen(world.bytes);
}

void
world_tls(const char *certificate, const char *key, const char *ca)
{
	struct err e;

	ctx_server = tls_ctx_server(certificate, key, &e);
	assert_non_null(ctx_server);
	session_peer_tls(ctx_server);
	world.env.tls_any = tls_ctx_client(false, NULL, &e);
	world.env.tls_verified = tls_ctx_client(true, ca, &e);
	assert_non_null(world.env.tls_any);
	assert_non_null(world.env.tls_verified);
}

void
world_end_session(void)
{
	if (world.session == NULL)
		return;
	deliver_session_stop(world.session, true);
	world_run(true);
}

void
world_close(void)
{
	size_t i;

	world_end_session();
	session_peer_close();
	listener_close(&listener);
	loop_free(&world.loop);
	tls_ctx_free(&world.env.tls_any);
	tls_ctx_free(&world.env.tls_verified);
	tls_ctx_free(&ctx_server);
	session_peer_tls(NULL);
	for (i = 0; i < world.njobs; i++)
		free(world.job[i].lease);
	buf_fini(&world.lines);
	buf_fini(&world.content);
}
