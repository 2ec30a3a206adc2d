libtiercache_la_SOURCES += \
	lib/util/cleanup.h \
	lib/util/error.c \
	lib/util/error.h \
	lib/util/log.c \
	lib/util/log.h \
	lib/util/minmax.h \
	lib/util/mix.h \
	lib/util/parse.c \
	lib/util/parse.h \
	lib/util/stop.c \
	lib/util/stop.h \
	lib/util/sys.c \
	lib/util/sys.h \
	lib/util/yield.c \
	lib/util/yield.h
