# The filter: callbacks and parameters only.
filter_LTLIBRARIES = filter/nbdkit-tiercache-filter.la
filter_nbdkit_tiercache_filter_la_SOURCES = $(nbdkit_sources) \
	filter/exports.c \
	filter/exports.h \
	filter/filter.c \
	filter/next.c \
	filter/next.h \
	filter/parameters.c \
	filter/parameters.h
filter_nbdkit_tiercache_filter_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-I$(top_srcdir)/filter -I$(top_srcdir)/plugin
filter_nbdkit_tiercache_filter_la_LDFLAGS = $(AM_LDFLAGS) \
	-module -avoid-version -shared -no-undefined
filter_nbdkit_tiercache_filter_la_LIBADD = libtiercache.la
