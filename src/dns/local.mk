noinst_LIBRARIES += libdns.a
libdns_a_SOURCES = \
	%reldir%/addr.c %reldir%/mx.c \
	%reldir%/answer.c %reldir%/answer.h \
	%reldir%/cache.c %reldir%/cache.h \
	%reldir%/chan.c %reldir%/chan.h \
	%reldir%/dns.c %reldir%/dns.h \
	%reldir%/query.c %reldir%/query.h \
	%reldir%/req.c %reldir%/req.h
