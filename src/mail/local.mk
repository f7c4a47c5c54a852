noinst_LIBRARIES += libmail.a
libmail_a_SOURCES = \
	%reldir%/base.c %reldir%/base.h \
	%reldir%/header.c %reldir%/header.h \
	%reldir%/patch.c %reldir%/patch.h \
	%reldir%/scratch.c %reldir%/scratch.h \
	%reldir%/undo.c %reldir%/undo.h %reldir%/undo_part.h \
	%reldir%/undo_b64.c %reldir%/undo_qp.c
