#include "config.h"
#include "intake/auth.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <uthash.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "io/pool.h"

#define KEY_BYTES 32
#define KNOWN_MAX 4096
#define KNOWN_MS (10 * 60 * 1000)
#define CHECKS_MAX 256

struct known {
	unsigned char key[KEY_BYTES];
	UT_hash_handle hh; /* in order of age */
	int64_t until;
};

struct check { /* one password that a worker looks at */
	unsigned char key[KEY_BYTES];
	UT_hash_handle hh;
	struct intake_auth *auth; /* borrowed */
	struct pool_job *job;
	struct list waiters;
	/* all that the worker touches */
	char *password;
	char *hash;
	bool good;
};

struct intake_auth_req {
	struct list link;
	void (*done)(void *arg, bool good);
	void *arg;
};

struct intake_auth {
	struct pool *pool; /* borrowed, unless own */
	struct pool *own;
	struct known *known;
	struct check *checks;
	unsigned char secret[KEY_BYTES];
};

struct intake_auth *
intake_auth_new(struct loop *l, struct pool *pool)
{
	struct intake_auth *a = mem_zalloc(sizeof(*a));

	if (pool == NULL)
		pool = a->own = pool_new(l, 1);
	a->pool = pool;
	BUG_ON(RAND_bytes(a->secret, sizeof(a->secret)) != 1);
	return a;
}

static void
check_free(void *arg)
{
	struct check *c = arg;

	explicit_bzero(c->password, strlen(c->password));
	free(c->password);
	free(c->hash);
	free(c);
}

void
intake_auth_free(struct intake_auth **ap)
{
	struct intake_auth *a = *ap;
	struct known *k, *next_k;
	struct check *c, *next_c;

	if (a == NULL)
		return;
	*ap = NULL;
	HASH_ITER(hh, a->checks, c, next_c) {
		struct list *l;

		while ((l = list_pop(&c->waiters)))
			free(LIST_ENTRY(l, struct intake_auth_req, link));
		HASH_DEL(a->checks, c);
		pool_cancel(&c->job);
	}
	pool_free(&a->own);
	HASH_ITER(hh, a->known, k, next_k) {
		HASH_DEL(a->known, k);
		free(k);
	}
	OPENSSL_cleanse(a->secret, sizeof(a->secret));
	free(a);
}

static void
make_key(const struct intake_auth *a, const char *user, const char *password,
    const char *hash, unsigned char key[KEY_BYTES])
{
	struct buf b = { 0 };
	unsigned n = KEY_BYTES;

	buf_addlv(&b, view_str(user));
	buf_addlv(&b, view_str(password));
	buf_addlv(&b, view_str(hash));
	BUG_ON(HMAC(EVP_sha256(), a->secret, sizeof(a->secret),
		   (unsigned char *)buf_ptr(&b), b.n, key, &n) == NULL);
	explicit_bzero(b.mem, b.cap);
	buf_fini(&b);
}

static bool
is_known(struct intake_auth *a, const unsigned char *key)
{
	struct known *k;

	HASH_FIND(hh, a->known, key, KEY_BYTES, k);
	if (k == NULL)
		return false;
	if (k->until > clock_mono())
		return true;
	HASH_DEL(a->known, k);
	free(k);
	return false;
}

static void
remember(struct intake_auth *a, const unsigned char *key)
{
	struct known *k;

	HASH_FIND(hh, a->known, key, KEY_BYTES, k);
	if (k) {
		HASH_DEL(a->known, k);
	} else if (HASH_COUNT(a->known) >= KNOWN_MAX) {
		k = a->known; /* the oldest */
		HASH_DEL(a->known, k);
	} else {
		k = mem_zalloc(sizeof(*k));
	}
	memcpy(k->key, key, KEY_BYTES);
	k->until = clock_mono() + KNOWN_MS;
	HASH_ADD(hh, a->known, key, KEY_BYTES, k);
}

/* Runs in a worker. */
static void
work(void *arg)
{
	struct check *c = arg;
	struct crypt_data *data = mem_zalloc(sizeof(*data));
	const char *got = crypt_r(c->password, c->hash, data);

	c->good = got && got[0] != '*' && strlen(got) == strlen(c->hash) &&
	    CRYPTO_memcmp(got, c->hash, strlen(got)) == 0;
	explicit_bzero(data, sizeof(*data));
	free(data);
}

static void
done(void *arg)
{
	struct check *c = arg;
	struct list *l;

	c->job = NULL;
	HASH_DEL(c->auth->checks, c);
	if (c->good)
		remember(c->auth, c->key);
	/* Who is told may cancel others, or ask again: a new check. */
	while ((l = list_pop(&c->waiters))) {
		struct intake_auth_req *r =
		    LIST_ENTRY(l, struct intake_auth_req, link);
		void (*fn)(void *, bool) = r->done;
		void *fn_arg = r->arg;

		free(r);
		fn(fn_arg, c->good);
	}
	check_free(c);
}

enum intake_auth_result
intake_auth_check(struct intake_auth *a, const char *user,
    const char *password, const char *hash, void (*fn)(void *arg, bool good),
    void *arg, struct intake_auth_req **req)
{
	unsigned char key[KEY_BYTES];
	struct intake_auth_req *r;
	struct check *c;

	make_key(a, user, password, hash, key);
	if (is_known(a, key))
		return INTAKE_AUTH_GOOD;
	HASH_FIND(hh, a->checks, key, KEY_BYTES, c);
	if (c == NULL) {
		if (HASH_COUNT(a->checks) >= CHECKS_MAX)
			return INTAKE_AUTH_BUSY;
		c = mem_zalloc(sizeof(*c));
		memcpy(c->key, key, KEY_BYTES);
		c->auth = a;
		c->password = mem_strdup(password);
		c->hash = mem_strdup(hash);
		list_init(&c->waiters);
		HASH_ADD(hh, a->checks, key, KEY_BYTES, c);
		c->job = pool_submit(a->pool, work, done, check_free, c);
	}
	r = mem_zalloc(sizeof(*r));
	r->done = fn;
	r->arg = arg;
	list_append(&c->waiters, &r->link);
	*req = r;
	return INTAKE_AUTH_ASKED;
}

void
intake_auth_cancel(struct intake_auth_req **req)
{
	struct intake_auth_req *r = *req;

	if (r == NULL)
		return;
	*req = NULL;
	list_remove(&r->link);
	free(r);
}
