# Unit tests of: traces, their recorder, and what is replayed in which order.
trace_tests = \
	tests/unit/test-trace \
	tests/unit/test-recorder \
	tests/unit/test-replay-plan \
	tests/unit/test-replay \
	tests/unit/test-fetch-replay
check_PROGRAMS += $(trace_tests)
TESTS += $(trace_tests)

tests_unit_test_trace_SOURCES = tests/unit/test-trace.c
tests_unit_test_trace_LDADD = libtiercache.la $(CMOCKA_LIBS)

tests_unit_test_recorder_SOURCES = tests/unit/test-recorder.c
tests_unit_test_recorder_LDADD = libsystest.la libtiercache.la $(CMOCKA_LIBS)

tests_unit_test_replay_plan_SOURCES = tests/unit/test-replay-plan.c
tests_unit_test_replay_plan_LDADD = libtiercache.la $(CMOCKA_LIBS)

tests_unit_test_replay_SOURCES = \
	tests/unit/test-replay.c tests/unit/test-device-help.c \
	tests/unit/test-device-help.h $(cache_test_help)
tests_unit_test_replay_LDADD = libtiercache.la $(CMOCKA_LIBS)

tests_unit_test_fetch_replay_SOURCES = \
	tests/unit/test-fetch-replay.c $(fetch_world)
tests_unit_test_fetch_replay_LDADD = libtiercache.la $(CMOCKA_LIBS)
