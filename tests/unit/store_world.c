#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <cmocka.h>
#include <ev.h>
#include <hiredis/hiredis.h>

#include "base/mem.h"
#include "conf/conf.h"
#include "io/loop.h"
#include "smtp/address.h"
#include "tests/unit/store_world.h"

static struct loop *loop;

struct loop *
world_loop(void)
{
	if (loop == NULL)
		loop = loop_new();
	return loop;
}

/* --- waiting ----------------------------------------------------------- */

static bool over;

static void
on_over(void *arg)
{
	(void)arg;
	over = true;
}

bool
world_until(bool (*cond)(void *arg), void *arg, int ms)
{
	struct loop_timer t;

	over = false;
	loop_timer_init(&t, world_loop(), on_over, NULL);
	loop_timer_start(&t, ms);
	while (!over && !(cond && cond(arg)))
		ev_run(loop_ev(world_loop()), EVRUN_ONCE);
	loop_timer_stop(&t);
	return cond ? cond(arg) : true;
}

void
world_sleep(int ms)
{
	world_until(NULL, NULL, ms);
}

static bool
is_set(void *arg)
{
	return *(bool *)arg;
}

/* --- a store ----------------------------------------------------------- */

static void
on_up(void *arg)
{
	((struct world *)arg)->ups++;
}

static void
on_down(void *arg, const char *why)
{
	struct world *w = arg;

	w->downs++;
	snprintf(w->why, sizeof(w->why), "%s", why);
}

static void
on_lane(void *arg, unsigned shard, uint64_t campaign, const char *domain)
{
	struct world *w = arg;
	unsigned i = w->lanes++;

	if (i >= WORLD_LANES_MAX)
		return;
	w->lane[i].shard = shard;
	w->lane[i].campaign = campaign;
	snprintf(w->lane[i].domain, sizeof(w->lane[i].domain), "%s", domain);
}

static void
on_shard_lost(void *arg, unsigned shard)
{
	(void)shard;
	((struct world *)arg)->lost++;
}

static void
on_campaign(void *arg, uint64_t campaign)
{
	(void)campaign;
	((struct world *)arg)->states++;
}

static void
on_dropped(void *arg, uint64_t campaign, const char *domain,
    struct view packed, char code)
{
	struct store_record r;
	struct err e;

	(void)campaign;
	(void)domain;
	assert_int_equal(store_record_unpack(packed, &r, &e), 0);
	if (code == 'c')
		((struct world *)arg)->dropped++;
	else
		((struct world *)arg)->suppressed++;
}

static const struct store_ops ops = {
	.on_up = on_up,
	.on_down = on_down,
	.on_lane = on_lane,
	.on_shard_lost = on_shard_lost,
	.on_campaign = on_campaign,
	.on_dropped = on_dropped,
};

/* A test that failed leaves no server behind. */
static char left[16][128];

static void
sweep_up(void)
{
	struct world w;
	size_t i;

	for (i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		char cmd[200];

		if (left[i][0] == '\0')
			continue;
		memcpy(w.dir, left[i], sizeof(w.dir));
		if (world_redis_pid(&w) > 0)
			kill(world_redis_pid(&w), SIGKILL);
		snprintf(cmd, sizeof(cmd), "rm -rf %s", w.dir);
		if (system(cmd) != 0)
			perror(cmd);
	}
}

static void
remember(const char *dir, bool there)
{
	static bool registered;
	size_t i;

	if (!registered)
		atexit(sweep_up);
	registered = true;
	for (i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		if (strcmp(left[i], there ? "" : dir) != 0)
			continue;
		snprintf(left[i], sizeof(left[i]), "%s", there ? dir : "");
		return;
	}
}

void
world_init(struct world *w, unsigned shards, const char *address)
{
	struct conf *c = mem_zalloc(sizeof(*c));

	memset(w, 0, sizeof(*w));
	snprintf(w->dir, sizeof(w->dir), "/tmp/facteur-store-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	remember(w->dir, true);
	c->refs = 1000; /* never freed by the store */
	c->limits.spool = mem_strdup(w->dir);
	c->redis.embedded = address == NULL;
	c->redis.address = mem_strdup(address);
	c->redis.shards = shards;
	c->redis.call_timeout_ms = 3000;
	c->redis.lease_ms = 3000;
	c->redis.max_memory_bytes = 256 << 20;
	w->conf = c;
}

void
world_open(struct world *w)
{
	struct err e;

	w->ups = w->downs = w->lost = w->lanes = 0;
	w->store = store_open(world_loop(), w->conf, &ops, w, &e);
	if (w->store == NULL)
		fail_msg("store_open: %s", e.text);
}

static bool
is_up(void *arg)
{
	struct world *w = arg;

	return w->ups > 0 && store_is_up(w->store);
}

void
world_start(struct world *w)
{
	world_open(w);
	if (!world_until(is_up, w, 10000))
		fail_msg("not up: %s", w->why);
}

void
world_crash(struct world *w)
{
	store_close(&w->store);
	world_sleep(1); /* the graveyard */
}

static void
set(void *arg)
{
	*(bool *)arg = true;
}

void
world_stop(struct world *w)
{
	bool done = false;

	store_shutdown(w->store, set, &done);
	assert_true(world_until(is_set, &done, 10000));
	store_close(&w->store);
	world_sleep(1);
}

pid_t
world_redis_pid(const struct world *w)
{
	char path[160];
	long pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/redis/redis.pid", w->dir);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%ld", &pid) != 1)
		pid = 0;
	fclose(f);
	return (pid_t)pid;
}

