# Unit tests of: policy.
