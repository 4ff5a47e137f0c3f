#!/usr/bin/env bats
# --retry-for waits for caches that went away.

load helper

setup() {
	setup_lab
	make_small_closure "$T/cache"
	# Do not wait for the connect timeout either.
	echo 'connect-timeout = 1' >"$NIX_CONF_DIR/nix.conf"
}

teardown() {
	teardown_lab
}

# Stops the cache that was started last.
stop_cache() {
	kill "${CACHE_PIDS[-1]}"
	wait "${CACHE_PIDS[-1]}" 2>/dev/null || true
}

# Starts it again at the same port.
restart_cache() {
	: >"$CACHE_LOG"
	"$BUILD/cached" --with-parent --root "$T/cache" --port "$PORT" --log "$CACHE_LOG" 3>&- &
	CACHE_PIDS+=($!)
}

fetch_ends() {
	wait_for 40 has_ended "$FETCH" || fail "it does not end: $(cat "$T/fetch.out")" || return 1
	ENDED=0
	wait "$FETCH" || ENDED=$?
	FETCH=
	[ "$ENDED" -eq "$1" ] || fail "status $ENDED: $(cat "$T/fetch.out")"
}

@test "a cache that is down at first is waited for" {
	start_cache "$T/cache"
	stop_cache
	start_prefetch "$TOP" --retry-for 30m
	wait_for 20 grep -q "waiting for $URL: .*onnect.*; [0-9]* min left" "$T/fetch.out"
	restart_cache
	fetch_ends 0
	[ "$(log_count '^GET .*narinfo 200')" -eq 5 ]
}

@test "a cache that goes away during the run is waited for" {
	start_cache "$T/cache" --fault '/nar/*=slow:50000'
	start_prefetch "$TOP" --retry-for 1h
	wait_for 20 grep -q '^GET .*narinfo 200' "$CACHE_LOG"
	sleep 0.5
	stop_cache
	wait_for 30 grep -q "waiting for $URL: " "$T/fetch.out"
	restart_cache
	fetch_ends 0
	nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" -o "$T/b.bundle"
}

@test "a server with an outage is waited for, with few requests" {
	echo '*=status:503' >"$T/faults"
	start_cache "$T/cache" --fault-file "$T/faults"
	start_prefetch "$TOP" --retry-for 1h
	wait_for 20 grep -q "waiting for $URL: .*503" "$T/fetch.out"
	[ "$(log_count '^GET ')" -le 12 ] || fail "$(cat "$CACHE_LOG")"
	: >"$T/faults"
	fetch_ends 0
}

@test "a cache that does not come back is given up in time, and reported" {
	start_cache "$T/cache"
	stop_cache
	fails 6 "given up after a long wait" fetch_top --retry-for 3s
}

@test "a cache that denies having a path causes no wait" {
	start_cache "$T/cache" --fault '*=status:401'
	fails 6 "401" timeout 20 "$BUILD/nixferry" prefetch "$TOP" --pool "$T/pool" \
		--substituter "$URL" --trusted-public-key "$PUBLIC_KEY" --retry-for 1h
	start_cache "$T/cache" --fault '/nar/*=status:403'
	fails 3 "403" timeout 20 "$BUILD/nixferry" prefetch "$TOP" --pool "$T/pool" \
		--substituter "$URL" --trusted-public-key "$PUBLIC_KEY" --retry-for 1h
	mkdir "$T/empty"
	start_cache "$T/empty"
	fails 3 "not in any cache" timeout 20 "$BUILD/nixferry" prefetch "$TOP" \
		--pool "$T/pool2" --substituter "$URL" --trusted-public-key "$PUBLIC_KEY" --retry-for 1h
}

@test "a cache is not waited for if another one has everything" {
	dead_port
	start_cache "$T/cache"
	timeout 20 "$BUILD/nixferry" prefetch "$TOP" --pool "$T/pool" --substituter "$URL" \
		--substituter "http://127.0.0.1:$DEAD_PORT" --trusted-public-key "$PUBLIC_KEY" \
		--retry-for 1h
}

@test "an interruption ends the wait within a second" {
	start_cache "$T/cache"
	stop_cache
	start_prefetch "$TOP" --retry-for 1d
	wait_for 20 grep -q "waiting for $URL: .*; 2[34] h [0-9]* min left" "$T/fetch.out"
	kill -INT "$FETCH"
	wait_for 3 has_ended "$FETCH"
	fetch_ends 130
}

@test "without --retry-for the error says how to continue" {
	start_cache "$T/cache"
	stop_cache
	fails 6 "run the same command again; add --retry-for" fetch_top
	for time in 1 2x 0h 40d -1s h 1.5h; do
		fails 2 "retry-for.*: '$time'|'--retry-for'" fetch_top "--retry-for=$time"
	done
}

# ---- reports on caches that did not help ----

@test "the report names a cache that never answers, even if others have everything" {
	start_raw silent
	local silent=$URL
	start_cache "$T/cache"
	run --separate-stderr fetch_top --substituter "$silent"
	[ "$status" -eq 0 ] || fail "$stderr"
	grep -qE "$silent: no answer in [0-9.]+ s$" <<<"$stderr" || fail "$stderr"
	run --separate-stderr fetch_top --substituter "$silent" --pool "$T/pool2" --json
	[ "$(jq -r ".caches[] | select(.url == \"$silent\") | .noAnswerMilliseconds > 0" <<<"$output")" = true ]
}

@test "the report names a cache that stalls on NARs" {
	start_cache "$T/cache" --fault '/nar/*=delay:8000'
	local silent=$URL
	start_cache "$T/cache" --fault '*.narinfo=delay:300'
	run --separate-stderr fetch_top --substituter "$silent?priority=1"
	[ "$status" -eq 0 ] || fail "$stderr"
	grep -qE "$silent.*; no answer to [0-9]+ requests?$" <<<"$stderr" ||
		fail "$stderr"
}

@test "unreachable caches get one line each" {
	local dead=() port
	for _ in 1 2 3; do
		dead_port
		dead+=("http://127.0.0.1:$DEAD_PORT")
	done
	start_cache "$T/cache"
	run --separate-stderr fetch_top --substituter "${dead[0]}" --substituter "${dead[1]}" \
		--substituter "${dead[2]}"
	[ "$status" -eq 0 ] || fail "$stderr"
	for url in "${dead[@]}"; do
		[ "$(grep -c "$url" <<<"$stderr")" -eq 1 ] || fail "$stderr"
	done
}
