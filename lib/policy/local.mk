libtiercache_la_SOURCES += \
	lib/policy/codes.c \
	lib/policy/ghost.c \
	lib/policy/ghost.h \
	lib/policy/internal.h \
	lib/policy/policy.c \
	lib/policy/policy.h \
	lib/policy/saved.c \
	lib/policy/shadow.c \
	lib/policy/shadow.h \
	lib/policy/shadow-image.c \
	lib/policy/shadow-internal.h \
	lib/policy/shadow-view.c \
	lib/policy/victims.c
