#include "config.h"
#include "mail/dkim.h"

#include <dkim.h>
#include <idn2.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/bug.h"
#include "base/clock.h"
#include "base/mem.h"
#include "mail/ed25519.h"
#include "mail/header.h"
#include "mail/pem.h"

#define RSA_BITS_MIN 1024 /* RFC 8301 3.2 */
/* libopendkim cuts its list of signed names at 4096 octets. */
#define SIGNED_NAMES_MAX 3500

/* RFC 6376 5.4.1; RFC 8058 4 wants both List-Unsubscribe fields; RFC 9477 the
 * last. */
static const char *const default_headers[] = { "from", "sender", "reply-to",
	"subject", "date", "message-id", "to", "cc", "in-reply-to",
	"references", "mime-version", "content-type",
	"content-transfer-encoding", "content-id", "content-description",
	"list-id", "list-help", "list-unsubscribe", "list-unsubscribe-post",
	"list-subscribe", "list-post", "list-owner", "list-archive",
	"auto-submitted", "precedence", "feedback-id", "cfbl-address" };
static const char *const default_oversign[] = { "from" };

struct mail_dkim_key {
	char *domain, *selector, *tenant, *name; /* owned; tenant may be NULL */
	struct buf pem;         /* PEM text, NUL-terminated */
	EVP_PKEY *pkey;         /* owned */
	bool ed25519;
	DKIM_LIB *lib;          /* owned; NULL for Ed25519 */
	char **headers;         /* owned, NULL-terminated, lower case */
	size_t nheaders;
	char **oversign;        /* the same */
	size_t noversign;
	struct mail_dkim_key *next; /* of the same domain, in file order */
	UT_hash_handle hh;          /* by domain: the first of each */
};

struct mail_dkim {
	struct mail_dkim_key **key; /* owned */
	size_t n;
	struct mail_dkim_key *by_domain;
};

struct mail_dkim *
mail_dkim_new(struct err *e)
{
	uint64_t version = dkim_libversion();

	/* Another version may call OpenSSL in another way. */
	if (version >> 16 != 0x020b) {
		err_set(e, "libopendkim has version %llx, wanted is 2.11",
		    (unsigned long long)version);
		return NULL;
	}
	return mem_zalloc(sizeof(struct mail_dkim));
}

