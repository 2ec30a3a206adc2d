# Shell tests of what a package has beside programs.  The packages themselves
# take longer, and the network: scripts/check package runs test-package.sh.
package_shell_tests = \
	tests/test-completion.sh \
	tests/test-serve.sh
TESTS += $(package_shell_tests)
EXTRA_DIST += $(package_shell_tests) \
	tests/machine.sh \
	tests/test-package.sh
