noinst_LIBRARIES += libconf.a
libconf_a_SOURCES = \
	%reldir%/check.c %reldir%/check.h \
	%reldir%/conf.c %reldir%/conf.h \
	%reldir%/dump.c %reldir%/dump.h \
	%reldir%/load.c %reldir%/load.h \
	%reldir%/scalar.c %reldir%/scalar.h \
	%reldir%/settings.c %reldir%/settings.h \
	%reldir%/text.c %reldir%/text.h \
	%reldir%/value.c %reldir%/value.h \
	%reldir%/verify.c %reldir%/verify.h
