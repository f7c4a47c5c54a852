#include "config.h"

#include "deliver_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/rand.h"
#include "deliver/content.h"
#include "deliver/item.h"
#include "dns/dns.h"
#include "io/loop.h"
#include "io/tls.h"
#include "mail/report.h"
#include "smtp/address.h"
#include "stats/stats.h"
#include "submit/submit.h"

#define S(text) ((char *)(uintptr_t)(text)) /* never written to */
/* Room for one more after n: doubled whenever n is a power of two. */
#define GROW(v, n)                                                             \
	(((n) & ((n)-1)) == 0 ?                                                \
		((v) = mem_realloc((v), ((n) + 1) * 2 * sizeof(*(v)))) :       \
		(v))

struct conf world_conf;
struct conf_site world_sites[8];
struct conf_source world_sources[4];
struct conf_tenant world_tenants[8];
struct world_peer *world_peers;
const struct world_zone *world_zones;
struct deliver *world_d;
struct world_outcome *world_outcomes;
size_t world_noutcomes;
struct world_sent *world_sent;
size_t world_nsent;
struct world_line *world_lines;
size_t world_nlines;
struct world_report *world_reports;
size_t world_nreports;
bool world_submit_fails, world_content_fails, world_queue_fails, world_refuses;
unsigned world_shards = 1, world_foreign;
unsigned world_lease_calls, world_leases_most, world_mx_lookups, world_mx_most,
    world_opened;
unsigned world_open, world_open_most;

static int64_t now_ms;
static int store_mark; /* its address is the store */

/* --- loop ---------------------------------------------------------------- */

static struct list tasks = { &tasks, &tasks };
struct timer_slot {
	struct loop_timer *t;
	int64_t due;
};
static struct timer_slot *timers;
static size_t ntimers, captimers;

void
loop_defer(struct loop *l, struct loop_task *t, void (*fn)(void *), void *arg)
{
	(void)l;
	if (list_linked(&t->link))
		return;
	t->fn = fn;
	t->arg = arg;
	list_append(&tasks, &t->link);
}

void
loop_undefer(struct loop_task *t)
{
	list_remove(&t->link);
}

void
loop_timer_init(struct loop_timer *t, struct loop *l, void (*fn)(void *),
    void *arg)
{
	memset(t, 0, sizeof(*t));
	t->loop = l;
	t->fn = fn;
	t->arg = arg;
}

/* ev.active holds the place in the table, from 1. */
void
loop_timer_stop(struct loop_timer *t)
{
	size_t at = (size_t)t->ev.active;

	if (at == 0)
		return;
	t->ev.active = 0;
	timers[at - 1] = timers[--ntimers];
	if (at - 1 < ntimers)
		timers[at - 1].t->ev.active = (int)at;
}

void
loop_timer_start(struct loop_timer *t, int64_t ms)
{
	loop_timer_stop(t);
	if (ntimers == captimers) {
		captimers = captimers * 2 + 64;
		timers = mem_realloc(timers, captimers * sizeof(timers[0]));
	}
	timers[ntimers++] = (struct timer_slot){ t, now_ms + ms };
	t->ev.active = (int)ntimers;
}

static void
run_tasks(void)
{
	struct list *it;
	unsigned n = 0;

	while ((it = list_pop(&tasks)) != NULL) {
		struct loop_task *t = LIST_ENTRY(it, struct loop_task, link);

		t->fn(t->arg);
		if (++n > 5000000)
			fail_msg("the loop spins");
	}
}

static int64_t next_due(void);
static void promote(void);

void
world_run(int64_t ms)
{
	int64_t end = now_ms + ms, due;
	size_t i;

	run_tasks();
	for (;;) {
		due = next_due();
		for (i = 0; i < ntimers; i++)
			if (timers[i].due < due)
				due = timers[i].due;
		if (due > end)
			break;
		if (due > now_ms)
			now_ms = due;
		clock_set(now_ms);
		promote();
		for (i = 0; i < ntimers; i++)
			if (timers[i].due <= now_ms) {
				struct loop_timer *t = timers[i].t;

				loop_timer_stop(t);
				t->fn(t->arg);
				run_tasks();
				i = (size_t)-1;
			}
		run_tasks();
	}
	now_ms = end;
	clock_set(now_ms);
	run_tasks();
}

