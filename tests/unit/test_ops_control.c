#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/log.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "io/loop.h"
#include "ops/command.h"
#include "ops/control.h"
#include "ops_fakes.h"
#include "stats/stats.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct world {
	struct loop *loop;
	struct ops_control *control;
	struct conf *conf;
	char dir[64];
	char *path;
	const char *reload_error;
} w;

static int
on_reload(void *arg, struct err *e)
{
	(void)arg;
	buf_adds(&fake_log, "reload;");
	return w.reload_error ? err_set(e, "%s", w.reload_error) : 0;
}

static void
on_drain(void *arg)
{
	(void)arg;
	buf_adds(&fake_log, "drain;");
}

/* As the daemon might: the socket goes while the answer is on its way. */
static void
on_stop(void *arg)
{
	(void)arg;
	buf_adds(&fake_log, "stop;");
	ops_control_close(&w.control);
}

static int
setup(void **st)
{
	struct ops_control_params p = { .reload = on_reload,
		.drain = on_drain,
		.stop = on_stop };
	struct err e = { "" };

	(void)st;
	memset(&w, 0, sizeof(w));
	strcpy(w.dir, "/tmp/opsc.XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	w.path = mem_printf("%s/control", w.dir);
	p.loop = w.loop = fake_loop = loop_new();
	w.conf = mem_zalloc(sizeof(*w.conf));
	w.conf->refs = 1000; /* never freed by those who let go */
	w.conf->limits.control_socket = w.path;
	w.conf->limits.control_mode = 0600;
	p.conf = w.conf;
	p.started_ms = INT64_C(1764000000000);
	w.control = ops_control_open(&p, &e);
	assert_non_null(w.control);
	fake_status = STORE_OK;
	fake_silent = false;
	fake_cancelled = 0;
	buf_clear(&fake_log);
	stats_reset();
	return 0;
}

static int
teardown(void **st)
{
	(void)st;
	ops_control_close(&w.control);
	loop_free(&w.loop);
	assert_int_equal(access(w.path, F_OK), -1); /* socket removed */
	assert_int_equal(rmdir(w.dir), 0);
	free(w.path);
	free(w.conf);
	buf_fini(&fake_log);
	return 0;
}

static int
dial(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(un.sun_path, w.path);
	assert_int_equal(
	    connect(fd, (const struct sockaddr *)(const void *)&un,
		sizeof(un)),
	    0);
	return fd;
}

static void
put(int fd, const char *s)
{
	assert_int_equal(write(fd, s, strlen(s)), strlen(s));
}

/* Turns the loop until n answers have come; -1 also at the end of file. */
static int
get(int fd, int n, struct buf *b)
{
	int turns, have;
	const char *p;
	ssize_t got;

	for (turns = 0; turns < 2000; turns++) {
		got = read(fd, buf_reserve(b, 65536), 65536);
		if (got > 0)
			buf_grown(b, (size_t)got);
		have = 0;
		for (p = buf_str(b); *p; p = strchr(p, '\n') + 1) {
			if (!strchr(p, '\n'))
				break;
			have += strncmp(p, ".ok\n", 4) == 0 ||
			    strncmp(p, ".error ", 7) == 0;
		}
		if (have >= n)
			return 0;
		if (got == 0 || (got < 0 && errno != EAGAIN))
			return -1;
		ev_run(loop_ev(w.loop), EVRUN_NOWAIT);
		if (got < 0)
			usleep(200);
	}
	return -1;
}

/* The answer to one command; malloced. */
static char *
ask(const char *command)
{
	struct buf b = { 0 };
	int fd = dial();

	put(fd, command);
	put(fd, "\n");
	assert_int_equal(get(fd, 1, &b), 0);
	close(fd);
	return buf_take(&b);
}

static const struct row {
	const char *command;
	const char *want; /* somewhere in the answer */
	const char *log;  /* what store and daemon were asked; NULL: any */
} rows[] = {
	{ "", ".error no command", "" },
	{ "json", ".error no command", "" },
	{ "sing", ".error not a command", "" },
	{ "campaign", "there are: campaign list, campaign show", "" },
	{ "campaign sing", "there are: campaign list", "" },
	{ "campaign pause", ".error usage: campaign pause NAME [TENANT]\n", "" },
	{ "status now", ".error usage: status", "" },
	{ "a b c d e f g h i j", ".error too many words", "" },
	{ "campaign show \"spring", ".error a quote is not closed", "" },
	{ "help", "\ncampaign show NAME [TENANT]", "" },
	{ "help names", "\nmessage remove\nreload\n", "" },
	{ "help me", ".error usage: help", "" },
	{ "status", "\nintake:               disk nearly full\n", "" },
	{ "status", "durability:           always: on disk before 250\n", "" },
	{ "status", "started:              2025-11-24T16:00:00Z\n", "" },
	{ "stats", "\ncontrol_commands          1\n", "" },
	{ "stats prometheus", "\nfacteur_control_commands_total 1\n", "" },
	{ "stats xml", ".error usage: stats", "" },
	{ "queues", "\n    0  yes      100        20", "stat 0;stat 1;" },
	{ "sites", "421 four [2Jtimes", "" },
	{ "sites", ".421 \"busy\" try later \xef\xbf\xbd\n", "" },
	{ "sessions", ".ok\n", "" },
	{ "campaign list", "spring    acme    weekly  bulk           active"
	    "         10     5", "" },
	{ "campaign list", "\nold one ", "" },
	{ "campaign show spring", "tenant:     other\n", "" },
	{ "campaign show spring acme", "queued:     10\n", "" },
	{ "campaign show spring nobody", ".error no such campaign", "" },
	{ "campaign show \"old one\"", "state:      cancelled\n", "" },
	{ "campaign show old\\ one", "state:      cancelled\n", "" },
	{ "campaign pause spring", "spring    other", "set 1=1;set 2=1;" },
	{ "campaign pause spring acme", "paused\n", "set 1=1;" },
	{ "campaign resume spring acme", "active\n", "set 1=0;" },
	{ "campaign cancel spring acme", "cancelled\n", "set 1=2;" },
	{ "campaign resume \"old one\"", ".error it is cancelled", "" },
	{ "campaign cancel winter", ".error no such campaign", "" },
	{ "suppress add u@rcvd.test", "suppressed\n",
	    "add u@rcvd.test 0 - - m;" },
	{ "suppress add u@rcvd.test tenant=acme complaint", "suppressed\n",
	    "add u@rcvd.test 1 acme - c;" },
	{ "suppress add u@rcvd.test list=acme/weekly unsubscribed",
	    "suppressed\n", "add u@rcvd.test 2 acme weekly u;" },
	{ "suppress add u@rcvd.test list=acme", ".error the scope", "" },
	{ "suppress add u@rcvd.test tenant=", ".error the scope", "" },
	{ "suppress add u@rcvd.test global whim", ".error not a reason", "" },
	{ "suppress add \"not an address\"", ".error not an address", "" },
	{ "suppress remove u@rcvd.test", "removed\n",
	    "remove u@rcvd.test 0 - - -;" },
	{ "suppress test u@rcvd.test acme", "reason:     complaint\n",
	    "test u@rcvd.test 0 acme - -;" },
	{ "suppress list", "global  bounce         12\n", "" },
	{ "flush rcvd.test", "retries_made_due: 7\n",
	    "flush rcvd.test;lift rcvd.test;" },
	{ "flush Google!", "holds_lifted:     1\n", "lift Google!;" },
	{ "parked list", "000000000002d  a@sender.test  u@rcvd.test", "" },
	{ "parked list", "broken.test", "" },
	{ "parked release all", "released: 7\n", "unpark 0 1;" },
	{ "parked drop 000000000002d", "dropped: 7\n", "unpark 77 0;" },
	{ "parked drop none", ".error not an id", "" },
	{ "message show 000000000002d", "where:     deferred\n", "find 77;" },
	{ "message show !!", ".error not an id", "" },
	{ "message remove 000000000002d", "removed\n", "remove 77;" },
	{ "message remove 0000000000000", ".error not an id", "" },
	{ "reload", "reloaded\n", "reload;" },
	{ "drain", "draining\n", "drain;" },
	{ "stop", "stopping\n", "stop;" },
};

/* Every answer is framed; the wanted text is in it; a JSON answer is JSON
 * where the command did not fail. */
static void
commands(void **st)
{
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		char *got;

		setup(NULL);
		got = ask(rows[i].command);
		if (!strstr(got, rows[i].want))
			fail_msg("%s: no \"%s\" in: %s", rows[i].command,
			    rows[i].want, got);
		assert_string_equal(buf_str(&fake_log), rows[i].log);
		free(got);
		teardown(NULL);
	}
}

