noinst_LIBRARIES += libsubmit.a
libsubmit_a_SOURCES = \
	%reldir%/base.c %reldir%/base.h \
	%reldir%/control.c %reldir%/control.h \
	%reldir%/edit.c %reldir%/edit.h \
	%reldir%/rules.c %reldir%/rules.h \
	%reldir%/submit.c %reldir%/submit.h
