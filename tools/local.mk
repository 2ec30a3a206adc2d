# Programs, one folder each.
bin_PROGRAMS += tools/ctl/tiercache-ctl
tools_ctl_tiercache_ctl_SOURCES = \
	tools/ctl/call.c \
	tools/ctl/call.h \
	tools/ctl/commands.c \
	tools/ctl/commands.h \
	tools/ctl/ctl.c \
	tools/ctl/human.c \
	tools/ctl/human.h \
	tools/ctl/interrupt.c \
	tools/ctl/interrupt.h \
	tools/ctl/local.c \
	tools/ctl/local.h \
	tools/ctl/progress.c \
	tools/ctl/progress.h \
	tools/ctl/range.c \
	tools/ctl/range.h \
	tools/ctl/remote.c \
	tools/ctl/remote.h \
	tools/ctl/show.c \
	tools/ctl/show.h \
	tools/ctl/stat.c \
	tools/ctl/stat.h
tools_ctl_tiercache_ctl_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tools/ctl \
	$(JANSSON_CFLAGS)
tools_ctl_tiercache_ctl_LDADD = libtiercache.la $(JANSSON_LIBS)
include tools/sim/local.mk
