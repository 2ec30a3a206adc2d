# Not built, but part of the source: the two commands and their helpers.
EXTRA_DIST += \
	.ci/run \
	scripts/check \
	scripts/deps \
	scripts/fuzz \
	scripts/quickstart \
	scripts/soak
