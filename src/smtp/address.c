#include "config.h"
#include "smtp/address.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include <idn2.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#define ADDRESS_WIRE_MAX 254 /* a path is 256 octets with its brackets */
#define ADDRESS_RAW_MAX 1024 /* U-labels may shrink on their way to A-labels */
#define LABEL_MAX 63

/* clang-format off */
enum { ATEXT = 1, LDH = 2, QTEXT = 4 };
#define A (ATEXT | QTEXT)
#define L (ATEXT | LDH | QTEXT)
#define Q QTEXT
/* RFC 5322 3.2.3 atext, RFC 5321 4.1.2 qtextSMTP; octets above 126 are
 * looked at as UTF-8. */
static const unsigned char classes[128] = {
	[' '] = Q, ['!'] = A, ['#'] = A, ['$'] = A, ['%'] = A, ['&'] = A,
	['\''] = A, ['('] = Q, [')'] = Q, ['*'] = A, ['+'] = A, [','] = Q,
	['-'] = L, ['.'] = Q, ['/'] = A, [':'] = Q, [';'] = Q, ['<'] = Q,
	['='] = A, ['>'] = Q, ['?'] = A, ['@'] = Q, ['['] = Q, [']'] = Q,
	['^'] = A, ['_'] = A, ['`'] = A, ['{'] = A, ['|'] = A, ['}'] = A,
	['~'] = A,
	['0' ... '9'] = L,
	['A' ... 'Z'] = L,
	['a' ... 'z'] = L,
};
#undef A
#undef L
#undef Q
/* clang-format on */

static bool
is_class(char c, int class)
{
	unsigned char u = (unsigned char)c;

	return u < 128 && (classes[u] & class);
}