/* --- one-shot answers ------------------------------------------------------ */

struct answer {
	struct loop_task task;
	struct loop_timer timer;
	bool cancelled;
};

/* --- store ----------------------------------------------------------------- */

#define QUEUED_MAGIC UINT64_C(0x7ea7ed5eed5)
struct queued {
	uint64_t magic;
	struct list link;
	char *rcpt, *domain;
	struct store_campaign *c;
	unsigned shard;
	struct store_record r;
	int64_t due;
};
struct lane {
	struct store_campaign *c;
	unsigned shard;
	char *domain;
	struct list records;
	struct lane *next; /* in its bucket */
};
#define LANE_BUCKETS 65536
static struct lane *lanes[LANE_BUCKETS];
static char **kept;
static size_t nkept;
static struct list dly = { &dly, &dly };
static size_t nqueued, ndly, nleased;
static uint64_t last_id, last_user;
static struct store_campaign *campaigns[64];
static size_t ncampaigns;

static struct lane *
lane_of(struct store_campaign *c, const char *domain, unsigned shard)
{
	unsigned h = (unsigned)c->id * 16 + shard;
	const char *p;
	struct lane *l;

	for (p = domain; *p != '\0'; p++)
		h = h * 31 + (unsigned char)*p;
	h %= LANE_BUCKETS;
	for (l = lanes[h]; l != NULL; l = l->next)
		if (l->c == c && l->shard == shard &&
		    strcmp(l->domain, domain) == 0)
			return l;
	l = mem_zalloc(sizeof(*l));
	l->c = c;
	l->shard = shard;
	l->domain = mem_strdup(domain);
	list_init(&l->records);
	l->next = lanes[h];
	lanes[h] = l;
	return l;
}

static void
into_lane(struct queued *q, bool front)
{
	struct lane *l = lane_of(q->c, q->domain, q->shard);

	if (front)
		list_prepend(&l->records, &q->link);
	else
		list_append(&l->records, &q->link);
	nqueued++;
}

static int64_t
next_due(void)
{
	int64_t due = INT64_MAX;
	struct list *it, *tmp;

	LIST_FOREACH (it, tmp, &dly) {
		struct queued *q = LIST_ENTRY(it, struct queued, link);

		if (q->due < due)
			due = q->due;
	}
	return due;
}

static void
promote(void)
{
	struct list *it, *tmp;

	LIST_FOREACH (it, tmp, &dly) {
		struct queued *q = LIST_ENTRY(it, struct queued, link);

		if (q->due > now_ms)
			continue;
		list_remove(&q->link);
		ndly--;
		into_lane(q, true);
		deliver_on_lane(world_d, q->shard, q->c->id, q->domain);
	}
}

struct store_campaign *
world_campaign(const char *tenant, const char *name, enum store_class class)
{
	struct store_campaign *c = mem_zalloc(sizeof(*c));

	c->id = ncampaigns + 1;
	c->tenant = tenant;
	c->name = name;
	c->list = "";
	c->class = class;
	campaigns[ncampaigns++] = c;
	return c;
}

void
world_set(struct store_campaign *c, enum store_campaign_state state)
{
	c->state = state;
	deliver_on_campaign(world_d, c->id);
}

static struct store_record defaults;

struct store_record *
world_record(void)
{
	memset(&defaults, 0, sizeof(defaults));
	defaults.sender = VIEW("news@sender.example");
	defaults.created_ms = now_ms;
	return &defaults;
}

