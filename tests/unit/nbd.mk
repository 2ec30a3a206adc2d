# Unit tests of: nbd.
check_PROGRAMS += tests/unit/test-nbd-uri
TESTS += tests/unit/test-nbd-uri
tests_unit_test_nbd_uri_SOURCES = tests/unit/test-nbd-uri.c
tests_unit_test_nbd_uri_LDADD = libtiercache.la $(CMOCKA_LIBS)
