#include "config.h"
#include "base/bug.h"

#include <stdio.h>
#include <stdlib.h>

void
bug_die(const char *what, const char *file, int line)
{
	fprintf(stderr, "facteur: bug: %s (%s:%d)\n", what, file, line);
	abort();
}
