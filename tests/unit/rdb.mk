check_PROGRAMS += tests/unit/test_rdb_codec tests/unit/test_rdb
TESTS += tests/unit/test_rdb_codec tests/unit/test_rdb
tests_unit_test_rdb_codec_SOURCES = %reldir%/test_rdb_codec.c
tests_unit_test_rdb_codec_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_rdb_codec_LDADD = $(LIBS_RDB) $(CMOCKA_LIBS)
tests_unit_test_rdb_SOURCES = %reldir%/test_rdb.c
tests_unit_test_rdb_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_rdb_LDADD = $(LIBS_RDB) $(CMOCKA_LIBS)
