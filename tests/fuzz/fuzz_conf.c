/* A configuration: read or refused, and what was read says the same again
 * after it is printed. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/bug.h"
#include "conf/dump.h"
#include "conf/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = { 0 }, first = { 0 }, second = { 0 };
	struct err e = { "" };
	struct conf *c;

	buf_add(&text, data, size);
	c = conf_load_text("fuzz.conf", &text, NULL, NULL, &e);
	BUG_ON(c == NULL && e.text[0] == '\0');
	if (c) {
		conf_dump(c, &first);
		conf_unref(&c);
		buf_clear(&text);
		buf_addv(&text, buf_view(&first));
		c = conf_load_text("fuzz.conf", &text, NULL, NULL, &e);
		/* Secrets are left out, all else is there. */
		if (c) {
			conf_dump(c, &second);
			BUG_ON(!view_eq(buf_view(&first), buf_view(&second)));
		}
		conf_unref(&c);
	}
	buf_fini(&text);
	buf_fini(&first);
	buf_fini(&second);
	return 0;
}
