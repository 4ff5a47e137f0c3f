#!/usr/bin/env bats
# What is known of caches: remembered between runs, and asked for.

load helper

setup() {
	setup_lab
	STATE=$HOME/.local/state/nixferry/caches
}

teardown() {
	local pid
	for pid in "${CACHE_PIDS[@]}"; do
		kill -CONT "$pid" 2>/dev/null || true
	done
	teardown_lab
}

# start_silent_cache: connections are made, nothing is ever answered; sets SILENT.
start_silent_cache() {
	mkdir -p "$T/silent"
	start_cache "$T/silent"
	kill -STOP "${CACHE_PIDS[-1]}"
	SILENT=$URL
}

# A path of some size, signed: $TOP in $T/cache.
make_large_path() {
	mkdir -p "$T/tree"
	head -c 3000000 /dev/urandom >"$T/tree/noise"
	TOP=$(mkcache add --cache "$T/cache" --name large --tree "$T/tree" --sign "$T/lab.sec" \
		--compress none)
}

fetch() {
	nixferry prefetch --trusted-public-key "$PUBLIC_KEY" "$@"
}

# The value of KEY in what is known of the cache URL.
known() {
	awk -v url="URL: $1" -v key="$2: " '
		$0 == url { here = 1 }
		$0 == "" { here = 0 }
		here && index($0, key) == 1 { print substr($0, length(key) + 1) }
	' "$STATE"
}

# ---- between runs ----

@test "a run remembers how fast a cache was, for its user alone" {
	make_large_path
	start_cache "$T/cache" --fault '*=delay:30' --fault '/nar/*=slow:10000000'
	fetch "$TOP" --substituter "$URL"
	[ "$(stat -c %a "$STATE")" = 600 ]
	[ "$(known "$URL" LatencyUs)" -ge 20000 ]
	[ "$(known "$URL" BytesPerSecond)" -ge 1000000 ]
	[ "$(known "$URL" BytesPerSecond)" -le 20000000 ]
	[ $(($(date +%s) - $(known "$URL" AnsweredAt))) -le 5 ]
	[ -z "$(known "$URL" FailedAt)" ]
}

@test "a run remembers which cache refused, and forgets it when it answers" {
	make_small_closure "$T/cache"
	dead_port
	start_cache "$T/cache"
	fetch "$TOP" --substituter "http://127.0.0.1:$DEAD_PORT" --substituter "$URL"
	[ "$(known "http://127.0.0.1:$DEAD_PORT" Unreachable)" = 1 ]
	[[ $(known "http://127.0.0.1:$DEAD_PORT" Failure) == *"onnect"* ]]
	start_cache "$T/cache" --port "$DEAD_PORT"
	fetch "$TOP" --substituter "$URL" --pool "$T/pool"
	[ -z "$(known "$URL" Unreachable)" ]
	[ -n "$(known "$URL" Failure)" ]
}

@test "a cache that never answers costs one connect timeout, and next to nothing the next time" {
	make_small_closure "$T/cache"
	rm "$(narinfo_of "$T/cache" "$DATA")"
	start_silent_cache
	start_cache "$T/cache"
	SECONDS=0
	fails 6 "$(basename "$DATA")" fetch "$TOP" --keep-going --substituter "$SILENT" \
		--substituter "$URL"
	[ "$SECONDS" -ge 4 ] && [ "$SECONDS" -le 8 ]
	[ "$(known "$SILENT" Unreachable)" = 1 ]
	SECONDS=0
	fails 6 "$(basename "$DATA")" fetch "$TOP" --keep-going --substituter "$SILENT" \
		--substituter "$URL"
	[ "$SECONDS" -le 2 ]
}

@test "a cache that never answers is not waited for where others have everything" {
	make_small_closure "$T/cache"
	start_silent_cache
	start_cache "$T/cache"
	SECONDS=0
	fetch "$TOP" --substituter "$SILENT" --substituter "$URL"
	[ "$SECONDS" -le 2 ]
}

@test "where every cache was down, none is given less time" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault '/nix-cache-info=delay:1500'
	first=$URL
	start_cache "$T/cache" --fault '/nix-cache-info=delay:1500'
	mkdir -p "${STATE%/*}"
	for url in "$first" "$URL"; do
		printf 'URL: %s\nFailedAt: %s\nFailure: x\nUnreachable: 1\n\n' "$url" "$(date +%s)"
	done >"$STATE"
	fetch "$TOP" --substituter "$first" --substituter "$URL"
}

@test "what is known does not matter: nonsense, a directory, no home" {
	make_small_closure "$T/cache"
	mkdir -p "${STATE%/*}"
	head -c 100000 /dev/urandom >"$STATE"
	fetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool1"
	rm "$STATE"
	mkdir "$STATE"
	run --separate-stderr fetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool2"
	[ "$status" -eq 0 ]
	[[ $stderr == *"is not kept"* ]]
	env -u HOME -u XDG_STATE_HOME "$BUILD/nixferry" prefetch "$TOP" --pool "$T/pool3" \
		--substituter "file://$T/cache" --trusted-public-key "$PUBLIC_KEY"
}
