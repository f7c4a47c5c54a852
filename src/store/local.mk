noinst_LIBRARIES += libstore.a
libstore_a_SOURCES = \
	%reldir%/addr.c %reldir%/addr.h \
	%reldir%/journal.c %reldir%/journal.h \
	%reldir%/record.c %reldir%/record.h \
	%reldir%/store.h
