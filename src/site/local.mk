noinst_LIBRARIES += libsite.a
libsite_a_SOURCES = \
	%reldir%/bucket.c %reldir%/bucket.h \
	%reldir%/policy.c %reldir%/policy.h \
	%reldir%/rollup.c %reldir%/rollup.h \
	%reldir%/site.c %reldir%/site.h \
	%reldir%/source.c %reldir%/source.h
