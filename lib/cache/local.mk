libtiercache_la_SOURCES += \
	lib/cache/budget.c \
	lib/cache/bytes.h \
	lib/cache/cache-internal.h \
	lib/cache/cache.c \
	lib/cache/cache.h \
	lib/cache/data.c \
	lib/cache/evict.c \
	lib/cache/health.c \
	lib/cache/index.c \
	lib/cache/list.c \
	lib/cache/load.c \
	lib/cache/objects-file.c \
	lib/cache/objects.c \
	lib/cache/owned.c \
	lib/cache/pieces.c \
	lib/cache/read.c \
	lib/cache/reclaim.c \
	lib/cache/recompress.c \
	lib/cache/recover.c \
	lib/cache/scratch.c \
	lib/cache/slots.c \
	lib/cache/store.c \
	lib/cache/sweep.c
