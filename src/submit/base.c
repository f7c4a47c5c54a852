#include "config.h"
#include "submit/base.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <uthash.h>

#include "base/bug.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "mail/patch.h"
#include "store/store.h"

#define PATCH_MAX 2048     /* octets; above, a content is its own base */
#define SHARED_MAX 200     /* the same, for a message to several */
#define ALONE_MAX 32768    /* such a content never gets below PATCH_MAX */
#define COMMON_MIN 256     /* a base of less saves nothing */
#define SAMPLE_MAX 1048576 /* larger contents make no base for others */
#define CACHE_MAX 67108864 /* octets of bases held */
#define RENEW_MS 10000     /* a new base at most this often */
#define SETTLED 8          /* patches that tell how good a base is */
#define MISSES_MAX 256     /* messages between two tries, at most */

struct submit_base_pack {
	unsigned refs;
	struct buf bytes;
};

struct cached {
	uint64_t id;
	struct mail_base *base; /* a reference */
	size_t bytes;
	struct list link;
	UT_hash_handle hh;
};

struct submit_bases {
	struct cached *by_id;
	struct list by_use; /* longest unused first */
	size_t bytes;
	struct list campaigns; /* struct state */
};

struct state { /* a campaign's */
	struct store_campaign *campaign; /* borrowed: outlives us */
	struct list link;
	uint64_t id; /* of the base; 0: none yet */
	struct mail_base *base;
	struct submit_base_pack *pack;
	/* a message to somebody, waiting for one to somebody else */
	struct buf sample;
	unsigned char who[8];
	bool sampled;
	/* when to try for a base */
	int64_t made_ms;
	unsigned wait, misses;
	/* patch octets against the base: the first ones, and lately */
	unsigned npatches;
	double first, average;
};

struct submit_bases *
submit_base_new(void)
{
	struct submit_bases *b = mem_zalloc(sizeof(*b));

	list_init(&b->by_use);
	list_init(&b->campaigns);
	return b;
}

static void
pack_unref(struct submit_base_pack **p)
{
	struct submit_base_pack *pack = *p;

	*p = NULL;
	if (pack == NULL || --pack->refs)
		return;
	buf_fini(&pack->bytes);
	free(pack);
}

static struct submit_base_pack *
pack_new(struct view plain)
{
	struct submit_base_pack *pack = mem_zalloc(sizeof(*pack));

	pack->refs = 1;
	mail_base_pack(plain, &pack->bytes);
	return pack;
}

/* --- cache ----------------------------------------------------------------- */
static void
cache_drop(struct submit_bases *b, struct cached *c)
{
	HASH_DEL(b->by_id, c);
	list_remove(&c->link);
	b->bytes -= c->bytes;
	mail_base_unref(&c->base);
	free(c);
}

static struct cached *
cache_find(struct submit_bases *b, uint64_t id)
{
	struct cached *c;

	HASH_FIND(hh, b->by_id, &id, sizeof(id), c);
	if (c == NULL)
		return NULL;
	list_remove(&c->link);
	list_append(&b->by_use, &c->link);
	return c;
}

/* The base of these bytes, from the cache or new in it; borrowed. */
static struct mail_base *
cache_add(struct submit_bases *b, uint64_t id, struct view plain)
{
	struct cached *c = cache_find(b, id);

	if (c != NULL)
		return c->base;
	c = mem_zalloc(sizeof(*c));
	c->id = id;
	c->base = mail_base_new(plain);
	c->bytes = mail_base_memory(c->base);
	b->bytes += c->bytes;
	HASH_ADD(hh, b->by_id, id, sizeof(c->id), c);
	list_append(&b->by_use, &c->link);
	while (b->bytes > CACHE_MAX && b->by_use.next != &c->link)
		cache_drop(b, LIST_ENTRY(b->by_use.next, struct cached, link));
	return c->base;
}

struct mail_base *
submit_base_find(struct submit_bases *b, uint64_t id)
{
	struct cached *c = cache_find(b, id);

	return c == NULL ? NULL : mail_base_ref(c->base);
}

/* --- a campaign's base ----------------------------------------------------- */
/* Scoped to the tenant: nobody can learn by an id what others have queued. */
static uint64_t
base_id(const char *tenant, struct view plain)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint64_t id = 0;
	int i;

	BUG_ON(ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, tenant, strlen(tenant) + 1) != 1 ||
	    EVP_DigestUpdate(ctx, plain.p, plain.n) != 1 ||
	    EVP_DigestFinal_ex(ctx, sum, NULL) != 1);
	EVP_MD_CTX_free(ctx);
	for (i = 0; i < 8; i++)
		id = id << 8 | sum[i];
	return id ? id : 1; /* 0 means none */
}

static struct state *
state_of(struct submit_bases *b, struct store_campaign *c)
{
	struct state *s = c->submit;

	if (s != NULL)
		return s;
	s = mem_zalloc(sizeof(*s));
	s->campaign = c;
	list_append(&b->campaigns, &s->link);
	c->submit = s;
	return s;
}

