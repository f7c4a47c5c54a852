check_PROGRAMS += tests/unit/intake_server
tests_unit_intake_server_SOURCES = %reldir%/intake_server.c
tests_unit_intake_server_LDADD = libintake.a libsmtp.a $(LIBS_IO) $(IDN2_LIBS) $(CRYPT_LIBS) -lunistring
TESTS += %reldir%/test_intake.py
dist_check_SCRIPTS += %reldir%/test_intake.py
