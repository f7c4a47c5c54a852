#include "config.h"

#include "rdb/codec.h"
#include "rdb/rdb.h"

struct rdb_call *
rdb_words(struct rdb *r, const char *words, rdb_done_fn *done, void *arg)
{
	struct view v = view_str(words), count = v;
	struct rdb_codec cmd;
	size_t n = 0;

	while (count.n) {
		view_word(&count);
		n++;
	}
	rdb_codec_begin(&cmd, rdb_begin(r), n);
	while (v.n)
		rdb_codec_view(&cmd, view_word(&v));
	rdb_codec_end(&cmd);
	return rdb_send(r, done, arg, 0);
}
