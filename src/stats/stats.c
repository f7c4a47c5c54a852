#include "config.h"
#include "stats/stats.h"

#include <string.h>

#include "base/bug.h"

enum kind { COUNTER, GAUGE, HISTOGRAM };

static const struct {
	const char *name; /* as in the enum: upper case */
	enum kind kind;
	const char *help;
} rows[] = {
#define X(id, kind, help) [STATS_##id] = { #id, kind, help },
	STATS_ROWS(X)
#undef X
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == STATS_N, "a row each");

/* Upper bounds in ms, from a local Redis call to a message that waited days;
 * what lies above counts in the last bucket. */
static const int64_t bounds[] = { 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000,
	2000, 5000, 10000, 30000, 60000, 300000, 900000, 3600000, 14400000,
	86400000 };
#define BUCKETS (sizeof(bounds) / sizeof(bounds[0]) + 1)

static struct {
	int64_t value; /* of a histogram: how many were observed */
	int64_t sum;
	int64_t bucket[BUCKETS];
} stats[STATS_N];

void
stats_add(enum stats_id id, int64_t n)
{
	BUG_ON(rows[id].kind == HISTOGRAM);
	stats[id].value += n;
}

void
stats_set(enum stats_id id, int64_t v)
{
	BUG_ON(rows[id].kind != GAUGE);
	stats[id].value = v;
}

void
stats_observe(enum stats_id id, int64_t ms)
{
	size_t i;

	BUG_ON(rows[id].kind != HISTOGRAM);
	if (ms < 0) /* the wall clock was set back meanwhile */
		ms = 0;
	for (i = 0; i < BUCKETS - 1 && ms > bounds[i]; i++)
		;
	stats[id].bucket[i]++;
	stats[id].value++;
	stats[id].sum += ms;
}

int64_t
stats_get(enum stats_id id)
{
	return stats[id].value;
}

void
stats_reset(void)
{
	memset(stats, 0, sizeof(stats));
}

static void
add_name(struct buf *out, enum stats_id id)
{
	const char *p;

	for (p = rows[id].name; *p; p++)
		buf_addc(out,
		    *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p);
}

/* The least bound that at least this part of the observations stay within;
 * -1: above all bounds. */
static int64_t
quantile(enum stats_id id, int percent)
{
	int64_t want = (stats[id].value * percent + 99) / 100, sum = 0;
	size_t i;

	for (i = 0; i < BUCKETS - 1; i++) {
		sum += stats[id].bucket[i];
		if (sum >= want)
			return bounds[i];
	}
	return -1;
}

static void
text_quantile(struct buf *out, enum stats_id id, int percent)
{
	int64_t q = quantile(id, percent);

	if (q < 0)
		buf_addf(out, " p%d>%lld", percent,
		    (long long)bounds[BUCKETS - 2]);
	else
		buf_addf(out, " p%d<=%lld", percent, (long long)q);
}

static void
text_row(struct buf *out, enum stats_id id)
{
	size_t start = out->n;

	add_name(out, id);
	while (out->n - start < 26)
		buf_addc(out, ' ');
	buf_addf(out, "%lld", (long long)stats[id].value);
	if (rows[id].kind == HISTOGRAM && stats[id].value) {
		buf_addf(out, " avg=%lld",
		    (long long)(stats[id].sum / stats[id].value));
		text_quantile(out, id, 50);
		text_quantile(out, id, 90);
		text_quantile(out, id, 99);
	}
	buf_addc(out, '\n');
}

static void
json_row(struct buf *out, enum stats_id id)
{
	size_t i;

	buf_adds(out, id ? ",\"" : "\"");
	add_name(out, id);
	if (rows[id].kind != HISTOGRAM) {
		buf_addf(out, "\":%lld", (long long)stats[id].value);
		return;
	}
	buf_addf(out, "\":{\"count\":%lld,\"sum\":%lld,\"buckets\":[",
	    (long long)stats[id].value, (long long)stats[id].sum);
	for (i = 0; i < BUCKETS; i++) {
		buf_adds(out, i ? ",{\"le\":" : "{\"le\":");
		if (i < BUCKETS - 1)
			buf_addf(out, "%lld", (long long)bounds[i]);
		else
			buf_adds(out, "null");
		buf_addf(out, ",\"count\":%lld}",
		    (long long)stats[id].bucket[i]);
	}
	buf_adds(out, "]}");
}

static void
prometheus_name(struct buf *out, enum stats_id id, const char *suffix)
{
	buf_adds(out, "facteur_");
	add_name(out, id);
	if (rows[id].kind == COUNTER)
		buf_adds(out, "_total");
	else if (rows[id].kind == HISTOGRAM)
		buf_adds(out, "_milliseconds");
	buf_adds(out, suffix);
}

static void
prometheus_histogram(struct buf *out, enum stats_id id)
{
	int64_t sum = 0;
	size_t i;

	for (i = 0; i < BUCKETS; i++) {
		sum += stats[id].bucket[i];
		prometheus_name(out, id, "_bucket{le=\"");
		if (i < BUCKETS - 1)
			buf_addf(out, "%lld", (long long)bounds[i]);
		else
			buf_adds(out, "+Inf");
		buf_addf(out, "\"} %lld\n", (long long)sum);
	}
	prometheus_name(out, id, "_sum");
	buf_addf(out, " %lld\n", (long long)stats[id].sum);
	prometheus_name(out, id, "_count");
	buf_addf(out, " %lld\n", (long long)stats[id].value);
}

static void
prometheus_row(struct buf *out, enum stats_id id)
{
	static const char *const type[] = { "counter", "gauge", "histogram" };

	buf_adds(out, "# HELP ");
	prometheus_name(out, id, " ");
	buf_adds(out, rows[id].help);
	buf_adds(out, "\n# TYPE ");
	prometheus_name(out, id, " ");
	buf_addf(out, "%s\n", type[rows[id].kind]);
	if (rows[id].kind == HISTOGRAM) {
		prometheus_histogram(out, id);
		return;
	}
	prometheus_name(out, id, "");
	buf_addf(out, " %lld\n", (long long)stats[id].value);
}

void
stats_print(struct buf *out, enum stats_format format)
{
	static void (*const print[])(struct buf *, enum stats_id) = {
		[STATS_TEXT] = text_row,
		[STATS_JSON] = json_row,
		[STATS_PROMETHEUS] = prometheus_row
	};
	enum stats_id id;

	if (format == STATS_JSON)
		buf_addc(out, '{');
	for (id = 0; id < STATS_N; id++)
		print[format](out, id);
	if (format == STATS_JSON)
		buf_adds(out, "}\n");
}

void
stats_reference(struct buf *out)
{
	enum stats_id id;

	for (id = 0; id < STATS_N; id++) {
		buf_adds(out, ".TP\n.B ");
		add_name(out, id);
		buf_addf(out, "\n%s.\n", rows[id].help);
	}
}