void
world_fini(struct world *w)
{
	char cmd[200];
	pid_t pid = world_redis_pid(w);

	if (w->store)
		world_crash(w);
	if (pid > 0)
		kill(pid, SIGKILL);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", w->dir);
	if (system(cmd) != 0)
		fail_msg("%s", cmd);
	remember(w->dir, false);
	free(w->conf->limits.spool);
	free(w->conf->redis.address);
	free(w->conf);
	memset(w, 0, sizeof(*w));
}

long long
world_command(struct world *w, char text[256], const char *fmt, ...)
{
	char path[160];
	redisContext *c;
	redisReply *r;
	long long n;
	va_list ap;

	snprintf(path, sizeof(path), "%s/redis/redis.sock", w->dir);
	c = redisConnectUnix(path);
	assert_non_null(c);
	assert_int_equal(c->err, 0);
	va_start(ap, fmt);
	r = redisvCommand(c, fmt, ap);
	va_end(ap);
	assert_non_null(r);
	n = r->integer;
	if (text)
		snprintf(text, 256, "%s", r->str ? r->str : "");
	else if (r->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", fmt, r->str);
	freeReplyObject(r);
	redisFree(c);
	return n;
}

/* --- calls ------------------------------------------------------------- */

struct answer {
	bool done;
	enum store_status st;
	struct store_campaign *c;
	struct store_lease **out;
	size_t n, max;
	struct store_shard_stat stat;
};

static void
on_campaign_got(void *arg, enum store_status st, struct store_campaign *c)
{
	struct answer *a = arg;

	a->done = true;
	a->st = st;
	a->c = c;
}

struct store_campaign *
world_campaign(struct world *w, const char *name)
{
	struct answer a = { 0 };

	store_campaign_get(w->store, "acme", name, STORE_BULK, "news",
	    on_campaign_got, &a);
	assert_true(world_until(is_set, &a.done, 5000));
	assert_int_equal(a.st, STORE_OK);
	return a.c;
}

static void
on_enqueued(void *arg, enum store_status st, const char *text)
{
	struct answer *a = arg;

	(void)text;
	a->done = true;
	a->st = st;
}

enum store_status
world_enqueue(struct world *w, struct store_campaign *c, const char *domain,
    unsigned from, unsigned n, uint64_t base)
{
	struct store_new *v = mem_zalloc((n + 1) * sizeof(*v));
	struct store_message m = { .campaign = c, .rcpt = v, .nrcpt = n };
	struct smtp_address *addr = mem_zalloc((n + 1) * sizeof(*addr));
	struct answer a = { 0 };
	unsigned i;

	for (i = 0; i < n; i++) {
		snprintf(addr[i].text, sizeof(addr[i].text), "user%u@%.60s",
		    from + i, domain);
		addr[i].at =
		    (unsigned short)(strchr(addr[i].text, '@') - addr[i].text);
		store_addr_of(w->store, &addr[i], &v[i].addr);
		v[i].domain = domain;
		v[i].record.base = base;
		v[i].record.created_ms = 1;
		v[i].record.expires_s = UINT32_MAX;
		v[i].record.sender = VIEW("sender@example.com");
		v[i].record.rcpt = view_str(addr[i].text);
		v[i].record.patch = VIEW("\2patch");
	}
	if (base) {
		m.nbase = 1;
		m.base[0].id = base;
		m.base[0].stored = VIEW("bytes of the base");
		m.base[0].pin = true;
	}
	store_enqueue(w->store, &m, on_enqueued, &a);
	assert_true(world_until(is_set, &a.done, 8000));
	free(addr);
	free(v);
	return a.st;
}

static void
on_leased(void *arg, enum store_status st,
    const struct store_lane_result *lanes, size_t n)
{
	struct answer *a = arg;
	size_t i, k;

	a->done = true;
	a->st = st;
	for (i = 0; i < n; i++) {
		for (k = 0; k < lanes[i].nleases; k++) {
			assert_true(a->n < a->max);
			a->out[a->n++] = lanes[i].leases[k];
		}
	}
}

size_t
world_lease(struct world *w, unsigned shard, struct store_campaign *c,
    const char *domain, unsigned max, struct store_lease **out)
{
	const struct store_want want = { c->id, domain, max };
	struct answer a = { .out = out, .max = max };

	store_lease_lanes(w->store, shard, &want, 1, on_leased, &a);
	assert_true(world_until(is_set, &a.done, 8000));
	return a.n;
}

void
world_settle_all(struct world *w, struct store_lease **v, size_t n,
    enum store_outcome out)
{
	size_t i;

	for (i = 0; i < n; i++)
		store_settle(w->store, &v[i], out, 0, 0);
}

static bool
all_settled(void *arg)
{
	return store_settled(arg);
}

bool
world_settled(struct world *w, int ms)
{
	return world_until(all_settled, w->store, ms);
}

static void
on_stat(void *arg, enum store_status st, const struct store_shard_stat *s)
{
	struct answer *a = arg;

	a->done = true;
	a->st = st;
	a->stat = *s;
}

struct store_shard_stat
world_stat(struct world *w, unsigned shard)
{
	struct answer a = { 0 };

	store_stat(w->store, shard, on_stat, &a);
	assert_true(world_until(is_set, &a.done, 5000));
	assert_int_equal(a.st, STORE_OK);
	return a.stat;
}

struct store_shard_stat
world_total(struct world *w)
{
	struct store_shard_stat t = { 0 }, s;
	unsigned i;

	for (i = 0; i < store_shards(w->store); i++) {
		s = world_stat(w, i);
		t.queued += s.queued;
		t.deferred += s.deferred;
		t.in_flight += s.in_flight;
		t.parked += s.parked;
	}
	return t;
}
