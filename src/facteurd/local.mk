sbin_PROGRAMS += facteurd
facteurd_SOURCES = \
	%reldir%/daemon.c %reldir%/daemon.h \
	%reldir%/keys.c %reldir%/keys.h \
	%reldir%/main.c \
	%reldir%/privs.c %reldir%/privs.h
facteurd_LDFLAGS = $(AM_LDFLAGS) -rdynamic
facteurd_LDADD = $(LIBS_ALL)
