# Unit tests of: device.
check_PROGRAMS += tests/unit/test-device
TESTS += tests/unit/test-device
tests_unit_test_device_SOURCES = \
	tests/unit/test-device.c tests/unit/test-device-help.c \
	tests/unit/test-device-help.h $(cache_test_help)
tests_unit_test_device_LDADD = libtiercache.la $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-device-gone
TESTS += tests/unit/test-device-gone
tests_unit_test_device_gone_SOURCES = \
	tests/unit/test-device-gone.c $(cache_test_help)
tests_unit_test_device_gone_CPPFLAGS = $(cache_test_cppflags)
tests_unit_test_device_gone_CFLAGS = $(cache_test_cflags)
tests_unit_test_device_gone_LDADD = $(cache_test_ldadd)
tests_unit_test_device_gone_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=origin_open

check_PROGRAMS += tests/unit/test-progress
TESTS += tests/unit/test-progress
tests_unit_test_progress_SOURCES = tests/unit/test-progress.c
tests_unit_test_progress_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_progress_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=fetch_stats -Wl,--wrap=stop_now_ns
