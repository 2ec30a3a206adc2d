# Unit tests of: fetch.
check_PROGRAMS += tests/unit/test-limit
TESTS += tests/unit/test-limit
tests_unit_test_limit_SOURCES = tests/unit/test-limit.c
tests_unit_test_limit_LDADD = libtiercache.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-fetch
TESTS += tests/unit/test-fetch
fetch_world = \
	tests/unit/fake-cache.c \
	tests/unit/fake-cache.h \
	tests/unit/fault-origin.c \
	tests/unit/fault-origin.h \
	tests/unit/test-fetch-world.c \
	tests/unit/test-fetch-world.h
tests_unit_test_fetch_SOURCES = tests/unit/test-fetch.c $(fetch_world)
tests_unit_test_fetch_LDADD = libtiercache.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-fetch-errors
TESTS += tests/unit/test-fetch-errors
tests_unit_test_fetch_errors_SOURCES = \
	tests/unit/test-fetch-errors.c $(fetch_world)
tests_unit_test_fetch_errors_LDADD = libtiercache.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-fetch-race
TESTS += tests/unit/test-fetch-race
tests_unit_test_fetch_race_SOURCES = \
	tests/unit/test-fetch-race.c $(fetch_world)
tests_unit_test_fetch_race_LDADD = libtiercache.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-fetch-memory
TESTS += tests/unit/test-fetch-memory
tests_unit_test_fetch_memory_SOURCES = \
	tests/unit/test-fetch-memory.c $(fetch_world)
tests_unit_test_fetch_memory_LDADD = libtiercache.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-fetch-threads
TESTS += tests/unit/test-fetch-threads
tests_unit_test_fetch_threads_SOURCES = \
	tests/unit/test-fetch-threads.c $(fetch_world)
tests_unit_test_fetch_threads_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_fetch_threads_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=pthread_create

check_PROGRAMS += tests/unit/test-fetch-own
TESTS += tests/unit/test-fetch-own
tests_unit_test_fetch_own_SOURCES = \
	tests/unit/test-fetch-own.c $(fetch_world)
tests_unit_test_fetch_own_LDADD = libtiercache.la $(CMOCKA_LIBS)
