check_PROGRAMS += tests/unit/test_rdb_codec
TESTS += tests/unit/test_rdb_codec
tests_unit_test_rdb_codec_SOURCES = %reldir%/test_rdb_codec.c
tests_unit_test_rdb_codec_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_rdb_codec_LDADD = $(LIBS_RDB) $(CMOCKA_LIBS)
