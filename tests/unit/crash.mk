# Unit tests of: crash.
