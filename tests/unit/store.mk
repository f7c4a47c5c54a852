check_PROGRAMS += tests/unit/test_store tests/unit/test_store_faults
TESTS += tests/unit/test_store tests/unit/test_store_faults
tests_unit_test_store_SOURCES = %reldir%/test_store.c %reldir%/store_world.c %reldir%/store_world.h
tests_unit_test_store_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_store_LDADD = $(LIBS_STORE) $(CMOCKA_LIBS)
tests_unit_test_store_faults_SOURCES = %reldir%/test_store_faults.c %reldir%/store_world.c %reldir%/store_world.h
tests_unit_test_store_faults_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_store_faults_LDADD = $(LIBS_STORE) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_store_record tests/unit/test_store_journal
TESTS += tests/unit/test_store_record tests/unit/test_store_journal
tests_unit_test_store_record_SOURCES = %reldir%/test_store_record.c %reldir%/seeds.h tests/fuzz/fuzz_store_record.c
tests_unit_test_store_record_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_store_record_LDADD = $(LIBS_STORE) $(CMOCKA_LIBS)
tests_unit_test_store_journal_SOURCES = %reldir%/test_store_journal.c %reldir%/seeds.h tests/fuzz/fuzz_store_journal.c
tests_unit_test_store_journal_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_store_journal_LDADD = $(LIBS_STORE) $(CMOCKA_LIBS)
EXTRA_DIST += tests/seeds/store_record tests/seeds/store_journal
if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_store_record tests/fuzz/fuzz_store_journal
tests_fuzz_fuzz_store_record_SOURCES = tests/fuzz/fuzz_store_record.c
tests_fuzz_fuzz_store_record_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_store_record_LDADD = $(LIBS_STORE)
tests_fuzz_fuzz_store_journal_SOURCES = tests/fuzz/fuzz_store_journal.c
tests_fuzz_fuzz_store_journal_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_store_journal_LDADD = $(LIBS_STORE)
endif
