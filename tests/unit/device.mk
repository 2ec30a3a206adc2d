# Unit tests of: device.
