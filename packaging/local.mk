# What a package has beside programs: units, a user, an example, completion.
# All of it goes below the prefix unless told otherwise: systemd and
# bash-completion look in /usr/local, too.
systemdsystemunit_DATA = packaging/tiercache@.service
dist_systemdsystemunit_DATA = packaging/tiercache@.socket
sysusersdir = $(prefix)/lib/sysusers.d
confdir = $(sysconfdir)/tiercache
dist_conf_DATA = packaging/example.conf
servicedir = $(libexecdir)/tiercache
service_SCRIPTS = packaging/serve

# Installed under another name.
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)' '$(DESTDIR)$(bashcompletiondir)'
	$(INSTALL_DATA) $(srcdir)/packaging/tiercache.sysusers \
	  '$(DESTDIR)$(sysusersdir)/tiercache.conf'
	for program in tiercache-ctl tiercache-sim; do \
	  $(INSTALL_DATA) $(srcdir)/packaging/tiercache.bash \
	    "$(DESTDIR)$(bashcompletiondir)/$$program" || exit 1; \
	done

uninstall-local:
	rm -f '$(DESTDIR)$(sysusersdir)/tiercache.conf' \
	  '$(DESTDIR)$(bashcompletiondir)/tiercache-ctl' \
	  '$(DESTDIR)$(bashcompletiondir)/tiercache-sim'

# The brackets keep configure's hands off them.
packaging_with_dirs = $(AM_V_GEN)$(MKDIR_P) $(@D) && sed \
	-e 's,[@]libexecdir@,$(libexecdir),g' \
	-e 's,[@]plugindir@,$(plugindir),g' \
	-e 's,[@]sysconfdir@,$(sysconfdir),g'
packaging/tiercache@.service: packaging/tiercache@.service.in Makefile
	$(packaging_with_dirs) $(srcdir)/packaging/tiercache@.service.in >$@.tmp
	$(AM_V_at)mv $@.tmp $@
packaging/serve: packaging/serve.in Makefile
	$(packaging_with_dirs) $(srcdir)/packaging/serve.in >$@.tmp
	$(AM_V_at)chmod 755 $@.tmp && mv $@.tmp $@

CLEANFILES += packaging/tiercache@.service packaging/serve
EXTRA_DIST += \
	packaging/serve.in \
	packaging/tiercache.bash \
	packaging/tiercache.sysusers \
	packaging/tiercache@.service.in
