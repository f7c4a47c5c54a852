noinst_LIBRARIES += libdeliver.a
libdeliver_a_SOURCES = \
	%reldir%/bounce.c %reldir%/bounce.h \
	%reldir%/deliver.c %reldir%/deliver.h \
	%reldir%/domain.c %reldir%/domain.h \
	%reldir%/drain.c %reldir%/drain.h \
	%reldir%/expiry.c %reldir%/expiry.h \
	%reldir%/fail.c %reldir%/fail.h \
	%reldir%/heap.c %reldir%/heap.h \
	%reldir%/info.c %reldir%/info.h \
	%reldir%/item.c %reldir%/item.h \
	%reldir%/job.h \
	%reldir%/lane.c %reldir%/lane.h \
	%reldir%/lease.c %reldir%/lease.h \
	%reldir%/open.c %reldir%/open.h \
	%reldir%/peer.c %reldir%/peer.h \
	%reldir%/place.c %reldir%/place.h \
	%reldir%/sched.c %reldir%/sched.h \
	%reldir%/settle.c %reldir%/settle.h \
	%reldir%/turn.c %reldir%/turn.h \
	%reldir%/verdict.c %reldir%/verdict.h
libdeliver_a_SOURCES += \
	%reldir%/base.c %reldir%/base.h \
	%reldir%/batch.c %reldir%/batch.h \
	%reldir%/content.c %reldir%/content.h \
	%reldir%/hop.c %reldir%/hop.h \
	%reldir%/session.c %reldir%/session.h \
	%reldir%/session_priv.h \
	%reldir%/session_talk.c %reldir%/session_talk.h \
	%reldir%/sign.c %reldir%/sign.h
