#include "config.h"
#include "rdb/reply.h"

#include <string.h>

#include <hiredis/hiredis.h>

static const redisReply *
of(const struct rdb_reply *r)
{
	return (const redisReply *)(const void *)r;
}

size_t
rdb_reply_n(const struct rdb_reply *r)
{
	return r && of(r)->type == REDIS_REPLY_ARRAY ? of(r)->elements : 0;
}

struct rdb_reply *
rdb_reply_at(const struct rdb_reply *r, size_t i)
{
	if (i >= rdb_reply_n(r))
		return NULL;
	return (struct rdb_reply *)(void *)of(r)->element[i];
}

struct view
rdb_reply_view(const struct rdb_reply *r)
{
	if (r == NULL || of(r)->str == NULL)
		return VIEW("");
	switch (of(r)->type) {
	case REDIS_REPLY_STRING:
	case REDIS_REPLY_STATUS:
	case REDIS_REPLY_ERROR:
		return view_of(of(r)->str, (size_t)of(r)->len);
	default:
		return VIEW("");
	}
}

struct view
rdb_reply_view_at(const struct rdb_reply *r, size_t i)
{
	return rdb_reply_view(rdb_reply_at(r, i));
}

int64_t
rdb_reply_int(const struct rdb_reply *r)
{
	struct view v = rdb_reply_view(r);
	bool minus;
	uint64_t n;

	if (r && of(r)->type == REDIS_REPLY_INTEGER)
		return of(r)->integer;
	minus = v.n > 1 && v.p[0] == '-';
	if (view_u64(view_skip(v, minus), &n) || n > INT64_MAX)
		return 0;
	return minus ? -(int64_t)n : (int64_t)n;
}

int64_t
rdb_reply_int_at(const struct rdb_reply *r, size_t i)
{
	return rdb_reply_int(rdb_reply_at(r, i));
}

bool
rdb_reply_is_nil(const struct rdb_reply *r)
{
	return r == NULL || of(r)->type == REDIS_REPLY_NIL;
}

bool
rdb_reply_is_error(const struct rdb_reply *r)
{
	return r && of(r)->type == REDIS_REPLY_ERROR;
}

bool
rdb_reply_is_array(const struct rdb_reply *r)
{
	return r && of(r)->type == REDIS_REPLY_ARRAY;
}

bool
rdb_reply_is(const struct rdb_reply *r, const char *s)
{
	return r && !rdb_reply_is_error(r) &&
	    view_eq(rdb_reply_view(r), view_str(s));
}

char *
rdb_reply_take(struct rdb_reply *r, size_t *n)
{
	redisReply *rr = (redisReply *)(void *)r;
	char *s;

	*n = 0;
	if (rr == NULL || rr->type != REDIS_REPLY_STRING)
		return NULL;
	s = rr->str;
	*n = (size_t)rr->len;
	rr->str = NULL;
	rr->len = 0;
	return s;
}
