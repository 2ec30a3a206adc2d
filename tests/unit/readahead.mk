# Unit tests of: readahead.
check_PROGRAMS += tests/unit/test-readahead tests/unit/test-readahead-shut
TESTS += tests/unit/test-readahead tests/unit/test-readahead-shut
tests_unit_test_readahead_SOURCES = \
	tests/unit/test-readahead.c \
	tests/unit/test-readahead-sim.c \
	tests/unit/test-readahead-sim.h
tests_unit_test_readahead_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_readahead_shut_SOURCES = \
	tests/unit/test-readahead-shut.c \
	tests/unit/test-readahead-sim.c \
	tests/unit/test-readahead-sim.h
tests_unit_test_readahead_shut_LDADD = libtiercache.la $(CMOCKA_LIBS)
