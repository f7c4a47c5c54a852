#define ZSTD_STATIC_LINKING_ONLY
#include "config.h"
#include "mail/patch.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "mail/scratch.h"
#include "mail/undo.h"

#define ALONE_LEVEL 1
#define SPAN_MIN 16 /* octets; a shorter one may be somebody's name */
/* What is not shared leaves a gap of its length, up to so much: then the
 * messages of a campaign keep the same distance to the base from end to end,
 * and zstd says it once (425 octets instead of 653 for 40 KiB with 20 links). */
#define GAP_MAX 256

void
mail_patch_plain(struct view content, struct buf *out)
{
	mail_undo_plain(content, out);
}

/* --- spans in common ------------------------------------------------------ */
static uint64_t
span_hash(const char *p)
{
	uint64_t a, b;

	memcpy(&a, p, 8);
	memcpy(&b, p + 8, 8);
	a ^= b * UINT64_C(0x9e3779b97f4a7c15);
	a *= UINT64_C(0xff51afd7ed558ccd);
	return a ^ a >> 32;
}

/* Every position of b by the hash of the 16 octets there; the first one
 * stays, so that long runs are found from their start. */
static uint32_t *
span_index(struct view b, unsigned bits)
{
	uint32_t *at = mem_zalloc(sizeof(*at) << bits);
	size_t i;

	for (i = 0; i + SPAN_MIN <= b.n; i++) {
		uint64_t h = span_hash(b.p + i) & ((UINT64_C(1) << bits) - 1);

		if (at[h] == 0)
			at[h] = (uint32_t)i + 1;
	}
	return at;
}

static size_t
span_length(struct view a, size_t i, struct view b, size_t j)
{
	size_t n = 0;

	while (i + n < a.n && j + n < b.n && a.p[i + n] == b.p[j + n])
		n++;
	return n;
}

static void
add_gap(struct buf *out, size_t n)
{
	if (n > GAP_MAX)
		n = GAP_MAX;
	if (n) {
		memset(buf_reserve(out, n), 0, n);
		buf_grown(out, n);
	}
}

void
mail_patch_common(struct view a, struct view b, struct buf *out)
{
	unsigned bits = 10;
	uint32_t *at;
	size_t i = 0, done = 0;
	size_t next = 0; /* in b, behind the last span: the likely next one */

	if (b.n > UINT32_MAX - 1)
		b.n = UINT32_MAX - 1;
	while (bits < 24 && ((size_t)1 << bits) < b.n * 2)
		bits++;
	at = span_index(b, bits);
	while (i + SPAN_MIN <= a.n) {
		uint64_t h = span_hash(a.p + i) & ((UINT64_C(1) << bits) - 1);
		size_t n = 0;

		if (at[h])
			n = span_length(a, i, b, at[h] - 1);
		if (n < SPAN_MIN && next + SPAN_MIN <= b.n) {
			n = span_length(a, i, b, next);
			if (n >= SPAN_MIN)
				next += n;
		} else if (n >= SPAN_MIN) {
			next = at[h] - 1 + n;
		}
		if (n >= SPAN_MIN) {
			add_gap(out, i - done);
			buf_add(out, a.p + i, n);
			i += n;
			done = i;
		} else {
			i++;
		}
	}
	free(at);
}

/* --- patches -------------------------------------------------------------- */
static bool
patch_comes_back(const struct mail_base *base, struct view frame,
    struct view plain)
{
	struct mail_scratch *s = mail_scratch_get();
	size_t n = ZSTD_decompress_usingDDict(s->dctx,
	    buf_reserve(&s->check, plain.n + 1), plain.n, frame.p, frame.n,
	    base ? mail_base_ddict(base) : NULL);

	return n == plain.n &&
	    (n == 0 || memcmp(s->check.mem, plain.p, n) == 0);
}

void
mail_patch_make(const struct mail_base *base, struct view content,
    struct buf *patch)
{
	struct mail_scratch *s = mail_scratch_get();
	size_t start, bound, n;
	struct view plain;

	buf_clear(&s->plain);
	mail_undo_plain(content, &s->plain);
	plain = buf_view(&s->plain);
	if (base && view_eq(plain, mail_base_plain(base))) {
		buf_addc(patch, MAIL_PATCH_SAME);
		mail_scratch_done(&s->plain);
		return;
	}
	buf_addc(patch, MAIL_PATCH_ZSTD);
	buf_varint(patch, plain.n);
	bound = ZSTD_compressBound(plain.n);
	ZSTD_CCtx_refCDict(s->cctx, base ? mail_base_cdict(base) : NULL);
	if (base == NULL)
		ZSTD_CCtx_setParameter(s->cctx, ZSTD_c_compressionLevel,
		    ALONE_LEVEL);
	start = patch->n;
	n = ZSTD_compress2(s->cctx, buf_reserve(patch, bound), bound, plain.p,
	    plain.n);
	BUG_ON(ZSTD_isError(n));
	buf_grown(patch, n);
	BUG_ON(!patch_comes_back(base, view_skip(buf_view(patch), start),
	    plain));
	mail_scratch_done(&s->plain);
	mail_scratch_done(&s->check);
}

static int
apply_zstd(const struct mail_base *base, struct view patch, size_t max_bytes,
    struct buf *content, struct err *e)
{
	struct mail_scratch *s = mail_scratch_get();
	uint64_t size;
	size_t n;
	int rc;

	if (buf_get_varint(&patch, &size))
		return err_set(e, "the patch has no size");
	/* A plain form is at most by its first number longer (undo.c). */
	if (size > max_bytes + 64)
		return err_set(e, "the patch makes more than %zu bytes",
		    max_bytes);
	n = ZSTD_decompress_usingDDict(s->dctx,
	    buf_reserve(&s->plain, size + 1), size, patch.p, patch.n,
	    base ? mail_base_ddict(base) : NULL);
	if (ZSTD_isError(n) || n != size)
		return err_set(e, "the patch is damaged: %s",
		    ZSTD_isError(n) ? ZSTD_getErrorName(n) : "wrong size");
	rc = mail_undo_redo((struct view){ s->plain.mem, n }, max_bytes,
	    content, e);
	mail_scratch_done(&s->plain);
	return rc;
}

int
mail_patch_apply(const struct mail_base *base, struct view patch,
    size_t max_bytes, struct buf *content, struct err *e)
{
	enum mail_patch_kind kind = MAIL_PATCH_SAME;

	if (patch.n) /* an empty patch is SAME as well */
		kind = (enum mail_patch_kind)(unsigned char)patch.p[0];
	switch (kind) {
	case MAIL_PATCH_SAME:
		if (base == NULL)
			return err_set(e, "the patch needs a base");
		return mail_undo_redo(mail_base_plain(base), max_bytes,
		    content, e);
	case MAIL_PATCH_ZSTD:
		return apply_zstd(base, view_skip(patch, 1), max_bytes,
		    content, e);
	case MAIL_PATCH_MERGE:
		break;
	}
	return err_set(e, "patch of unknown kind %d", (int)kind);
}

uint64_t
mail_patch_hash(struct view content)
{
	return XXH3_64bits(content.p, content.n);
}
