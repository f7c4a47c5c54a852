#include "config.h"
#include "mail/pem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "base/mem.h"

#define SLOTS 64

struct slot {
	char *pem; /* owned */
	long n;
	EVP_PKEY *key; /* owned: one reference */
};

struct cache {
	struct slot slot[SLOTS];
	unsigned next;
	unsigned long hits;
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static __thread struct cache *mine;

static void
cache_free(void *p)
{
	struct cache *c = p;
	int i;

	for (i = 0; i < SLOTS; i++) {
		free(c->slot[i].pem);
		EVP_PKEY_free(c->slot[i].key);
	}
	free(c);
}

static void
cache_exit(void)
{
	if (mine)
		cache_free(mine);
	mine = NULL;
}

static void
cache_once(void)
{
	pthread_key_create(&key, cache_free);
	atexit(cache_exit);
}

static struct cache *
cache_get(void)
{
	if (mine == NULL) {
		pthread_once(&once, cache_once);
		mine = mem_zalloc(sizeof(*mine));
		pthread_setspecific(key, mine);
	}
	return mine;
}

unsigned long
mail_pem_hits(void)
{
	return mine ? mine->hits : 0;
}

static void
cache_put(struct cache *c, const char *pem, long n, EVP_PKEY *pkey)
{
	struct slot *s = &c->slot[c->next++ % SLOTS];

	free(s->pem);
	EVP_PKEY_free(s->key);
	EVP_PKEY_up_ref(pkey);
	*s = (struct slot){ mem_dup(pem, (size_t)n), n, pkey };
}

EVP_PKEY *
PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, pem_password_cb *cb, void *u)
{
	struct cache *c = cache_get();
	char *pem = NULL, *copy;
	long n = 0;
	EVP_PKEY *pkey;
	int i;

	if (BIO_method_type(bio) == BIO_TYPE_MEM)
		n = BIO_get_mem_data(bio, &pem);
	for (i = 0; n > 0 && out == NULL && i < SLOTS; i++) {
		struct slot *s = &c->slot[i];

		if (s->n == n && memcmp(s->pem, pem, (size_t)n) == 0) {
			c->hits++;
			EVP_PKEY_up_ref(s->key);
			return s->key;
		}
	}
	copy = n > 0 ? mem_dup(pem, (size_t)n) : NULL;
	pkey = PEM_read_bio_PrivateKey_ex(bio, out, cb, u, NULL, NULL);
	if (pkey && copy)
		cache_put(c, copy, n, pkey);
	free(copy);
	return pkey;
}
