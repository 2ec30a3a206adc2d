libtiercache_la_SOURCES += \
	lib/fetch/fetch-buffer.c \
	lib/fetch/fetch-internal.h \
	lib/fetch/fetch-run.c \
	lib/fetch/fetch.c \
	lib/fetch/fetch.h \
	lib/fetch/limit.c \
	lib/fetch/limit.h \
	lib/fetch/pool.c \
	lib/fetch/retry.c \
	lib/fetch/retry.h \
	lib/fetch/readahead.h
libtiercache_la_SOURCES += \
	lib/fetch/readahead.c \
	lib/fetch/readahead-run.c \
	lib/fetch/readahead-run.h \
	lib/fetch/readahead-stream.c \
	lib/fetch/readahead-stream.h
