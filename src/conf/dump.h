/*
 * The configuration written out again, and its reference.
 */
#ifndef CONF_DUMP_H
#define CONF_DUMP_H

#include "base/buf.h"

struct conf;

/* Every setting in force, as a file that conf_load reads; secrets are left
 * out. */
void conf_dump(struct conf *c, struct buf *out);
/* The settings section of facteur.conf(5), in troff. */
void conf_dump_reference(struct buf *out);

#endif
