# Shell tests of NBD servers as origins.
nbd_shell_tests = \
	tests/test-nbd-hostile.sh \
	tests/test-nbd-holes.sh \
	tests/test-nbd-key.sh \
	tests/test-nbd-read.sh \
	tests/test-nbd-restart.sh \
	tests/test-nbd-stall.sh \
	tests/test-nbd-tls.sh \
	tests/test-nbd-x509.sh
TESTS += $(nbd_shell_tests)
EXTRA_DIST += $(nbd_shell_tests)

# Shell tests of many exports.
export_shell_tests = \
	tests/test-export-leaks.sh \
	tests/test-export-directory.sh \
	tests/test-export-http.sh \
	tests/test-export-named.sh
TESTS += $(export_shell_tests)
EXTRA_DIST += $(export_shell_tests) tests/export.sh
