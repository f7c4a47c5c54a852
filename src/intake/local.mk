noinst_LIBRARIES += libintake.a
libintake_a_SOURCES = \
	%reldir%/accept.c \
	%reldir%/auth.c %reldir%/auth.h \
	%reldir%/door.c %reldir%/door.h \
	%reldir%/intake.c %reldir%/intake.h %reldir%/intake_priv.h \
	%reldir%/login.c \
	%reldir%/message.c \
	%reldir%/session.c \
	%reldir%/tenant.c
