#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "stats/stats.h"

static int
setup(void **st)
{
	(void)st;
	stats_reset();
	stats_add(STATS_DELIVER_SENT, 3);
	stats_add(STATS_DELIVER_SESSIONS, 5);
	stats_add(STATS_DELIVER_SESSIONS, -2);
	stats_set(STATS_STORE_UP, 1);
	stats_observe(STATS_STORE_LATENCY, 0);
	stats_observe(STATS_STORE_LATENCY, 1);
	stats_observe(STATS_STORE_LATENCY, 3);
	stats_observe(STATS_STORE_LATENCY, -7);
	stats_observe(STATS_STORE_LATENCY, INT64_C(1) << 40);
	return 0;
}

static void
values(void **st)
{
	(void)st;
	assert_int_equal(stats_get(STATS_DELIVER_SENT), 3);
	assert_int_equal(stats_get(STATS_DELIVER_SESSIONS), 3);
	assert_int_equal(stats_get(STATS_STORE_UP), 1);
	assert_int_equal(stats_get(STATS_STORE_LATENCY), 5);
	stats_reset();
	assert_int_equal(stats_get(STATS_DELIVER_SENT), 0);
}

static void
printed_as(enum stats_format format, const char *const *want)
{
	struct buf b = { 0 };

	stats_print(&b, format);
	for (; *want; want++)
		if (strstr(buf_str(&b), *want) == NULL)
			fail_msg("\"%s\" is not in: %s", *want, buf_str(&b));
	buf_fini(&b);
}

static void
text(void **st)
{
	static const char *const want[] = { "deliver_sent              3\n",
		"store_up                  1\n",
		"store_latency             5 avg=219902325556 p50<=1 "
		"p90>86400000 p99>86400000\n",
		"intake_latency            0\n", NULL };

	(void)st;
	printed_as(STATS_TEXT, want);
}

static void
prometheus(void **st)
{
	static const char *const want[] = {
		"# HELP facteur_deliver_sent_total recipients delivered\n"
		"# TYPE facteur_deliver_sent_total counter\n"
		"facteur_deliver_sent_total 3\n",
		"# TYPE facteur_store_up gauge\nfacteur_store_up 1\n",
		"# TYPE facteur_store_latency_milliseconds histogram\n"
		"facteur_store_latency_milliseconds_bucket{le=\"1\"} 3\n"
		"facteur_store_latency_milliseconds_bucket{le=\"2\"} 3\n"
		"facteur_store_latency_milliseconds_bucket{le=\"5\"} 4\n",
		"facteur_store_latency_milliseconds_bucket{le=\"+Inf\"} 5\n"
		"facteur_store_latency_milliseconds_sum 1099511627780\n"
		"facteur_store_latency_milliseconds_count 5\n",
		NULL
	};

	(void)st;
	printed_as(STATS_PROMETHEUS, want);
}

static void
json(void **st)
{
	struct buf b = { 0 };
	json_t *j, *h, *bucket;
	size_t i;
	json_int_t sum = 0;

	(void)st;
	stats_print(&b, STATS_JSON);
	j = json_loads(buf_str(&b), JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	assert_int_equal(json_object_size(j), STATS_N);
	assert_int_equal(
	    json_integer_value(json_object_get(j, "deliver_sent")), 3);
	h = json_object_get(j, "store_latency");
	assert_int_equal(json_integer_value(json_object_get(h, "count")), 5);
	json_array_foreach(json_object_get(h, "buckets"), i, bucket)
		sum += json_integer_value(json_object_get(bucket, "count"));
	assert_int_equal(sum, 5);
	json_decref(j);
	buf_fini(&b);
}

/* Every row is in the manual, with its help. */
static void
reference(void **st)
{
	struct buf b = { 0 };
	const char *p;
	int n = 0;

	(void)st;
	stats_reference(&b);
	for (p = buf_str(&b); (p = strstr(p, ".TP\n.B ")) != NULL; p++)
		n++;
	assert_int_equal(n, STATS_N);
	assert_non_null(strstr(buf_str(&b),
	    ".TP\n.B deliver_sent\nrecipients delivered.\n"));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(values, setup),
		cmocka_unit_test_setup(text, setup),
		cmocka_unit_test_setup(prometheus, setup),
		cmocka_unit_test_setup(json, setup),
		cmocka_unit_test_setup(reference, setup)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
