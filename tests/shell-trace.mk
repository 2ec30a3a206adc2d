# Shell tests of: recorded traces, their replay, and the simulator beside the
# device.
trace_shell_tests = \
	tests/test-sim-bad.sh \
	tests/test-sim-device.sh \
	tests/test-trace-bad.sh \
	tests/test-trace-record.sh \
	tests/test-trace-replay.sh
TESTS += $(trace_shell_tests)
EXTRA_DIST += $(trace_shell_tests)
