check_PROGRAMS += tests/unit/test_mail_patch
TESTS += tests/unit/test_mail_patch
tests_unit_test_mail_patch_SOURCES = %reldir%/test_mail_patch.c
tests_unit_test_mail_patch_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_mail_patch_LDADD = $(LIBS_MAIL) $(CMOCKA_LIBS)
