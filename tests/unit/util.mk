# Unit tests of: util, and the table of file I/O that other tests stand on.
check_LTLIBRARIES += libsystest.la
libsystest_la_SOURCES = \
	tests/unit/sys-content.c \
	tests/unit/sys-content.h \
	tests/unit/sys-disk.c \
	tests/unit/sys-disk.h \
	tests/unit/sys-fate.h \
	tests/unit/sys-fds.c \
	tests/unit/sys-fds.h \
	tests/unit/sys-model.c \
	tests/unit/sys-model.h \
	tests/unit/sys-pages.c \
	tests/unit/sys-pages.h \
	tests/unit/sys-test.c \
	tests/unit/sys-test.h

check_PROGRAMS += \
	tests/unit/test-parse \
	tests/unit/test-util \
	tests/unit/test-sys-test \
	tests/unit/test-sys-loss
TESTS += \
	tests/unit/test-parse \
	tests/unit/test-util \
	tests/unit/test-sys-test \
	tests/unit/test-sys-loss

tests_unit_test_parse_SOURCES = tests/unit/test-parse.c
tests_unit_test_parse_LDADD = libtiercache.la $(CMOCKA_LIBS)

tests_unit_test_util_SOURCES = tests/unit/test-util.c
tests_unit_test_util_LDADD = libsystest.la libtiercache.la $(CMOCKA_LIBS)

tests_unit_test_sys_test_SOURCES = \
	tests/unit/test-sys-test.c tests/unit/sys-place.h
tests_unit_test_sys_test_LDADD = libsystest.la libtiercache.la $(CMOCKA_LIBS)

tests_unit_test_sys_loss_SOURCES = \
	tests/unit/test-sys-loss.c tests/unit/sys-place.h
tests_unit_test_sys_loss_LDADD = libsystest.la libtiercache.la $(CMOCKA_LIBS)