void
world_add(struct store_campaign *c, const char *domain, unsigned n,
    const struct store_record *r)
{
	unsigned k;

	for (k = 0; k < n; k++) {
		struct queued *q = mem_zalloc(sizeof(*q));

		q->r = r != NULL ? *r : *world_record();
		q->magic = QUEUED_MAGIC;
		q->c = c;
		q->domain = mem_strdup(domain);
		q->rcpt = mem_printf("user%llu@%s",
		    (unsigned long long)++last_user, domain);
		q->r.rcpt = view_str(q->rcpt);
		q->r.id = ++last_id;
		if (q->r.content_hash == 0)
			q->r.content_hash = q->r.id;
		q->shard = (unsigned)(last_user % world_shards);
		into_lane(q, false);
	}
	for (k = 0; k < world_shards; k++)
		deliver_on_lane(world_d, k, c->id, domain);
}

struct store_req {
	struct answer a;
	struct store_want want[256];
	char *domain[256];
	size_t n;
	void (*leased)(void *, enum store_status,
	    const struct store_lane_result *, size_t);
	void (*expired)(void *, enum store_status, struct store_lease **,
	    size_t);
	void (*loaded)(void *, enum store_status, struct store_campaign *);
	unsigned shard;
	void *arg;
};

/* The leases' records borrow from these, kept until the outcome. */
static struct store_lease *
lease_of(struct queued *q)
{
	struct store_lease *l = mem_zalloc(sizeof(*l));

	l->campaign = q->c->id;
	l->shard = q->shard;
	l->domain = mem_strdup(q->domain);
	l->packed = (char *)q;
	l->record = q->r;
	nleased++;
	if (nleased > world_leases_most)
		world_leases_most = (unsigned)nleased;
	return l;
}

static void
free_req(struct store_req *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		free(r->domain[i]);
	free(r);
}

static void
answer_lease(void *arg)
{
	struct store_req *r = arg;
	struct store_lane_result *res = mem_zalloc((r->n + 1) * sizeof(*res));
	size_t i;

	if (world_queue_fails) {
		r->leased(r->arg, STORE_UNAVAILABLE, NULL, 0);
		free(res);
		free_req(r);
		return;
	}
	for (i = 0; i < r->n; i++) {
		struct store_campaign *c =
		    store_campaign_by_id(NULL, r->want[i].campaign);
		struct lane *l = lane_of(c, r->domain[i], r->shard);
		struct list *it;

		res[i].campaign = c->id;
		res[i].domain = r->domain[i];
		res[i].held = c->state != STORE_ACTIVE || world_refuses;
		res[i].leases =
		    mem_zalloc((r->want[i].max + 1) * sizeof(void *));
		while (!res[i].held && res[i].nleases < r->want[i].max &&
		    (it = list_pop(&l->records)) != NULL) {
			nqueued--;
			res[i].leases[res[i].nleases++] =
			    lease_of(LIST_ENTRY(it, struct queued, link));
		}
		res[i].more = !list_empty(&l->records);
	}
	r->leased(r->arg, STORE_OK, res, r->n);
	for (i = 0; i < r->n; i++)
		free(res[i].leases);
	free(res);
	free_req(r);
}

struct store_req *
store_lease_lanes(struct store *s, unsigned shard,
    const struct store_want *want, size_t n,
    void (*done)(void *, enum store_status, const struct store_lane_result *,
	size_t),
    void *arg)
{
	struct store_req *r = mem_zalloc(sizeof(*r));
	unsigned sum = 0;
	size_t i;

	(void)s;
	assert_in_range(shard, 0, world_shards - 1);
	assert_in_range(n, 1, 256);
	for (i = 0; i < n; i++) {
		r->want[i] = want[i];
		r->domain[i] = mem_strdup(want[i].domain);
		sum += want[i].max;
		assert_true(want[i].max > 0);
	}
	assert_in_range(sum, 1, 256);
	r->n = n;
	r->shard = shard;
	r->leased = done;
	r->arg = arg;
	world_lease_calls++;
	loop_timer_init(&r->a.timer, NULL, answer_lease, r);
	loop_timer_start(&r->a.timer, 1);
	return r;
}

