# What scripts/bench runs; checked to compile with the tests.
check_PROGRAMS += tests/bench/bench-policy
tests_bench_bench_policy_SOURCES = tests/bench/bench-policy.c
tests_bench_bench_policy_LDADD = libtiercache.la
