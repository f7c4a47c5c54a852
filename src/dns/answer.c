#include "config.h"
#include "dns/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

#define HEADER_BYTES 12
#define WIRE_NAME_MAX 255 /* RFC 1035 2.3.4 */
#define NAME_TEXT_MAX 256 /* with the NUL */
#define CHAIN_MAX 16      /* CNAMEs followed in one answer */
#define RR_SCAN_MAX 512   /* records looked at */

enum { RCODE_OK = 0, RCODE_FORMERR = 1, RCODE_NXDOMAIN = 3 };

struct raw_rr {
	size_t owner; /* offset of its name */
	uint16_t type, class;
	uint32_t ttl;
	size_t data, data_n;
};

struct reader {
	const unsigned char *p;
	size_t n;
	size_t at;
};

/* Where the records' data goes: offsets first, as the memory may move. */
struct writer {
	struct buf mem;
	struct { uint16_t preference; size_t at, n; } rr[DNS_ANSWER_MAX];
	size_t n;
	bool unusable; /* a record was there that could not be kept */
};

static int
get_number(struct reader *r, int bytes, uint32_t *out)
{
	uint32_t v = 0;

	if (r->n - r->at < (size_t)bytes)
		return -1;
	while (bytes--)
		v = v << 8 | r->p[r->at++];
	*out = v;
	return 0;
}

/* Walks the name at *at: copies the uncompressed lower-case wire form to out
 * and returns its length, or -1.  *at moves behind the name as it stands.  A
 * pointer must lead backwards, so there is no loop. */
static int
get_name(const struct reader *r, size_t *at,
    unsigned char out[WIRE_NAME_MAX])
{
	size_t pos = *at, least = *at, n = 0, len, i;
	bool jumped = false;

	for (;;) {
		if (pos >= r->n)
			return -1;
		len = r->p[pos];
		if (len >= 0xc0) {
			if (pos + 1 >= r->n)
				return -1;
			if (!jumped)
				*at = pos + 2;
			jumped = true;
			pos = (len & 0x3f) << 8 | r->p[pos + 1];
			if (pos >= least)
				return -1;
			least = pos;
			continue;
		}
		if (len > 63 || pos + 1 + len > r->n ||
		    n + 1 + len > WIRE_NAME_MAX)
			return -1;
		for (i = 0; i <= len; i++) {
			unsigned char c = r->p[pos + i];

			out[n++] = i && c >= 'A' && c <= 'Z' ? c + 32 : c;
		}
		pos += 1 + len;
		if (len == 0)
			break;
	}
	if (!jumped)
		*at = pos;
	return (int)n;
}

/* Presentation form (RFC 1035 5.1); -1 when it has no room. */
static int
name_text(const unsigned char *wire, char out[NAME_TEXT_MAX])
{
	size_t n = 0, i, len;

	while ((len = *wire++) != 0) {
		if (n)
			out[n++] = '.';
		for (i = 0; i < len; i++) {
			unsigned char c = *wire++;

			if (n + 6 > NAME_TEXT_MAX)
				return -1;
			if (c == '.' || c == '\\' || c <= ' ' || c > 126)
				n += (size_t)snprintf(out + n, 5, "\\%03u",
				    c);
			else
				out[n++] = (char)c;
		}
	}
	out[n] = '\0';
	return (int)n;
}

static int
get_rr(struct reader *r, struct raw_rr *rr)
{
	unsigned char name[WIRE_NAME_MAX];
	uint32_t type, class, len;

	rr->owner = r->at;
	if (get_name(r, &r->at, name) < 0 || get_number(r, 2, &type) ||
	    get_number(r, 2, &class) || get_number(r, 4, &rr->ttl) ||
	    get_number(r, 2, &len) || r->n - r->at < len)
		return -1;
	if (rr->ttl > INT32_MAX) /* RFC 2181 8 */
		rr->ttl = 0;
	rr->type = (uint16_t)type;
	rr->class = (uint16_t)class;
	rr->data = r->at;
	rr->data_n = len;
	r->at += len;
	return 0;
}

static void
keep(struct writer *w, uint16_t preference, const void *p, size_t n)
{
	w->rr[w->n].preference = preference;
	w->rr[w->n].at = w->mem.n;
	w->rr[w->n].n = n;
	w->n++;
	buf_add(&w->mem, p, n);
	buf_addc(&w->mem, '\0');
}

static void
keep_fixed(struct writer *w, const void *p, size_t n, size_t want)
{
	if (n == want)
		keep(w, 0, p, n);
	else
		w->unusable = true;
}

