#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/view.h"
#include "store/journal.h"
#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every line of any file is either refused or a whole outcome. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view v = view_of(data, size), line;
	struct store_journal_entry x;

	while (v.n) {
		line = view_cut(&v, '\n');
		if (store_journal_parse(&line, &x))
			continue;
		if (strlen(x.a) >= sizeof(x.a) || !strchr("kdbxfcrp", x.code) ||
		    x.shard > 9999)
			abort();
	}
	return 0;
}
