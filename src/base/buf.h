/*
 * A growing run of bytes that owns its memory.  All-zero is an empty buffer.
 * Bytes are added at the end and dropped from the front; dropping is O(1) and
 * the gap is closed when room is needed.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "base/view.h"

struct buf {
	char *mem;   /* owned */
	size_t off;  /* first live byte */
	size_t n;    /* live bytes */
	size_t cap;  /* size of mem */
};

void buf_fini(struct buf *b);  /* frees; the buffer is empty and usable */
void buf_clear(struct buf *b); /* forgets the bytes, keeps the memory */
/* Room for n more bytes after the live ones; returns where they go.  The
 * caller writes there and then calls buf_grown. */
char *buf_reserve(struct buf *b, size_t n);
void buf_grown(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *p, size_t n);
void buf_addv(struct buf *b, struct view v);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));
void buf_drop(struct buf *b, size_t n); /* n bytes off the front */
void buf_cut(struct buf *b, size_t n);  /* keep only the first n bytes */
struct view buf_view(const struct buf *b);
char *buf_ptr(const struct buf *b);
const char *buf_str(struct buf *b);   /* NUL-terminated, borrowed */
char *buf_take(struct buf *b);        /* NUL-terminated, owned by the caller */
void buf_swap(struct buf *a, struct buf *b);

/* Numbers of the record and patch formats: LEB128 and big-endian. */
void buf_varint(struct buf *b, uint64_t v);
void buf_be(struct buf *b, uint64_t v, int bytes);
/* From the front of *v, which moves on.  -1 when it ends too soon. */
int buf_get_varint(struct view *v, uint64_t *out);
int buf_get_be(struct view *v, int bytes, uint64_t *out);
/* A varint length and that many bytes. */
void buf_addlv(struct buf *b, struct view v);
int buf_get_lv(struct view *v, struct view *out);

#endif
