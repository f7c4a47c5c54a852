/*
 * Memory that is there or the process ends: sizes that come from outside are
 * capped by the caller before they reach these.  free() releases all of it.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t n);
void *mem_zalloc(size_t n); /* all zero: a legal empty value of any struct */
void *mem_realloc(void *p, size_t n);
void *mem_dup(const void *p, size_t n);
char *mem_strdup(const char *s); /* NULL stays NULL */
/* n bytes at p as a NUL-terminated string. */
char *mem_strndup(const char *p, size_t n);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
