libtiercache_la_SOURCES += \
	lib/origin/file-url.c \
	lib/origin/file.c \
	lib/origin/file.h \
	lib/origin/origin.c \
	lib/origin/origin.h

libtiercache_la_SOURCES += \
	lib/origin/http-client.c \
	lib/origin/http-client.h \
	lib/origin/http-failure.c \
	lib/origin/http-failure.h \
	lib/origin/http-loop.c \
	lib/origin/http-loop.h \
	lib/origin/http-pace.c \
	lib/origin/http-pace.h \
	lib/origin/http-race.c \
	lib/origin/http-race.h \
	lib/origin/http-reply.c \
	lib/origin/http-reply.h \
	lib/origin/http-transfer.c \
	lib/origin/http-transfer.h \
	lib/origin/http-url.c \
	lib/origin/http-url.h \
	lib/origin/http-verdict.c \
	lib/origin/http-verdict.h \
	lib/origin/http-version.c \
	lib/origin/http-version.h \
	lib/origin/http.c \
	lib/origin/http.h

libtiercache_la_SOURCES += \
	lib/origin/nbd-failure.c \
	lib/origin/nbd-failure.h \
	lib/origin/nbd-link.c \
	lib/origin/nbd-link.h \
	lib/origin/nbd-uri.c \
	lib/origin/nbd-uri.h \
	lib/origin/nbd-wire.c \
	lib/origin/nbd-wire.h \
	lib/origin/nbd.c \
	lib/origin/nbd.h

libtiercache_la_SOURCES += \
	lib/origin/directory-http.c \
	lib/origin/directory-parse.c \
	lib/origin/directory.c \
	lib/origin/directory.h