static bool
is_8bit(char c)
{
	return (unsigned char)c >= 0x80;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
has_8bit(struct view v)
{
	size_t i;

	for (i = 0; i < v.n; i++)
		if (is_8bit(v.p[i]))
			return true;
	return false;
}

/* ASCII name to lower case, checked: RFC 1123 2.1 labels, RFC 5321 4.5.3.1.2
 * length.  A final dot is no part of a mail domain. */
static int
check_ldh(struct view v, char *out, struct err *e)
{
	size_t label = 0;
	size_t i;

	if (v.n == 0)
		return err_set(e, "the domain is missing");
	if (v.n > SMTP_DOMAIN_MAX)
		return err_set(e, "the domain is too long");
	for (i = 0; i < v.n; i++) {
		char c = v.p[i];

		if (c == '.') {
			if (label == 0)
				return err_set(e,
				    "the domain has an empty label");
			if (v.p[i - 1] == '-')
				goto hyphen;
			label = 0;
		} else {
			if (!is_class(c, LDH))
				return err_set(e,
				    "the domain has a bad character");
			if (label == 0 && c == '-')
				goto hyphen;
			if (++label > LABEL_MAX)
				return err_set(e,
				    "a label of the domain is too long");
		}
		out[i] = lower(c);
	}
	if (label == 0)
		return err_set(e, "the domain has an empty label");
	if (v.p[v.n - 1] == '-')
		goto hyphen;
	out[v.n] = '\0';
	return 0;
hyphen:
	return err_set(e, "a label of the domain begins or ends with a hyphen");
}

/* Soft hyphens, joiners and the like vanish in IDNA mapping: two names that
 * look different to a program would be the same domain. */
static bool
has_ignorable(struct view v)
{
	ucs4_t u;
	int n;

	while (v.n) {
		n = u8_mbtoucr(&u, (const uint8_t *)v.p, v.n);
		if (n <= 0 || uc_is_property_default_ignorable_code_point(u))
			return true;
		v = view_skip(v, (size_t)n);
	}
	return false;
}

int
smtp_address_ascii_domain(struct view domain, char *out, struct err *e)
{
	char raw[ADDRESS_RAW_MAX + 1];
	uint8_t *ascii = NULL;
	int rc;

	if (!has_8bit(domain))
		return check_ldh(domain, out, e);
	if (domain.n > ADDRESS_RAW_MAX)
		return err_set(e, "the domain is too long");
	if (memchr(domain.p, '\0', domain.n))
		return err_set(e, "the domain has a bad character");
	if (u8_check((const uint8_t *)domain.p, domain.n))
		return err_set(e, "the domain is not UTF-8");
	if (has_ignorable(domain))
		return err_set(e, "the domain has an invisible character");
	memcpy(raw, domain.p, domain.n);
	raw[domain.n] = '\0';
	rc = idn2_lookup_u8((const uint8_t *)raw, &ascii,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK)
		return err_set(e, "the domain is not an IDNA name: %s",
		    idn2_strerror(rc));
	rc = check_ldh(view_str((char *)ascii), out, e);
	idn2_free(ascii);
	return rc;
}

/* "[192.0.2.1]" or "[IPv6:2001:db8::1]", in the form of inet_ntop. */
static int
check_literal(struct view v, char *out, struct err *e)
{
	char text[INET6_ADDRSTRLEN];
	unsigned char addr[16];
	int family = AF_INET;

	if (v.n < 2 || v.p[v.n - 1] != ']')
		return err_set(e, "the address literal is not closed");
	v = (struct view){ v.p + 1, v.n - 2 };
	if (view_istarts(v, VIEW("IPv6:"))) {
		family = AF_INET6;
		v = view_skip(v, 5);
	}
	if (v.n >= sizeof(text) || memchr(v.p, '\0', v.n))
		return err_set(e, "the address literal is not an address");
	memcpy(text, v.p, v.n);
	text[v.n] = '\0';
	if (inet_pton(family, text, addr) != 1)
		return err_set(e, "the address literal is not an address");
	inet_ntop(family, addr, text, sizeof(text));
	*out++ = '[';
	if (family == AF_INET6) {
		memcpy(out, "IPv6:", 5);
		out += 5;
	}
	memcpy(out, text, strlen(text));
	out += strlen(text);
	memcpy(out, "]", 2);
	return 0;
}

/* One more character of a local part, by its length; 0: not allowed.  C1
 * controls are valid UTF-8 and of no use in an address. */
static size_t
char_len(struct view v, int class)
{
	ucs4_t u;
	int n;

	if (!is_8bit(v.p[0]))
		return is_class(v.p[0], class) ? 1 : 0;
	n = u8_mbtoucr(&u, (const uint8_t *)v.p, v.n);
	if (n <= 0 || u < 0xa0)
		return 0;
	return (size_t)n;
}

static bool
is_dot_string(struct view v)
{
	bool dot = true;
	size_t n;

	while (v.n) {
		if (v.p[0] == '.') {
			if (dot)
				return false;
			dot = true;
			v = view_skip(v, 1);
			continue;
		}
		n = char_len(v, ATEXT);
		if (n == 0)
			return false;
		dot = false;
		v = view_skip(v, n);
	}
	return !dot;
}

/* Takes the quoted string at the front of *v; bare becomes its content.  0,
 * or -1. */
static int
take_quoted(struct view *v, char *bare, size_t *nbare, struct err *e)
{
	struct view at = view_skip(*v, 1);
	size_t n;

	*nbare = 0;
	while (at.n && at.p[0] != '"') {
		if (at.p[0] == '\\') {
			at = view_skip(at, 1);
			if (at.n == 0)
				break;
			if (at.p[0] < 32 || at.p[0] == 127 || is_8bit(at.p[0]))
				goto bad;
			n = 1;
		} else {
			n = char_len(at, QTEXT);
		}
		if (n == 0)
			goto bad;
		if (*nbare + n > SMTP_LOCAL_MAX)
			return err_set(e, "the local part is too long");
		memcpy(bare + *nbare, at.p, n);
		*nbare += n;
		at = view_skip(at, n);
	}
	if (at.n == 0)
		return err_set(e, "the quoted local part is not closed");
	*v = view_skip(at, 1);
	return 0;
bad:
	return err_set(e, "the local part has a bad character");
}

/* Local part at the front of *v, written normalised: without quotes where
 * none are needed, since both forms name the same mailbox (RFC 5321 4.1.2).
 * Returns its length, or -1. */
static int
take_local(struct view *v, char *out, struct err *e)
{
	char bare[SMTP_LOCAL_MAX];
	size_t nbare;
	size_t n = 0;
	size_t i;
	const char *from = v->p;

	if (v->n && v->p[0] == '"') {
		if (take_quoted(v, bare, &nbare, e))
			return -1;
		if ((size_t)(v->p - from) > SMTP_LOCAL_MAX)
			return err_set(e, "the local part is too long");
		if (is_dot_string(view_of(bare, nbare))) {
			memcpy(out, bare, nbare);
			return (int)nbare;
		}
		out[n++] = '"';
		for (i = 0; i < nbare; i++) {
			if (bare[i] == '"' || bare[i] == '\\')
				out[n++] = '\\';
			out[n++] = bare[i];
		}
		out[n++] = '"';
		return (int)n;
	}
	while (n < v->n && v->p[n] != '@')
		n++;
	if (n == 0)
		return err_set(e, "the local part is missing");
	if (n > SMTP_LOCAL_MAX)
		return err_set(e, "the local part is too long");
	if (!is_dot_string(view_head(*v, n)))
		return err_set(e,
		    "the local part has a bad character or a misplaced dot");
	memcpy(out, v->p, n);
	*v = view_skip(*v, n);
	return (int)n;
}

static int
parse(struct view v, struct smtp_address *a, struct err *e)
{
	int n = take_local(&v, a->text, e);
	char *domain;

	if (n < 0)
		return -1;
	if (v.n == 0 || v.p[0] != '@')
		return err_set(e, v.n ? "the local part has a bad character"
				      : "the domain is missing");
	v = view_skip(v, 1);
	a->utf8 = has_8bit(view_of(a->text, (size_t)n));
	a->text[n] = '@';
	a->at = (unsigned short)n;
	domain = a->text + n + 1;
	if (v.n && v.p[0] == '[') {
		a->literal = true;
		return check_literal(v, domain, e);
	}
	if (smtp_address_ascii_domain(v, domain, e))
		return -1;
	if ((size_t)n + 1 + strlen(domain) > ADDRESS_WIRE_MAX)
		return err_set(e, "the address is too long");
	return 0;
}

int
smtp_address_parse(struct view v, struct smtp_address *a, struct err *e)
{
	uint8_t stack[ADDRESS_RAW_MAX];
	size_t n = sizeof(stack);
	uint8_t *nfc;
	int rc;

	memset(a, 0, sizeof(*a));
	if (v.n > ADDRESS_RAW_MAX)
		return err_set(e, "the address is too long");
	if (!has_8bit(v)) {
		rc = parse(v, a, e);
		goto out;
	}
	if (u8_check((const uint8_t *)v.p, v.n))
		return err_set(e, "the address is not UTF-8");
	/* Before parsing: some characters are ASCII specials in NFC. */
	nfc = u8_normalize(UNINORM_NFC, (const uint8_t *)v.p, v.n, stack, &n);
	if (nfc == NULL)
		return err_set(e, "the address cannot be normalised");
	rc = parse(view_of(nfc, n), a, e);
	if (nfc != stack)
		free(nfc);
out:
	if (rc)
		memset(a, 0, sizeof(*a));
	return rc;
}

/* "@a.example,@b.example:" (RFC 5321 appendix C: accepted and ignored). */
static int
skip_route(struct view *v, struct err *e)
{
	char name[SMTP_DOMAIN_MAX + 1];

	while (v->n && v->p[0] == '@') {
		size_t n = 1;

		while (n < v->n && v->p[n] != ',' && v->p[n] != ':' &&
		    v->p[n] != '>')
			n++;
		if (smtp_address_ascii_domain(view_of(v->p + 1, n - 1), name,
			e))
			return -1;
		*v = view_skip(*v, n);
		if (v->n == 0 || v->p[0] == '>')
			break;
		if (v->p[0] == ':') {
			*v = view_skip(*v, 1);
			return 0;
		}
		*v = view_skip(*v, 1);
	}
	return err_set(e, "the source route is malformed");
}

/* Length of the mailbox up to the bracket that closes the path; -1: none. */
static ptrdiff_t
path_len(struct view v)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < v.n; i++) {
		if (quoted && v.p[i] == '\\')
			i++;
		else if (v.p[i] == '"')
			quoted = !quoted;
		else if (v.p[i] == '>' && !quoted)
			return (ptrdiff_t)i;
	}
	return -1;
}

