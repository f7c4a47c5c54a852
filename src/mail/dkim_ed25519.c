#include "config.h"
#include "mail/dkim_ed25519.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "mail/header.h"

static bool
is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

/* RFC 6376 3.4.2: name in lower case, value unfolded, blanks as one. */
static void
relaxed_header(struct view name, struct view value, struct buf *out)
{
	size_t i;
	bool blank = false, any = false;

	for (i = 0; i < name.n && !is_wsp(name.p[i]); i++)
		buf_addc(out, (char)(name.p[i] >= 'A' && name.p[i] <= 'Z'
			? name.p[i] + 32
			: name.p[i]));
	buf_addc(out, ':');
	for (i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '\r' || c == '\n')
			continue;
		if (is_wsp(c)) {
			blank = true;
			continue;
		}
		if (blank && any)
			buf_addc(out, ' ');
		blank = false;
		any = true;
		buf_addc(out, c);
	}
}

/* RFC 6376 3.4.4: blanks at line ends go, others become one, empty lines at
 * the end go; an empty body stays empty. */
static void
relaxed_body(struct view body, struct buf *out)
{
	size_t empty = 0;

	while (body.n) {
		ptrdiff_t at = view_find(body, VIEW("\r\n"));
		struct view line = at < 0 ? body : view_head(body, (size_t)at);
		size_t i;
		bool blank = false;

		body = at < 0 ? view_skip(body, body.n)
			      : view_skip(body, (size_t)at + 2);
		while (line.n && is_wsp(line.p[line.n - 1]))
			line.n--;
		if (line.n == 0) {
			empty++;
			continue;
		}
		for (; empty; empty--)
			buf_adds(out, "\r\n");
		for (i = 0; i < line.n; i++) {
			if (is_wsp(line.p[i])) {
				blank = true;
				continue;
			}
			if (blank)
				buf_addc(out, ' ');
			blank = false;
			buf_addc(out, line.p[i]);
		}
		buf_adds(out, "\r\n");
	}
}

static void
add_base64(const unsigned char *p, size_t n, struct buf *out)
{
	char *at = buf_reserve(out, n / 3 * 4 + 8);

	buf_grown(out, (size_t)EVP_EncodeBlock((unsigned char *)at, p, (int)n));
}

static int
named(const char *const *list, struct view name)
{
	for (; *list; list++)
		if (view_ieq(view_trim(name), view_str(*list)))
			return 1;
	return 0;
}

#define FIELDS_MAX 512

/* Names for h= and the canonical fields for the hash: bottom up, as a verifier
 * takes the instances of one name (RFC 6376 5.4.2). */
static void
signed_fields(const struct mail_dkim_ed25519 *s, struct view header,
    struct buf *names, struct buf *data)
{
	struct mail_field f[FIELDS_MAX];
	struct view at = header;
	size_t n = 0;
	const char *const *o;

	while (n < FIELDS_MAX && mail_header_next(&at, &f[n]) == 1)
		n++;
	while (n-- > 0) {
		if (!named(s->headers, f[n].name))
			continue;
		if (names->n)
			buf_addc(names, ':');
		buf_addv(names, view_trim(f[n].name));
		relaxed_header(f[n].name, f[n].value, data);
		buf_adds(data, "\r\n");
	}
	for (o = s->oversign; *o; o++)
		buf_addf(names, "%s%s", names->n ? ":" : "", *o);
}

/* The h= list may be long: folded at its colons. */
static void
add_folded(struct view names, struct buf *out)
{
	size_t col = 4;

	while (names.p) {
		struct view name = view_cut(&names, ':');

		if (col + name.n > 70) {
			buf_adds(out, "\r\n\t ");
			col = 2;
		}
		buf_addv(out, name);
		if (names.p)
			buf_addc(out, ':');
		col += name.n + 1;
	}
}

static int
sign_data(void *key, struct view data, struct buf *out, struct err *e)
{
	unsigned char digest[SHA256_DIGEST_LENGTH], sig[128];
	size_t n = sizeof(sig);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	int ok;

	SHA256((const unsigned char *)data.p, data.n, digest);
	ok = c && EVP_DigestSignInit(c, NULL, NULL, NULL, key) == 1 &&
	    EVP_DigestSign(c, sig, &n, digest, sizeof(digest)) == 1;
	EVP_MD_CTX_free(c);
	if (!ok)
		return err_set(e, "Ed25519 signature failed");
	add_base64(sig, n, out);
	return 0;
}

int
mail_dkim_ed25519_sign(const struct mail_dkim_ed25519 *s, struct view message,
    struct buf *out, struct err *e)
{
	size_t head = mail_header_bytes(message);
	struct view value, header = view_head(message, head);
	struct buf names = { 0 }, data = { 0 }, body = { 0 }, field = { 0 };
	unsigned char digest[SHA256_DIGEST_LENGTH];
	int rc;

	relaxed_body(view_skip(message, head), &body);
	SHA256((const unsigned char *)buf_view(&body).p, body.n, digest);
	signed_fields(s, header, &names, &data);
	buf_addf(&field,
	    " v=1; a=ed25519-sha256; c=relaxed/relaxed; d=%s;\r\n"
	    "\ts=%s; t=%lld;\r\n\th=",
	    s->domain, s->selector, (long long)s->when_s);
	add_folded(buf_view(&names), &field);
	buf_adds(&field, ";\r\n\tbh=");
	add_base64(digest, sizeof(digest), &field);
	buf_adds(&field, ";\r\n\tb=");
	value = buf_view(&field);
	relaxed_header(VIEW("DKIM-Signature"), value, &data);
	buf_adds(out, "DKIM-Signature:");
	buf_addv(out, value);
	rc = sign_data(s->key, buf_view(&data), out, e);
	buf_adds(out, "\r\n");
	buf_fini(&names);
	buf_fini(&data);
	buf_fini(&body);
	buf_fini(&field);
	return rc;
}
