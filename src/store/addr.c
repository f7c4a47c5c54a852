#include "config.h"
#include "store/addr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/bug.h"
#include "base/mem.h"
#include "smtp/address.h"
#include "store/state.h"

#define KEY_BYTES 32

struct store_addr_key {
	EVP_MAC_CTX *mac; /* owned: keyed, started anew for each address */
	char fp[STORE_ADDR_FP_MAX];
};

static int
make(const char *path, struct err *e)
{
	unsigned char key[KEY_BYTES];
	char hex[KEY_BYTES * 2 + 2], tmp[4096];
	size_t i;
	int fd, rc = -1;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.new", path) >= sizeof(tmp))
		return err_set(e, "%s: path too long", path);
	if (RAND_bytes(key, sizeof(key)) != 1)
		return err_set(e, "no random bytes for the address key");
	for (i = 0; i < KEY_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", key[i]);
	hex[2 * KEY_BYTES] = '\n';
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, "%s: %s", tmp, strerror(errno));
	/* Lost after a crash, it would orphan every suppression entry. */
	if (write(fd, hex, 2 * KEY_BYTES + 1) != 2 * KEY_BYTES + 1 ||
	    fsync(fd) || rename(tmp, path))
		err_set(e, "%s: %s", tmp, strerror(errno));
	else
		rc = 0;
	close(fd);
	return rc;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
read_key(const char *path, int fd, unsigned char key[KEY_BYTES], struct err *e)
{
	char hex[KEY_BYTES * 2 + 1];
	ssize_t n = read(fd, hex, sizeof(hex));
	size_t i;

	if (n < 0)
		return err_set(e, "%s: %s", path, strerror(errno));
	if (n < KEY_BYTES * 2)
		return err_set(e, "%s: no address key of %d hex digits", path,
		    KEY_BYTES * 2);
	for (i = 0; i < KEY_BYTES; i++) {
		int hi = hex_value(hex[2 * i]), lo = hex_value(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return err_set(e, "%s: no address key of %d hex digits",
			    path, KEY_BYTES * 2);
		key[i] = (unsigned char)(hi << 4 | lo);
	}
	return 0;
}

static EVP_MAC_CTX *
keyed(const unsigned char key[KEY_BYTES])
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string("digest",
				    (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

	BUG_ON(ctx == NULL || EVP_MAC_init(ctx, key, KEY_BYTES, params) != 1);
	EVP_MAC_free(mac);
	return ctx;
}

struct store_addr_key *
store_addr_key_open(const char *path, struct err *e)
{
	unsigned char key[KEY_BYTES], fp[8];
	struct store_addr_key *k;
	size_t i;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	if (fd < 0 && errno == ENOENT) {
		if (make(path, e))
			return NULL;
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0) {
		err_set(e, "%s: %s", path, strerror(errno));
		return NULL;
	}
	rc = read_key(path, fd, key, e);
	close(fd);
	if (rc)
		return NULL;
	k = mem_zalloc(sizeof(*k));
	k->mac = keyed(key);
	store_addr_hash(k, VIEW("\nfingerprint"), fp); /* no address */
	for (i = 0; i < sizeof(fp); i++)
		snprintf(k->fp + 2 * i, 3, "%02x", fp[i]);
	return k;
}

void
store_addr_key_close(struct store_addr_key **kp)
{
	if (*kp == NULL)
		return;
	EVP_MAC_CTX_free((*kp)->mac);
	free(*kp);
	*kp = NULL;
}

const char *
store_addr_key_fp(const struct store_addr_key *k)
{
	return k->fp;
}

void
store_addr_hash(const struct store_addr_key *k, struct view text,
    unsigned char out[8])
{
	unsigned char full[32];
	size_t n;

	BUG_ON(EVP_MAC_init(k->mac, NULL, 0, NULL) != 1 ||
	    EVP_MAC_update(k->mac, (const unsigned char *)text.p, text.n) !=
		1 ||
	    EVP_MAC_final(k->mac, full, &n, sizeof(full)) != 1);
	memcpy(out, full, 8);
}

unsigned
store_addr_shard(const unsigned char hash[8], unsigned shards)
{
	/* The first octets choose the suppression bucket; these are others. */
	uint32_t x = (uint32_t)hash[4] << 24 | (uint32_t)hash[5] << 16 |
	    (uint32_t)hash[6] << 8 | hash[7];

	return x % shards;
}

void
store_addr_of(const struct store *s, const struct smtp_address *a,
    struct store_addr *out)
{
	struct buf b = { 0 };

	smtp_address_key(a, &b);
	store_addr_hash(s->key, buf_view(&b), out->hash);
	out->shard = store_addr_shard(out->hash, s->nshards);
	buf_fini(&b);
}
