check_PROGRAMS += tests/unit/test_smtp_address
TESTS += tests/unit/test_smtp_address
tests_unit_test_smtp_address_SOURCES = %reldir%/test_smtp_address.c %reldir%/seeds.h tests/fuzz/fuzz_smtp_address.c
tests_unit_test_smtp_address_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_smtp_address_LDADD = $(LIBS_SMTP) $(CMOCKA_LIBS)
EXTRA_DIST += tests/seeds/smtp_address
if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_smtp_address
tests_fuzz_fuzz_smtp_address_SOURCES = tests/fuzz/fuzz_smtp_address.c
tests_fuzz_fuzz_smtp_address_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_smtp_address_LDADD = $(LIBS_SMTP)
endif
check_PROGRAMS += tests/unit/test_smtp_server
TESTS += tests/unit/test_smtp_server
tests_unit_test_smtp_server_SOURCES = %reldir%/test_smtp_server.c %reldir%/seeds.h %reldir%/smtp_peer.h tests/fuzz/fuzz_smtp_server.c
tests_unit_test_smtp_server_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_smtp_server_LDADD = $(LIBS_SMTP) $(CMOCKA_LIBS)
EXTRA_DIST += tests/seeds/smtp_server
if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_smtp_server
tests_fuzz_fuzz_smtp_server_SOURCES = tests/fuzz/fuzz_smtp_server.c
tests_fuzz_fuzz_smtp_server_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_smtp_server_LDADD = $(LIBS_SMTP)
endif
