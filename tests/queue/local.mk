# One file per transition of the queue, a property test over all of them.
QUEUE_TESTS = %reldir%/own.py %reldir%/campaign.py %reldir%/enqueue.py %reldir%/stage.py \
	%reldir%/lease.py %reldir%/settle.py %reldir%/tick.py %reldir%/recover.py \
	%reldir%/expire.py %reldir%/suppress.py %reldir%/find.py %reldir%/crash.py \
	%reldir%/property.py
dist_check_SCRIPTS += $(QUEUE_TESTS)
TESTS += $(QUEUE_TESTS)
EXTRA_DIST += %reldir%/rq.py
