/*
 * What every thread keeps for itself between messages: zstd contexts and
 * buffers, so that neither patches nor signatures allocate anew each time.
 * Freed when the thread ends.
 */
#ifndef MAIL_SCRATCH_H
#define MAIL_SCRATCH_H

#include "base/buf.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

struct mail_scratch {
	struct ZSTD_CCtx_s *cctx; /* owned */
	struct ZSTD_DCtx_s *dctx; /* owned */
	/* no caller keeps one */
	struct buf plain, check, text, escaped, breaks, again, part, head,
	    list;
	struct buf last_qp; /* parameters that the last part needed */
};

struct mail_scratch *mail_scratch_get(void);
/* Empties the buffer; a very large one gives its memory back. */
void mail_scratch_done(struct buf *b);

#endif
