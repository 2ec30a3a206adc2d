# Unit tests of: cache.
cache_test_help = \
	tests/unit/fake-policy.c \
	tests/unit/test-cache-help.c \
	tests/unit/test-cache-help.h

check_PROGRAMS += tests/unit/test-cache
TESTS += tests/unit/test-cache
tests_unit_test_cache_SOURCES = \
	tests/unit/test-cache.c $(cache_test_help)
tests_unit_test_cache_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
tests_unit_test_cache_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_test_cache_LDADD = libtiercache.la $(CMOCKA_LIBS)
