#define ZSTD_STATIC_LINKING_ONLY
#include "config.h"
#include "mail/base.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "mail/scratch.h"

/* Measured on newsletters of 4 to 40 KiB: higher levels cost twice the time
 * and save no tenth of a patch. */
#define PATCH_LEVEL 1
#define PACK_LEVEL 3

struct mail_base {
	unsigned refs;
	struct view plain; /* owned memory */
	ZSTD_CDict *cdict; /* owned; NULL until asked for */
	ZSTD_DDict *ddict; /* owned */
};

struct mail_base *
mail_base_new(struct view plain)
{
	struct mail_base *b = mem_zalloc(sizeof(*b));

	b->refs = 1;
	b->plain = (struct view){ mem_dup(plain.n ? plain.p : "",
	    plain.n ? plain.n : 1), plain.n };
	b->ddict = ZSTD_createDDict_advanced(b->plain.p, b->plain.n,
	    ZSTD_dlm_byRef, ZSTD_dct_rawContent, ZSTD_defaultCMem);
	BUG_ON(b->ddict == NULL);
	return b;
}

struct mail_base *
mail_base_ref(struct mail_base *b)
{
	b->refs++;
	return b;
}

void
mail_base_unref(struct mail_base **p)
{
	struct mail_base *b = *p;

	*p = NULL;
	if (b == NULL || --b->refs > 0)
		return;
	ZSTD_freeCDict(b->cdict);
	ZSTD_freeDDict(b->ddict);
	free((void *)b->plain.p);
	free(b);
}

struct view
mail_base_plain(const struct mail_base *b)
{
	return b->plain;
}

size_t
mail_base_memory(const struct mail_base *b)
{
	return sizeof(*b) + b->plain.n + ZSTD_sizeof_DDict(b->ddict) +
	    ZSTD_sizeof_CDict(b->cdict);
}

const struct ZSTD_CDict_s *
mail_base_cdict(const struct mail_base *b)
{
	if (b->cdict == NULL) {
		/* The logical value does not change: a cache. */
		struct mail_base *w = (struct mail_base *)b;

		w->cdict = ZSTD_createCDict_advanced(b->plain.p, b->plain.n,
		    ZSTD_dlm_byRef, ZSTD_dct_rawContent,
		    ZSTD_getCParams(PATCH_LEVEL, b->plain.n, b->plain.n),
		    ZSTD_defaultCMem);
		BUG_ON(w->cdict == NULL);
	}
	return b->cdict;
}

const struct ZSTD_DDict_s *
mail_base_ddict(const struct mail_base *b)
{
	return b->ddict;
}

void
mail_base_pack(struct view plain, struct buf *out)
{
	struct mail_scratch *s = mail_scratch_get();
	size_t bound = ZSTD_compressBound(plain.n), n;

	ZSTD_CCtx_refCDict(s->cctx, NULL);
	ZSTD_CCtx_setParameter(s->cctx, ZSTD_c_compressionLevel, PACK_LEVEL);
	buf_varint(out, plain.n);
	n = ZSTD_compress2(s->cctx, buf_reserve(out, bound), bound, plain.p,
	    plain.n);
	BUG_ON(ZSTD_isError(n));
	buf_grown(out, n);
}

int
mail_base_unpack(struct view stored, size_t max_bytes, struct buf *out,
    struct err *e)
{
	struct mail_scratch *s = mail_scratch_get();
	uint64_t size;
	size_t n;

	if (buf_get_varint(&stored, &size))
		return err_set(e, "the base has no size");
	if (size > max_bytes)
		return err_set(e, "the base has %llu bytes, at most %zu",
		    (unsigned long long)size, max_bytes);
	n = ZSTD_decompress_usingDDict(s->dctx, buf_reserve(out, size + 1),
	    size, stored.p, stored.n, NULL);
	if (ZSTD_isError(n) || n != size)
		return err_set(e, "the base is damaged: %s",
		    ZSTD_isError(n) ? ZSTD_getErrorName(n) : "wrong size");
	buf_grown(out, n);
	return 0;
}
