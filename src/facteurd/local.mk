sbin_PROGRAMS += facteurd
facteurd_SOURCES = %reldir%/main.c
facteurd_LDFLAGS = $(AM_LDFLAGS) -rdynamic
facteurd_LDADD = $(LIBS_ALL)
