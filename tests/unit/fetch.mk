# Unit tests of: fetch.
