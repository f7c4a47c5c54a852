#include "config.h"
#include "ops_fakes.h"

#include <stdlib.h>

#include "base/mem.h"
#include "deliver/deliver.h"
#include "deliver/session.h"
#include "io/loop.h"
#include "smtp/address.h"

struct store_req {
	struct loop_task task;
	void (*answer)(struct store_req *r);
	void (*done)(void);
	void (*each)(void);
	void *arg;
	const void *extra;
};

struct loop *fake_loop;
struct buf fake_log;
enum store_status fake_status;
bool fake_silent;
unsigned fake_cancelled;
struct store_campaign fake_campaigns[3] = {
	{ .id = 1, .tenant = "acme", .name = "spring", .list = "weekly",
	    .n = { .queued = 10, .sent = 5 } },
	{ .id = 2, .tenant = "other", .name = "spring", .list = "",
	    .class = STORE_TRANSACTIONAL },
	{ .id = 3, .tenant = "acme", .name = "old one", .list = "",
	    .state = STORE_CANCELLED }
};
const char *fake_site = "rcvd.test";

static void
fire(void *arg)
{
	struct store_req *r = arg;

	r->answer(r);
	free(r);
}

/* cb: the typed callbacks, cast back in answer. */
static struct store_req *
ask(void (*answer)(struct store_req *), void (*each)(void), void (*done)(void),
    void *arg)
{
	struct store_req *r = mem_zalloc(sizeof(*r));

	r->answer = answer;
	r->each = each;
	r->done = done;
	r->arg = arg;
	if (!fake_silent)
		loop_defer(fake_loop, &r->task, fire, r);
	return r;
}

#define FN(f) ((void (*)(void))(f))

void
store_cancel(struct store_req **r)
{
	if (*r) {
		loop_undefer(&(*r)->task);
		free(*r);
		fake_cancelled++;
	}
	*r = NULL;
}

bool
store_is_up(const struct store *s)
{
	(void)s;
	return true;
}

bool
store_accepting(const struct store *s, const char **text)
{
	(void)s;
	*text = "disk nearly full";
	return false;
}

const char *
store_durability_text(const struct store *s)
{
	(void)s;
	return "always: on disk before 250";
}

unsigned
store_shards(const struct store *s)
{
	(void)s;
	return 2;
}

typedef void status_fn(void *, enum store_status);

static void
status(struct store_req *r)
{
	((status_fn *)r->done)(r->arg, fake_status);
}

struct store_campaign *
store_campaign_by_id(struct store *s, uint64_t id)
{
	(void)s;
	return id == 1 ? &fake_campaigns[0] : NULL;
}

static void
list(struct store_req *r)
{
	size_t i;

	for (i = 0; i < 3 && fake_status == STORE_OK; i++)
		((void (*)(void *, struct store_campaign *))r->each)(r->arg,
		    &fake_campaigns[i]);
	status(r);
}

struct store_req *
store_campaign_list(struct store *s,
    void (*each)(void *arg, struct store_campaign *c),
    void (*done)(void *arg, enum store_status st), void *arg)
{
	(void)s;
	return ask(list, FN(each), FN(done), arg);
}

struct store_req *
store_campaign_set(struct store *s, struct store_campaign *c,
    enum store_campaign_state state,
    void (*done)(void *arg, enum store_status st), void *arg)
{
	(void)s;
	buf_addf(&fake_log, "set %u=%d;", (unsigned)c->id, (int)state);
	return ask(status, NULL, FN(done), arg);
}

static void
note_suppress(const char *what, const struct smtp_address *a,
    enum store_scope scope, const char *tenant, const char *lst, char reason)
{
	buf_addf(&fake_log, "%s %s %d %s %s %c;", what, a->text, (int)scope,
	    tenant ? tenant : "-", lst ? lst : "-", reason);
}

struct store_req *
store_suppress_add(struct store *s, const struct smtp_address *a,
    enum store_scope scope, const char *tenant, const char *lst, char reason,
    void (*done)(void *arg, enum store_status st), void *arg)
{
	(void)s;
	note_suppress("add", a, scope, tenant, lst, reason);
	return ask(status, NULL, FN(done), arg);
}

struct store_req *
store_suppress_remove(struct store *s, const struct smtp_address *a,
    enum store_scope scope, const char *tenant, const char *lst,
    void (*done)(void *arg, enum store_status st), void *arg)
{
	(void)s;
	note_suppress("remove", a, scope, tenant, lst, '-');
	return ask(status, NULL, FN(done), arg);
}

static void
tested(struct store_req *r)
{
	((void (*)(void *, enum store_status, enum store_scope, char))r->done)(
	    r->arg, fake_status, STORE_SCOPE_TENANT, 'c');
}

struct store_req *
store_suppress_test(struct store *s, const struct smtp_address *a,
    const char *tenant, const char *lst,
    void (*done)(void *arg, enum store_status st, enum store_scope scope,
	char reason),
    void *arg)
{
	(void)s;
	note_suppress("test", a, STORE_SCOPE_GLOBAL, tenant, lst, '-');
	return ask(tested, NULL, FN(done), arg);
}

