libtiercache_la_SOURCES += \
	lib/policy/policy.h
