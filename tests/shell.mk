# Shell tests: the plugin in a real nbdkit, real clients, file: origins.

# A test that hangs is a failure, after TEST_TIMEOUT seconds.
TEST_TIMEOUT = 300
TEST_EXTENSIONS = .sh
AM_TESTS_ENVIRONMENT = \
	abs_top_srcdir='$(abs_top_srcdir)'; export abs_top_srcdir; \
	abs_top_builddir='$(abs_top_builddir)'; export abs_top_builddir;
LOG_COMPILER = timeout -k 10 $(TEST_TIMEOUT)
SH_LOG_COMPILER = timeout -k 30 $(TEST_TIMEOUT) bash

EXTRA_DIST += \
	tests/functions.sh
