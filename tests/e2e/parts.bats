#!/usr/bin/env bats
# One NAR in several parts: from several caches, over several connections, in several runs.

load helper

setup() {
	setup_lab
}

teardown() {
	teardown_lab
}

fetch() {
	timeout "$(patience 120)" "$BUILD/nixferry" prefetch "$TOP" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" "$@"
}

check_pool() {
	nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" -o "$T/b.bundle"
	nixferry verify "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
}

# make_big_path BYTES [OPTION OF mkcache]...: a path whose NAR is noise, in $T/cache.
make_big_path() {
	head -c "$1" /dev/urandom >"$T/noise"
	add_big_path "$T/cache" "${@:2}"
	NAR=/$(nar_of "$T/cache" "$TOP")
}

add_big_path() {
	TOP=$(mkcache add --cache "$1" --name big --tree "$T/noise" --sign "$T/lab.sec" \
		--input-addressed --compress none "${@:2}")
}

# The engine knows the first cache as a source first. That cache sends NARs once the other one is
# known as well.
FIRST='/nar/*=delay:800' SECOND='*.narinfo=delay:200'

# start_two [OPTION OF cached FOR THE FIRST]... -- [FOR THE SECOND]...: of the same directory.
start_two() {
	local first=()
	while [ "$1" != -- ]; do
		first+=("$1")
		shift
	done
	start_cache "$T/cache" --fault "$FIRST" "${first[@]}"
	A=$URL A_LOG=$CACHE_LOG
	start_cache "$T/cache" --fault "$SECOND" "${@:2}"
	B=$URL B_LOG=$CACHE_LOG
}

# What the first cache does not send is requested from the other.
both() {
	fetch --substituter "$A?priority=1" --substituter "$B?priority=2" "$@"
}

# ---- several caches ----

@test "a transfer that one cache breaks off resumes from another with the same file" {
	make_big_path 3000000
	start_two --fault '/nar/*=truncate:1000000' --
	both
	[ "$(log_count "^GET $NAR " "$A_LOG")" -eq 1 ]
	[ "$(log_count "^GET $NAR 206 [0-9]+ bytes=1000000-" "$B_LOG")" -eq 1 ]
	[ "$(log_count "^GET $NAR " "$B_LOG")" -eq 1 ]
	check_pool
	assert_no_temp_files "$T/pool"
}

@test "files of different encodings are never mixed" {
	make_big_path 3000000
	start_cache "$T/cache" --fault "$FIRST" --fault '/nar/*=truncate:1000000'
	A=$URL
	add_big_path "$T/other" --compress xz
	start_cache "$T/other" --fault "$SECOND"
	B=$URL
	both
	[ "$(log_count "^GET /nar/.*\.xz 200 ")" -eq 1 ]
	[ "$(log_count "^GET /nar/")" -eq 1 ]
	check_pool
	assert_no_temp_files "$T/pool"
}

@test "different files under one FileHash are detected, and the liar is named" {
	make_big_path 3000000
	start_two --fault '/nar/*=truncate:1000000*1' -- --fault '/nar/*=flip:2000000' \
		--fault '/nar/*=delay:900'
	run --separate-stderr both
	[ "$status" -eq 0 ] || fail "$stderr"
	grep -q "from cache '$B'.*wrong" <<<"$stderr" || fail "$stderr"
	! grep -q "from cache '$A'.*wrong" <<<"$stderr"
	check_pool
	assert_no_temp_files "$T/pool"
}

@test "a cache that sends another range is dropped, the other one continues" {
	make_big_path 3000000
	start_two --fault '/nar/*=truncate:1000000*1' -- --fault '/nar/*=wrong-range'
	run --separate-stderr both
	[ "$status" -eq 0 ] || fail "$stderr"
	grep -q "from cache '$B'.*another range" <<<"$stderr" || fail "$stderr"
	[ "$(log_count "^GET $NAR 206 [0-9]+ bytes=1000000-" "$A_LOG")" -eq 1 ]
	check_pool
}

@test "a cache that answers ranges with the whole file is then asked for whole files" {
	make_big_path 3000000
	start_two --fault '/nar/*=truncate:1000000' -- --fault '/nar/*=ignore-range'
	both
	[ "$(log_count "^GET $NAR 200 [0-9]+ -" "$B_LOG")" -eq 1 ]
	check_pool
	assert_no_temp_files "$T/pool"
}

@test "a body that breaks after its last byte is complete" {
	local size
	make_big_path 3000000
	size=$(stat -c %s "$T/cache$NAR")
	start_cache "$T/cache" --fault '/nar/*=chunked' --fault "/nar/*=truncate:$size"
	fetch --substituter "$URL"
	[ "$(log_count "^GET $NAR ")" -eq 1 ]
	check_pool
}

