libtiercache_la_SOURCES += \
	lib/origin/origin.h
