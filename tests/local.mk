# Unit tests and fuzz targets live in a fragment per folder of src/.
include tests/unit/base.mk
include tests/unit/conf.mk
include tests/unit/stats.mk
include tests/unit/io.mk
include tests/unit/dns.mk
include tests/unit/rdb.mk
include tests/unit/smtp_server.mk
include tests/unit/smtp_client.mk
include tests/unit/mail.mk
include tests/unit/store.mk
include tests/unit/submit.mk
include tests/unit/site.mk
include tests/unit/intake.mk
include tests/unit/deliver.mk
include tests/unit/ops.mk
include tests/queue/local.mk
include tests/system/local.mk

LINTS = %reldir%/lint/layers.sh %reldir%/lint/symbols.sh %reldir%/lint/headers.sh %reldir%/lint/sizes.sh
dist_check_SCRIPTS += $(LINTS)
TESTS += $(LINTS)
EXTRA_DIST += %reldir%/lint/order

# The tests that need no daemon and no peers: what the sanitized build runs.
check-unit: $(check_PROGRAMS)
	@$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS="`echo $(TESTS) | tr ' ' '\n' | grep '^tests/unit/' | tr '\n' ' '`"
.PHONY: check-unit
