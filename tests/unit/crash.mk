# Unit tests of: crash.  Each is run over the cache's own functions, and over
# devices as the filter and the plugin use them.
crash_work = \
	tests/unit/crash-work.c \
	tests/unit/crash-work.h \
	tests/unit/crash-ways.c
crash_libs = libsystest.la libtiercache.la $(CMOCKA_LIBS)

crash_tests = \
	tests/unit/test-crash \
	tests/unit/test-crash-direct \
	tests/unit/test-crash-fetch \
	tests/unit/test-crash-faults \
	tests/unit/test-crash-faults-direct
check_PROGRAMS += $(crash_tests)
TESTS += $(crash_tests)

tests_unit_test_crash_SOURCES = tests/unit/test-crash.c $(crash_work)
tests_unit_test_crash_LDADD = $(crash_libs)

tests_unit_test_crash_direct_SOURCES = tests/unit/test-crash.c $(crash_work)
tests_unit_test_crash_direct_CPPFLAGS = \
	$(AM_CPPFLAGS) -DCRASH_WAY=crash_way_direct -DCRASH_EVERY=2
tests_unit_test_crash_direct_LDADD = $(crash_libs)

tests_unit_test_crash_fetch_SOURCES = tests/unit/test-crash.c $(crash_work)
tests_unit_test_crash_fetch_CPPFLAGS = \
	$(AM_CPPFLAGS) -DCRASH_WAY=crash_way_fetch -DCRASH_EVERY=3
tests_unit_test_crash_fetch_LDADD = $(crash_libs)

tests_unit_test_crash_faults_SOURCES = \
	tests/unit/test-crash-faults.c $(crash_work)
tests_unit_test_crash_faults_LDADD = $(crash_libs)

tests_unit_test_crash_faults_direct_SOURCES = \
	tests/unit/test-crash-faults.c $(crash_work)
tests_unit_test_crash_faults_direct_CPPFLAGS = \
	$(AM_CPPFLAGS) -DCRASH_WAY=crash_way_direct -DCRASH_EVERY=4
tests_unit_test_crash_faults_direct_LDADD = $(crash_libs)
