bin_PROGRAMS += tools/sim/tiercache-sim
tools_sim_tiercache_sim_SOURCES = \
	tools/sim/cache-exact.c \
	tools/sim/cache-policy.c \
	tools/sim/cache.h \
	tools/sim/heap.c \
	tools/sim/heap.h \
	tools/sim/input.c \
	tools/sim/input.h \
	tools/sim/main.c \
	tools/sim/objects.c \
	tools/sim/objects.h \
	tools/sim/report.c \
	tools/sim/report.h \
	tools/sim/run.c \
	tools/sim/run.h \
	tools/sim/trace.c \
	tools/sim/trace.h \
	tools/sim/trace-reader.h \
	tools/sim/trace-recorded.c
tools_sim_tiercache_sim_CPPFLAGS = $(AM_CPPFLAGS) \
	$(ZLIB_CFLAGS) $(ZSTD_CFLAGS)
tools_sim_tiercache_sim_LDADD = libtiercache.la $(ZLIB_LIBS) $(ZSTD_LIBS)

TESTS += tests/test-sim.sh
EXTRA_DIST += tests/test-sim.sh
