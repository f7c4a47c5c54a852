#include "config.h"
#include "mail/dkim.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <opendkim/dkim.h>

#include "base/clock.h"
#include "base/mem.h"
#include "mail/dkim_ed25519.h"
#include "mail/header.h"
#include "mail/pem.h"

#define RSA_BITS_MIN 1024 /* RFC 8301 3.2 */
#define PEM_MAX 16384

/* RFC 6376 5.4.1, RFC 8058 4 (both List-Unsubscribe fields), RFC 9477. */
static const char *const default_headers[] = { "From", "Sender", "Reply-To",
	"Subject", "Date", "Message-ID", "To", "Cc", "In-Reply-To",
	"References", "MIME-Version", "Content-Type",
	"Content-Transfer-Encoding", "Content-ID", "Content-Description",
	"List-Id", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post",
	"List-Subscribe", "List-Post", "List-Owner", "List-Archive",
	"Feedback-ID", "CFBL-Address", NULL };
static const char *const default_oversign[] = { "From", NULL };

struct mail_dkim_key {
	char *domain, *selector, *tenant, *name; /* owned; tenant may be NULL */
	char *pem;              /* owned: what libopendkim is given */
	const char **headers;   /* owned, NULL-terminated, as are its strings */
	const char **oversign;
	EVP_PKEY *pkey;
	DKIM_LIB *lib;          /* NULL for Ed25519 */
};

struct mail_dkim {
	struct mail_dkim_key **key;
	size_t n;
};

struct mail_dkim *
mail_dkim_new(struct err *e)
{
	(void)e;
	return mem_zalloc(sizeof(struct mail_dkim));
}

static void
free_list(const char **list)
{
	size_t i;

	for (i = 0; list && list[i]; i++)
		free((void *)list[i]);
	free((void *)list);
}

static void
key_free(struct mail_dkim_key *k)
{
	free(k->domain);
	free(k->selector);
	free(k->tenant);
	free(k->name);
	free(k->pem);
	free_list(k->headers);
	free_list(k->oversign);
	EVP_PKEY_free(k->pkey);
	if (k->lib)
		dkim_close(k->lib);
	free(k);
}

void
mail_dkim_free(struct mail_dkim **dp)
{
	struct mail_dkim *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	while (d->n)
		key_free(d->key[--d->n]);
	free(d->key);
	free(d);
}

static const char **
copy_list(char *const *v, size_t n, const char *const *otherwise)
{
	const char **out;
	size_t i;

	if (v == NULL || n == 0)
		for (n = 0, v = NULL; otherwise[n];)
			n++;
	out = mem_zalloc((n + 1) * sizeof(*out));
	for (i = 0; i < n; i++)
		out[i] = mem_strdup(v ? v[i] : otherwise[i]);
	return out;
}

static int
read_pem(struct mail_dkim_key *k, const char *path, struct err *e)
{
	char pem[PEM_MAX];
	FILE *f = fopen(path, "re");
	BIO *bio;
	size_t n;

	if (f == NULL)
		return err_set(e, "%s: %s", path, strerror(errno));
	n = fread(pem, 1, sizeof(pem) - 1, f);
	fclose(f);
	pem[n] = '\0';
	k->pem = mem_strdup(pem);
	bio = BIO_new_mem_buf(pem, (int)n);
	k->pkey = PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, NULL, NULL);
	BIO_free(bio);
	if (k->pkey == NULL)
		return err_set(e, "%s: holds no private key in PEM", path);
	if (EVP_PKEY_get_base_id(k->pkey) == EVP_PKEY_ED25519)
		return 0;
	if (EVP_PKEY_get_base_id(k->pkey) != EVP_PKEY_RSA)
		return err_set(e, "%s: the key is neither RSA nor Ed25519",
		    path);
	if (EVP_PKEY_get_bits(k->pkey) < RSA_BITS_MIN)
		return err_set(e, "%s: the key has %d bits, at least %d are "
				  "needed",
		    path, EVP_PKEY_get_bits(k->pkey), RSA_BITS_MIN);
	return 0;
}

static int
open_lib(struct mail_dkim_key *k, struct err *e)
{
	k->lib = dkim_init(NULL, NULL);
	if (k->lib == NULL ||
	    dkim_options(k->lib, DKIM_OP_SETOPT, DKIM_OPTS_SIGNHDRS,
		(void *)k->headers, sizeof(const char **)) != DKIM_STAT_OK ||
	    dkim_options(k->lib, DKIM_OP_SETOPT, DKIM_OPTS_OVERSIGNHDRS,
		(void *)k->oversign, sizeof(const char **)) != DKIM_STAT_OK)
		return err_set(e, "libopendkim refused its options");
	return 0;
}

int
mail_dkim_add(struct mail_dkim *d, const struct mail_dkim_row *row,
    struct err *e)
{
	struct mail_dkim_key *k = mem_zalloc(sizeof(*k));

	k->domain = mem_strdup(row->domain);
	k->selector = mem_strdup(row->selector);
	k->tenant = mem_strdup(row->tenant);
	k->name = mem_printf("%s._domainkey.%s", row->selector, row->domain);
	k->headers = copy_list(row->headers, row->nheaders, default_headers);
	k->oversign = copy_list(row->oversign, row->noversign,
	    default_oversign);
	if (read_pem(k, row->key_file, e) ||
	    (EVP_PKEY_get_base_id(k->pkey) == EVP_PKEY_RSA &&
		open_lib(k, e))) {
		key_free(k);
		return -1;
	}
	d->key = mem_realloc(d->key, (d->n + 1) * sizeof(*d->key));
	d->key[d->n++] = k;
	return 0;
}

