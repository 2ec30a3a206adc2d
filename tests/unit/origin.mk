# Unit tests of: origin.
check_PROGRAMS += tests/unit/test-origin-fault
TESTS += tests/unit/test-origin-fault
tests_unit_test_origin_fault_SOURCES = \
	tests/unit/fault-origin.c \
	tests/unit/fault-origin.h \
	tests/unit/test-origin-fault.c
tests_unit_test_origin_fault_LDADD = libtiercache.la $(CMOCKA_LIBS)
