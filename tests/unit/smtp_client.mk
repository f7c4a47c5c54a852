check_PROGRAMS += tests/unit/test_smtp_reply
TESTS += tests/unit/test_smtp_reply
tests_unit_test_smtp_reply_SOURCES = %reldir%/test_smtp_reply.c %reldir%/seeds.h tests/fuzz/fuzz_smtp_reply.c
tests_unit_test_smtp_reply_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_smtp_reply_LDADD = $(LIBS_SMTP) $(CMOCKA_LIBS)
EXTRA_DIST += tests/seeds/smtp_reply
if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_smtp_reply
tests_fuzz_fuzz_smtp_reply_SOURCES = tests/fuzz/fuzz_smtp_reply.c
tests_fuzz_fuzz_smtp_reply_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_smtp_reply_LDADD = $(LIBS_SMTP)
endif
check_PROGRAMS += tests/unit/test_smtp_client
TESTS += tests/unit/test_smtp_client
tests_unit_test_smtp_client_SOURCES = %reldir%/test_smtp_client.c %reldir%/client_rows.c %reldir%/client_rows.h
tests_unit_test_smtp_client_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_smtp_client_LDADD = $(LIBS_SMTP) $(CMOCKA_LIBS)
