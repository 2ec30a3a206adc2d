# What the plugin and the filter share of nbdkit.
nbdkit_sources = \
	plugin/server.c \
	plugin/server.h

# The plugin: callbacks and parameters only.
plugin_LTLIBRARIES = plugin/nbdkit-tiercache-plugin.la
plugin_nbdkit_tiercache_plugin_la_SOURCES = $(nbdkit_sources) \
	plugin/exports.c \
	plugin/exports.h \
	plugin/parameters.c \
	plugin/parameters.h \
	plugin/plugin.c
plugin_nbdkit_tiercache_plugin_la_CPPFLAGS = $(AM_CPPFLAGS) \
	-I$(top_srcdir)/plugin
plugin_nbdkit_tiercache_plugin_la_LDFLAGS = $(AM_LDFLAGS) \
	-module -avoid-version -shared -no-undefined
plugin_nbdkit_tiercache_plugin_la_LIBADD = libtiercache.la
