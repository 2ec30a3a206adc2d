# Unit tests of: nbd.
check_PROGRAMS += tests/unit/test-nbd-uri
TESTS += tests/unit/test-nbd-uri
tests_unit_test_nbd_uri_SOURCES = tests/unit/test-nbd-uri.c
tests_unit_test_nbd_uri_LDADD = libtiercache.la $(CMOCKA_LIBS)

# Unit tests of: directories.
check_PROGRAMS += tests/unit/test-directory
TESTS += tests/unit/test-directory
tests_unit_test_directory_SOURCES = tests/unit/test-directory.c
tests_unit_test_directory_LDADD = libtiercache.la $(CMOCKA_LIBS)
