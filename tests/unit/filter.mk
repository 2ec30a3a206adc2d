# Unit tests of: the filter.
check_PROGRAMS += tests/unit/test-filter-exports
TESTS += tests/unit/test-filter-exports
tests_unit_test_filter_exports_SOURCES = \
	filter/exports.c \
	filter/exports.h \
	filter/next.c \
	filter/next.h \
	tests/unit/test-filter-exports.c $(cache_test_help)
tests_unit_test_filter_exports_CPPFLAGS = $(cache_test_cppflags) \
	-I$(top_srcdir)/filter
tests_unit_test_filter_exports_CFLAGS = $(cache_test_cflags)
tests_unit_test_filter_exports_LDADD = $(cache_test_ldadd)
tests_unit_test_filter_exports_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=device_close -Wl,--wrap=device_open_origin
