check_PROGRAMS += tests/unit/test_deliver_verdict tests/unit/test_deliver
TESTS += tests/unit/test_deliver_verdict tests/unit/test_deliver
tests_unit_test_deliver_verdict_SOURCES = %reldir%/test_deliver_verdict.c
tests_unit_test_deliver_verdict_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_deliver_verdict_LDADD = libdeliver.a $(LIBS_BASE) $(CMOCKA_LIBS)
# The scheduler in a world of its own: queue, resolver, sessions and loop are
# stood in for at link time, and time is virtual.
tests_unit_test_deliver_SOURCES = %reldir%/test_deliver.c %reldir%/deliver_world.c %reldir%/deliver_world.h \
	%reldir%/deliver_peers.c
tests_unit_test_deliver_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_deliver_LDADD = libdeliver.a libsite.a $(LIBS_BASE) $(CMOCKA_LIBS)
# A session against a scripted peer on loopback; names, queue and contents are
# stood in for.
check_PROGRAMS += tests/unit/test_deliver_session
TESTS += tests/unit/test_deliver_session
tests_unit_test_deliver_session_SOURCES = %reldir%/test_deliver_session.c %reldir%/session_world.c %reldir%/session_world.h \
	%reldir%/session_peer.c %reldir%/session_peer.h
tests_unit_test_deliver_session_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_deliver_session_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=send -Wl,--wrap=recvmsg
tests_unit_test_deliver_session_LDADD = libdeliver.a libsmtp.a $(LIBS_IO) $(IDN2_LIBS) -lunistring $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_deliver_content
TESTS += tests/unit/test_deliver_content
tests_unit_test_deliver_content_SOURCES = %reldir%/test_deliver_content.c
tests_unit_test_deliver_content_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_deliver_content_LDADD = libdeliver.a $(LIBS_MAIL) $(LIBS_IO) $(CMOCKA_LIBS)
