# How Debian packages are made of this.
EXTRA_DIST += \
	debian/changelog \
	debian/control \
	debian/copyright \
	debian/nbdkit-filter-tiercache.install \
	debian/nbdkit-plugin-tiercache.install \
	debian/nbdkit-tiercache.install \
	debian/nbdkit-tiercache.postrm \
	debian/nbdkit-tiercache.prerm \
	debian/not-installed \
	debian/rules \
	debian/source/format \
	debian/tiercache-tools.install \
	debian/tiercache-tools.postrm \
	debian/tiercache-tools.prerm