static void
counted(struct store_req *r)
{
	((void (*)(void *, const char *, char, uint64_t))r->each)(r->arg,
	    "global", 'h', 12);
	status(r);
}

struct store_req *
store_suppress_list(struct store *s,
    void (*each)(void *arg, const char *scope, char reason, uint64_t count),
    void (*done)(void *arg, enum store_status st), void *arg)
{
	(void)s;
	return ask(counted, FN(each), FN(done), arg);
}

static void
number(struct store_req *r)
{
	((void (*)(void *, enum store_status, uint64_t))r->done)(r->arg,
	    fake_status, 7);
}

struct store_req *
store_flush(struct store *s, const char *domain,
    void (*done)(void *arg, enum store_status st, uint64_t made_due),
    void *arg)
{
	(void)s;
	buf_addf(&fake_log, "flush %s;", domain);
	return ask(number, NULL, FN(done), arg);
}

static struct view
packed(struct buf *b)
{
	struct store_record rec = { .id = 77,
		.attempt = 2,
		.created_ms = 1000,
		.content_bytes = 4321,
		.sender = VIEW("a@sender.test"),
		.rcpt = VIEW("u@rcvd.test") };

	store_record_pack(&rec, b);
	return buf_view(b);
}

static void
found(struct store_req *r)
{
	struct buf b = { 0 };

	((void (*)(void *, enum store_status, const char *, uint64_t,
	    const char *, int64_t, struct view))r->done)(r->arg, fake_status,
	    "deferred", 1, "rcvd.test", 5000, packed(&b));
	buf_fini(&b);
}

struct store_req *
store_find(struct store *s, uint64_t id,
    void (*done)(void *arg, enum store_status st, const char *where,
	uint64_t campaign, const char *domain, int64_t due_ms,
	struct view packed),
    void *arg)
{
	(void)s;
	buf_addf(&fake_log, "find %u;", (unsigned)id);
	return ask(found, NULL, FN(done), arg);
}

struct store_req *
store_remove(struct store *s, uint64_t id,
    void (*done)(void *arg, enum store_status st), void *arg)
{
	(void)s;
	buf_addf(&fake_log, "remove %u;", (unsigned)id);
	return ask(status, NULL, FN(done), arg);
}

static void
parked(struct store_req *r)
{
	void (*each)(void *, uint64_t, const char *, struct view) =
	    (void (*)(void *, uint64_t, const char *, struct view))r->each;
	struct buf b = { 0 };

	each(r->arg, 1, "rcvd.test", packed(&b));
	each(r->arg, 9, "broken.test", VIEW("not a record"));
	buf_fini(&b);
	status(r);
}

struct store_req *
store_parked(struct store *s,
    void (*each)(void *arg, uint64_t campaign, const char *domain,
	struct view packed),
    void (*done)(void *arg, enum store_status st), void *arg)
{
	(void)s;
	return ask(parked, FN(each), FN(done), arg);
}

struct store_req *
store_unpark(struct store *s, uint64_t id, bool release,
    void (*done)(void *arg, enum store_status st, uint64_t n), void *arg)
{
	(void)s;
	buf_addf(&fake_log, "unpark %u %d;", (unsigned)id, release);
	return ask(number, NULL, FN(done), arg);
}

static void
shard(struct store_req *r)
{
	static const struct store_shard_stat st = { .queued = 100,
		.deferred = 20,
		.ours = true };

	((void (*)(void *, enum store_status,
	    const struct store_shard_stat *))r->done)(r->arg, fake_status,
	    &st);
}

struct store_req *
store_stat(struct store *s, unsigned n,
    void (*done)(void *arg, enum store_status st,
	const struct store_shard_stat *st_),
    void *arg)
{
	(void)s;
	buf_addf(&fake_log, "stat %u;", n);
	return ask(shard, NULL, FN(done), arg);
}

void
deliver_sites(struct deliver *d,
    void (*each)(void *arg, const struct deliver_site_info *i), void *arg)
{
	struct deliver_site_info i = { .name = fake_site,
		.state = "held",
		.reason = "421 four\033[2Jtimes",
		.connections_max = 20,
		.waiting = 3,
		.last_reply = ".421 \"busy\"\ntry later \xff" };

	(void)d;
	each(arg, &i);
}

void
deliver_sessions(struct deliver *d,
    void (*each)(void *arg, const char *site,
	const struct deliver_session_info *i),
    void *arg)
{
	(void)d;
	(void)each;
	(void)arg;
}

unsigned
deliver_flush(struct deliver *d, const char *site_or_domain)
{
	(void)d;
	buf_addf(&fake_log, "lift %s;", site_or_domain);
	return 1;
}

const char *
mail_class_name(enum mail_class c)
{
	return c == MAIL_CLASS_RATE ? "rate" : "other";
}

const char *
mail_stage_name(enum mail_stage s)
{
	return s == MAIL_STAGE_RCPT ? "rcpt" : "other";
}
