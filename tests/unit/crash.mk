# Unit tests of: crash.
crash_work = \
	tests/unit/crash-cache.c \
	tests/unit/crash-direct.c \
	tests/unit/crash-thing.c \
	tests/unit/crash-thing.h \
	tests/unit/crash-work.c \
	tests/unit/crash-work.h

check_PROGRAMS += tests/unit/test-crash tests/unit/test-crash-faults
TESTS += tests/unit/test-crash tests/unit/test-crash-faults

tests_unit_test_crash_SOURCES = \
	tests/unit/test-crash.c \
	tests/unit/crash-http.c \
	tests/unit/httpd.c \
	tests/unit/httpd.h \
	$(crash_work)
tests_unit_test_crash_LDADD = libsystest.la libtiercache.la $(CMOCKA_LIBS)

tests_unit_test_crash_faults_SOURCES = \
	tests/unit/test-crash-faults.c $(crash_work)
tests_unit_test_crash_faults_LDADD = \
	libsystest.la libtiercache.la $(CMOCKA_LIBS)
