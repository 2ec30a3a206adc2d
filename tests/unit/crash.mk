# Unit tests of: crash.
crash_work = tests/unit/crash-work.c tests/unit/crash-work.h

check_PROGRAMS += tests/unit/test-crash tests/unit/test-crash-faults
TESTS += tests/unit/test-crash tests/unit/test-crash-faults

tests_unit_test_crash_SOURCES = tests/unit/test-crash.c $(crash_work)
tests_unit_test_crash_LDADD = libsystest.la libtiercache.la $(CMOCKA_LIBS)

tests_unit_test_crash_faults_SOURCES = \
	tests/unit/test-crash-faults.c $(crash_work)
tests_unit_test_crash_faults_LDADD = \
	libsystest.la libtiercache.la $(CMOCKA_LIBS)
