#!/usr/bin/env bats
# Caches that are unreachable or stop responding: other caches take over, or the error names the cache.

load helper
load matrix

setup() {
	setup_lab
	make_paths 2
	start_good
}

teardown() {
	teardown_lab
}

both() {
	completes_beside "$1"
	fails_alone "$@"
}

# ---- no connection ----

@test "connection refused" {
	dead_port
	both "http://127.0.0.1:$DEAD_PORT" 6 "connect"
}

@test "a connection that is accepted but never answered" {
	short_timeouts
	start_raw silent
	both "$URL" 6 "too slow|timed out|no answer"
	[ "$SECONDS" -lt "$(patience 30)" ]
}

@test "a connection that is never made: the server's queue is full" {
	short_timeouts
	start_raw full
	both "$URL" 6 "timeout|timed out"
}

# The good cache of the last run did not fail.
good_is_blameless() {
	local n
	n=$(jq --arg url "$GOOD" '.caches[] | select(.url == $url) | .failures' <<<"$output")
	[ "$n" = 0 ] || fail "the good cache failed $n times: $stderr"
}

@test "a cache that is queued after a dead one has not failed" {
	short_timeouts
	start_raw silent
	silent=$URL
	completes_beside "$silent" --connections 1 --json
	good_is_blameless
	start_raw full
	completes_beside "$URL" --connections 1 --json
	good_is_blameless
	run --separate-stderr nixferry caches --connections 1 --json "$silent" "$URL" "$GOOD"
	[ "$(jq -r '[.caches[].state] | join(" ")' <<<"$output")" = "timeout timeout ok" ] ||
		fail "$output"
}

@test "a cache that never answered leaves its connections to others" {
	printf 'connect-timeout = 100\n' >"$NIX_CONF_DIR/nix.conf"
	make_paths 20 1000
	start_raw silent
	# fetch does not wait for it, or it would take too long.
	completes_beside "$URL" --connections 4 --json "${PATHS[@]}"
	good_is_blameless
}

@test "an unknown host name" {
	both http://cache.invalid 6 "resolve"
}

@test "a connection that is reset" {
	start_raw reset
	both "$URL" 6 "reset"
}

@test "a response that is not HTTP" {
	printf 'SSH-2.0-OpenSSH_9.2\r\nand more of it\r\n' >"$T/said"
	start_raw "say:$T/said"
	both "$URL" 6 "HTTP"
}

@test "a response head that never ends" {
	{
		printf 'HTTP/1.1 200 OK\r\n'
		yes "X-Padding: $(printf %01000d 0)" | head -n 2000
	} >"$T/said"
	start_raw "say:$T/said"
	both "$URL" 6 "header|head"
}

# ---- TLS ----

tls_cache() {
	start_cache "$T/cache" --tls-cert "$T/$1.crt" --tls-key "$T/$1.key"
	URL=https://127.0.0.1:$PORT
}

@test "an untrusted certificate" {
	make_certificate tls
	tls_cache tls
	both "$URL" 6 "certificate"
}

@test "a certificate for another host" {
	make_certificate tls DNS:other.test
	tls_cache tls
	export NIX_SSL_CERT_FILE=$T/tls.crt
	both "$URL" 6 "certificate|subject name"
}

@test "an expired certificate" {
	make_certificate tls IP:127.0.0.1 -1
	tls_cache tls
	export NIX_SSL_CERT_FILE=$T/tls.crt
	both "$URL" 6 "expired"
}

@test "plain HTTP to a TLS port, and the other way round" {
	start_cache "$T/cache"
	both "https://127.0.0.1:$PORT" 6 "SSL"
	make_certificate tls
	tls_cache tls
	both "http://127.0.0.1:$PORT" 6 "."
}

# ---- silence and drips ----

@test "a NAR that stalls" {
	short_timeouts
	start_cache "$T/cache" --fault '/nar/*=stall:1000'
	completes_beside "$URL"
	start_cache "$T/cache" --fault '/nar/*=stall:0'
	completes_beside "$URL"
}

@test "a NAR that only trickles is fetched from another cache" {
	short_timeouts 2
	start_cache "$T/cache" --fault '/nar/*=slow:50'
	SECONDS=0
	completes_beside "$URL"
	[ "$SECONDS" -lt "$(patience 20)" ]
	[ "$(log_count '^GET /nar/')" -ge 1 ]
}

@test "a narinfo that only trickles is not waited for" {
	short_timeouts 2
	start_cache "$T/cache" --fault '*.narinfo=slow:20'
	SECONDS=0
	completes_beside "$URL"
	[ "$SECONDS" -lt "$(patience 20)" ]
}

@test "transfers held back by our own limit have not stalled" {
	short_timeouts
	make_paths 2 24000
	run --separate-stderr fetch --substituter "$GOOD" --limit-rate 16K --json
	[ "$status" -eq 0 ] || fail "$stderr"
	[ "$(jq '.caches[0].failures' <<<"$output")" -eq 0 ] || fail "$output"
	assert_pool_exact
}
