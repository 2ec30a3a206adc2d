# Unit tests of: cache.
