# Unit tests of: http.
