/*
 * The text of a setting into its field, by its row, and back.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct conf_settings_row;

/* Checks the words of one setting and, when s is not NULL, sets the field in
 * the struct at s.  Words: one for a scalar, any number for a list.  -1 with
 * what is wrong and what is expected. */
int conf_value_set(const struct conf_settings_row *r, void *s,
    const char *const *words, size_t n, struct err *e);
/* The row's default, or -1 when the setting must be given. */
int conf_value_default(const struct conf_settings_row *r, void *s,
    struct err *e);
void conf_value_copy(const struct conf_settings_row *r, void *to, void *from);
void conf_value_free(const struct conf_settings_row *r, void *s);
/* As it would be written in the file; secrets are left out. */
void conf_value_print(const struct conf_settings_row *r, void *s,
    struct buf *out);

#endif
