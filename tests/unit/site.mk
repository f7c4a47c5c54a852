check_PROGRAMS += tests/unit/test_site
TESTS += tests/unit/test_site
tests_unit_test_site_SOURCES = %reldir%/test_site.c
tests_unit_test_site_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_site_LDADD = libsite.a $(LIBS_BASE) $(CMOCKA_LIBS)
