libtiercache_la_SOURCES += \
	lib/trace/check.h \
	lib/trace/decode.c \
	lib/trace/decode.h \
	lib/trace/encode.c \
	lib/trace/encode.h \
	lib/trace/record.h \
	lib/trace/recorder.c \
	lib/trace/recorder.h \
	lib/trace/ring.c \
	lib/trace/ring.h \
	lib/trace/trace-file.c \
	lib/trace/trace-file.h
