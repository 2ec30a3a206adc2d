libtiercache_la_SOURCES += \
	lib/origin/file-url.c \
	lib/origin/file.c \
	lib/origin/file.h \
	lib/origin/origin.c \
	lib/origin/origin.h
