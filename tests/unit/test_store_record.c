#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include <cmocka.h>

#include "base/buf.h"
#include "store/addr.h"
#include "store/record.h"
#include "tests/unit/seeds.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct store_record full = {
	.id = 0x1122334455667788,
	.addr_hash = { 1, 2, 3, 4, 5, 6, 7, 8 },
	.base = 0xfedcba9876543210,
	.attempt = 513,
	.expires_s = 4000000000u,
	.created_ms = 1795000000123,
	.sender = { "bounce@example.com", 18 },
	.rcpt = { "user@example.net", 16 },
	.content_hash = 0xdeadbeefcafef00d,
	.content_bytes = 41234,
	.eightbit = true,
	.smtputf8 = true,
	.report = true,
	.notify = STORE_NOTIFY_SUCCESS | STORE_NOTIFY_DELAY,
	.ret = STORE_RET_HDRS,
	.envid = { "QQ314159", 8 },
	.orcpt = { "rfc822;u@x", 10 },
	.source = { "pool-a", 6 },
	.patch = { "\2patch\0bytes", 12 },
};

static void
same(const struct store_record *a, const struct store_record *b)
{
	assert_true(a->id == b->id && a->base == b->base);
	assert_memory_equal(a->addr_hash, b->addr_hash, 8);
	assert_int_equal(a->attempt, b->attempt);
	assert_int_equal(a->expires_s, b->expires_s);
	assert_true(a->created_ms == b->created_ms);
	assert_true(view_eq(a->sender, b->sender));
	assert_true(view_eq(a->rcpt, b->rcpt));
	assert_true(a->content_hash == b->content_hash);
	assert_true(a->content_bytes == b->content_bytes);
	assert_int_equal(a->eightbit, b->eightbit);
	assert_int_equal(a->smtputf8, b->smtputf8);
	assert_int_equal(a->report, b->report);
	assert_int_equal(a->notify, b->notify);
	assert_int_equal(a->ret, b->ret);
	assert_true(view_eq(a->envid, b->envid));
	assert_true(view_eq(a->orcpt, b->orcpt));
	assert_true(view_eq(a->source, b->source));
	assert_true(view_eq(a->patch, b->patch));
}

static void
round_trip(void **st)
{
	static const struct store_record least = { .rcpt = { "a@b", 3 } };
	const struct store_record *all[] = { &full, &least };
	struct store_record got;
	struct buf b = { 0 };
	struct err e;
	size_t i;

	(void)st;
	for (i = 0; i < N(all); i++) {
		buf_clear(&b);
		store_record_pack(all[i], &b);
		assert_int_equal(
		    store_record_unpack(buf_view(&b), &got, &e), 0);
		same(all[i], &got);
	}
	buf_fini(&b);
}

/* The first octets are what Lua reads (queue/README.md). */
static void
head(void **st)
{
	struct buf b = { 0 };

	(void)st;
	store_record_pack(&full, &b);
	assert_memory_equal(buf_ptr(&b),
	    "\x11\x22\x33\x44\x55\x66\x77\x88\1\2\3\4\5\6\7\x08"
	    "\xfe\xdc\xba\x98\x76\x54\x32\x10\2\1\xee\x6b\x28\x00",
	    STORE_RECORD_HEAD);
	buf_fini(&b);
}

static void
damaged(void **st)
{
	struct store_record got;
	struct buf b = { 0 };
	struct err e;
	size_t i, whole;

	(void)st;
	store_record_pack(&full, &b);
	whole = b.n - full.patch.n;
	for (i = 0; i < whole; i++)
		assert_int_equal(store_record_unpack(
				     view_head(buf_view(&b), i), &got, &e),
		    -1);
	buf_ptr(&b)[STORE_RECORD_HEAD] = 9;
	assert_int_equal(store_record_unpack(buf_view(&b), &got, &e), -1);
	assert_non_null(strstr(e.text, "version"));
	buf_fini(&b);
}

static void
ids(void **st)
{
	static const uint64_t good[] = { 0, 1, 31, 32, UINT64_MAX,
		0x0123456789abcdef };
	static const char *const bad[] = { "", "0", "00000000000000",
		"g000000000000", "000000000000u", "00000000000-0" };
	char text[STORE_ID_MAX];
	uint64_t id;
	size_t i;

	(void)st;
	for (i = 0; i < N(good); i++) {
		store_record_id_text(good[i], text);
		assert_int_equal(strlen(text), 13);
		assert_int_equal(store_record_id_parse(view_str(text), &id), 0);
		assert_true(id == good[i]);
	}
	assert_int_equal(store_record_id_parse(VIEW("0000000000ABC"), &id), 0);
	for (i = 0; i < N(bad); i++)
		assert_int_equal(store_record_id_parse(view_str(bad[i]), &id),
		    -1);
}

/* The wanted hash comes from python3's hmac. */
static void
addresses(void **st)
{
	static const unsigned char want[8] = { 0x4c, 0x10, 0x06, 0xe5, 0xd6,
		0x6e, 0x0b, 0x0d };
	char path[] = "/tmp/facteur-addr-XXXXXX";
	unsigned char h[8], again[8];
	struct store_addr_key *k;
	struct err e;
	char fp[STORE_ADDR_FP_MAX];
	struct stat sb;
	FILE *f;
	int fd = mkstemp(path), i;

	(void)st;
	f = fdopen(fd, "w");
	for (i = 0; i < 32; i++)
		fprintf(f, "%02x", i);
	fputc('\n', f);
	fclose(f);
	k = store_addr_key_open(path, &e);
	assert_non_null(k);
	for (i = 0; i < 3; i++) {
		store_addr_hash(k, VIEW("user@example.net"), h);
		assert_memory_equal(h, want, 8);
	}
	assert_true(store_addr_shard(h, 16) < 16);
	store_addr_key_close(&k);
	assert_null(k);

	assert_int_equal(unlink(path), 0); /* now one of its own */
	k = store_addr_key_open(path, &e);
	assert_non_null(k);
	assert_int_equal(stat(path, &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
	store_addr_hash(k, VIEW("user@example.net"), h);
	assert_memory_not_equal(h, want, 8);
	strcpy(fp, store_addr_key_fp(k));
	store_addr_key_close(&k);
	k = store_addr_key_open(path, &e); /* and the same again */
	store_addr_hash(k, VIEW("user@example.net"), again);
	assert_memory_equal(h, again, 8);
	assert_string_equal(fp, store_addr_key_fp(k));
	store_addr_key_close(&k);

	f = fopen(path, "w");
	fputs("not a key\n", f);
	fclose(f);
	assert_null(store_addr_key_open(path, &e));
	assert_non_null(strstr(e.text, path));
	unlink(path);
}

static void
seeds(void **st)
{
	(void)st;
	assert_true(seeds_replay("tests/seeds/store_record") >= 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(head),
		cmocka_unit_test(damaged),
		cmocka_unit_test(ids),
		cmocka_unit_test(addresses),
		cmocka_unit_test(seeds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
