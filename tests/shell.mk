# Shell tests: the plugin in a real nbdkit, real clients, file: origins.

# A test that hangs is a failure, after TEST_TIMEOUT seconds.
TEST_TIMEOUT = 300
TEST_EXTENSIONS = .sh
AM_TESTS_ENVIRONMENT = \
	abs_top_srcdir='$(abs_top_srcdir)'; export abs_top_srcdir; \
	abs_top_builddir='$(abs_top_builddir)'; export abs_top_builddir;
LOG_COMPILER = timeout -k 10 $(TEST_TIMEOUT)
SH_LOG_COMPILER = timeout -k 30 $(TEST_TIMEOUT) bash

# The long ones first, so that they run beside the short ones.
shell_tests = \
	tests/test-vm-nbd.sh \
	tests/test-vm-boot.sh \
	tests/test-damage.sh \
	tests/test-bounded.sh \
	tests/test-kill.sh \
	tests/test-admit.sh \
	tests/test-cache-size.sh \
	tests/test-block-sizes.sh \
	tests/test-cache-command.sh \
	tests/test-cache-dir-bad.sh \
	tests/test-cache-disk-full.sh \
	tests/test-cache-key.sh \
	tests/test-ctl-stat.sh \
	tests/test-debug.sh \
	tests/test-default-dir.sh \
	tests/test-documented.sh \
	tests/test-export.sh \
	tests/test-extents-many.sh \
	tests/test-fio.sh \
	tests/test-help.sh \
	tests/test-huge.sh \
	tests/test-image-bad.sh \
	tests/test-nbdfuse.sh \
	tests/test-nbdkit-abort.sh \
	tests/test-no-punch.sh \
	tests/test-offline.sh \
	tests/test-origin-changes.sh \
	tests/test-owner.sh \
	tests/test-parameters.sh \
	tests/test-qemu-img.sh \
	tests/test-read.sh \
	tests/test-reconnect.sh \
	tests/test-restart.sh \
	tests/test-sigterm.sh \
	tests/test-sizes.sh \
	tests/test-stale.sh \
	tests/test-two-clients.sh \
	tests/test-two-images.sh

TESTS += $(shell_tests)
EXTRA_DIST += $(shell_tests) tests/thread-sanitizer.supp \
	tests/functions.sh \
	tests/installed \
	tests/keep-locale.c \
	tests/vm/functions.sh
