#include "config.h"
#include "store/record.h"

#include <string.h>

#define VERSION 1

/* Bits of the flags; part of the stored format. */
enum {
	F_EIGHTBIT = 1 << 0,
	F_SMTPUTF8 = 1 << 1,
	F_REPORT = 1 << 2,
	F_NOTIFY_SHIFT = 3, /* 4 bits: enum store_notify */
	F_RET_SHIFT = 7,    /* 2 bits: enum store_ret */
	F_ENVID = 1 << 9,   /* the text is there */
	F_ORCPT = 1 << 10,
	F_SOURCE = 1 << 11,
	F_ALL = (1 << 12) - 1
};

static uint64_t
flags_of(const struct store_record *r)
{
	return (r->eightbit ? F_EIGHTBIT : 0) |
	    (r->smtputf8 ? F_SMTPUTF8 : 0) | (r->report ? F_REPORT : 0) |
	    (uint64_t)(r->notify & 15) << F_NOTIFY_SHIFT |
	    (uint64_t)(r->ret & 3) << F_RET_SHIFT |
	    (r->envid.n ? F_ENVID : 0) | (r->orcpt.n ? F_ORCPT : 0) |
	    (r->source.n ? F_SOURCE : 0);
}

void
store_record_pack(const struct store_record *r, struct buf *out)
{
	buf_be(out, r->id, 8);
	buf_add(out, r->addr_hash, sizeof(r->addr_hash));
	buf_be(out, r->base, 8);
	buf_be(out, r->attempt, 2);
	buf_be(out, r->expires_s, 4);
	buf_addc(out, VERSION);
	buf_varint(out, flags_of(r));
	buf_varint(out, (uint64_t)r->created_ms);
	buf_addlv(out, r->sender);
	buf_addlv(out, r->rcpt);
	buf_be(out, r->content_hash, 8);
	buf_varint(out, r->content_bytes);
	if (r->envid.n)
		buf_addlv(out, r->envid);
	if (r->orcpt.n)
		buf_addlv(out, r->orcpt);
	if (r->source.n)
		buf_addlv(out, r->source);
	buf_addv(out, r->patch);
}

static int
unpack_head(struct view *v, struct store_record *r)
{
	uint64_t attempt, expires;

	if (v->n < STORE_RECORD_HEAD)
		return -1;
	buf_get_be(v, 8, &r->id);
	memcpy(r->addr_hash, v->p, sizeof(r->addr_hash));
	*v = view_skip(*v, sizeof(r->addr_hash));
	buf_get_be(v, 8, &r->base);
	buf_get_be(v, 2, &attempt);
	buf_get_be(v, 4, &expires);
	r->attempt = (uint16_t)attempt;
	r->expires_s = (uint32_t)expires;
	return 0;
}

static int
optional(struct view *v, uint64_t flags, uint64_t bit, struct view *out)
{
	if (!(flags & bit))
		return 0;
	return buf_get_lv(v, out) || out->n == 0 ? -1 : 0;
}

int
store_record_unpack(struct view packed, struct store_record *r, struct err *e)
{
	struct view v = packed;
	uint64_t version, flags, created;

	*r = (struct store_record){ 0 };
	if (unpack_head(&v, r))
		return err_set(e, "record of only %zu bytes", packed.n);
	if (buf_get_be(&v, 1, &version) || version != VERSION)
		return err_set(e, "record of an unknown version");
	if (buf_get_varint(&v, &flags) || flags > F_ALL)
		return err_set(e, "record with unknown flags");
	r->eightbit = flags & F_EIGHTBIT;
	r->smtputf8 = flags & F_SMTPUTF8;
	r->report = flags & F_REPORT;
	r->notify = (unsigned)(flags >> F_NOTIFY_SHIFT) & 15;
	r->ret = (enum store_ret)((flags >> F_RET_SHIFT) & 3);
	if (r->ret > STORE_RET_HDRS)
		return err_set(e, "record with unknown flags");
	if (buf_get_varint(&v, &created) || created > INT64_MAX ||
	    buf_get_lv(&v, &r->sender) || buf_get_lv(&v, &r->rcpt) ||
	    buf_get_be(&v, 8, &r->content_hash) ||
	    buf_get_varint(&v, &r->content_bytes) ||
	    optional(&v, flags, F_ENVID, &r->envid) ||
	    optional(&v, flags, F_ORCPT, &r->orcpt) ||
	    optional(&v, flags, F_SOURCE, &r->source))
		return err_set(e, "record cut short");
	r->created_ms = (int64_t)created;
	r->patch = v;
	return 0;
}

/* Crockford's base 32: no letter that looks like a digit. */
static const char letters[] = "0123456789abcdefghjkmnpqrstvwxyz";

void
store_record_id_text(uint64_t id, char out[STORE_ID_MAX])
{
	int i;

	for (i = 12; i >= 0; i--) {
		out[i] = letters[id & 31];
		id >>= 5;
	}
	out[13] = '\0';
}

int
store_record_id_parse(struct view v, uint64_t *id)
{
	uint64_t x = 0;
	size_t i;

	if (v.n != 13)
		return -1;
	for (i = 0; i < v.n; i++) {
		char c = v.p[i] >= 'A' && v.p[i] <= 'Z' ? (char)(v.p[i] + 32)
							: v.p[i];
		const char *at = c ? strchr(letters, c) : NULL;

		if (at == NULL || (i == 0 && at - letters > 15))
			return -1;
		x = x << 5 | (uint64_t)(at - letters);
	}
	*id = x;
	return 0;
}
