# Unit tests of: origin.
origin_tests = \
	tests/unit/test-origin-fault \
	tests/unit/test-origin-file \
	tests/unit/test-origin-sys \
	tests/unit/test-origin-url
check_PROGRAMS += $(origin_tests)
TESTS += $(origin_tests)

fault_origin_sources = \
	tests/unit/fault-origin.c \
	tests/unit/fault-origin.h
tests_unit_test_origin_fault_SOURCES = \
	tests/unit/test-origin-fault.c $(fault_origin_sources)
tests_unit_test_origin_fault_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_origin_file_SOURCES = \
	tests/unit/test-origin-file.c $(fault_origin_sources)
tests_unit_test_origin_file_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_origin_sys_SOURCES = \
	tests/unit/test-origin-sys.c $(fault_origin_sources)
tests_unit_test_origin_sys_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_origin_url_SOURCES = tests/unit/test-origin-url.c
tests_unit_test_origin_url_LDADD = libtiercache.la $(CMOCKA_LIBS)
