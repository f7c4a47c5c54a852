/*
 * What a string setting must look like, and whether the file it names can be
 * read.
 */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "base/buf.h"
#include "base/err.h"
#include "conf/settings.h"

int conf_check_string(enum conf_settings_check check, const char *s,
    struct err *e);
/* The first line of a file, without its end. */
int conf_check_secret_file(const char *path, struct buf *out, struct err *e);

#endif
