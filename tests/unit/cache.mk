# Unit tests of: cache.
cache_test_help = \
	tests/unit/test-cache-help.c \
	tests/unit/test-cache-help.h
cache_test_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
cache_test_cflags = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
cache_test_ldadd = libtiercache.la $(CMOCKA_LIBS)

cache_tests = \
	tests/unit/test-cache \
	tests/unit/test-cache-budget \
	tests/unit/test-cache-command \
	tests/unit/test-cache-damage \
	tests/unit/test-cache-memory \
	tests/unit/test-cache-learned \
	tests/unit/test-cache-pin \
	tests/unit/test-cache-sick \
	tests/unit/test-cache-threads \
	tests/unit/test-cache-waits
check_PROGRAMS += $(cache_tests)
TESTS += $(cache_tests)

tests_unit_test_cache_SOURCES = \
	tests/unit/test-cache.c $(cache_test_help)
tests_unit_test_cache_CPPFLAGS = $(cache_test_cppflags)
tests_unit_test_cache_CFLAGS = $(cache_test_cflags)
tests_unit_test_cache_LDADD = $(cache_test_ldadd)

tests_unit_test_cache_budget_SOURCES = \
	tests/unit/test-cache-budget.c $(cache_test_help)
tests_unit_test_cache_budget_CPPFLAGS = $(cache_test_cppflags)
tests_unit_test_cache_budget_CFLAGS = $(cache_test_cflags)
tests_unit_test_cache_budget_LDADD = $(cache_test_ldadd)

tests_unit_test_cache_damage_SOURCES = \
	tests/unit/test-cache-damage.c $(cache_test_help)
tests_unit_test_cache_damage_CPPFLAGS = $(cache_test_cppflags)
tests_unit_test_cache_damage_CFLAGS = $(cache_test_cflags)
tests_unit_test_cache_damage_LDADD = $(cache_test_ldadd)

tests_unit_test_cache_sick_SOURCES = \
	tests/unit/test-cache-sick.c $(cache_test_help)
tests_unit_test_cache_sick_CPPFLAGS = $(cache_test_cppflags)
tests_unit_test_cache_sick_CFLAGS = $(cache_test_cflags)
tests_unit_test_cache_sick_LDADD = $(cache_test_ldadd)

tests_unit_test_cache_threads_SOURCES = \
	tests/unit/test-cache-threads.c $(cache_test_help)
tests_unit_test_cache_threads_CPPFLAGS = $(cache_test_cppflags)
tests_unit_test_cache_threads_CFLAGS = $(cache_test_cflags)
tests_unit_test_cache_threads_LDADD = $(cache_test_ldadd)

tests_unit_test_cache_memory_SOURCES = \
	tests/unit/test-cache-memory.c $(cache_test_help)
tests_unit_test_cache_memory_CPPFLAGS = $(cache_test_cppflags)
tests_unit_test_cache_memory_CFLAGS = $(cache_test_cflags)
tests_unit_test_cache_memory_LDADD = $(cache_test_ldadd)
tests_unit_test_cache_memory_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc -Wl,--wrap=policy_new

tests_unit_test_cache_waits_SOURCES = \
	tests/unit/test-cache-waits.c $(cache_test_help)
tests_unit_test_cache_waits_CPPFLAGS = $(cache_test_cppflags)
tests_unit_test_cache_waits_CFLAGS = $(cache_test_cflags)
tests_unit_test_cache_waits_LDADD = $(cache_test_ldadd)

tests_unit_test_cache_command_SOURCES = \
	tests/unit/test-cache-command.c $(cache_test_help)
tests_unit_test_cache_command_CPPFLAGS = $(cache_test_cppflags)
tests_unit_test_cache_command_CFLAGS = $(cache_test_cflags)
tests_unit_test_cache_command_LDADD = $(cache_test_ldadd)

tests_unit_test_cache_learned_SOURCES = \
	tests/unit/test-cache-learned.c $(cache_test_help)
tests_unit_test_cache_learned_CPPFLAGS = $(cache_test_cppflags)
tests_unit_test_cache_learned_CFLAGS = $(cache_test_cflags)
tests_unit_test_cache_learned_LDADD = $(cache_test_ldadd)
tests_unit_test_cache_pin_SOURCES = \
	tests/unit/test-cache-pin.c $(cache_test_help)
tests_unit_test_cache_pin_CPPFLAGS = $(cache_test_cppflags)
tests_unit_test_cache_pin_CFLAGS = $(cache_test_cflags)
tests_unit_test_cache_pin_LDADD = $(cache_test_ldadd)
