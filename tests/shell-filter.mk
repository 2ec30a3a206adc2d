# Shell tests: the filter in a real nbdkit, over its plugins and filters.
shell_filter_tests = \
	tests/test-filter-kill.sh \
	tests/test-filter-plugins.sh \
	tests/test-filter-stacks.sh \
	tests/test-filter-errors.sh \
	tests/test-filter-exports.sh \
	tests/test-filter-once.sh \
	tests/test-filter-parameters.sh \
	tests/test-filter-private.sh \
	tests/test-filter-restart.sh \
	tests/test-filter-ssh.sh \
	tests/test-filter-sigterm.sh

TESTS += $(shell_filter_tests)
EXTRA_DIST += $(shell_filter_tests) tests/filter.sh
