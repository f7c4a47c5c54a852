#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/buf.h"
#include "rdb/codec.h"
#include "rdb/reply.h"

static void
commands(void **st)
{
	struct buf b = { 0 };
	struct rdb_codec c;

	(void)st;
	rdb_codec_begin(&c, &b, 7);
	rdb_codec_str(&c, "SET");
	rdb_codec_view(&c, VIEW("a\r\n\0b"));
	rdb_codec_view(&c, VIEW(""));
	rdb_codec_num(&c, -9223372036854775807 - 1);
	rdb_codec_u64(&c, UINT64_MAX);
	rdb_codec_id(&c, 0x0102030405060708);
	rdb_codec_head(&c, 3);
	buf_adds(&b, "xyz\r\n");
	rdb_codec_end(&c);
	assert_true(view_eq(buf_view(&b),
	    VIEW("*7\r\n$3\r\nSET\r\n$5\r\na\r\n\0b\r\n$0\r\n\r\n"
		 "$20\r\n-9223372036854775808\r\n$20\r\n18446744073709551615"
		 "\r\n$8\r\n\1\2\3\4\5\6\7\10\r\n$3\r\nxyz\r\n")));
	buf_fini(&b);
}

static struct rdb_reply *
parse(redisReader *r, const char *s)
{
	void *out = NULL;

	assert_int_equal(redisReaderFeed(r, s, strlen(s)), REDIS_OK);
	assert_int_equal(redisReaderGetReply(r, &out), REDIS_OK);
	assert_non_null(out);
	return out;
}

static void
replies(void **st)
{
	redisReader *rd = redisReaderCreate();
	struct rdb_reply *r;
	char *s;
	size_t n;

	(void)st;
	r = parse(rd, "*5\r\n:-7\r\n$2\r\n12\r\n$-1\r\n*1\r\n+OK\r\n-ERR x\r\n");
	assert_true(rdb_reply_is_array(r));
	assert_int_equal(rdb_reply_n(r), 5);
	assert_int_equal(rdb_reply_int_at(r, 0), -7);
	assert_int_equal(rdb_reply_int_at(r, 1), 12);
	assert_true(rdb_reply_is_nil(rdb_reply_at(r, 2)));
	assert_true(rdb_reply_is(rdb_reply_at(rdb_reply_at(r, 3), 0), "OK"));
	assert_true(rdb_reply_is_error(rdb_reply_at(r, 4)));
	assert_true(view_eq(rdb_reply_view_at(r, 4), VIEW("ERR x")));
	s = rdb_reply_take(rdb_reply_at(r, 1), &n);
	assert_string_equal(s, "12");
	assert_int_equal(n, 2);
	assert_int_equal(rdb_reply_view_at(r, 1).n, 0);
	free(s);
	freeReplyObject(r);
	/* What is not there reads as empty. */
	assert_int_equal(rdb_reply_n(NULL), 0);
	assert_null(rdb_reply_at(NULL, 3));
	assert_int_equal(rdb_reply_int(NULL), 0);
	assert_int_equal(rdb_reply_view(NULL).n, 0);
	assert_true(rdb_reply_is_nil(NULL));
	assert_null(rdb_reply_take(NULL, &n));
	redisReaderFree(rd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
