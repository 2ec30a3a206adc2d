# Unit tests of: fetch.
check_PROGRAMS += tests/unit/test-limit
TESTS += tests/unit/test-limit
tests_unit_test_limit_SOURCES = tests/unit/test-limit.c
tests_unit_test_limit_LDADD = libtiercache.la $(CMOCKA_LIBS)