static void
names_free(char **v)
{
	size_t i;

	for (i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

static void
key_free(struct mail_dkim_key *k)
{
	if (k->lib)
		dkim_close(k->lib);
	if (k->pem.mem) {
		if (k->pkey && !k->ed25519)
			mail_pem_forget(buf_view(&k->pem));
		OPENSSL_cleanse(k->pem.mem, k->pem.cap);
	}
	buf_fini(&k->pem);
	EVP_PKEY_free(k->pkey);
	names_free(k->headers);
	names_free(k->oversign);
	free(k->domain);
	free(k->selector);
	free(k->tenant);
	free(k->name);
	free(k);
}

void
mail_dkim_free(struct mail_dkim **p)
{
	struct mail_dkim *d = *p;
	size_t i;

	*p = NULL;
	if (d == NULL)
		return;
	HASH_CLEAR(hh, d->by_domain);
	for (i = 0; i < d->n; i++)
		key_free(d->key[i]);
	free(d->key);
	free(d);
}

/* --- a key read and checked ----------------------------------------------- */
static int
check_key(struct mail_dkim_key *k, const char *path, struct err *e)
{
	struct err why;

	k->pkey = mail_pem_parse(buf_view(&k->pem), &why);
	if (k->pkey == NULL)
		return err_set(e, "%s: %s", path, why.text);
	switch (EVP_PKEY_base_id(k->pkey)) {
	case EVP_PKEY_ED25519:
		k->ed25519 = true;
		return 0;
	case EVP_PKEY_RSA:
		mail_pem_register(buf_view(&k->pem));
		if (EVP_PKEY_bits(k->pkey) >= RSA_BITS_MIN)
			return 0;
		return err_set(e, "%s: RSA key of %d bits, at least %d", path,
		    EVP_PKEY_bits(k->pkey), RSA_BITS_MIN);
	}
	return err_set(e, "%s: neither an RSA nor an Ed25519 key", path);
}

/* Lower-case A-labels; selectors and domains are both host-like names. */
static char *
ascii_name(const char *what, const char *s, struct err *e)
{
	char *ascii = NULL, *copy;
	size_t n, i;

	if (s == NULL || *s == '\0' || idn2_to_ascii_8z(s, &ascii,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK) {
		err_set(e, "bad %s \"%.200s\"", what, s ? s : "");
		return NULL;
	}
	copy = mem_strdup(ascii);
	idn2_free(ascii);
	n = strlen(copy);
	for (i = 0; i < n; i++) {
		if (copy[i] >= 'A' && copy[i] <= 'Z')
			copy[i] = (char)(copy[i] + 32);
	}
	if (n > 253 || copy[0] == '.' || copy[n - 1] == '.' ||
	    strstr(copy, "..") ||
	    strspn(copy, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != n) {
		err_set(e, "bad %s \"%.200s\"", what, s);
		free(copy);
		return NULL;
	}
	return copy;
}

static int
copy_names(const char *const *from, size_t n, char ***out, size_t *nout,
    struct err *e)
{
	size_t i, j;

	*out = mem_zalloc((n + 1) * sizeof(**out));
	for (i = 0; i < n; i++) {
		char *s = mem_strdup(from[i]);

		(*out)[(*nout)++] = s;
		for (j = 0; s[j]; j++) {
			if (s[j] >= 'A' && s[j] <= 'Z')
				s[j] = (char)(s[j] + 32);
			if (s[j] <= 32 || s[j] >= 127 || strchr(":*;|", s[j]))
				return err_set(e, "bad header name \"%.100s\"",
				    from[i]);
		}
		if (j == 0)
			return err_set(e, "empty header name");
	}
	return 0;
}

static int
key_lists(struct mail_dkim_key *k, const struct mail_dkim_row *row,
    struct err *e)
{
	const char *const *h = (const char *const *)row->headers;
	const char *const *o = (const char *const *)row->oversign;
	size_t nh = row->nheaders, no = row->noversign, i;

	if (h == NULL || nh == 0) {
		h = default_headers;
		nh = sizeof(default_headers) / sizeof(*default_headers);
	}
	if (o == NULL || no == 0) {
		o = default_oversign;
		no = sizeof(default_oversign) / sizeof(*default_oversign);
	}
	if (copy_names(h, nh, &k->headers, &k->nheaders, e) ||
	    copy_names(o, no, &k->oversign, &k->noversign, e))
		return -1;
	for (i = 0; i < nh; i++) {
		if (strcmp(k->headers[i], "from") == 0)
			return 0;
	}
	return err_set(e, "From must be among the signed headers");
}

static int
key_library(struct mail_dkim_key *k, struct err *e)
{
	const char **h = (const char **)k->headers;
	const char **o = (const char **)k->oversign;

	if (k->ed25519)
		return 0;
	k->lib = dkim_init(NULL, NULL);
	if (k->lib == NULL ||
	    dkim_options(k->lib, DKIM_OP_SETOPT, DKIM_OPTS_SIGNHDRS, h,
		sizeof(h)) != DKIM_STAT_OK ||
	    dkim_options(k->lib, DKIM_OP_SETOPT, DKIM_OPTS_OVERSIGNHDRS, o,
		sizeof(o)) != DKIM_STAT_OK)
		return err_set(e, "libopendkim refused the header lists");
	return 0;
}

static void
link_key(struct mail_dkim *d, struct mail_dkim_key *k)
{
	struct mail_dkim_key *first;

	d->key = mem_realloc(d->key, (d->n + 1) * sizeof(*d->key));
	d->key[d->n++] = k;
	HASH_FIND_STR(d->by_domain, k->domain, first);
	if (first == NULL) {
		HASH_ADD_KEYPTR(hh, d->by_domain, k->domain,
		    strlen(k->domain), k);
		return;
	}
	while (first->next)
		first = first->next;
	first->next = k;
}

int
mail_dkim_add(struct mail_dkim *d, const struct mail_dkim_row *row,
    struct err *e)
{
	struct mail_dkim_key *k = mem_zalloc(sizeof(*k));

	k->tenant = mem_strdup(row->tenant);
	k->domain = ascii_name("domain", row->domain, e);
	if (k->domain)
		k->selector = ascii_name("selector", row->selector, e);
	if (k->selector == NULL || mail_pem_read(row->key_file, &k->pem, e) ||
	    check_key(k, row->key_file, e) || key_lists(k, row, e) ||
	    key_library(k, e)) {
		key_free(k);
		return -1;
	}
	k->name = mem_printf("%s._domainkey.%s", k->selector, k->domain);
	link_key(d, k);
	return 0;
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

void
mail_dkim_public(const struct mail_dkim_key *k, struct buf *out)
{
	unsigned char raw[32], *der = NULL, *p = raw;
	size_t n = sizeof(raw);
	char *at;

	if (k->ed25519) { /* RFC 8463 4.2: the key itself */
		BUG_ON(EVP_PKEY_get_raw_public_key(k->pkey, raw, &n) != 1);
	} else {
		int len = i2d_PUBKEY(k->pkey, &der);

		BUG_ON(len <= 0);
		n = (size_t)len;
		p = der;
	}
	at = buf_reserve(out, n / 3 * 4 + 5);
	buf_grown(out, (size_t)EVP_EncodeBlock((unsigned char *)at, p,
	    (int)n));
	OPENSSL_free(der);
}

/* --- signing -------------------------------------------------------------- */
static int
feed_header(DKIM *h, const struct mail_dkim_key *k, struct view *at,
    struct err *e)
{
	struct mail_field f;
	size_t names = 0, i;
	int rc;

	while ((rc = mail_header_next(at, &f)) == 1) {
		size_t n = f.raw.n;

		for (i = 0; i < k->nheaders; i++) {
			if (view_ieq(f.name, view_str(k->headers[i])))
				names += f.name.n + 1;
		}
		if (n >= 2 && f.raw.p[n - 1] == '\n')
			n -= 2;
		if (dkim_header(h, (unsigned char *)f.raw.p, n) !=
		    DKIM_STAT_OK)
			return err_set(e, "libopendkim refused the field %.*s",
			    VIEW_ARG(view_head(f.name, 80)));
	}
	if (rc < 0)
		return err_set(e, "the header is broken");
	if (names > SIGNED_NAMES_MAX)
		return err_set(e, "too many header fields to sign");
	return 0;
}

static int
feed_body(DKIM *h, struct view body, struct err *e)
{
	DKIM_STAT st = dkim_eoh(h);

	body = view_skip(body, 2);
	if (st == DKIM_STAT_OK && body.n)
		st = dkim_body(h, (unsigned char *)body.p, body.n);
	/* RFC 6376 3.4.3: a body without a final CRLF gets one. */
	if (st == DKIM_STAT_OK && body.n && body.p[body.n - 1] != '\n')
		st = dkim_body(h, (unsigned char *)"\r\n", 2);
	if (st == DKIM_STAT_OK)
		st = dkim_eom(h, NULL);
	if (st == DKIM_STAT_OK)
		return 0;
	return err_set(e, "libopendkim: %s", dkim_getresultstr(st));
}

static int
sign_rsa(const struct mail_dkim_key *k, struct view message, struct buf *out,
    struct err *e)
{
	static const char field[] = "DKIM-Signature: ";
	struct view at = message;
	unsigned char *text = NULL;
	DKIM_STAT st;
	size_t n = 0;
	int rc = -1;
	DKIM *h = dkim_sign(k->lib, (const unsigned char *)"", NULL,
	    (dkim_sigkey_t)k->pem.mem, (unsigned char *)k->selector,
	    (unsigned char *)k->domain, DKIM_CANON_RELAXED,
	    DKIM_CANON_RELAXED, DKIM_SIGN_RSASHA256, -1, &st);

	if (h == NULL)
		return err_set(e, "libopendkim: %s", dkim_getresultstr(st));
	if (feed_header(h, k, &at, e) || feed_body(h, at, e))
		goto out;
	st = dkim_getsighdr_d(h, sizeof(field) - 1, &text, &n);
	if (st != DKIM_STAT_OK) {
		err_set(e, "libopendkim: %s", dkim_getresultstr(st));
		goto out;
	}
	buf_adds(out, field);
	buf_add(out, text, n);
	buf_adds(out, "\r\n");
	rc = 0;
out:
	dkim_free(h);
	return rc;
}

static int
sign_one(const struct mail_dkim_key *k, struct view message, struct buf *out,
    struct err *e)
{
	if (k->ed25519) {
		struct mail_ed25519 ed = { .pkey = k->pkey,
			.domain = k->domain,
			.selector = k->selector,
			.headers = k->headers,
			.nheaders = k->nheaders,
			.oversign = k->oversign,
			.noversign = k->noversign,
			.now_s = clock_now() / 1000 };

		return mail_ed25519_sign(&ed, message, out, e);
	}
	return sign_rsa(k, message, out, e);
}

static bool
key_fits(const struct mail_dkim_key *k, const char *tenant)
{
	return k->tenant == NULL ||
	    (tenant && strcmp(k->tenant, tenant) == 0);
}

/* The keys of the most exact domain that has one for this tenant. */
static const struct mail_dkim_key *
keys_for(const struct mail_dkim *d, const char *tenant, const char *domain)
{
	while (domain && *domain) {
		const struct mail_dkim_key *first, *k;

		HASH_FIND_STR(d->by_domain, domain, first);
		for (k = first; k; k = k->next) {
			if (key_fits(k, tenant))
				return first;
		}
		domain = strchr(domain, '.');
		if (domain)
			domain++;
	}
	return NULL;
}

int
mail_dkim_sign(const struct mail_dkim *d, const char *tenant,
    const char *from_domain, struct view message, struct buf *sigs,
    struct err *e)
{
	const struct mail_dkim_key *k = keys_for(d, tenant, from_domain);
	size_t start = sigs->n;
	int n = 0;

	if (k && memchr(message.p, '\0', message.n))
		return err_set(e, "NUL in the content");
	for (; k; k = k->next) {
		if (!key_fits(k, tenant))
			continue;
		if (sign_one(k, message, sigs, e)) {
			buf_cut(sigs, start);
			return -1;
		}
		n++;
	}
	return n;
}

int
mail_dkim_cache_works(const struct mail_dkim *d)
{
	static const struct view probe = { "From: <a@b>\r\n\r\nx\r\n", 18 };
	struct buf sig = { 0 };
	uint64_t before;
	size_t i;
	int works = 1;

	for (i = 0; i < d->n && d->key[i]->ed25519; i++)
		;
	if (i == d->n)
		return 1;
	sign_rsa(d->key[i], probe, &sig, NULL);
	before = mail_pem_hits();
	if (sign_rsa(d->key[i], probe, &sig, NULL) ||
	    mail_pem_hits() == before)
		works = 0;
	buf_fini(&sig);
	return works;
}
