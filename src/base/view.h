/*
 * A view is a borrowed run of bytes: pointer and length, never owned, never
 * NUL-terminated by promise.  All parsing of outside bytes goes through views.
 */
#ifndef BASE_VIEW_H
#define BASE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct view {
	const char *p;
	size_t n;
};

#define VIEW(lit) ((struct view){ "" lit, sizeof(lit) - 1 })
/* For printf("%.*s", VIEW_ARG(v)). */
#define VIEW_ARG(v) (int)(v).n, (v).p

struct view view_str(const char *s); /* NULL gives the empty view */
struct view view_of(const void *p, size_t n);
bool view_eq(struct view a, struct view b);
bool view_ieq(struct view a, struct view b); /* ASCII case folded */
bool view_starts(struct view v, struct view prefix);
bool view_istarts(struct view v, struct view prefix);
bool view_iends(struct view v, struct view suffix);
/* The first n bytes, or fewer; and what is left after them. */
struct view view_head(struct view v, size_t n);
struct view view_skip(struct view v, size_t n);
struct view view_trim(struct view v); /* SP HTAB CR LF off both ends */
/* Cuts v at the first c: returns the part before, *v becomes the part after.
 * Without c the whole is returned, *v becomes empty and *v->p NULL. */
struct view view_cut(struct view *v, char c);
/* Next run of non-blanks; *v is moved past it and the blanks after it. */
struct view view_word(struct view *v);
ptrdiff_t view_find(struct view v, struct view needle); /* -1: not found */
ptrdiff_t view_chr(struct view v, char c);              /* -1: not found */
/* The whole of v as a decimal number of at most 19 digits; -1 when not. */
int view_u64(struct view v, uint64_t *out);
/* Value of a hexadecimal digit in either case; -1: none. */
int view_hex(char c);

#endif