static void
answer_expire(void *arg)
{
	struct store_req *r = arg;
	struct store_lease *out[256];
	size_t n = 0, i;
	struct lane *l;
	struct list *it, *tmp;

	for (i = 0; i < LANE_BUCKETS; i++)
		for (l = lanes[i]; l != NULL; l = l->next)
			LIST_FOREACH (it, tmp, &l->records) {
				struct queued *q =
				    LIST_ENTRY(it, struct queued, link);

				if (n == 256 || q->shard != r->shard ||
				    q->r.expires_s == 0 ||
				    (int64_t)q->r.expires_s * 1000 > now_ms)
					continue;
				list_remove(&q->link);
				nqueued--;
				out[n++] = lease_of(q);
			}
	r->expired(r->arg, STORE_OK, out, n);
	free_req(r);
}

struct store_req *
store_expire(struct store *s, unsigned shard,
    void (*done)(void *, enum store_status, struct store_lease **, size_t),
    void *arg)
{
	struct store_req *r = mem_zalloc(sizeof(*r));

	(void)s;
	r->shard = shard;
	r->expired = done;
	r->arg = arg;
	loop_defer(NULL, &r->a.task, answer_expire, r);
	return r;
}

void
store_cancel(struct store_req **r)
{
	if (*r == NULL)
		return;
	loop_undefer(&(*r)->a.task);
	loop_timer_stop(&(*r)->a.timer);
	free_req(*r);
	*r = NULL;
}

static void
lease_done(struct store_lease **l)
{
	free((*l)->domain);
	free(*l);
	*l = NULL;
}

/* Let go without an outcome: whoever owns the shard now recovers it.  A copy
 * of a record is just freed. */
void
store_lease_free(struct store_lease **l)
{
	struct queued *q;

	if (*l == NULL)
		return;
	q = (struct queued *)(void *)(*l)->packed;
	if (q->magic == QUEUED_MAGIC) {
		nleased--;
		into_lane(q, true);
	} else {
		free((*l)->packed);
	}
	lease_done(l);
}

static void
queued_free(struct queued *q)
{
	/* a report's copy of the record may name it still */
	GROW(kept, nkept);
	kept[nkept++] = q->rcpt;
	free(q->domain);
	free(q);
}

void
store_settle(struct store *s, struct store_lease **lp, enum store_outcome out,
    int64_t due_ms, char reason)
{
	struct store_lease *l = *lp;
	struct queued *q = (struct queued *)(void *)l->packed;

	(void)s;
	GROW(world_outcomes, world_noutcomes);
	world_outcomes[world_noutcomes++] = (struct world_outcome){
		.id = l->record.id,
		.out = out,
		.due_ms = due_ms,
		.at_ms = now_ms,
		.reason = reason,
		.attempt = l->record.attempt };
	nleased--;
	if (out == STORE_RELEASED) {
		into_lane(q, true);
	} else if (out == STORE_DEFERRED) {
		assert_true(due_ms > now_ms);
		q->due = due_ms;
		q->r.attempt++;
		list_append(&dly, &q->link);
		ndly++;
	} else {
		queued_free(q);
	}
	lease_done(lp);
}

unsigned
store_shards(const struct store *s)
{
	(void)s;
	return world_shards;
}

bool
store_owns(const struct store *s, unsigned shard)
{
	(void)s;
	return (world_foreign >> shard & 1) == 0;
}

struct store_campaign *
store_campaign_by_id(struct store *s, uint64_t id)
{
	(void)s;
	return id >= 1 && id <= ncampaigns ? campaigns[id - 1] : NULL;
}

struct store_req *
store_campaign_load(struct store *s, uint64_t id,
    void (*done)(void *, enum store_status, struct store_campaign *),
    void *arg)
{
	(void)s;
	(void)id;
	(void)done;
	(void)arg;
	fail_msg("an unknown campaign");
	return NULL;
}

/* Packed: the struct and its strings' pointers, which live with the queue. */
void
store_record_pack(const struct store_record *r, struct buf *out)
{
	buf_add(out, r, sizeof(*r));
}