static void
commands_as_json(void **st)
{
	size_t i;

	(void)st;
	for (i = 0; i < N(rows); i++) {
		char *command = mem_printf("json %s", rows[i].command), *got;
		size_t n;

		setup(NULL);
		got = ask(command);
		n = strlen(got);
		if (strncmp(got, ".error ", 7) != 0 &&
		    strcmp(rows[i].command, "stats prometheus") != 0) {
			json_t *j;

			assert_true(n > 4);
			assert_string_equal(got + n - 4, ".ok\n");
			j = json_loadb(got, n - 4, JSON_REJECT_DUPLICATES,
			    NULL);
			if (j == NULL)
				fail_msg("%s: %s", command, got);
			json_decref(j);
		}
		free(got);
		free(command);
		teardown(NULL);
	}
}

static void
failures_of_the_queue(void **st)
{
	static const char *const asking[] = { "queues", "campaign list",
		"campaign show spring", "campaign pause spring",
		"suppress add u@rcvd.test", "suppress test u@rcvd.test",
		"suppress list", "flush rcvd.test", "parked list",
		"parked release all", "message show 000000000002d",
		"message remove 000000000002d" };
	size_t i;
	char *got;

	(void)st;
	for (i = 0; i < N(asking); i++) {
		fake_status = STORE_UNAVAILABLE;
		got = ask(asking[i]);
		if (!strstr(got, ".error the queue can't be used now\n"))
			fail_msg("%s: %s", asking[i], got);
		free(got);
	}
	fake_status = STORE_NOT_FOUND;
	got = ask("suppress test u@rcvd.test");
	assert_non_null(strstr(got, "suppressed: no\n"));
	free(got);
	got = ask("message show 000000000002d");
	assert_string_equal(got, ".error not found\n");
	free(got);
	w.reload_error = "facteur.conf:7: bad\nvalue";
	got = ask("reload");
	assert_string_equal(got, ".error the former configuration stays: "
				 "facteur.conf:7: bad value\n");
	free(got);
}

