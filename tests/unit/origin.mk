# Unit tests of: origin.
