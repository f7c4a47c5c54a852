noinst_LIBRARIES += librdb.a
librdb_a_SOURCES = \
	%reldir%/codec.c %reldir%/codec.h \
	%reldir%/functions.c %reldir%/functions.h \
	%reldir%/rdb.c %reldir%/rdb.h \
	%reldir%/reply.c %reldir%/reply.h \
	%reldir%/server.c %reldir%/server.h \
	%reldir%/words.c
