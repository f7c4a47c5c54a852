/*
 * A configuration from text that is already in memory: what conf_load does
 * after reading its file, and what the fuzzer uses.
 */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include "base/buf.h"
#include "conf/conf.h"

/* text is changed.  name: for errors; included files are looked for in its
 * directory. */
struct conf *conf_load_text(const char *name, struct buf *text,
    void (*on_error)(void *arg, const char *text), void *arg, struct err *e);

#endif
