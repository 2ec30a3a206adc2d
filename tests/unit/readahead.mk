# Unit tests of: readahead.
