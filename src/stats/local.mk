noinst_LIBRARIES += libstats.a
libstats_a_SOURCES = \
	%reldir%/rows.h \
	%reldir%/stats.c %reldir%/stats.h
