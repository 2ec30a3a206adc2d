# Shell tests: tiercache-ctl, on a directory and over the control socket.
shell_ctl_tests = \
	tests/test-ctl-commands.sh \
	tests/test-ctl-pin.sh \
	tests/test-ctl-socket.sh \
	tests/test-ctl-warm.sh

TESTS += $(shell_ctl_tests)
EXTRA_DIST += $(shell_ctl_tests) tests/ctl.sh
