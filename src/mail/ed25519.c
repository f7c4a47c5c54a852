#include "config.h"
#include "mail/ed25519.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/bug.h"
#include "mail/header.h"

#define FIELDS_MAX 1000
#define FOLD_AT 76

struct canon { /* relaxed text on its way into a digest */
	EVP_MD_CTX *md;
	char mem[4096];
	size_t n;
};

static void
canon_flush(struct canon *c)
{
	EVP_DigestUpdate(c->md, c->mem, c->n);
	c->n = 0;
}

static void
canon_add(struct canon *c, const char *p, size_t n)
{
	if (c->n + n > sizeof(c->mem))
		canon_flush(c);
	if (n > sizeof(c->mem)) {
		EVP_DigestUpdate(c->md, p, n);
		return;
	}
	memcpy(c->mem + c->n, p, n);
	c->n += n;
}

static bool
is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

/* RFC 6376 3.4.4: one line without its CRLF; runs of blanks become one SP,
 * those at the end vanish. */
static void
canon_line(struct canon *c, struct view line)
{
	size_t i = 0;

	while (line.n && is_wsp(line.p[line.n - 1]))
		line.n--;
	while (i < line.n) {
		size_t from = i;

		if (is_wsp(line.p[i])) {
			while (i < line.n && is_wsp(line.p[i]))
				i++;
			canon_add(c, " ", 1);
			continue;
		}
		while (i < line.n && !is_wsp(line.p[i]))
			i++;
		canon_add(c, line.p + from, i - from);
	}
}

static void
canon_body(struct canon *c, struct view body)
{
	size_t empty = 0; /* lines held back: those at the end vanish */

	while (body.n) {
		ptrdiff_t nl = view_find(body, VIEW("\r\n"));
		struct view line = nl < 0 ? body : view_head(body, (size_t)nl);
		struct view bare = line;

		body = view_skip(body, line.n + 2);
		while (bare.n && is_wsp(bare.p[bare.n - 1]))
			bare.n--;
		if (bare.n == 0) {
			empty++;
			continue;
		}
		for (; empty; empty--)
			canon_add(c, "\r\n", 2);
		canon_line(c, bare);
		canon_add(c, "\r\n", 2);
	}
	canon_flush(c);
}

/* RFC 6376 3.4.2. */
static void
canon_field(struct canon *c, struct view name, struct view value)
{
	bool gap = false;
	size_t i;

	for (i = 0; i < name.n; i++) {
		char l = name.p[i];

		if (l >= 'A' && l <= 'Z')
			l = (char)(l + 32);
		canon_add(c, &l, 1);
	}
	canon_add(c, ":", 1);
	value = view_trim(value);
	for (i = 0; i < value.n; i++) {
		size_t from = i;

		if (strchr(" \t\r\n", value.p[i]) && value.p[i]) {
			gap = true;
			continue;
		}
		if (gap)
			canon_add(c, " ", 1);
		gap = false;
		while (i + 1 < value.n && (unsigned char)value.p[i + 1] > 32)
			i++;
		canon_add(c, value.p + from, i + 1 - from);
	}
}

/* Fields of one name, from the last to the first (RFC 6376 5.4.2), then the
 * name alone where it is oversigned. */
static void
add_name(struct canon *c, const struct mail_ed25519 *k, const char *name,
    const struct mail_field *f, size_t nf, struct buf *list)
{
	struct view want = view_str(name);
	size_t i, times = 0;

	for (i = nf; i-- > 0;) {
		if (!view_ieq(f[i].name, want))
			continue;
		canon_field(c, f[i].name, f[i].value);
		canon_add(c, "\r\n", 2);
		times++;
	}
	for (i = 0; i < k->noversign; i++) {
		if (view_ieq(view_str(k->oversign[i]), want)) {
			times++;
			break;
		}
	}
	for (; times; times--)
		buf_addf(list, "%s%s", list->n ? ":" : "", name);
}

static void
base64_add(struct buf *out, const unsigned char *p, int n)
{
	char *at = buf_reserve(out, (size_t)(n / 3 * 4 + 5));

	buf_grown(out, (size_t)EVP_EncodeBlock((unsigned char *)at, p, n));
}

/* The list of names and the signature may be folded anywhere between
 * names or octets. */
