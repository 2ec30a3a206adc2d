# Unit programs (cmocka) and shell tests; each area has its own file, so
# that areas can be worked on side by side.
if HAVE_CMOCKA
include tests/unit/util.mk
include tests/unit/cache.mk
include tests/unit/crash.mk
include tests/unit/policy.mk
include tests/unit/origin.mk
include tests/unit/http.mk
include tests/unit/nbd.mk
include tests/unit/fetch.mk
include tests/unit/readahead.mk
include tests/unit/device.mk
include tests/unit/trace.mk
include tests/unit/direct.mk
include tests/unit/filter.mk
include tests/unit/control.mk
endif
include tests/bench/local.mk
include tests/fuzz/local.mk
include tests/shell.mk
include tests/shell-http.mk
include tests/shell-nbd.mk
include tests/shell-filter.mk
include tests/shell-package.mk
include tests/shell-trace.mk
include tests/shell-ctl.mk