static void
keep_name(struct writer *w, const struct reader *r, const struct raw_rr *rr,
    size_t skip)
{
	struct reader data = { r->p, rr->data + rr->data_n, 0 };
	unsigned char wire[WIRE_NAME_MAX];
	char text[NAME_TEXT_MAX];
	size_t at = rr->data + skip;
	uint16_t preference = 0;
	int n;

	if (rr->data_n < skip + 1 || get_name(&data, &at, wire) < 0 ||
	    (n = name_text(wire, text)) < 0) {
		w->unusable = true; /* others may do */
		return;
	}
	if (skip)
		preference = (uint16_t)(r->p[rr->data] << 8 |
		    r->p[rr->data + 1]);
	keep(w, preference, text, (size_t)n);
}

static void
keep_text(struct writer *w, const struct reader *r, const struct raw_rr *rr)
{
	const unsigned char *p = r->p + rr->data;
	size_t left = rr->data_n, start = w->mem.n, n;

	while (left) {
		n = p[0];
		if (n + 1 > left)
			break;
		buf_add(&w->mem, p + 1, n);
		p += n + 1;
		left -= n + 1;
	}
	w->rr[w->n].preference = 0;
	w->rr[w->n].at = start;
	w->rr[w->n].n = w->mem.n - start;
	w->n++;
	buf_addc(&w->mem, '\0');
}

static void
keep_rr(struct writer *w, const struct reader *r, const struct raw_rr *rr)
{
	const unsigned char *data = r->p + rr->data;

	if (w->n == DNS_ANSWER_MAX)
		return;
	switch (rr->type) {
	case DNS_ANSWER_A:
		keep_fixed(w, data, rr->data_n, 4);
		break;
	case DNS_ANSWER_AAAA:
		keep_fixed(w, data, rr->data_n, 16);
		break;
	case DNS_ANSWER_MX:
		keep_name(w, r, rr, 2);
		break;
	case DNS_ANSWER_PTR:
		keep_name(w, r, rr, 0);
		break;
	case DNS_ANSWER_TXT:
		keep_text(w, r, rr);
		break;
	default:
		keep(w, 0, data, rr->data_n);
	}
}

/* Follows CNAMEs from name to the last one there is; lowers *ttl. */
static void
follow(const struct reader *r, const struct raw_rr *rr, size_t n,
    unsigned char name[WIRE_NAME_MAX], int *name_n, uint32_t *ttl)
{
	unsigned char owner[WIRE_NAME_MAX];
	int hop, len;
	size_t i, at;

	for (hop = 0; hop < CHAIN_MAX; hop++) {
		for (i = 0; i < n; i++) {
			at = rr[i].owner;
			if (rr[i].type != DNS_ANSWER_CNAME)
				continue;
			len = get_name(r, &at, owner);
			if (len == *name_n && !memcmp(owner, name, (size_t)len))
				break;
		}
		if (i == n)
			return;
		at = rr[i].data;
		len = get_name(r, &at, owner);
		if (len < 0)
			return;
		memcpy(name, owner, (size_t)len);
		*name_n = len;
		if (rr[i].ttl < *ttl)
			*ttl = rr[i].ttl;
	}
}

static void
collect(const struct reader *r, const struct raw_rr *rr, size_t n,
    uint16_t type, struct writer *w, uint32_t *ttl)
{
	unsigned char name[WIRE_NAME_MAX], owner[WIRE_NAME_MAX];
	size_t i, at = HEADER_BYTES;
	int name_n = get_name(r, &at, name), len;

	follow(r, rr, n, name, &name_n, ttl);
	for (i = 0; i < n; i++) {
		if (rr[i].type != type || rr[i].class != 1)
			continue;
		at = rr[i].owner;
		len = get_name(r, &at, owner);
		if (len != name_n || memcmp(owner, name, (size_t)len))
			continue;
		keep_rr(w, r, &rr[i]);
		if (rr[i].ttl < *ttl)
			*ttl = rr[i].ttl;
	}
}

/* RFC 2308 5: the lesser of the SOA's own TTL and its last field. */
static uint32_t
negative_ttl(const struct reader *r, const struct raw_rr *rr)
{
	struct reader tail = { r->p, rr->data + rr->data_n, 0 };
	uint32_t minimum;

	if (rr->data_n < 20)
		return 0;
	tail.at = rr->data + rr->data_n - 4;
	if (get_number(&tail, 4, &minimum))
		return 0;
	return minimum < rr->ttl ? minimum : rr->ttl;
}

