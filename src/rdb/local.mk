noinst_LIBRARIES += librdb.a
librdb_a_SOURCES = \
	%reldir%/codec.c %reldir%/codec.h \
	%reldir%/reply.c %reldir%/reply.h
