/*
 * Counters, gauges and histograms: one table of rows (stats/rows.h), each
 * with its help text; text, JSON and Prometheus are printed from it.
 * Loop thread only.
 */
#ifndef STATS_STATS_H
#define STATS_STATS_H

#include <stdint.h>

#include "base/buf.h"
#include "stats/rows.h" /* enum stats_id: STATS_<NAME> for each row */

void stats_add(enum stats_id id, int64_t n); /* counter or gauge */
void stats_set(enum stats_id id, int64_t v); /* gauge */
void stats_observe(enum stats_id id, int64_t ms); /* histogram */
int64_t stats_get(enum stats_id id);
void stats_reset(void); /* tests */

enum stats_format { STATS_TEXT, STATS_JSON, STATS_PROMETHEUS };
void stats_print(struct buf *out, enum stats_format format);
/* All rows in man(7) macros, for the manual. */
void stats_reference(struct buf *out);

#endif
