libtiercache_la_SOURCES += \
	lib/cache/cache.h
