check_PROGRAMS += tests/unit/test_dns_answer tests/unit/test_dns
TESTS += tests/unit/test_dns_answer tests/unit/test_dns
tests_unit_test_dns_answer_SOURCES = %reldir%/test_dns_answer.c %reldir%/seeds.h tests/fuzz/fuzz_dns_answer.c
tests_unit_test_dns_answer_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_dns_answer_LDADD = $(LIBS_DNS) $(CMOCKA_LIBS)
# Against the server of the system tests.
tests_unit_test_dns_SOURCES = %reldir%/test_dns.c
tests_unit_test_dns_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_dns_LDADD = $(LIBS_DNS) $(CMOCKA_LIBS)
EXTRA_DIST += tests/seeds/dns_answer tests/system/dnsserver.py
if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_dns_answer
tests_fuzz_fuzz_dns_answer_SOURCES = tests/fuzz/fuzz_dns_answer.c
tests_fuzz_fuzz_dns_answer_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_dns_answer_LDADD = $(LIBS_DNS)
endif
