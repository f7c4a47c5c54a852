noinst_LIBRARIES += libmail.a
libmail_a_SOURCES = \
	%reldir%/base.c %reldir%/base.h \
	%reldir%/class.c %reldir%/class.h \
	%reldir%/dkim.c %reldir%/dkim.h \
	%reldir%/ed25519.c %reldir%/ed25519.h \
	%reldir%/encode.c %reldir%/encode.h \
	%reldir%/header.c %reldir%/header.h \
	%reldir%/patch.c %reldir%/patch.h \
	%reldir%/pem.c %reldir%/pem.h \
	%reldir%/report.c %reldir%/report.h \
	%reldir%/scratch.c %reldir%/scratch.h \
	%reldir%/stage.c \
	%reldir%/undo.c %reldir%/undo.h %reldir%/undo_part.h \
	%reldir%/undo_b64.c %reldir%/undo_qp.c \
	%reldir%/undo_escape.c %reldir%/undo_escape.h \
	%reldir%/undo_wrap.c %reldir%/undo_wrap.h
