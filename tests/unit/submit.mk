check_PROGRAMS += tests/unit/test_submit
TESTS += tests/unit/test_submit
# The queue is stood in for at link time.
tests_unit_test_submit_SOURCES = %reldir%/test_submit.c
tests_unit_test_submit_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_submit_LDADD = libsubmit.a libmail.a libsmtp.a $(LIBS_IO) $(OPENDKIM_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) \
	$(IDN2_LIBS) -lunistring $(CMOCKA_LIBS)
