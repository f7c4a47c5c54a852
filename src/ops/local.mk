noinst_LIBRARIES += libops.a
libops_a_SOURCES = \
	%reldir%/account.c %reldir%/account.h \
	%reldir%/cmd_campaign.c %reldir%/cmd_campaign.h \
	%reldir%/cmd_daemon.c %reldir%/cmd_daemon.h \
	%reldir%/cmd_queue.c %reldir%/cmd_queue.h \
	%reldir%/cmd_suppress.c %reldir%/cmd_suppress.h \
	%reldir%/command.c %reldir%/command.h \
	%reldir%/control.c %reldir%/control.h \
	%reldir%/json.c %reldir%/json.h \
	%reldir%/report.c %reldir%/report.h \
	%reldir%/store_text.c %reldir%/store_text.h
