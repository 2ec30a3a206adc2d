# Unit tests of: policy.
check_PROGRAMS += tests/unit/test-policy tests/unit/test-policy-choice \
	tests/unit/test-policy-state tests/unit/test-policy-threads \
	tests/unit/test-policy-bounds tests/unit/test-policy-learned \
	tests/unit/test-policy-hot-cold
TESTS += tests/unit/test-policy tests/unit/test-policy-choice \
	tests/unit/test-policy-state tests/unit/test-policy-threads \
	tests/unit/test-policy-bounds tests/unit/test-policy-learned \
	tests/unit/test-policy-hot-cold
tests_unit_test_policy_bounds_SOURCES = tests/unit/test-policy-bounds.c \
	tests/unit/test-policy.h
tests_unit_test_policy_bounds_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_policy_choice_SOURCES = tests/unit/test-policy-choice.c \
	tests/unit/test-policy.h
tests_unit_test_policy_choice_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_policy_SOURCES = tests/unit/test-policy.c \
	tests/unit/test-policy.h
tests_unit_test_policy_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_policy_hot_cold_SOURCES = tests/unit/test-policy-hot-cold.c \
	tests/unit/test-policy.h
tests_unit_test_policy_hot_cold_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_policy_learned_SOURCES = tests/unit/test-policy-learned.c \
	tests/unit/test-policy.h
tests_unit_test_policy_learned_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_policy_state_SOURCES = tests/unit/test-policy-state.c \
	tests/unit/test-policy.h
tests_unit_test_policy_state_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_policy_threads_SOURCES = tests/unit/test-policy-threads.c \
	tests/unit/test-policy.h
tests_unit_test_policy_threads_LDADD = libtiercache.la $(CMOCKA_LIBS)
