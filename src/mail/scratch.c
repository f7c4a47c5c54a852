#define ZSTD_STATIC_LINKING_ONLY
#include "config.h"
#include "mail/scratch.h"

#include <pthread.h>
#include <stdlib.h>
#include <zstd.h>

#include "base/bug.h"
#include "base/mem.h"

#define KEEP_BYTES (1u << 20)

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static __thread struct mail_scratch *mine;

static void
scratch_free(void *p)
{
	struct mail_scratch *s = p;

	ZSTD_freeCCtx(s->cctx);
	ZSTD_freeDCtx(s->dctx);
	buf_fini(&s->plain);
	buf_fini(&s->check);
	buf_fini(&s->text);
	buf_fini(&s->escaped);
	buf_fini(&s->breaks);
	buf_fini(&s->again);
	buf_fini(&s->part);
	buf_fini(&s->head);
	buf_fini(&s->list);
	buf_fini(&s->last_qp);
	free(s);
}

/* Thread destructors do not run for the thread that calls exit. */
static void
scratch_exit(void)
{
	if (mine)
		scratch_free(mine);
	mine = NULL;
}

static void
scratch_once(void)
{
	BUG_ON(pthread_key_create(&key, scratch_free) != 0);
	atexit(scratch_exit);
}

struct mail_scratch *
mail_scratch_get(void)
{
	if (mine)
		return mine;
	pthread_once(&once, scratch_once);
	mine = mem_zalloc(sizeof(*mine));
	mine->cctx = ZSTD_createCCtx();
	mine->dctx = ZSTD_createDCtx();
	BUG_ON(mine->cctx == NULL || mine->dctx == NULL);
	/* Four octets of every patch would be zstd's magic number. */
	ZSTD_CCtx_setParameter(mine->cctx, ZSTD_c_format,
	    ZSTD_f_zstd1_magicless);
	ZSTD_CCtx_setParameter(mine->cctx, ZSTD_c_contentSizeFlag, 0);
	ZSTD_CCtx_setParameter(mine->cctx, ZSTD_c_dictIDFlag, 0);
	ZSTD_DCtx_setParameter(mine->dctx, ZSTD_d_format,
	    ZSTD_f_zstd1_magicless);
	pthread_setspecific(key, mine);
	return mine;
}

void
mail_scratch_done(struct buf *b)
{
	if (b->cap > KEEP_BYTES)
		buf_fini(b);
	else
		buf_clear(b);
}