# within SECONDS COMMAND...: it succeeds in that time.
within() {
	local most=$1 start=$EPOCHREALTIME took
	shift
	"$@" || return
	took=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
	[ "$took" -lt "$(patience $((most * 1000)))" ] || fail "it took $took ms"
}

# ---- one NAR from all that have it ----

@test "a large NAR is fetched from two unequal caches in few requests" {
	local requests
	make_big_path 50000000
	start_cache "$T/cache" --rate 12500000 --fault '*=delay:30'
	A=$URL A_LOG=$CACHE_LOG
	start_cache "$T/cache" --rate 1250000 --fault '*=delay:30'
	B=$URL B_LOG=$CACHE_LOG
	fetch --substituter "$A" --substituter "$B"
	[ "$(log_count "^GET $NAR 20[06] " "$A_LOG")" -ge 1 ]
	[ "$(log_count "^GET $NAR 20[06] " "$B_LOG")" -ge 1 ]
	requests=$(cat "$A_LOG" "$B_LOG" | grep -c "^GET $NAR ")
	[ "$requests" -le 30 ] || fail "$requests requests"
	check_pool
	assert_no_temp_files "$T/pool"
}

@test "a NAR is fetched over several connections if the cache limits each of them" {
	make_big_path 12000000
	start_cache "$T/cache" --fault '/nar/*=slow:1000000'
	within 9 fetch --substituter "$URL"
	[ "$(log_count "^GET $NAR 206 ")" -ge 3 ]
	check_pool
	assert_no_temp_files "$T/pool"
}

# ---- what is late ----

# Wait for the one that answers late, even on a busy machine.
wait_for_first_answers() {
	echo 'connect-timeout = 15' >"$NIX_CONF_DIR/nix.conf"
}

@test "a stalled transfer is overtaken by another encoding of the file" {
	make_big_path 12000000
	start_cache "$T/cache" --fault '/nar/*=slow:5000000' --fault '/nar/*=stall:11000000'
	A=$URL
	add_big_path "$T/other" --compress xz
	start_cache "$T/other" --fault "*.narinfo=delay:$(late 1500)"
	B=$URL
	wait_for_first_answers
	within 20 both --connections-per-cache 1
	[ "$(log_count "^GET /nar/.*\.xz 200 ")" -eq 1 ]
	check_pool
	assert_no_temp_files "$T/pool"
}

@test "the end of a stalled file is fetched from another cache" {
	make_big_path 12000000
	start_cache "$T/cache" --fault '/nar/*=slow:5000000' --fault '/nar/*=stall:11000000'
	A=$URL
	start_cache "$T/cache" --fault "*.narinfo=delay:$(late 2300)"
	B=$URL
	wait_for_first_answers
	within 20 both --connections-per-cache 1
	[ "$(log_count "^GET $NAR 206 [0-9]+ bytes=1[01][0-9]{6}-")" -ge 1 ]
	check_pool
	assert_no_temp_files "$T/pool"
}

# ---- without races ----

# The bytes of NARs that both caches sent.
nar_bytes() {
	cat "$A_LOG" "$B_LOG" | awk '$2 ~ "^/nar/" { sum += $4 } END { print sum + 0 }'
}

@test "with --no-race no byte of a NAR is downloaded twice, by another encoding or a cut" {
	local size
	make_big_path 6000000
	size=$(stat -c %s "$T/cache$NAR")
	start_cache "$T/cache" --fault '/nar/*=slow:2000000' --fault '/nar/*=delay:1500'
	A=$URL A_LOG=$CACHE_LOG
	cp -r "$T/cache" "$T/same"
	add_big_path "$T/other" --compress xz
	start_cache "$T/same" --fault '*.narinfo=delay:300'
	B=$URL B_LOG=$CACHE_LOG
	start_cache "$T/other" --fault '*.narinfo=delay:300'
	both --substituter "$URL?priority=3" --no-race
	[ "$(log_count "^GET $NAR " "$A_LOG")" -eq 1 ]
	[ "$(log_count "^GET /nar/")" -eq 0 ]
	[ "$(nar_bytes)" -eq "$size" ] || fail "$(nar_bytes) of $size bytes"
	check_pool
}

@test "with --no-race a broken transfer resumes elsewhere, where it broke off" {
	local size
	make_big_path 3000000
	size=$(stat -c %s "$T/cache$NAR")
	start_two --fault '/nar/*=truncate:1000000' --
	both --no-race
	[ "$(log_count "^GET $NAR 206 [0-9]+ bytes=1000000-" "$B_LOG")" -eq 1 ]
	[ "$(nar_bytes)" -eq "$size" ] || fail "$(nar_bytes) of $size bytes"
	check_pool
}
