#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/statvfs.h>

#include "base/log.h"
#include "conf/conf.h"
#include "rdb/rdb.h"
#include "store/parts.h"

#define LOOK_MS 1000
#define LOOK_NEAR_MS 100 /* when it gets tight */

/* maxmemory of the embedded server: a fork to rewrite its file may cost as
 * much again. */
uint64_t
store_guard_memory(const struct store *s)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	if (s->conf->redis.max_memory_bytes)
		return s->conf->redis.max_memory_bytes;
	if (pages <= 0 || size <= 0)
		return UINT64_C(1) << 30;
	return (uint64_t)pages / 2 * (uint64_t)size;
}

/* The number after "name:" in the text of INFO. */
static uint64_t
info_number(struct view text, const char *name)
{
	struct view line, key;

	while (text.n) {
		line = view_cut(&text, '\n');
		key = view_cut(&line, ':');
		if (view_eq(key, view_str(name)))
			return store_call_u64(view_trim(line));
	}
	return 0;
}

static void
look_at_disk(struct store *s, uint64_t aof, uint64_t used)
{
	struct statvfs v;
	uint64_t avail, need;
	bool low;

	if (s->server == NULL || statvfs(s->spool, &v))
		return;
	avail = (uint64_t)v.f_bavail * v.f_frsize;
	/* Rewriting needs room for a second file; Redis exits where the disk
	 * is full. */
	need = aof + used + s->conf->redis.min_free_bytes;
	low = avail < need;
	if (low != s->low_disk)
		log_write(low ? LOG_ERROR_ : LOG_INFO_, "store.disk",
		    "free=%llu needed=%llu", (unsigned long long)avail,
		    (unsigned long long)need);
	s->low_disk = low;
}

static void
on_info(void *arg, enum rdb_status rst, struct rdb_reply *r)
{
	struct store *s = arg;
	struct view text = rdb_reply_view(r);
	uint64_t used, max;
	bool low;

	if (rst != RDB_OK)
		return;
	used = info_number(text, "used_memory");
	max = info_number(text, "maxmemory");
	low = max && used >= max - max / 32;
	if (low != s->low_memory)
		log_write(low ? LOG_ERROR_ : LOG_INFO_, "store.memory",
		    "used=%llu max=%llu", (unsigned long long)used,
		    (unsigned long long)max);
	s->low_memory = low;
	s->used_memory = used;
	look_at_disk(s, info_number(text, "aof_current_size"), used);
	if (max && used >= max - max / 8)
		s->guard_ms = loop_ms() + LOOK_NEAR_MS;
}

void
store_guard_run(struct store *s, int64_t now)
{
	if (now < s->guard_ms || s->phase != STORE_UP)
		return;
	s->guard_ms = now + LOOK_MS;
	rdb_words(s->rdb, "INFO memory persistence", on_info, s);
}
