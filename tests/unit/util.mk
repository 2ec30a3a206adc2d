# Unit tests of: util.