int
store_record_unpack(struct view packed, struct store_record *r, struct err *e)
{
	(void)e;
	assert_int_equal(packed.n, sizeof(*r));
	memcpy(r, packed.p, sizeof(*r));
	return 0;
}

void
store_record_id_text(uint64_t id, char out[STORE_ID_MAX])
{
	snprintf(out, STORE_ID_MAX, "%llu", (unsigned long long)id);
}

/* --- resolver ---------------------------------------------------------------- */

struct dns_req {
	struct answer a;
	char name[256];
	void (*mx)(void *, const struct dns_mx *);
	void (*addr)(void *, const struct dns_addrs *);
	void *arg;
};
static unsigned mx_now;

const char *
dns_status_text(enum dns_status s)
{
	return s == DNS_TIMEOUT ? "time-out" : "failure";
}

/* A zone whose name begins with a dot stands for all below it. */
static const struct world_zone *
zone_of(const char *name)
{
	const struct world_zone *z;
	size_t n = strlen(name), k;

	for (z = world_zones; z != NULL && z->domain != NULL; z++) {
		k = strlen(z->domain);
		if (strcmp(z->domain, name) == 0 ||
		    (z->domain[0] == '.' && n > k &&
			strcmp(name + n - k, z->domain) == 0))
			return z;
	}
	return NULL;
}

static void
answer_mx(void *arg)
{
	struct dns_req *r = arg;
	const struct world_zone *z = zone_of(r->name);
	struct dns_mx_host h[DNS_MX_MAX];
	struct dns_mx mx = { .hosts = h, .ttl_ms = 3600000 };
	struct view v, one;

	memset(h, 0, sizeof(h));
	mx_now--;
	mx.status = z == NULL ? DNS_OK : (enum dns_status)z->status;
	mx.null_mx = z != NULL && z->null_mx;
	mx.implicit = z != NULL && z->implicit;
	v = view_str(z != NULL ? z->mx : NULL);
	while (v.n > 0) {
		uint64_t pref;

		one = view_cut(&v, ',');
		assert_int_equal(view_u64(view_word(&one), &pref), 0);
		h[mx.nhosts].preference = (uint16_t)pref;
		memcpy(h[mx.nhosts++].name, one.p, one.n);
	}
	if (mx.nhosts == 0 && mx.status == DNS_OK && !mx.null_mx) {
		snprintf(h[0].name, sizeof(h[0].name), "%s%.200s",
		    mx.implicit ? "" : "mx.", r->name);
		mx.nhosts = 1;
	}
	r->mx(r->arg, &mx);
	free(r);
}

struct dns_req *
dns_mx_lookup(struct dns *d, const char *domain,
    void (*done)(void *, const struct dns_mx *), void *arg)
{
	struct dns_req *r = mem_zalloc(sizeof(*r));
	const struct world_zone *z = zone_of(domain);

	(void)d;
	snprintf(r->name, sizeof(r->name), "%s", domain);
	r->mx = done;
	r->arg = arg;
	world_mx_lookups++;
	if (++mx_now > world_mx_most)
		world_mx_most = mx_now;
	loop_timer_init(&r->a.timer, NULL, answer_mx, r);
	loop_timer_start(&r->a.timer,
	    z != NULL && z->status == DNS_TIMEOUT ? 5000 : 2);
	return r;
}

static void
answer_addr(void *arg)
{
	struct dns_req *r = arg;
	const struct world_zone *z = zone_of(r->name);
	struct sockaddr_storage ss = { .ss_family = AF_INET };
	struct dns_addrs a = { .status = DNS_OK, .n = 1, .v = &ss };

	if (z != NULL && z->no_address) {
		a.status = DNS_NODATA;
		a.n = 0;
	}
	r->addr(r->arg, &a);
	free(r);
}

struct dns_req *
dns_addr_lookup(struct dns *d, const char *host,
    void (*done)(void *, const struct dns_addrs *), void *arg)
{
	struct dns_req *r = mem_zalloc(sizeof(*r));

	(void)d;
	snprintf(r->name, sizeof(r->name), "%s", host);
	r->addr = done;
	r->arg = arg;
	loop_defer(NULL, &r->a.task, answer_addr, r);
	return r;
}

