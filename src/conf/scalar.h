/*
 * Numbers with units as settings write them.
 */
#ifndef CONF_SCALAR_H
#define CONF_SCALAR_H

#include <stdint.h>

#include "base/buf.h"

struct conf_net;
struct conf_rate;

int conf_scalar_size(struct view v, int64_t *bytes);   /* 64K 25M 1G */
int conf_scalar_time(struct view v, int64_t *ms);      /* 10s 1h30m 2d */
int conf_scalar_rate(struct view v, struct conf_rate *r); /* 100/s 0 */
int conf_scalar_net(struct view v, struct conf_net *net); /* ::1/128 */
int conf_scalar_bool(struct view v, bool *b);          /* yes no on off */
int conf_scalar_mode(struct view v, unsigned *mode);   /* 0660 */

void conf_scalar_print_size(uint64_t bytes, struct buf *out);
void conf_scalar_print_time(int64_t ms, struct buf *out);
void conf_scalar_print_rate(const struct conf_rate *r, struct buf *out);
void conf_scalar_print_net(const struct conf_net *net, struct buf *out);

#endif
