# Order matters: one Redis function library is the concatenation of these files.
QUEUE_LUA = %reldir%/lib.lua %reldir%/own.lua %reldir%/campaign.lua %reldir%/base.lua \
	%reldir%/enqueue.lua %reldir%/stage.lua %reldir%/lease.lua %reldir%/settle.lua \
	%reldir%/tick.lua %reldir%/walk.lua %reldir%/expire.lua %reldir%/suppress.lua \
	%reldir%/operator.lua
noinst_LIBRARIES += libqueue.a
libqueue_a_SOURCES = %reldir%/lua.h
nodist_libqueue_a_SOURCES = %reldir%/lua.c
%reldir%/lua.c: $(QUEUE_LUA) %reldir%/embed.awk
	$(AM_V_GEN)$(MKDIR_P) %reldir% && ( cd $(srcdir) && LC_ALL=C $(AWK) -f %reldir%/embed.awk $(QUEUE_LUA) ) > $@.tmp && mv $@.tmp $@
CLEANFILES += %reldir%/lua.c
EXTRA_DIST += $(QUEUE_LUA) %reldir%/embed.awk %reldir%/README.md
