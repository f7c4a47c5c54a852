noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	%reldir%/buf.c %reldir%/buf.h \
	%reldir%/bug.c %reldir%/bug.h \
	%reldir%/clock.c %reldir%/clock.h \
	%reldir%/err.c %reldir%/err.h \
	%reldir%/list.h \
	%reldir%/log.c %reldir%/log.h \
	%reldir%/mem.c %reldir%/mem.h \
	%reldir%/rand.c %reldir%/rand.h \
	%reldir%/view.c %reldir%/view.h
