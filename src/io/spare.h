/*
 * Buffers of connections that are idle, kept for the next one that needs one:
 * idle connections hold none, and busy ones do not allocate.  Loop thread
 * only.
 */
#ifndef IO_SPARE_H
#define IO_SPARE_H

struct buf;

void spare_take(struct buf *b); /* an empty b gets memory, if some is there */
void spare_give(struct buf *b); /* b is empty afterwards */
/* Gives up memory that the bytes in b do not need: a peer that sends half a
 * line and waits must not keep what a bulk transfer once needed. */
void spare_shrink(struct buf *b);

#endif
