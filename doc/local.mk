# The references in the manual pages are printed from the program's tables.
noinst_PROGRAMS += doc/reference
doc_reference_SOURCES = %reldir%/reference.c
doc_reference_LDADD = $(LIBS_ALL)
nodist_man_MANS += doc/facteurd.8 doc/facteur.conf.5 doc/facteur.1
CLEANFILES += doc/facteurd.8 doc/facteur.conf.5 doc/facteur.1
PAGES_IN = %reldir%/facteurd.8.in %reldir%/facteur.conf.5.in %reldir%/facteur.1.in
EXTRA_DIST += $(PAGES_IN) %reldir%/ARCHITECTURE.md
PAGE = $(AM_V_GEN)doc/reference$(EXEEXT) $(srcdir)/$@.in > $@.tmp && mv $@.tmp $@
doc/facteurd.8: doc/reference$(EXEEXT) %reldir%/facteurd.8.in
	$(PAGE)
doc/facteur.conf.5: doc/reference$(EXEEXT) %reldir%/facteur.conf.5.in
	$(PAGE)
doc/facteur.1: doc/reference$(EXEEXT) %reldir%/facteur.1.in
	$(PAGE)
dist_check_SCRIPTS += %reldir%/check_pages.sh
TESTS += %reldir%/check_pages.sh
