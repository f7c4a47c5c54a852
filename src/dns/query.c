#include "config.h"
#include "dns/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/mem.h"
#include "conf/conf.h"
#include "dns/answer.h"
#include "dns/cache.h"
#include "dns/chan.h"
#include "io/loop.h"
#include "stats/stats.h"

#define NAME_MAX_ 254 /* RFC 1035 2.3.4, as text */

struct dns_query {
	struct dns_query_set *set; /* borrowed */
	struct dns_chan_query ask;
	struct list waits;
	const char *name; /* within key */
	UT_hash_handle hh;
	char key[]; /* "type name" */
};

struct dns_query_set {
	struct loop *loop;       /* borrowed */
	struct dns_chan *chan;   /* borrowed */
	struct dns_cache *cache; /* borrowed */
	int64_t max_ttl_ms, negative_ttl_ms;

	struct dns_query *queries; /* owned: in flight or waiting */
	struct list ready; /* waits whose answer is known */
	struct loop_task task;
};

struct dns_query_set *
dns_query_open(struct loop *l, struct dns_chan *chan, struct dns_cache *cache,
    const struct conf_dns *conf)
{
	struct dns_query_set *s = mem_zalloc(sizeof(*s));

	s->loop = l;
	s->chan = chan;
	s->cache = cache;
	s->max_ttl_ms = conf->max_ttl_ms;
	s->negative_ttl_ms = conf->negative_ttl_ms;
	list_init(&s->ready);
	return s;
}

static void
release(void *p)
{
	free(p);
}

static void
query_free(struct dns_query *q)
{
	HASH_DEL(q->set->queries, q);
	loop_bury(q->set->loop, q, release);
}

void
dns_query_close(struct dns_query_set **sp)
{
	struct dns_query_set *s = *sp;
	struct dns_query *q, *tmp;

	*sp = NULL;
	if (s == NULL)
		return;
	HASH_ITER(hh, s->queries, q, tmp)
		query_free(q);
	loop_undefer(&s->task);
	loop_bury(s->loop, s, release);
}

static void
tell(void *arg)
{
	struct dns_query_set *s = arg;
	struct list now, *it;

	/* What the callbacks ask for and is known waits for the next round. */
	list_init(&now);
	while ((it = list_pop(&s->ready)) != NULL)
		list_append(&now, it);
	while ((it = list_pop(&now)) != NULL) {
		struct dns_query_wait *w =
		    LIST_ENTRY(it, struct dns_query_wait, link);
		struct dns_answer *a = w->answer;

		w->answer = NULL;
		w->done(w->arg, a, w->ttl_ms);
		dns_answer_unref(&a);
	}
}

static void
make_ready(struct dns_query_set *s, struct dns_query_wait *w,
    struct dns_answer *a, int64_t ttl_ms)
{
	w->query = NULL;
	w->answer = dns_answer_ref(a);
	w->ttl_ms = ttl_ms;
	list_append(&s->ready, &w->link);
	loop_defer(s->loop, &s->task, tell, s);
}

static int64_t
ttl_of(const struct dns_query_set *s, const struct dns_answer *a)
{
	int64_t ttl_ms = (int64_t)a->ttl_s * 1000, most = s->max_ttl_ms;

	switch (a->status) {
	case DNS_OK:
		break;
	case DNS_NODATA:
	case DNS_NXDOMAIN:
		most = s->negative_ttl_ms;
		break;
	case DNS_SERVFAIL:
	case DNS_TIMEOUT:
		return 0;
	}
	return ttl_ms < most ? ttl_ms : most;
}

static void
on_answer(void *arg, struct dns_answer *a)
{
	struct dns_query *q = arg;
	struct dns_query_set *s = q->set;
	int64_t ttl_ms = ttl_of(s, a);
	struct list *it;

	if (a->status == DNS_SERVFAIL || a->status == DNS_TIMEOUT)
		stats_add(STATS_DNS_FAILURES, 1);
	dns_cache_put(s->cache, q->ask.type, q->name, a, ttl_ms);
	while ((it = list_pop(&q->waits)) != NULL)
		make_ready(s, LIST_ENTRY(it, struct dns_query_wait, link), a,
		    ttl_ms);
	query_free(q);
	dns_answer_unref(&a);
}

static struct dns_query *
query_new(struct dns_query_set *s, uint16_t type, const char *key,
    const char *name)
{
	size_t n = strlen(key) + 1;
	struct dns_query *q = mem_zalloc(sizeof(*q) + n);

	memcpy(q->key, key, n);
	q->name = q->key + (name - key);
	q->set = s;
	q->ask.name = q->name;
	q->ask.type = type;
	q->ask.done = on_answer;
	q->ask.arg = q;
	list_init(&q->waits);
	HASH_ADD_STR(s->queries, key, q);
	return q;
}

static void
refuse(struct dns_query_set *s, struct dns_query_wait *w)
{
	struct dns_answer *a = dns_answer_empty(DNS_NXDOMAIN);

	make_ready(s, w, a, 0);
	dns_answer_unref(&a);
}

void
dns_query_ask(struct dns_query_set *s, uint16_t type, const char *name,
    struct dns_query_wait *w)
{
	char key[16 + NAME_MAX_];
	struct dns_answer *a;
	struct dns_query *q;
	int64_t left_ms;
	int n;

	if (name[0] == '\0' || strlen(name) > NAME_MAX_) {
		refuse(s, w);
		return;
	}
	a = dns_cache_get(s->cache, type, name, &left_ms);
	if (a) {
		stats_add(STATS_DNS_CACHE_HITS, 1);
		make_ready(s, w, a, left_ms);
		return;
	}
	n = snprintf(key, sizeof(key), "%u ", type);
	memcpy(key + n, name, strlen(name) + 1);
	HASH_FIND_STR(s->queries, key, q);
	if (q) {
		w->query = q;
		list_append(&q->waits, &w->link);
		return;
	}
	q = query_new(s, type, key, key + n);
	w->query = q;
	list_append(&q->waits, &w->link);
	dns_chan_ask(s->chan, &q->ask);
}

void
dns_query_forget(struct dns_query_wait *w)
{
	struct dns_query *q = w->query;

	list_remove(&w->link);
	dns_answer_unref(&w->answer);
	w->query = NULL;
	/* One that is on its way comes back, and into the cache. */
	if (q && list_empty(&q->waits) && dns_chan_withdraw(&q->ask))
		query_free(q);
}
