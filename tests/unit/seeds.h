/*
 * Feeds every file of a seed folder to a fuzz target's function.  Returns how
 * many were fed; 0 when the folder is not there.
 */
#ifndef TESTS_UNIT_SEEDS_H
#define TESTS_UNIT_SEEDS_H

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline unsigned
seeds_replay(const char *folder)
{
	const char *top = getenv("srcdir");
	char path[1024];
	unsigned n = 0;
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", top ? top : ".", folder);
	dir = opendir(path);
	while (dir && (d = readdir(dir))) {
		uint8_t *mem;
		size_t got;
		FILE *f;

		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/%s", top ? top : ".",
		    folder, d->d_name);
		f = fopen(path, "rb");
		if (f == NULL)
			continue;
		mem = malloc(1 << 20);
		got = fread(mem, 1, 1 << 20, f);
		fclose(f);
		/* Exactly as long as the input, so that ASan sees the end. */
		mem = realloc(mem, got ? got : 1);
		LLVMFuzzerTestOneInput(mem, got);
		free(mem);
		n++;
	}
	if (dir)
		closedir(dir);
	return n;
}

#endif