void
dns_cancel(struct dns_req **r)
{
	if (*r == NULL)
		return;
	loop_undefer(&(*r)->a.task);
	loop_timer_stop(&(*r)->a.timer);
	free(*r);
	*r = NULL;
}

/* --- content, reports, submission ---------------------------------------------- */

struct deliver_content_req {
	struct loop_task task;
	void (*done)(void *, enum deliver_content_status, struct buf *,
	    const char *);
	void *arg;
};

struct deliver_content *
deliver_content_new(struct loop *l, struct store *s, struct pool *pool,
    struct mail_dkim *dkim, struct conf *conf)
{
	(void)l;
	(void)s;
	(void)pool;
	(void)dkim;
	(void)conf;
	return NULL;
}

void
deliver_content_free(struct deliver_content **c)
{
	*c = NULL;
}

void
deliver_content_reload(struct deliver_content *c, struct mail_dkim *dkim,
    struct conf *conf)
{
	(void)c;
	(void)dkim;
	(void)conf;
}

static void
answer_content(void *arg)
{
	struct deliver_content_req *r = arg;
	struct buf b = { 0 };

	buf_adds(&b, "Subject: original\r\n\r\nbody\r\n");
	r->done(r->arg,
	    world_content_fails ? DELIVER_CONTENT_LATER : DELIVER_CONTENT_OK,
	    &b, "away");
	buf_fini(&b);
	free(r);
}

struct deliver_content_req *
deliver_content_original(struct deliver_content *c,
    const struct store_lease *l,
    void (*done)(void *, enum deliver_content_status, struct buf *,
	const char *),
    void *arg)
{
	struct deliver_content_req *r = mem_zalloc(sizeof(*r));

	(void)c;
	(void)l;
	r->done = done;
	r->arg = arg;
	loop_defer(NULL, &r->task, answer_content, r);
	return r;
}

void
deliver_content_cancel(struct deliver_content_req **r)
{
	if (*r == NULL)
		return;
	loop_undefer(&(*r)->task);
	free(*r);
	*r = NULL;
}

static struct world_report writing;

void
mail_report_write(const struct mail_report *r, struct buf *out)
{
	memset(&writing, 0, sizeof(writing));
	snprintf(writing.sender, sizeof(writing.sender), "%s", r->sender);
	snprintf(writing.status, sizeof(writing.status), "%s", r->status);
	writing.action = (int)r->action;
	writing.at_ms = now_ms;
	writing.settled_before = world_noutcomes;
	assert_true(r->original.n > 0);
	assert_string_equal(r->hostname, "us.example");
	buf_adds(out, "report");
}

struct submit_req {
	struct loop_task task;
	struct submit_message *m;
	void (*done)(void *);
	void *arg;
};

static void
answer_submit(void *arg)
{
	struct submit_req *r = arg;

	if (world_submit_fails) {
		r->m->code = 451;
		snprintf(r->m->text, sizeof(r->m->text), "not now");
	} else {
		r->m->code = 250;
		GROW(world_reports, world_nreports);
		writing.settled_before = world_noutcomes;
		world_reports[world_nreports++] = writing;
	}
	r->done(r->arg);
	free(r);
}

struct submit_req *
submit_send(struct submit *s, struct submit_message *m, void (*done)(void *),
    void *arg)
{
	struct submit_req *r = mem_zalloc(sizeof(*r));

	(void)s;
	assert_true(m->report);
	assert_non_null(m->tenant);
	assert_int_equal(m->nrcpt, 1);
	assert_int_equal(m->content.n, 6);
	assert_string_equal(m->sender.text, "");
	r->m = m;
	r->done = done;
	r->arg = arg;
	loop_defer(NULL, &r->task, answer_submit, r);
	return r;
}

void
submit_cancel(struct submit_req **r)
{
	if (*r == NULL)
		return;
	loop_undefer(&(*r)->task);
	free(*r);
	*r = NULL;
}

