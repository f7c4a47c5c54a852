noinst_LIBRARIES += libsmtp.a
libsmtp_a_SOURCES = \
	%reldir%/address.c %reldir%/address.h
libsmtp_a_SOURCES += %reldir%/reply.c %reldir%/reply.h
