# libFuzzer targets: built with --enable-fuzz and CC=clang only.

if FUZZ
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
check_PROGRAMS += \
	tests/fuzz/fuzz-cache \
	tests/fuzz/fuzz-control \
	tests/fuzz/fuzz-directory \
	tests/fuzz/fuzz-http-reply \
	tests/fuzz/fuzz-sim \
	tests/fuzz/fuzz-trace \
	tests/fuzz/fuzz-url
tests_fuzz_fuzz_cache_SOURCES = tests/fuzz/fuzz-cache.c
tests_fuzz_fuzz_cache_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit
tests_fuzz_fuzz_cache_LDADD = libsystest.la libtiercache.la
tests_fuzz_fuzz_cache_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_directory_SOURCES = tests/fuzz/fuzz-directory.c
tests_fuzz_fuzz_directory_LDADD = libtiercache.la
tests_fuzz_fuzz_directory_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_control_SOURCES = tests/fuzz/fuzz-control.c
tests_fuzz_fuzz_control_LDADD = libtiercache.la
tests_fuzz_fuzz_control_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_http_reply_SOURCES = tests/fuzz/fuzz-http-reply.c
tests_fuzz_fuzz_http_reply_LDADD = libtiercache.la
tests_fuzz_fuzz_http_reply_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_url_SOURCES = tests/fuzz/fuzz-url.c
tests_fuzz_fuzz_url_LDADD = libtiercache.la
tests_fuzz_fuzz_url_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_sim_SOURCES = tests/fuzz/fuzz-sim.c \
	tools/sim/input.c tools/sim/objects.c tools/sim/trace.c \
	tools/sim/trace-recorded.c
tests_fuzz_fuzz_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools/sim \
	$(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
tests_fuzz_fuzz_sim_LDADD = libtiercache.la $(ZLIB_LIBS) $(ZSTD_LIBS)
tests_fuzz_fuzz_sim_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_trace_SOURCES = tests/fuzz/fuzz-trace.c
tests_fuzz_fuzz_trace_LDADD = libtiercache.la
tests_fuzz_fuzz_trace_LDFLAGS = $(fuzz_ldflags)
endif
EXTRA_DIST += \
	tests/fuzz/corpus-fuzz-control/evict \
	tests/fuzz/corpus-fuzz-control/warm \
	tests/fuzz/seeds.py
