#!/usr/bin/env bats
# Proxies and certificates from the environment, and the User-Agent.

load helper
load matrix

setup() {
	setup_lab
	unset no_proxy NO_PROXY CURL_CA_BUNDLE
	make_paths 2 20000
}

teardown() {
	teardown_lab
}

# Names that only the proxy knows.
assert_by_proxy() {
	rm -rf "$T/pool"
	: >"$CACHE_LOG"
	fetch --substituter http://cache.test || return 1
	assert_pool_exact || return 1
	[ "$(log_count '^GET http://cache.test/.*\.narinfo 200 ')" -eq 2 ]
}

assert_direct() {
	rm -rf "$T/pool"
	: >"$CACHE_LOG"
	fetch --substituter "$URL" || return 1
	[ "$(log_count '^GET /.*\.narinfo 200 ')" -eq 2 ]
}

@test "http_proxy, all_proxy and ALL_PROXY are used for http:// caches" {
	start_cache "$T/cache"
	http_proxy=$URL assert_by_proxy
	all_proxy=$URL assert_by_proxy
	ALL_PROXY=$URL assert_by_proxy
}

@test "no_proxy and NO_PROXY name hosts that are reached directly" {
	dead_port
	start_cache "$T/cache"
	export http_proxy=http://127.0.0.1:$DEAD_PORT
	fails_alone "$URL" 6 "connect"
	no_proxy=127.0.0.1 assert_direct
	NO_PROXY=other.test,127.0.0.1 assert_direct
	no_proxy='*' assert_direct
}

@test "HTTP_PROXY is ignored: a web server may have set it" {
	dead_port
	start_cache "$T/cache"
	HTTP_PROXY=http://127.0.0.1:$DEAD_PORT assert_direct
}

@test "a NAR on another host is also fetched through the proxy" {
	start_cache "$T/cache"
	export http_proxy=$URL
	sed -i 's|^URL: |URL: http://nars.test/|' "$(narinfo_of "$T/cache" "$TOP")"
	fetch --substituter http://cache.test
	[ "$(log_count '^GET http://nars.test/nar/.* 200 ')" -eq 1 ]
}

@test "https:// caches are reached through a tunnel, with their own certificates" {
	local tls_port
	make_certificate tls DNS:cache.test
	start_cache "$T/cache" --tls-cert "$T/tls.crt" --tls-key "$T/tls.key"
	tls_port=$PORT
	start_raw tunnel
	export NIX_SSL_CERT_FILE=$T/tls.crt
	local variable
	for variable in https_proxy HTTPS_PROXY all_proxy ALL_PROXY; do
		rm -rf "$T/pool"
		: >"$CACHE_LOG"
		env "$variable=$URL" "$BUILD/nixferry" prefetch "$TOP" --pool "$T/pool" \
			--trusted-public-key "$PUBLIC_KEY" --substituter "https://cache.test:$tls_port"
		assert_pool_exact
		[ "$(log_count "^CONNECT cache.test:$tls_port ")" -ge 1 ]
	done
	# A server there cannot pass with another certificate.
	make_certificate other DNS:cache.test
	export https_proxy=$URL NIX_SSL_CERT_FILE=$T/other.crt
	fails_alone "https://cache.test:$tls_port" 6 "certificate"
}

@test "a proxy that is down is a network failure of each cache" {
	dead_port
	export http_proxy=http://127.0.0.1:$DEAD_PORT
	fails_alone http://cache.test 6 "connect"
}

@test "certificates: NIX_SSL_CERT_FILE takes precedence over SSL_CERT_FILE" {
	make_certificate tls
	make_certificate other
	start_cache "$T/cache" --tls-cert "$T/tls.crt" --tls-key "$T/tls.key"
	URL=https://127.0.0.1:$PORT
	SSL_CERT_FILE=$T/tls.crt fetch --substituter "$URL"
	rm -r "$T/pool"
	NIX_SSL_CERT_FILE=$T/tls.crt SSL_CERT_FILE=$T/other.crt fetch --substituter "$URL"
	export NIX_SSL_CERT_FILE=$T/other.crt SSL_CERT_FILE=$T/tls.crt
	fails_alone "$URL" 6 "certificate"
}

@test "each request has a User-Agent" {
	start_cache "$T/cache" --header-log "$T/headers"
	echo 'user-agent-suffix = for the lab' >"$NIX_CONF_DIR/nix.conf"
	fetch --substituter "$URL"
	[ "$(grep -cE '^/.* User-Agent: nixferry/[0-9.]+[^ ]* .*for the lab$' "$T/headers")" -eq 5 ]
	grep -E '^/.* User-Agent: nixferry/[0-9.]+[^ ]* .*libcurl/[0-9.]+' "$T/headers"
	# NARs come as they are.
	[ "$(grep -c '^/nar/.* Accept-Encoding: identity$' "$T/headers")" -eq 2 ]
}