static void
add_folded(struct buf *out, const char *tag, struct view text, char at,
    bool last)
{
	size_t col = 1 + strlen(tag);

	buf_addf(out, "\r\n\t%s", tag);
	while (text.n) {
		size_t room = FOLD_AT - col, n;

		if (at == '\0') {
			n = text.n < room ? text.n : room;
		} else {
			ptrdiff_t colon = view_chr(text, at);

			n = colon < 0 ? text.n : (size_t)colon + 1;
		}
		if (n > room || room == 0) {
			if (col > 1) {
				buf_adds(out, "\r\n\t");
				col = 1;
				continue;
			}
		}
		buf_add(out, text.p, n);
		col += n;
		text = view_skip(text, n);
	}
	if (!last)
		buf_addc(out, ';');
}

static size_t
read_fields(struct view message, struct mail_field *f, size_t max,
    struct err *e)
{
	struct view at = view_head(message, mail_header_bytes(message));
	size_t n = 0;
	int rc;

	while ((rc = mail_header_next(&at, &f[n])) == 1) {
		if (++n == max) {
			err_set(e, "more than %zu header fields", max - 1);
			return 0;
		}
	}
	if (rc < 0 || n == 0)
		err_set(e, "the header is broken");
	return rc < 0 ? 0 : n;
}

static bool
is_listed(char *const *v, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (view_ieq(view_str(v[i]), view_str(name)))
			return true;
	}
	return false;
}

/* The text of the field up to "b=", while its header hash goes into c. */
static void
write_field(struct canon *c, const struct mail_ed25519 *k,
    const struct mail_field *f, size_t nf, struct buf *out)
{
	struct view body = { f[nf - 1].raw.p + f[nf - 1].raw.n, 0 };
	unsigned char hash[32];
	struct buf list = { 0 }, bh = { 0 };
	size_t i, start = out->n;

	body.n = (size_t)(f[nf].raw.p - body.p);
	body = view_skip(body, 2);
	EVP_DigestInit_ex(c->md, EVP_sha256(), NULL);
	canon_body(c, body);
	EVP_DigestFinal_ex(c->md, hash, NULL);
	base64_add(&bh, hash, sizeof(hash));
	EVP_DigestInit_ex(c->md, EVP_sha256(), NULL);
	for (i = 0; i < k->nheaders; i++)
		add_name(c, k, k->headers[i], f, nf, &list);
	for (i = 0; i < k->noversign; i++) {
		if (!is_listed(k->headers, k->nheaders, k->oversign[i]))
			add_name(c, k, k->oversign[i], f, nf, &list);
	}
	buf_addf(out,
	    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;"
	    "\r\n\td=%s;\r\n\ts=%s; t=%lld;",
	    k->domain, k->selector, (long long)k->now_s);
	add_folded(out, "h=", buf_view(&list), ':', false);
	add_folded(out, "bh=", buf_view(&bh), '\0', false);
	buf_adds(out, "\r\n\tb=");
	canon_field(c, VIEW("dkim-signature"),
	    view_skip(view_skip(buf_view(out), start), 15));
	canon_flush(c);
	buf_cut(out, out->n - 5);
	buf_fini(&list);
	buf_fini(&bh);
}

int
mail_ed25519_sign(const struct mail_ed25519 *k, struct view message,
    struct buf *out, struct err *e)
{
	struct mail_field f[FIELDS_MAX + 1];
	unsigned char hash[32], sig[64];
	size_t nf = read_fields(message, f, FIELDS_MAX, e), siglen = 64;
	struct buf text = { 0 };
	struct canon c;
	int rc = -1;

	if (nf == 0)
		return -1;
	f[nf].raw = (struct view){ message.p + message.n, 0 };
	c.n = 0;
	c.md = EVP_MD_CTX_new();
	BUG_ON(c.md == NULL);
	write_field(&c, k, f, nf, out);
	EVP_DigestFinal_ex(c.md, hash, NULL);
	EVP_MD_CTX_reset(c.md);
	if (EVP_DigestSignInit(c.md, NULL, NULL, NULL, k->pkey) == 1 &&
	    EVP_DigestSign(c.md, sig, &siglen, hash, sizeof(hash)) == 1 &&
	    siglen == sizeof(sig)) {
		base64_add(&text, sig, sizeof(sig));
		add_folded(out, "b=", buf_view(&text), '\0', true);
		buf_adds(out, "\r\n");
		rc = 0;
	} else {
		err_set(e, "the Ed25519 signature failed");
	}
	buf_fini(&text);
	EVP_MD_CTX_free(c.md);
	return rc;
}
