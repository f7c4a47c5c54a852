/*
 * Token bucket for "count per period".  Exact on the safe side: no half-open
 * window of one period ever sees more than count tokens taken.  Up to 50 a
 * second tokens come one at a time, evenly; above, 20 ms' worth may be taken
 * at once.  All-zero (count 0) is no limit.  The caller gives the time (ms).
 */
#ifndef SITE_BUCKET_H
#define SITE_BUCKET_H

#include <stdint.h>

#include "conf/conf.h"

struct site_bucket { /* plain value */
	struct conf_rate rate;
	int64_t level; /* 1/period_ms of a token */
	int64_t at_ms;
};

#define SITE_BUCKET_NO_LIMIT UINT64_MAX

void site_bucket_init(struct site_bucket *b, struct conf_rate rate,
    int64_t now);
/* A new rate in force: the level is kept as far as the new one allows. */
void site_bucket_change(struct site_bucket *b, struct conf_rate rate,
    int64_t now);
/* Whole tokens there now. */
uint64_t site_bucket_has(struct site_bucket *b, int64_t now);
void site_bucket_take(struct site_bucket *b, uint64_t n, int64_t now);
/* What was taken and not used. */
void site_bucket_give(struct site_bucket *b, uint64_t n);
/* ms until at least one token is there; 0: now. */
int64_t site_bucket_wait_ms(struct site_bucket *b, int64_t now);

#endif