int
smtp_address_parse(struct view v, struct smtp_address *a, struct err *e)
{
	(void)e;
	memset(a, 0, sizeof(*a));
	memcpy(a->text, v.p, v.n);
	return 0;
}

int
smtp_address_xtext_decode(struct view v, struct buf *out)
{
	buf_addv(out, v);
	return 0;
}

enum mail_class
mail_class_of(enum mail_stage stage, int code, const int enhanced[3],
    const char *text)
{
	(void)stage;
	(void)enhanced;
	(void)text;
	return code == 550 ? MAIL_CLASS_BAD_MAILBOX : MAIL_CLASS_RATE;
}

bool
mail_class_condemns(enum mail_class c)
{
	return c == MAIL_CLASS_BAD_MAILBOX;
}

/* --- the rest --------------------------------------------------------------------- */

struct tls_ctx *
tls_ctx_client(bool verify, const char *ca_file, struct err *e)
{
	static char any;

	(void)verify;
	(void)ca_file;
	(void)e;
	return (struct tls_ctx *)(void *)&any;
}

void
tls_ctx_free(struct tls_ctx **ctx)
{
	*ctx = NULL;
}

void
stats_add(enum stats_id id, int64_t n)
{
	(void)id;
	(void)n;
}

void
stats_observe(enum stats_id id, int64_t ms)
{
	(void)id;
	(void)ms;
}

struct conf *
conf_ref(struct conf *c)
{
	c->refs++;
	return c;
}

