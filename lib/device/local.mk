libtiercache_la_SOURCES += \
	lib/device/cache-parameters.c \
	lib/device/cache-parameters.h \
	lib/device/cached.c \
	lib/device/checker.c \
	lib/device/device.c \
	lib/device/device.h \
	lib/device/device-internal.h \
	lib/device/direct.c \
	lib/device/direct.h \
	lib/device/engine.c \
	lib/device/late.c \
	lib/device/late.h \
	lib/device/progress.c \
	lib/device/progress.h \
	lib/device/replay-plan.c \
	lib/device/replay-plan.h \
	lib/device/replay.c \
	lib/device/replay.h \
	lib/device/validity.c
