# The real daemon against real peers, and the tools that these tests share.
SYSTEM_TESTS = %reldir%/test_smtpcheck.py %reldir%/test_clients.py %reldir%/test_lmtp.py \
	%reldir%/test_campaign.py %reldir%/test_dkim.py %reldir%/test_receivers.py \
	%reldir%/test_bounce.py %reldir%/test_schedule.py %reldir%/test_throttle.py \
	%reldir%/test_control.py %reldir%/test_reload.py %reldir%/test_kill.py
dist_check_SCRIPTS += $(SYSTEM_TESTS)
TESTS += $(SYSTEM_TESTS)
EXTRA_DIST += %reldir%/facteur_test.py %reldir%/receivers.py %reldir%/sink.py \
	%reldir%/fakemx.py %reldir%/smtpcheck.py %reldir%/conf.smtp %reldir%/nm_client.mjs \
	%reldir%/verify_dkim.sh %reldir%/dkim/dv_node.mjs %reldir%/dkim/dv_pm.pl %reldir%/dkim/dv_py.py