/* Authority and additional section: the negative TTL and EDNS. */
static void
read_rest(struct reader *r, uint32_t authority, uint32_t additional,
    struct dns_answer *a)
{
	struct raw_rr rr;
	uint32_t i;

	for (i = 0; i < authority + additional && i < RR_SCAN_MAX; i++) {
		if (get_rr(r, &rr))
			return;
		if (i < authority && rr.type == DNS_ANSWER_SOA && a->n == 0)
			a->ttl_s = negative_ttl(r, &rr);
		if (i >= authority && rr.type == DNS_ANSWER_OPT)
			a->has_opt = true;
	}
}

static void
take_records(struct dns_answer *a, struct writer *w)
{
	char *mem;
	size_t i;

	if (w->n == 0) {
		buf_fini(&w->mem);
		return;
	}
	/* One block: the records and, behind them, what they point to. */
	a->bytes = sizeof(*a->rr) * w->n + w->mem.n;
	a->rr = mem_alloc(a->bytes);
	mem = (char *)(a->rr + w->n);
	memcpy(mem, buf_ptr(&w->mem), w->mem.n);
	for (i = 0; i < w->n; i++) {
		a->rr[i].preference = w->rr[i].preference;
		a->rr[i].data = view_of(mem + w->rr[i].at, w->rr[i].n);
	}
	a->n = w->n;
	buf_fini(&w->mem);
}

/* The answer section; -1 when the message ends before it. */
static int
read_answers(struct reader *r, uint32_t count, uint16_t type,
    struct dns_answer *a)
{
	struct raw_rr rr[RR_SCAN_MAX], over;
	struct writer w = { .n = 0 };
	uint32_t i, n = 0, ttl = INT32_MAX;

	for (i = 0; i < count; i++)
		if (get_rr(r, n < RR_SCAN_MAX ? &rr[n++] : &over))
			return -1;
	collect(r, rr, n, type, &w, &ttl);
	take_records(a, &w);
	a->ttl_s = a->n ? ttl : 0;
	/* Records that nobody can read are not the same as none. */
	return a->n == 0 && w.unusable ? -1 : 0;
}

static void
parse(struct reader *r, uint16_t type, struct dns_answer *a)
{
	uint32_t id, flags, questions, answers, authority, additional, qtype;
	unsigned char name[WIRE_NAME_MAX];
	unsigned rcode;

	a->status = DNS_SERVFAIL;
	if (get_number(r, 2, &id) || get_number(r, 2, &flags) ||
	    get_number(r, 2, &questions) || get_number(r, 2, &answers) ||
	    get_number(r, 2, &authority) || get_number(r, 2, &additional))
		return;
	rcode = flags & 15;
	a->format_error = rcode == RCODE_FORMERR;
	a->secure = flags & 0x20;
	/* QR; and TC, which over TCP means that the server is broken. */
	if (!(flags & 0x8000) || (flags & 0x200) || questions != 1 ||
	    get_name(r, &r->at, name) < 0 || get_number(r, 2, &qtype) ||
	    get_number(r, 2, &id) || qtype != type)
		return;
	if (rcode != RCODE_OK && rcode != RCODE_NXDOMAIN)
		return;
	if (read_answers(r, answers, type, a))
		return;
	read_rest(r, authority, additional, a);
	if (rcode == RCODE_NXDOMAIN)
		a->status = DNS_NXDOMAIN;
	else
		a->status = a->n ? DNS_OK : DNS_NODATA;
}

struct dns_answer *
dns_answer_empty(enum dns_status status)
{
	struct dns_answer *a = mem_zalloc(sizeof(*a));

	a->refs = 1;
	a->status = status;
	return a;
}

struct dns_answer *
dns_answer_parse(struct view raw, uint16_t type)
{
	struct dns_answer *a = dns_answer_empty(DNS_SERVFAIL);
	struct reader r = { (const unsigned char *)raw.p, raw.n, 0 };

	parse(&r, type, a);
	if (a->status != DNS_OK) {
		free(a->rr);
		a->rr = NULL;
		a->n = 0;
		a->bytes = 0;
	}
	return a;
}

struct dns_answer *
dns_answer_ref(struct dns_answer *a)
{
	a->refs++;
	return a;
}

void
dns_answer_unref(struct dns_answer **ap)
{
	struct dns_answer *a = *ap;

	*ap = NULL;
	if (a == NULL || --a->refs)
		return;
	free(a->rr);
	free(a);
}
