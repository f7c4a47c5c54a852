#include "config.h"
#include "facteur/socket_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/view.h"

/* control_socket = "PATH" or the same without quotes; NULL: another line. */
static char *
from_line(struct view v)
{
	struct view name = VIEW("control_socket");
	ptrdiff_t at = view_find(v, name), mark = view_chr(v, '#');
	char end = '\0';
	size_t n;

	if (at < 0 || (mark >= 0 && mark < at))
		return NULL;
	v = view_trim(view_skip(v, (size_t)at + name.n));
	if (v.n == 0 || v.p[0] != '=')
		return NULL;
	v = view_trim(view_skip(v, 1));
	if (v.n && (v.p[0] == '"' || v.p[0] == '\'')) {
		end = v.p[0];
		v = view_skip(v, 1);
	}
	for (n = 0; n < v.n && (end ? v.p[n] != end : !strchr(" \t}#", v.p[n]));
	    n++)
		;
	return n ? mem_strndup(v.p, n) : NULL;
}

int
facteur_socket_path(const char *conf, char **path, struct err *e)
{
	FILE *f = fopen(conf, "r");
	char *line = NULL, *found;
	size_t cap = 0;
	ssize_t n;

	*path = NULL;
	if (f == NULL)
		return err_set(e, "%s: %s", conf, strerror(errno));
	while ((n = getline(&line, &cap, f)) > 0) {
		found = from_line(view_of(line, (size_t)n));
		if (found == NULL)
			continue;
		free(*path);
		*path = found;
	}
	free(line);
	fclose(f);
	return 0;
}
