# Unit tests of: http.
check_PROGRAMS += \
	tests/unit/test-http-url \
	tests/unit/test-http-reply \
	tests/unit/test-http-open \
	tests/unit/test-http-read \
	tests/unit/test-http-change \
	tests/unit/test-http-redirect \
	tests/unit/test-http-refused \
	tests/unit/test-late \
	tests/unit/test-http-loop \
	tests/unit/test-http-race
TESTS += \
	tests/unit/test-http-url \
	tests/unit/test-http-reply \
	tests/unit/test-http-open \
	tests/unit/test-http-read \
	tests/unit/test-http-change \
	tests/unit/test-http-redirect \
	tests/unit/test-http-refused \
	tests/unit/test-late \
	tests/unit/test-http-loop \
	tests/unit/test-http-race

http_server_sources = \
	tests/unit/http-object.c \
	tests/unit/http-object.h \
	tests/unit/httpd.c \
	tests/unit/httpd.h
http_reader_sources = \
	tests/unit/http-reader.c \
	tests/unit/http-reader.h \
	$(http_server_sources)

tests_unit_test_http_url_SOURCES = tests/unit/test-http-url.c
tests_unit_test_http_url_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_http_reply_SOURCES = tests/unit/test-http-reply.c
tests_unit_test_http_reply_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_http_open_SOURCES = \
	tests/unit/test-http-open.c \
	$(http_server_sources)
tests_unit_test_http_open_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_http_change_SOURCES = \
	tests/unit/test-http-change.c \
	$(http_reader_sources)
tests_unit_test_http_change_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_http_read_SOURCES = \
	tests/unit/test-http-read.c \
	$(http_reader_sources)
tests_unit_test_http_read_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_http_redirect_SOURCES = \
	tests/unit/test-http-redirect.c \
	$(http_server_sources)
tests_unit_test_http_redirect_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_http_loop_SOURCES = \
	tests/unit/test-http-loop.c \
	$(http_reader_sources)
tests_unit_test_http_loop_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_http_loop_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=epoll_ctl
tests_unit_test_http_race_SOURCES = \
	tests/unit/test-http-race.c \
	$(http_server_sources)
tests_unit_test_http_race_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_http_refused_SOURCES = \
	tests/unit/test-http-refused.c \
	$(http_server_sources)
tests_unit_test_http_refused_LDADD = libtiercache.la $(CMOCKA_LIBS)
tests_unit_test_late_SOURCES = \
	tests/unit/test-late.c \
	$(http_server_sources)
tests_unit_test_late_LDADD = libtiercache.la $(CMOCKA_LIBS)
