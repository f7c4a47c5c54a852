#include "config.h"
#include "io/spare.h"

#include "base/buf.h"

#define BYTES_MAX (256 * 1024)
#define SHRINK_ABOVE (16 * 1024)
#ifdef __SANITIZE_ADDRESS__
#define SPARES 1 /* a late user of a buffer shall be seen */
#else
#define SPARES 32
#endif

static struct buf spare[SPARES];
static unsigned nspare;

void
spare_give(struct buf *b)
{
	if (b->mem == NULL)
		return;
	if (b->cap > BYTES_MAX || nspare == SPARES) {
		buf_fini(b);
		return;
	}
	buf_clear(b);
	spare[nspare++] = *b;
	*b = (struct buf){ 0 };
}

void
spare_take(struct buf *b)
{
	if (b->mem == NULL && nspare)
		*b = spare[--nspare];
}

void
spare_shrink(struct buf *b)
{
	struct buf small = { 0 };

	if (b->n == 0) {
		spare_give(b);
		return;
	}
	if (b->cap <= SHRINK_ABOVE || b->n > SHRINK_ABOVE / 4)
		return;
	buf_addv(&small, buf_view(b));
	spare_give(b);
	*b = small;
}