static void
lines_that_begin_with_a_dot(void **st)
{
	struct buf b = { 0 };
	int fd = dial();

	(void)st;
	fake_site = ".dotted";
	put(fd, "sites\n");
	assert_int_equal(get(fd, 1, &b), 0);
	assert_non_null(strstr(buf_str(&b), "\n..dotted "));
	fake_site = "rcvd.test";
	buf_fini(&b);
	close(fd);
}

static void
many_commands_in_order(void **st)
{
	struct buf b = { 0 };
	int fd = dial(), i;
	const char *p;

	(void)st;
	for (i = 0; i < 200; i++)
		put(fd, i % 2 ? "suppress add u@rcvd.test\r\n" : "sing\n");
	assert_int_equal(get(fd, 200, &b), 0);
	p = buf_str(&b);
	for (i = 0; i < 100; i++) {
		static const char want[] =
		    ".error not a command; \"help\" lists them\n"
		    "suppressed\n.ok\n";

		assert_int_equal(strncmp(p, want, strlen(want)), 0);
		p += strlen(want);
	}
	buf_fini(&b);
	close(fd);
}

/* A client that goes away takes its request with it; others are served. */
static void
client_goes(void **st)
{
	int fd = dial(), i;
	char *got;

	(void)st;
	fake_silent = true;
	put(fd, "campaign list\n");
	for (i = 0; i < 10; i++)
		ev_run(loop_ev(w.loop), EVRUN_NOWAIT);
	fake_silent = false;
	got = ask("suppress list");
	assert_non_null(strstr(got, ".ok\n"));
	free(got);
	assert_int_equal(fake_cancelled, 0);
	close(fd);
	for (i = 0; i < 10; i++)
		ev_run(loop_ev(w.loop), EVRUN_NOWAIT);
	assert_int_equal(fake_cancelled, 1);
}

