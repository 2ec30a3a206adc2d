# libFuzzer targets: built with --enable-fuzz and CC=clang only.

if FUZZ
check_PROGRAMS += tests/fuzz/fuzz-http-reply
tests_fuzz_fuzz_http_reply_SOURCES = tests/fuzz/fuzz-http-reply.c
tests_fuzz_fuzz_http_reply_LDADD = libtiercache.la
tests_fuzz_fuzz_http_reply_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif
