#!/usr/bin/env bats
# Caches that change during a run: they return, go away, lose files, or turn out to lie.

load helper
load matrix

setup() {
	setup_lab
}

teardown() {
	teardown_lab
}

# ---- coming back ----

@test "a cache that fails at first is used again once it works" {
	make_paths 4
	start_cache "$T/cache" --fault '/nix-cache-info=status:500*1' \
		--fault '/nar/*=status:502*3' --fault '/nar/*=refuse*1@4'
	fetch --substituter "$URL"
	assert_pool_exact
}

@test "a cache that is down for a second during the run is waited for" {
	local port log pid
	make_paths 6 200000
	start_cache "$T/cache" --fault '/nar/*=slow:150000'
	port=$PORT log=$CACHE_LOG
	fetch --substituter "$URL" 3>&- &
	pid=$!
	wait_for 20 grep -q '^GET /nar/' "$log"
	kill -KILL "${CACHE_PIDS[-1]}"
	sleep 1
	start_cache "$T/cache" --port "$port"
	wait "$pid"
	assert_pool_exact
}

@test "a cache that works again gets its share" {
	make_paths 8 100000
	start_good --fault '/nar/*=slow:100000'
	start_cache "$T/cache" --fault '/nar/*=status:500*3'
	completes_beside "$URL"
	[ "$(log_count '^GET /nar/.* 20[06] ')" -ge 1 ]
}

# ---- going away ----

# gone_in_midrun COMMAND...: runs the command on the process of a cache while NARs arrive from it.
gone_in_midrun() {
	local pid
	make_paths 6 200000
	start_good --fault '*.narinfo=delay:800'
	start_cache "$T/cache" --fault '/nar/*=slow:100000'
	fetch --substituter "$URL?priority=1" --substituter "$GOOD?priority=50" --json \
		>"$T/out" 2>"$T/err" 3>&- &
	pid=$!
	wait_for 20 grep -q '^GET /nar/' "$CACHE_LOG"
	sleep 0.3
	"$@" "${CACHE_PIDS[-1]}"
	wait "$pid" || fail "$(cat "$T/err")" || return 1
	assert_pool_exact || return 1
	[ "$(log_count '^GET /nar/' "$GOOD_LOG")" -ge 1 ]
}

@test "one of two caches goes away during the run" {
	gone_in_midrun kill -KILL
	jq -e --arg url "$URL" '.caches[] | select(.url == $url) | .failures >= 1' "$T/out"
	# The bytes that it sent are not fetched again.
	[ "$(log_count '^GET /nar/.* 206 ' "$GOOD_LOG")" -ge 1 ]
}

@test "a cache stalls during the run" {
	short_timeouts
	gone_in_midrun kill -STOP
}

@test "the only cache goes away during the run" {
	local pid ended=0
	make_paths 1 300000
	start_cache "$T/cache" --fault '/nar/*=slow:100000'
	fetch --substituter "$URL" 2>"$T/err" 3>&- &
	pid=$!
	wait_for 20 grep -q '^GET /nar/' "$CACHE_LOG"
	kill -KILL "${CACHE_PIDS[-1]}"
	wait "$pid" || ended=$?
	[ "$ended" -eq 6 ] || fail "$ended: $(cat "$T/err")"
	tail -n 1 "$T/err" | grep -qE "path '.*': cache '$URL': .*(connect|transfer closed)" || fail "$(cat "$T/err")"
}

# ---- lies ----

@test "a cache that lied three times is dropped and reported" {
	make_paths 8 100000
	start_good --fault '/nar/*=slow:400000'
	start_cache "$T/cache" --fault '/nar/*=garbage'
	completes_beside "$URL" --json
	grep -q "cache '$URL' is not used: " <<<"$stderr"
	jq -e --arg url "$URL" '.caches[] | select(.url == $url) | .failuresByKind.wrong >= 3 and
		.nars == 0 and (.leftOut | length > 0)' <<<"$output"
	jq -e --arg url "$GOOD" '.caches[] | select(.url == $url) | .failures == 0 and
		.leftOut == null' <<<"$output"
}

@test "two lies are forgiven" {
	make_paths 6 100000
	start_good
	start_cache "$T/cache" --fault '/nar/*=garbage*2'
	completes_beside "$URL" --json
	run ! grep -q "is not used" <<<"$stderr"
	jq -e --arg url "$URL" '.caches[] | select(.url == $url) | .failuresByKind.wrong == 2 and
		.nars >= 1 and .leftOut == null' <<<"$output"
}

# ---- NARs that are gone ----

@test "a NAR that a cache has lost is fetched from another" {
	make_paths 3
	start_good
	cp -r "$T/cache" "$T/swept"
	rm "$T/swept/$(nar_of "$T/cache" "$TOP")"
	start_cache "$T/swept"
	completes_beside "$URL"
	fails_alone "$URL" 3 "status 404"
}

# moved: $T/moved has the same NARs at other URLs; the old URLs get 404.
make_moved() {
	local info
	cp -r "$T/cache" "$T/moved"
	mkdir "$T/moved/new"
	mv "$T/moved/nar"/* "$T/moved/new"
	for info in "$T/moved"/*.narinfo; do
		sed -i 's|^URL: nar/|URL: new/|' "$info"
	done
}

# stale_narinfos: faults for a cache whose first answer to each is an old narinfo.
stale_narinfos() {
	local path
	STALE=()
	for path in "${PATHS[@]}"; do
		STALE+=(--fault "/$(hash_part "$path").narinfo=body:$(narinfo_of "$T/cache" "$path")*1")
	done
}

@test "a NAR whose URL has changed is found by querying its narinfo again" {
	make_paths 3
	make_moved
	stale_narinfos
	start_cache "$T/moved" --header-log "$T/headers" "${STALE[@]}"
	run --separate-stderr fetch --substituter "$URL" --json
	[ "$status" -eq 0 ] || fail "$stderr"
	assert_pool_exact
	[ "$(log_count '^GET /nar/.* 404 ')" -eq 3 ]
	[ "$(log_count '^GET /new/.* 200 ')" -eq 3 ]
	[ "$(log_count 'narinfo')" -eq 6 ]
	# No proxy may answer in place of the cache.
	[ "$(grep -c 'narinfo Cache-Control: no-cache' "$T/headers")" -eq 3 ]
}

@test "the narinfo is requested again once, not forever" {
	make_paths 1
	rm -r "$T/cache/nar"
	start_cache "$T/cache"
	fails_alone "$URL" 3 "status 404"
	[ "$(log_count '\.narinfo')" -eq 2 ]
	[ "$(log_count '^GET /nar/')" -eq 1 ]
	# The same if each answer has another URL.
	cp -r "$T/cache" "$T/moved"
	sed -i 's|^URL: nar/|URL: new/|' "$T/moved"/*.narinfo
	stale_narinfos
	start_cache "$T/moved" "${STALE[@]}"
	fails_alone "$URL" 3 "status 404"
	[ "$(log_count '\.narinfo')" -eq 2 ]
	[ "$(log_count '^GET /new/')" -eq 1 ]
}

@test "a narinfo that disappeared with its NAR counts as missing" {
	make_paths 1
	start_cache "$T/cache" --fault '/nar/*=status:404' --fault '*.narinfo=status:404@1'
	fails_alone "$URL" 3 "status 404"
}

@test "a second narinfo must be trusted as well, and have the same metadata" {
	make_paths 1
	make_moved
	stale_narinfos
	cp -r "$T/moved" "$T/unsigned"
	sed -i '/^Sig:/d' "$T/unsigned"/*.narinfo
	start_cache "$T/unsigned" "${STALE[@]}"
	fails_alone "$URL" 3 "status 404"
	[ "$(log_count '^GET /new/')" -eq 0 ]
}

@test "a changed encoding is accepted" {
	make_paths 1 300000
	local raw=$T/cache/$(nar_of "$T/cache" "$TOP") info
	cp -r "$T/cache" "$T/moved"
	rm "$T/moved/nar"/*
	zstd -q "$raw" -o "$T/moved/nar/other.nar.zst"
	info=$(narinfo_of "$T/moved" "$TOP")
	sed -i -e 's|^URL: .*|URL: nar/other.nar.zst|' -e 's|^Compression: .*|Compression: zstd|' \
		-e '/^FileHash/d' -e "s|^FileSize: .*|FileSize: $(stat -c %s "$T/moved/nar/other.nar.zst")|" \
		"$info"
	stale_narinfos
	start_cache "$T/moved" "${STALE[@]}"
	fetch --substituter "$URL"
	assert_pool_exact
}
