check_PROGRAMS += tests/unit/test_io_loop tests/unit/test_io_conn
TESTS += tests/unit/test_io_loop tests/unit/test_io_conn
tests_unit_test_io_loop_SOURCES = %reldir%/test_io_loop.c
tests_unit_test_io_loop_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_loop_LDADD = $(LIBS_IO) $(CMOCKA_LIBS)
# The tests count system calls.
IO_WRAP = -Wl,--wrap=send -Wl,--wrap=recvmsg -Wl,--wrap=recv
tests_unit_test_io_conn_SOURCES = %reldir%/test_io_conn.c %reldir%/io_calls.h
tests_unit_test_io_conn_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_conn_LDFLAGS = $(AM_LDFLAGS) $(IO_WRAP)
tests_unit_test_io_conn_LDADD = $(LIBS_IO) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_io_tls
TESTS += tests/unit/test_io_tls
tests_unit_test_io_tls_SOURCES = %reldir%/test_io_tls.c %reldir%/io_calls.h
tests_unit_test_io_tls_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_io_tls_LDFLAGS = $(AM_LDFLAGS) $(IO_WRAP)
tests_unit_test_io_tls_LDADD = $(LIBS_IO) $(CMOCKA_LIBS)