void
mail_dkim_public(const struct mail_dkim_key *k, struct buf *out)
{
	unsigned char raw[32], *der = NULL;
	size_t n = sizeof(raw);
	int der_n = 0;
	const unsigned char *p = raw;
	char *at;

	if (k->lib == NULL) {
		EVP_PKEY_get_raw_public_key(k->pkey, raw, &n);
	} else if ((der_n = i2d_PUBKEY(k->pkey, &der)) > 0) {
		p = der;
		n = (size_t)der_n;
	}
	at = buf_reserve(out, n / 3 * 4 + 8);
	buf_grown(out, (size_t)EVP_EncodeBlock((unsigned char *)at, p, (int)n));
	OPENSSL_free(der);
}

struct mail_dkim_key *
mail_dkim_at(const struct mail_dkim *d, size_t i)
{
	return i < d->n ? d->key[i] : NULL;
}

const char *
mail_dkim_name(const struct mail_dkim_key *k)
{
	return k->name;
}

static DKIM_STAT
feed(DKIM *h, struct view message)
{
	size_t head = mail_header_bytes(message);
	struct view at = view_head(message, head);
	struct view body = view_skip(message, head);
	struct mail_field f;
	DKIM_STAT st = DKIM_STAT_OK;

	while (st == DKIM_STAT_OK && mail_header_next(&at, &f) == 1)
		st = dkim_header(h, (u_char *)(uintptr_t)f.raw.p, f.raw.n - 2);
	if (st == DKIM_STAT_OK)
		st = dkim_eoh(h);
	if (st == DKIM_STAT_OK && body.n)
		st = dkim_body(h, (u_char *)(uintptr_t)body.p, body.n);
	/* A body that does not end its line is sent with that end. */
	if (st == DKIM_STAT_OK && body.n &&
	    !view_iends(body, VIEW("\r\n")))
		st = dkim_body(h, (u_char *)(uintptr_t) "\r\n", 2);
	return st == DKIM_STAT_OK ? dkim_eom(h, NULL) : st;
}

static int
sign_rsa(const struct mail_dkim_key *k, struct view message, struct buf *out,
    struct err *e)
{
	static const char name[] = "DKIM-Signature: ";
	DKIM_STAT st;
	u_char *value;
	size_t n;
	DKIM *h = dkim_sign(k->lib, (const u_char *)"-", NULL,
	    (dkim_sigkey_t)k->pem, (const u_char *)k->selector,
	    (const u_char *)k->domain, DKIM_CANON_RELAXED, DKIM_CANON_RELAXED,
	    DKIM_SIGN_RSASHA256, -1, &st);

	if (h) {
		st = feed(h, message);
		if (st == DKIM_STAT_OK)
			st = dkim_getsighdr_d(h, sizeof(name) - 1, &value, &n);
		if (st == DKIM_STAT_OK) {
			buf_adds(out, name);
			buf_add(out, value, n);
			buf_adds(out, "\r\n");
		}
	}
	if (st != DKIM_STAT_OK)
		err_set(e, "%s: %s", k->name, dkim_getresultstr(st));
	if (h)
		dkim_free(h);
	return st == DKIM_STAT_OK ? 0 : -1;
}

static int
sign_one(const struct mail_dkim_key *k, struct view message, struct buf *out,
    struct err *e)
{
	struct mail_dkim_ed25519 s = { .domain = k->domain,
		.selector = k->selector,
		.key = k->pkey,
		.headers = k->headers,
		.oversign = k->oversign,
		.when_s = clock_now() / 1000 };

	return k->lib ? sign_rsa(k, message, out, e)
		      : mail_dkim_ed25519_sign(&s, message, out, e);
}

/* The domain itself or one above it. */
static bool
covers(const struct mail_dkim_key *k, const char *tenant, const char *from)
{
	size_t d = strlen(k->domain), f = strlen(from);

	if (k->tenant && (tenant == NULL || strcmp(k->tenant, tenant) != 0))
		return false;
	return f >= d && strcasecmp(from + f - d, k->domain) == 0 &&
	    (f == d || from[f - d - 1] == '.');
}

int
mail_dkim_sign(const struct mail_dkim *d, const char *tenant,
    const char *from_domain, struct view message, struct buf *sigs,
    struct err *e)
{
	size_t i, best = 0;
	int n = 0;

	for (i = 0; i < d->n; i++)
		if (covers(d->key[i], tenant, from_domain) &&
		    strlen(d->key[i]->domain) > best)
			best = strlen(d->key[i]->domain);
	for (i = 0; i < d->n; i++) {
		const struct mail_dkim_key *k = d->key[i];

		if (strlen(k->domain) != best ||
		    !covers(k, tenant, from_domain))
			continue;
		if (sign_one(k, message, sigs, e))
			return -1;
		n++;
	}
	return n;
}

int
mail_dkim_cache_works(const struct mail_dkim *d)
{
	static const char probe[] = "From: a@b\r\n\r\nx\r\n";
	struct buf out = { 0 };
	unsigned long before;
	struct err e;
	size_t i;

	for (i = 0; i < d->n && d->key[i]->lib == NULL;)
		i++;
	if (i == d->n)
		return 1;
	sign_rsa(d->key[i], view_str(probe), &out, &e);
	before = mail_pem_hits();
	sign_rsa(d->key[i], view_str(probe), &out, &e);
	buf_fini(&out);
	return mail_pem_hits() > before;
}
