#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "base/view.h"
#include "store/journal.h"
#include "tests/unit/seeds.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static char dir[] = "/tmp/facteur-journal-XXXXXX";
static char path[64];

struct got {
	struct store_journal_entry x[16];
	size_t n;
};

static void
note(void *arg, const struct store_journal_entry *x)
{
	struct got *g = arg;

	assert_true(g->n < N(g->x));
	g->x[g->n++] = *x;
}

static struct store_journal *
reopen(struct got *g)
{
	struct store_journal *j;
	struct err e;

	g->n = 0;
	j = store_journal_open(path, note, g, &e);
	assert_non_null(j);
	return j;
}

static void
add(struct store_journal *j, uint64_t id, char code, const char *a,
    unsigned char *file)
{
	struct store_journal_entry x = { .id = id, .shard = 2, .attempt = 3,
		.code = code };

	strcpy(x.a, a);
	store_journal_add(j, &x);
	if (file)
		*file = x.file;
}

static long
size_of(unsigned no)
{
	char p[80];
	struct stat sb;

	snprintf(p, sizeof(p), "%s.%u", path, no);
	return stat(p, &sb) ? -1 : (long)sb.st_size;
}

static void
replays(void **st)
{
	struct store_journal *j;
	struct got g = { .n = 0 };
	unsigned char f[2];
	size_t i;

	(void)st;
	j = reopen(&g);
	assert_int_equal(g.n, 0);
	add(j, 1, 'k', "", NULL);
	add(j, 2, 'd', "1795000000123", NULL);
	add(j, UINT64_MAX, 'b', "t7h", NULL);
	assert_int_equal(size_of(0), 0); /* written with the flush only */
	assert_int_equal(store_journal_flush(j, NULL), 0);
	store_journal_close(&j);

	j = reopen(&g);
	assert_int_equal(g.n, 3);
	assert_int_equal(store_journal_open_entries(j), 3);
	assert_true(g.x[2].id == UINT64_MAX);
	assert_string_equal(g.x[1].a, "1795000000123");
	assert_string_equal(g.x[0].a, "");
	assert_int_equal(g.x[2].shard, 2);
	assert_int_equal(g.x[2].attempt, 3);
	assert_int_equal(g.x[2].code, 'b');
	add(j, 4, 'k', "", &f[0]);
	for (i = 0; i < 3; i++)
		store_journal_confirm(j, g.x[i].file);
	assert_true(store_journal_bytes(j) > 0);
	store_journal_confirm(j, f[0]); /* all confirmed: cut */
	assert_int_equal(store_journal_bytes(j), 0);
	assert_int_equal(size_of(0), 0);
	store_journal_close(&j);
	j = reopen(&g);
	assert_int_equal(g.n, 0);
	store_journal_close(&j);
}

/* A crash in the middle of a write: the tail says nothing, and what is added
 * later is not glued to it. */
static void
torn_tails(void **st)
{
	static const char line[] = "2 0000000000009 3 d 1795000000123\n";
	struct store_journal *j;
	struct got g = { .n = 0 };
	char p[80];
	size_t cut;
	int fd;

	(void)st;
	snprintf(p, sizeof(p), "%s.0", path);
	for (cut = 0; cut < sizeof(line); cut++) {
		fd = open(p, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		assert_int_equal(write(fd, line, sizeof(line) - 1),
		    sizeof(line) - 1);
		assert_int_equal(write(fd, line, cut), cut);
		close(fd);
		j = reopen(&g);
		assert_int_equal(g.n, cut == sizeof(line) - 1 ? 2 : 1);
		add(j, 10, 'k', "", NULL);
		store_journal_close(&j);
		j = reopen(&g);
		assert_int_equal(g.n, cut == sizeof(line) - 1 ? 3 : 2);
		assert_true(g.x[g.n - 1].id == 10);
		store_journal_close(&j);
	}
	unlink(p);
}

/* Under steady load there is never a moment with nothing open: the files
 * take turns. */
static void
stays_bounded(void **st)
{
	struct store_journal *j;
	struct got g = { .n = 0 };
	unsigned char lag[500];
	size_t i, most = 0;
	bool both[2] = { false };

	(void)st;
	j = reopen(&g);
	for (i = 0; i < 1000000; i++) {
		if (i >= N(lag))
			store_journal_confirm(j, lag[i % N(lag)]);
		add(j, i, 'k', "", &lag[i % N(lag)]);
		both[lag[i % N(lag)]] = true;
		if (i % 100 == 0)
			assert_int_equal(store_journal_flush(j, NULL), 0);
		if (store_journal_bytes(j) > most)
			most = store_journal_bytes(j);
	}
	assert_true(both[0] && both[1]);
	assert_true(most < 10 * 1024 * 1024);
	for (i = 0; i < N(lag); i++)
		store_journal_confirm(j, lag[i]);
	assert_int_equal(store_journal_open_entries(j), 0);
	assert_int_equal(store_journal_bytes(j), 0);
	store_journal_close(&j);
}

static void
bad_places(void **st)
{
	struct got g = { .n = 0 };
	struct err e;

	(void)st;
	assert_null(store_journal_open("/nowhere/x", note, &g, &e));
	assert_non_null(strstr(e.text, "/nowhere/x.0"));
}

static void
seeds(void **st)
{
	(void)st;
	assert_true(seeds_replay("tests/seeds/store_journal") >= 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays),
		cmocka_unit_test(torn_tails),
		cmocka_unit_test(stays_bounded),
		cmocka_unit_test(bad_places),
		cmocka_unit_test(seeds),
	};
	char p[80];
	int rc;

	if (mkdtemp(dir) == NULL)
		return 99;
	snprintf(path, sizeof(path), "%s/out", dir);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(p, sizeof(p), "%s.0", path);
	unlink(p);
	snprintf(p, sizeof(p), "%s.1", path);
	unlink(p);
	rmdir(dir);
	return rc;
}
