# Programs, one folder each.
bin_PROGRAMS += tools/ctl/tiercache-ctl
tools_ctl_tiercache_ctl_SOURCES = \
	tools/ctl/ctl.c \
	tools/ctl/stat.c \
	tools/ctl/stat.h
tools_ctl_tiercache_ctl_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools/ctl \
	$(JANSSON_CFLAGS)
tools_ctl_tiercache_ctl_LDADD = libtiercache.la $(JANSSON_LIBS)
include tools/sim/local.mk
