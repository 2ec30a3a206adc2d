# Unit tests of: direct reads of devices.
check_PROGRAMS += tests/unit/test-direct
TESTS += tests/unit/test-direct
tests_unit_test_direct_SOURCES = \
	tests/unit/test-direct.c $(cache_test_help)
tests_unit_test_direct_LDADD = libtiercache.la $(CMOCKA_LIBS)