int
smtp_address_path(struct view *v, bool null_ok, bool postmaster_ok,
    struct smtp_address *a, struct err *e)
{
	struct view at = *v;
	struct view box;
	ptrdiff_t n;

	memset(a, 0, sizeof(*a));
	if (at.n == 0 || at.p[0] != '<')
		return err_set(e, "a path in angle brackets is wanted");
	at = view_skip(at, 1);
	if (at.n && at.p[0] == '@' && skip_route(&at, e))
		return -1;
	n = path_len(at);
	if (n < 0)
		return err_set(e, "the path is not closed");
	box = view_head(at, (size_t)n);
	if (box.n == 0) {
		if (!null_ok)
			return err_set(e, "the null path is not allowed here");
	} else if (postmaster_ok && view_ieq(box, VIEW("postmaster"))) {
		memcpy(a->text, "postmaster@", sizeof("postmaster@"));
		a->at = sizeof("postmaster") - 1;
	} else if (smtp_address_parse(box, a, e)) {
		return -1;
	}
	*v = view_skip(at, (size_t)n + 1);
	return 0;
}

const char *
smtp_address_domain(const struct smtp_address *a)
{
	return a->text[0] ? a->text + a->at + 1 : "";
}

struct view
smtp_address_local(const struct smtp_address *a)
{
	return view_of(a->text, a->at);
}

void
smtp_address_key(const struct smtp_address *a, struct buf *out)
{
	size_t n = 0;
	uint8_t *folded;
	char *at;
	size_t i;

	if (!a->utf8) {
		at = buf_reserve(out, a->at + 1u);
		for (i = 0; i < a->at; i++)
			at[i] = lower(a->text[i]);
		buf_grown(out, a->at);
	} else {
		folded = u8_tolower((const uint8_t *)a->text, a->at, NULL,
		    UNINORM_NFC, NULL, &n);
		if (folded)
			buf_add(out, folded, n);
		else
			buf_add(out, a->text, a->at);
		free(folded);
	}
	buf_adds(out, a->text + a->at);
}
