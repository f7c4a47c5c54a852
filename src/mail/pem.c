#include "config.h"
#include "mail/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>
#include <xxhash.h>

#include "base/bug.h"
#include "base/mem.h"

#define KEY_FILE_MAX 65536
#define SLOTS 1024 /* per thread: a tenant with more domains shares slots */

struct known { /* a registered text */
	uint64_t hash;
	unsigned refs;
	char *text; /* owned */
	size_t n;
	UT_hash_handle hh;
};

struct slot {
	uint64_t hash;
	char *text;     /* owned: a hash alone must not choose a key */
	size_t n;
	EVP_PKEY *pkey; /* owned reference */
};

struct cache {
	uint64_t hits;
	struct slot slot[SLOTS];
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct known *known;
static pthread_key_t thread_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static __thread struct cache *mine;

static uint64_t
text_hash(struct view text)
{
	return XXH3_64bits(text.p, text.n);
}

static void
slot_clear(struct slot *s)
{
	EVP_PKEY_free(s->pkey);
	if (s->text)
		OPENSSL_cleanse(s->text, s->n);
	free(s->text);
	*s = (struct slot){ 0 };
}

static void
cache_free(void *p)
{
	struct cache *c = p;
	size_t i;

	for (i = 0; i < SLOTS; i++)
		slot_clear(&c->slot[i]);
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
	BUG_ON(pthread_key_create(&thread_key, cache_free) != 0);
	/* OpenSSL's own exit handler must run after ours. */
	OPENSSL_init_crypto(0, NULL);
	atexit(cache_exit);
}

static struct cache *
cache_get(void)
{
	if (mine)
		return mine;
	pthread_once(&once, cache_once);
	mine = mem_zalloc(sizeof(*mine));
	pthread_setspecific(thread_key, mine);
	return mine;
}

uint64_t
mail_pem_hits(void)
{
	return cache_get()->hits;
}

static int
no_pass_phrase(char *buf, int size, int rwflag, void *u)
{
	(void)buf, (void)size, (void)rwflag, (void)u;
	return -1;
}

int
mail_pem_read(const char *path, struct buf *out, struct err *e)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n;

	if (fd < 0)
		return err_set(e, "%s: %s", path ? path : "no key file",
		    path ? strerror(errno) : "a path is needed");
	do {
		n = read(fd, buf_reserve(out, 4096), 4096);
		if (n > 0)
			buf_grown(out, (size_t)n);
	} while (n > 0 && out->n <= KEY_FILE_MAX);
	close(fd);
	if (n < 0)
		return err_set(e, "%s: %s", path, strerror(errno));
	if (out->n > KEY_FILE_MAX)
		return err_set(e, "%s: too long for a key", path);
	/* libopendkim tells PEM from DER by the first octets. */
	if (!view_starts(buf_view(out), VIEW("-----")))
		return err_set(e, "%s: does not start as a PEM key", path);
	buf_str(out);
	return 0;
}

struct evp_pkey_st *
mail_pem_parse(struct view text, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(text.p, (int)text.n);
	EVP_PKEY *pkey;

	BUG_ON(bio == NULL);
	pkey = PEM_read_bio_PrivateKey_ex(bio, NULL, no_pass_phrase, NULL,
	    NULL, NULL);
	if (pkey == NULL)
		err_set(e, "not a private key in PEM without pass phrase");
	ERR_clear_error();
	BIO_free(bio);
	return pkey;
}

void
mail_pem_register(struct view text)
{
	uint64_t h = text_hash(text);
	struct known *k;

	pthread_rwlock_wrlock(&lock);
	HASH_FIND(hh, known, &h, sizeof(h), k);
	if (k == NULL) {
		k = mem_zalloc(sizeof(*k));
		k->hash = h;
		k->text = mem_strndup(text.p, text.n);
		k->n = text.n;
		HASH_ADD(hh, known, hash, sizeof(k->hash), k);
	}
	k->refs++;
	pthread_rwlock_unlock(&lock);
}

void
mail_pem_forget(struct view text)
{
	uint64_t h = text_hash(text);
	struct known *k;

	pthread_rwlock_wrlock(&lock);
	HASH_FIND(hh, known, &h, sizeof(h), k);
	if (k && --k->refs == 0) {
		HASH_DEL(known, k);
		OPENSSL_cleanse(k->text, k->n);
		free(k->text);
		free(k);
	}
	pthread_rwlock_unlock(&lock);
}

static bool
is_registered(struct view text, uint64_t h)
{
	struct known *k;
	bool found;

	pthread_rwlock_rdlock(&lock);
	HASH_FIND(hh, known, &h, sizeof(h), k);
	found = k && view_eq(text, (struct view){ k->text, k->n });
	pthread_rwlock_unlock(&lock);
	return found;
}

/* A reference to the parsed key of a registered text, or NULL.  Each thread
 * parses for itself: a key's blinding state is under a lock. */
static EVP_PKEY *
cached_key(struct view text)
{
	uint64_t h = text_hash(text);
	struct cache *c = cache_get();
	struct slot *s = &c->slot[h % SLOTS];

	if (s->pkey && s->hash == h &&
	    view_eq(text, (struct view){ s->text, s->n })) {
		c->hits++;
	} else {
		EVP_PKEY *pkey;

		if (!is_registered(text, h))
			return NULL;
		pkey = mail_pem_parse(text, NULL);
		if (pkey == NULL)
			return NULL;
		slot_clear(s);
		*s = (struct slot){ h, mem_strndup(text.p, text.n), text.n,
			pkey };
	}
	EVP_PKEY_up_ref(s->pkey);
	return s->pkey;
}

EVP_PKEY *
PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **x, pem_password_cb *cb, void *u)
{
	char *p = NULL;
	EVP_PKEY *pkey = NULL;
	long n;

	if (x == NULL && cb == NULL && u == NULL &&
	    BIO_method_type(bio) == BIO_TYPE_MEM) {
		n = BIO_get_mem_data(bio, &p);
		if (n > 0)
			pkey = cached_key((struct view){ p, (size_t)n });
	}
	if (pkey)
		return pkey;
	return PEM_read_bio_PrivateKey_ex(bio, x, cb, u, NULL, NULL);
}
