check_PROGRAMS += tests/unit/test_mail_patch
TESTS += tests/unit/test_mail_patch
tests_unit_test_mail_patch_SOURCES = %reldir%/test_mail_patch.c
tests_unit_test_mail_patch_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_mail_patch_LDADD = $(LIBS_MAIL) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_mail_class tests/unit/sign
TESTS += tests/unit/test_mail_class
tests_unit_test_mail_class_SOURCES = %reldir%/test_mail_class.c
tests_unit_test_mail_class_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_mail_class_LDADD = $(LIBS_MAIL) $(CMOCKA_LIBS)
# Signs a file, for the verifiers of test_dkim_sign.sh.
tests_unit_sign_SOURCES = %reldir%/sign.c
tests_unit_sign_LDFLAGS = $(AM_LDFLAGS) -rdynamic
tests_unit_sign_LDADD = $(LIBS_MAIL)
dist_check_SCRIPTS += %reldir%/test_dkim_sign.sh
TESTS += %reldir%/test_dkim_sign.sh
