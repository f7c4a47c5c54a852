#include "config.h"

#include "site/bucket.h"

#include "base/bug.h"

#define BURST_MS  20
#define COUNT_MAX 1000000000 /* keeps elapsed * count in 63 bits */

static int64_t
burst(const struct conf_rate *r)
{
	int64_t n = (int64_t)r->count * BURST_MS / r->period_ms;

	return n < 1 ? 1 : n;
}

/* Tokens that come back in one period: with a full bucket at its start, count
 * in all. */
static int64_t
refill(const struct conf_rate *r)
{
	return (int64_t)r->count - burst(r) + 1;
}

static void
advance(struct site_bucket *b, int64_t now)
{
	int64_t elapsed = now - b->at_ms, cap;

	if (elapsed <= 0)
		return;
	if (elapsed > b->rate.period_ms)
		elapsed = b->rate.period_ms;
	cap = burst(&b->rate) * b->rate.period_ms;
	b->level += elapsed * refill(&b->rate);
	if (b->level > cap)
		b->level = cap;
	b->at_ms = now;
}

void
site_bucket_init(struct site_bucket *b, struct conf_rate rate, int64_t now)
{
	if (rate.period_ms <= 0)
		rate.count = 0;
	if (rate.count > COUNT_MAX)
		rate.count = COUNT_MAX;
	b->rate = rate;
	b->level = rate.count == 0 ? 0 : burst(&rate) * rate.period_ms;
	b->at_ms = now;
}

void
site_bucket_change(struct site_bucket *b, struct conf_rate rate, int64_t now)
{
	struct site_bucket old = *b;
	int64_t cap;

	if (old.rate.count == rate.count &&
	    old.rate.period_ms == rate.period_ms)
		return;
	site_bucket_init(b, rate, now);
	if (old.rate.count == 0 || b->rate.count == 0)
		return;
	advance(&old, now);
	cap = b->level;
	b->level = old.level * b->rate.period_ms / old.rate.period_ms;
	if (b->level > cap)
		b->level = cap;
}

uint64_t
site_bucket_has(struct site_bucket *b, int64_t now)
{
	if (b->rate.count == 0)
		return SITE_BUCKET_NO_LIMIT;
	advance(b, now);
	return b->level <= 0 ? 0 : (uint64_t)(b->level / b->rate.period_ms);
}

void
site_bucket_take(struct site_bucket *b, uint64_t n, int64_t now)
{
	if (b->rate.count == 0)
		return;
	BUG_ON(n > site_bucket_has(b, now));
	b->level -= (int64_t)n * b->rate.period_ms;
}

void
site_bucket_give(struct site_bucket *b, uint64_t n)
{
	int64_t cap;

	if (b->rate.count == 0)
		return;
	cap = burst(&b->rate);
	if (n > (uint64_t)cap)
		n = (uint64_t)cap;
	b->level += (int64_t)n * b->rate.period_ms;
	if (b->level > cap * b->rate.period_ms)
		b->level = cap * b->rate.period_ms;
}

int64_t
site_bucket_wait_ms(struct site_bucket *b, int64_t now)
{
	int64_t lack, per_ms;

	if (b->rate.count == 0)
		return 0;
	advance(b, now);
	lack = b->rate.period_ms - b->level;
	per_ms = refill(&b->rate);
	return lack <= 0 ? 0 : (lack + per_ms - 1) / per_ms;
}
