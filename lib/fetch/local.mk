libtiercache_la_SOURCES += \
	lib/fetch/fetch.h \
	lib/fetch/readahead.h
libtiercache_la_SOURCES += \
	lib/fetch/readahead.c \
	lib/fetch/readahead-run.c \
	lib/fetch/readahead-run.h \
	lib/fetch/readahead-stream.c \
	lib/fetch/readahead-stream.h
