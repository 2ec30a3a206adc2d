libtiercache_la_SOURCES += \
	lib/fetch/fetch.h \
	lib/fetch/readahead.h
