# Shell tests over http: real nginx, and a server that misbehaves.
shell_http_tests = \
	tests/test-http-bodies.sh \
	tests/test-http-busy.sh \
	tests/test-http-change-nginx.sh \
	tests/test-http-change.sh \
	tests/test-http-client-leaves.sh \
	tests/test-http-connections.sh \
	tests/test-http-economy.sh \
	tests/test-http-headers.sh \
	tests/test-http-kill.sh \
	tests/test-http-many.sh \
	tests/test-http-offline.sh \
	tests/test-http-proxy.sh \
	tests/test-http-ranges.sh \
	tests/test-http-read.sh \
	tests/test-http-redirect.sh \
	tests/test-http-restart.sh \
	tests/test-http-secrets.sh \
	tests/test-http-slow-connection.sh \
	tests/test-http-stall.sh \
	tests/test-http-status.sh \
	tests/test-http-stop.sh \
	tests/test-http-tls.sh \
	tests/test-http-validators.sh

TESTS += $(shell_http_tests)
EXTRA_DIST += $(shell_http_tests) \
	tests/http.sh \
	tests/misbehave.py \
	tests/misbehaviours.py
