# Unit tests of: control.
check_PROGRAMS += tests/unit/test-control
TESTS += tests/unit/test-control
tests_unit_test_control_SOURCES = \
	tests/unit/test-control.c $(cache_test_help)
tests_unit_test_control_LDADD = libtiercache.la $(CMOCKA_LIBS)