void
conf_unref(struct conf **c)
{
	(*c)->refs--;
	*c = NULL;
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

/* --- the world ------------------------------------------------------------------- */

static void
on_outcome(void *arg, const struct deliver_outcome *o)
{
	struct world_line *l;

	(void)arg;
	GROW(world_lines, world_nlines);
	l = &world_lines[world_nlines++];
	memset(l, 0, sizeof(*l));
	l->event = o->event;
	l->id = o->job->lease->record.id;
	snprintf(l->site, sizeof(l->site), "%s", o->site);
	if (o->result != NULL)
		snprintf(l->text, sizeof(l->text), "%.190s", o->result->text);
	assert_non_null(o->job->campaign);
}

static void
settings(void)
{
	struct conf_site *s = &world_conf.site_default;
	static const char *const tenant_names[] = { "t1", "t2", "t3", "t4" };
	size_t i;

	memset(&world_conf, 0, sizeof(world_conf));
	memset(world_sites, 0, sizeof(world_sites));
	memset(world_sources, 0, sizeof(world_sources));
	s->name = S("default");
	s->connections = 10;
	s->messages_per_connection = 100;
	s->max_rcpt = 1;
	s->idle_timeout_ms = 30000;
	s->retry_ms[0] = 60000;
	s->retry_ms[1] = 120000;
	s->retry_ms[2] = 600000;
	s->nretry = 3;
	s->max_age_ms = 5 * 24 * 3600 * INT64_C(1000);
	world_conf.site = world_sites;
	world_conf.source = world_sources;
	world_conf.tenant = world_tenants;
	world_conf.limits.hostname = S("us.example");
	world_conf.limits.max_sessions = 1000;
	world_conf.dns.max_queries = 200;
	for (i = 0; i < 4; i++) {
		world_tenants[i] = (struct conf_tenant){
			.name = mem_strdup(tenant_names[i]),
			.bounces = CONF_BOUNCES_SENDER };
	}
	world_conf.ntenant = 4;
}

int
world_start(void **st)
{
	struct deliver_params p = { .conf = &world_conf,
		.store = (struct store *)(void *)&store_mark,
		.on_outcome = on_outcome };

	(void)st;
	now_ms = WORLD_T0;
	clock_set(now_ms);
	rand_seed(42);
	settings();
	world_peers = NULL;
	world_zones = NULL;
	world_noutcomes = world_nsent = world_nlines = world_nreports = 0;
	world_outcomes = NULL;
	world_sent = NULL;
	world_lines = NULL;
	world_reports = NULL;
	world_submit_fails = world_content_fails = false;
	world_queue_fails = world_refuses = false;
	world_foreign = 0;
	world_lease_calls = world_leases_most = world_mx_lookups = 0;
	world_mx_most = world_opened = world_open = world_open_most = 0;
	mx_now = 0;
	last_id = last_user = 0;
	nqueued = ndly = nleased = 0;
	world_d = deliver_new(&p);
	deliver_on_up(world_d);
	return 0;
}

static void
free_queue(void)
{
	struct list *it;
	struct lane *l;
	size_t i;

	for (i = 0; i < LANE_BUCKETS; i++)
		while ((l = lanes[i]) != NULL) {
			lanes[i] = l->next;
			while ((it = list_pop(&l->records)) != NULL)
				queued_free(LIST_ENTRY(it, struct queued,
				    link));
			free(l->domain);
			free(l);
		}
	while ((it = list_pop(&dly)) != NULL)
		queued_free(LIST_ENTRY(it, struct queued, link));
	while (nkept > 0)
		free(kept[--nkept]);
	free(kept);
	kept = NULL;
	for (i = 0; i < ncampaigns; i++)
		free(campaigns[i]);
	ncampaigns = 0;
}

/* Whatever a test left under way: after the end no record is in hand, no
 * timer, no task, no session and no reference is left. */
int
world_start_sharded(void **st)
{
	world_shards = 4;
	return world_start(st);
}

int
world_end(void **st)
{
	size_t i;

	(void)st;
	world_zones = NULL;
	deliver_free(&world_d);
	run_tasks();
	assert_int_equal(world_sessions_left(), 0);
	assert_int_equal(nleased, 0);
	assert_int_equal(ntimers, 0);
	assert_int_equal(world_conf.refs, 0);
	free_queue();
	free(world_outcomes);
	free(world_sent);
	free(world_lines);
	free(world_reports);
	for (i = 0; i < 4; i++)
		free(world_tenants[i].name);
	free(timers);
	timers = NULL;
	ntimers = captimers = 0;
	world_shards = 1;
	return 0;
}

size_t
world_count(enum store_outcome out)
{
	size_t i, n = 0;

	for (i = 0; i < world_noutcomes; i++)
		n += world_outcomes[i].out == out;
	return n;
}

size_t
world_lines_of(const char *event)
{
	size_t i, n = 0;

	for (i = 0; i < world_nlines; i++)
		n += strcmp(world_lines[i].event, event) == 0;
	return n;
}

size_t
world_sent_to(const char *domain)
{
	size_t i, n = 0;

	for (i = 0; i < world_nsent; i++)
		n += view_iends(view_str(world_sent[i].rcpt),
		    view_str(domain));
	return n;
}

size_t
world_sent_of(const struct store_campaign *c)
{
	size_t i, n = 0;

	for (i = 0; i < world_nsent; i++)
		n += world_sent[i].campaign == c->id;
	return n;
}

size_t
world_queued(void)
{
	return nqueued;
}

size_t
world_deferred(void)
{
	return ndly;
}

size_t
world_leased(void)
{
	return nleased;
}

static struct deliver_site_info found;
static char found_name[200], found_reason[300], found_reply[300];
static const char *wanted;

static void
each_site(void *arg, const struct deliver_site_info *i)
{
	(void)arg;
	if (strcmp(i->name, wanted) != 0)
		return;
	found = *i;
	snprintf(found_name, sizeof(found_name), "%s", i->name);
	snprintf(found_reason, sizeof(found_reason), "%s",
	    i->reason != NULL ? i->reason : "");
	snprintf(found_reply, sizeof(found_reply), "%s", i->last_reply);
	found.name = found_name;
	found.reason = found_reason;
	found.last_reply = found_reply;
}

struct deliver_site_info *
world_site(const char *name)
{
	memset(&found, 0, sizeof(found));
	wanted = name;
	deliver_sites(world_d, each_site, NULL);
	return found.name == NULL ? NULL : &found;
}
