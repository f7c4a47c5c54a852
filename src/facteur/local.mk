bin_PROGRAMS += facteur
facteur_SOURCES = %reldir%/main.c %reldir%/socket_path.c %reldir%/socket_path.h
facteur_LDADD = $(LIBS_BASE)