/* Closing the socket cancels what is under way. */
static void
closed_under_way(void **st)
{
	int fd = dial(), i;

	(void)st;
	fake_silent = true;
	put(fd, "queues\n");
	for (i = 0; i < 10; i++)
		ev_run(loop_ev(w.loop), EVRUN_NOWAIT);
	ops_control_close(&w.control);
	assert_null(w.control);
	assert_int_equal(fake_cancelled, 1);
	close(fd);
}

static void
long_line(void **st)
{
	char line[3 * OPS_COMMAND_LINE];
	struct buf b = { 0 };
	int fd = dial();

	(void)st;
	memset(line, 'x', sizeof(line));
	assert_int_equal(write(fd, line, sizeof(line)), sizeof(line));
	assert_int_equal(get(fd, 1, &b), 0);
	assert_string_equal(buf_str(&b), ".error line too long\n");
	assert_int_equal(get(fd, 2, &b), -1);
	buf_fini(&b);
	close(fd);
}

static void
too_many_clients(void **st)
{
	int fds[64], last;
	struct buf b = { 0 };
	size_t i;
	char *got;

	(void)st;
	for (i = 0; i < N(fds); i++) {
		struct buf one = { 0 };

		fds[i] = dial();
		put(fds[i], "help names\n");
		assert_int_equal(get(fds[i], 1, &one), 0);
		buf_fini(&one);
	}
	last = dial();
	assert_int_equal(get(last, 1, &b), 0);
	assert_string_equal(buf_str(&b), ".error too many clients\n");
	close(last);
	buf_fini(&b);
	close(fds[0]);
	for (i = 0; i < 5; i++)
		ev_run(loop_ev(w.loop), EVRUN_NOWAIT);
	got = ask("help names");
	assert_non_null(strstr(got, ".ok\n"));
	free(got);
	for (i = 1; i < N(fds); i++)
		close(fds[i]);
}

/* Nobody but root, ourselves and control_users: tested from another user's
 * process where we are root, else that ourselves may. */
static void
who_may(void **st)
{
	static char users[] = "65533", *list[] = { users };
	struct buf b = { 0 };
	struct stat mode;
	int fd;

	(void)st;
	assert_int_equal(stat(w.path, &mode), 0);
	assert_int_equal(mode.st_mode & 0777, 0600);
	if (geteuid() == 0) {
		assert_int_equal(seteuid(65533), 0);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		close(fd);
		assert_int_equal(seteuid(0), 0);
		assert_int_equal(chmod(w.path, 0666), 0);
		assert_int_equal(chmod(w.dir, 0755), 0);
		assert_int_equal(seteuid(65533), 0);
		fd = dial();
		assert_int_equal(seteuid(0), 0);
		assert_int_equal(get(fd, 1, &b), 0);
		assert_string_equal(buf_str(&b),
		    ".error you may not use this socket\n");
		close(fd);
		buf_clear(&b);
		w.conf->limits.control_users = (struct conf_strs){ list, 1 };
		w.conf->limits.control_mode = 0640;
		ops_control_reload(w.control, w.conf);
		assert_int_equal(seteuid(65533), 0);
		fd = dial();
		assert_int_equal(seteuid(0), 0);
	} else {
		fd = dial();
	}
	put(fd, "help names\n");
	assert_int_equal(get(fd, 1, &b), 0);
	assert_non_null(strstr(buf_str(&b), "\nstop\n.ok\n"));
	close(fd);
	buf_fini(&b);
}

static void
reference(void **st)
{
	struct buf b = { 0 };
	char *names = ask("help names"), *line, *rest = names;

	(void)st;
	ops_command_reference(&b);
	while ((line = strsep(&rest, "\n")) && line[0] != '.') {
		char *want = mem_printf(".BR \"%s\" ", line);

		if (!strstr(buf_str(&b), want))
			fail_msg("%s is not in the manual", line);
		free(want);
	}
	free(names);
	buf_fini(&b);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(commands),
		cmocka_unit_test(commands_as_json), T(failures_of_the_queue),
		T(lines_that_begin_with_a_dot), T(many_commands_in_order),
		T(client_goes), T(closed_under_way), T(long_line),
		T(too_many_clients), T(who_may), T(reference) };

	log_open(NULL, LOG_ERROR_, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
