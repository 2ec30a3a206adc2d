libtiercache_la_SOURCES += \
	lib/control/address.c \
	lib/control/address.h \
	lib/control/connection.c \
	lib/control/connection.h \
	lib/control/control.h \
	lib/control/reply.c \
	lib/control/reply.h \
	lib/control/request.c \
	lib/control/run.c \
	lib/control/server.c \
	lib/control/warm.c \
	lib/control/warm.h