static void
state_free(struct state *s)
{
	s->campaign->submit = NULL;
	list_remove(&s->link);
	mail_base_unref(&s->base);
	pack_unref(&s->pack);
	buf_fini(&s->sample);
	free(s);
}

void
submit_base_free(struct submit_bases **b)
{
	struct submit_bases *bases = *b;

	*b = NULL;
	if (bases == NULL)
		return;
	while (!list_empty(&bases->campaigns))
		state_free(
		    LIST_ENTRY(bases->campaigns.next, struct state, link));
	while (!list_empty(&bases->by_use))
		cache_drop(bases,
		    LIST_ENTRY(bases->by_use.next, struct cached, link));
	free(bases);
}

/* Without a base: after the pause that failed tries have earned.  With one:
 * when patches have doubled since it was new. */
static bool
wants_base(struct state *s, const unsigned char who[8])
{
	/* Two messages to one person share what only that person has. */
	if (s->sampled && memcmp(s->who, who, sizeof(s->who)) == 0)
		return false;
	if (s->wait) {
		s->wait--;
		return false;
	}
	if (s->base == NULL || s->sampled)
		return true;
	return s->npatches >= 4 * SETTLED &&
	    s->average > 2 * s->first + COMMON_MIN &&
	    clock_mono() - s->made_ms >= RENEW_MS;
}

static void
take_sample(struct state *s, struct buf *plain, const unsigned char who[8])
{
	buf_swap(&s->sample, plain);
	memcpy(s->who, who, sizeof(s->who));
	s->sampled = true;
}

/* The spans of the sample and of plain become the base, if there are enough
 * of them. */
static void
consider(struct submit_bases *b, struct state *s, struct buf *plain,
    const unsigned char who[8])
{
	struct buf common = {0};
	uint64_t id;

	if (!s->sampled) {
		take_sample(s, plain, who);
		return;
	}
	mail_patch_common(buf_view(&s->sample), buf_view(plain), &common);
	s->made_ms = clock_mono();
	if (common.n < COMMON_MIN || common.n < plain->n / 4) {
		s->misses = s->misses ? s->misses * 2 : 1;
		if (s->misses > MISSES_MAX)
			s->misses = MISSES_MAX;
		s->wait = s->misses;
		take_sample(s, plain, who);
		buf_fini(&common);
		return;
	}
	id = base_id(s->campaign->tenant, buf_view(&common));
	mail_base_unref(&s->base);
	pack_unref(&s->pack);
	s->id = id;
	s->base = mail_base_ref(cache_add(b, id, buf_view(&common)));
	s->pack = pack_new(buf_view(&common));
	s->misses = s->npatches = 0;
	s->first = s->average = 0;
	s->sampled = false;
	buf_fini(&s->sample);
	buf_fini(&common);
}

static void
note_patch(struct state *s, size_t n)
{
	if (s->npatches < 4 * SETTLED)
		s->npatches++;
	if (s->npatches <= SETTLED) {
		s->first += ((double)n - s->first) / s->npatches;
		s->average = s->first;
	} else {
		s->average += ((double)n - s->average) / SETTLED;
	}
}

/* The content is its own base: records stay small, and all recipients of the
 * message share it. */
static void
cut_alone(struct submit_bases *b, const char *tenant, struct view plain,
    struct submit_base_cut *out)
{
	out->base = base_id(tenant, plain);
	out->pack = pack_new(plain);
	cache_add(b, out->base, plain);
	buf_clear(&out->patch);
	buf_addc(&out->patch, MAIL_PATCH_SAME);
}

void
submit_base_cut(struct submit_bases *b, struct store_campaign *c,
    struct view content, const unsigned char who[8], bool many,
    struct submit_base_cut *out)
{
	struct state *s = state_of(b, c);
	size_t limit = many ? SHARED_MAX : PATCH_MAX;
	struct buf plain = {0};

	if (content.n <= SAMPLE_MAX && wants_base(s, who)) {
		mail_patch_plain(content, &plain);
		consider(b, s, &plain, who);
		buf_fini(&plain);
	}
	if (s->base != NULL || content.n <= ALONE_MAX) {
		mail_patch_make(s->base, content, &out->patch);
		if (s->base != NULL)
			note_patch(s, out->patch.n);
	}
	if (out->patch.n != 0 && out->patch.n <= limit) {
		if (s->base != NULL) {
			out->base = s->id;
			out->pack = s->pack;
			out->pack->refs++;
			out->pin = true;
		}
	} else {
		mail_patch_plain(content, &plain);
		cut_alone(b, c->tenant, buf_view(&plain), out);
		buf_fini(&plain);
	}
	if (out->pack != NULL)
		out->stored = buf_view(&out->pack->bytes);
}

void
submit_base_cut_fini(struct submit_base_cut *cut)
{
	buf_fini(&cut->patch);
	pack_unref(&cut->pack);
	*cut = (struct submit_base_cut){0};
}
