noinst_LIBRARIES += libsmtp.a
libsmtp_a_SOURCES = \
	%reldir%/address.c %reldir%/address.h %reldir%/address_xtext.c \
	%reldir%/server.c %reldir%/server.h %reldir%/server_priv.h \
	%reldir%/server_auth.c %reldir%/server_content.c \
	%reldir%/server_mail.c %reldir%/server_scan.c \
	%reldir%/server_verbs.c
libsmtp_a_SOURCES += %reldir%/reply.c %reldir%/reply.h
libsmtp_a_SOURCES += \
	%reldir%/client.c %reldir%/client.h \
	%reldir%/client_caps.c %reldir%/client_caps.h \
	%reldir%/client_cmd.c %reldir%/client_cmd.h \
	%reldir%/client_hello.c %reldir%/client_hello.h \
	%reldir%/client_state.h \
	%reldir%/client_tx.c %reldir%/client_tx.h \
	%reldir%/client_verdict.c %reldir%/client_verdict.h
