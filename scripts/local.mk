EXTRA_DIST += \
	.ci/run \
	docs/bench.md \
	docs/policy.md \
	scripts/bench \
	scripts/bench.d/boot.py \
	scripts/bench.d/common.sh \
	scripts/bench.d/device.sh \
	scripts/bench.d/drop.py \
	scripts/bench.d/filter.sh \
	scripts/bench.d/fio.py \
	scripts/bench.d/http.sh \
	scripts/bench.d/nginx.conf \
	scripts/bench.d/nginx.py \
	scripts/bench.d/policy.sh \
	scripts/bench.d/reads.py \
	scripts/bench.d/replay.sh \
	scripts/bench.d/sample.py \
	scripts/bench.d/sampled.py \
	scripts/bench.d/scattered.py \
	scripts/bench.d/table.py \
	scripts/check \
	scripts/deps \
	scripts/fuzz \
	scripts/policy-table \
	scripts/policy.d/rivals.py \
	scripts/quickstart \
	scripts/soak
