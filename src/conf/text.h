/*
 * A configuration file's text, made fit for libconfuse: that counts lines
 * wrongly where there are comments and skips some characters in silence, so
 * comments are blanked here and what it would skip is refused.
 */
#ifndef CONF_TEXT_H
#define CONF_TEXT_H

#include "base/buf.h"
#include "base/err.h"

#define CONF_TEXT_MAX (4 * 1024 * 1024)

/* Appends a regular file's bytes to out. */
int conf_text_read(const char *path, struct buf *out, struct err *e);
/* In place.  -1: *line and *why say what is wrong. */
int conf_text_clean(struct buf *text, int *line, const char **why);
/* file taken relative to the directory of the file from; malloced. */
char *conf_text_path(const char *from, const char *file);

#endif
