/*
 * Prints a manual page: the file given, in which a line @NAME@ stands for a
 * reference made from one of the daemon's tables.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "conf/dump.h"
#include "ops/account.h"
#include "ops/command.h"
#include "stats/stats.h"

static void
version(struct buf *out)
{
	buf_adds(out, PACKAGE_VERSION);
}

static void
sysconfdir(struct buf *out)
{
	buf_adds(out, SYSCONFDIR);
}

static void
runstatedir(struct buf *out)
{
	buf_adds(out, RUNSTATEDIR);
}

static void
localstatedir(struct buf *out)
{
	buf_adds(out, LOCALSTATEDIR);
}

static const struct {
	const char *mark;
	void (*print)(struct buf *out);
} marks[] = { { "@SETTINGS@\n", conf_dump_reference },
	{ "@COMMANDS@\n", ops_command_reference },
	{ "@ACCOUNTING@\n", ops_account_reference },
	{ "@STATISTICS@\n", stats_reference }, { "@VERSION@", version },
	{ "@SYSCONFDIR@", sysconfdir }, { "@RUNSTATEDIR@", runstatedir },
	{ "@LOCALSTATEDIR@", localstatedir } };

#define N (sizeof(marks) / sizeof(marks[0]))

static void
expand(const char *line, struct buf *out)
{
	size_t i;

	while (*line) {
		for (i = 0; i < N && strncmp(line, marks[i].mark,
					 strlen(marks[i].mark)) != 0;
		    i++)
			;
		if (i < N) {
			marks[i].print(out);
			line += strlen(marks[i].mark);
		} else {
			buf_addc(out, *line++);
		}
	}
}

int
main(int argc, char **argv)
{
	struct buf out = { 0 };
	char *line = NULL;
	size_t cap = 0;
	FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;

	if (f == NULL) {
		fprintf(stderr, "usage: reference PAGE.in (%s)\n",
		    strerror(errno));
		return 2;
	}
	while (getline(&line, &cap, f) > 0)
		expand(line, &out);
	free(line);
	fclose(f);
	fwrite(buf_ptr(&out), 1, out.n, stdout);
	buf_fini(&out);
	return fflush(stdout) ? 1 : 0;
}
