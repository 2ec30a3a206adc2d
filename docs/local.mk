# Manual pages, from POD.
EXTRA_DIST += \
	docs/nbdkit-tiercache-filter.pod \
	docs/nbdkit-tiercache-plugin.pod \
	docs/tiercache-cache-format.pod \
	docs/tiercache-control.pod \
	docs/tiercache-ctl.pod \
	docs/tiercache-service.pod \
	docs/tiercache-sim.pod \
	docs/tiercache-trace-format.pod

if HAVE_POD2MAN
man1_MANS += \
	docs/nbdkit-tiercache-filter.1 \
	docs/nbdkit-tiercache-plugin.1 \
	docs/tiercache-ctl.1 \
	docs/tiercache-sim.1
man5_MANS += \
	docs/tiercache-cache-format.5 \
	docs/tiercache-trace-format.5
man8_MANS += docs/tiercache-service.8
man7_MANS += docs/tiercache-control.7
endif
CLEANFILES += \
	docs/nbdkit-tiercache-filter.1 \
	docs/nbdkit-tiercache-plugin.1 \
	docs/tiercache-ctl.1 \
	docs/tiercache-sim.1 \
	docs/tiercache-cache-format.5 \
	docs/tiercache-control.7 \
	docs/tiercache-trace-format.5 \
	docs/tiercache-service.8

SUFFIXES = .pod .1 .5 .7 .8
pod2man_verbose = $(AM_V_GEN)$(MKDIR_P) $(@D) && rm -f $@ && \
	$(POD2MAN) --utf8 --errors=die --center=tiercache \
	  --release=tiercache-$(VERSION) --name=`basename $< .pod`
.pod.1:
	$(pod2man_verbose) --section=1 $< $@
.pod.5:
	$(pod2man_verbose) --section=5 $< $@
.pod.8:
	$(pod2man_verbose) --section=8 $< $@
.pod.7:
	$(pod2man_verbose) --section=7 $< $@
