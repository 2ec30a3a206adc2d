# The engine: one static library, one folder a concern.
noinst_LTLIBRARIES += libtiercache.la
libtiercache_la_SOURCES =
libtiercache_la_LIBADD = $(LZ4_LIBS) $(XXHASH_LIBS) $(ISAL_LIBS) $(CURL_LIBS) \
	$(LIBNBD_LIBS) $(JANSSON_LIBS)
