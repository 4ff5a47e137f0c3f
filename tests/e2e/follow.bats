#!/usr/bin/env bats
# A large NAR is decoded, verified and unpacked while it arrives. A fault in it, or in the
# transfer, has the same result as when the complete file is read.

load helper

SIZE=6000000

setup() {
	setup_lab
	mkdir "$T/root"
	head -c "$SIZE" /dev/urandom >"$T/noise"
	TOP=$(mkcache add --cache "$T/cache" --name big --tree "$T/noise" --sign "$T/lab.sec" \
		--input-addressed --compress none)
}

teardown() {
	teardown_lab
	umount "$T/root" 2>/dev/null || true
}

into() {
	timeout "$(patience 120)" "$BUILD/nixferry" prefetch "$TOP" --store "$T/root" --pool "$T/pool" \
		--no-local-store --trusted-public-key "$PUBLIC_KEY" "$@"
}

start_into() {
	start_prefetch "$TOP" --store "$T/root" --no-local-store "$@"
}

assert_arrived() {
	cmp "$T/noise" "$T/root$TOP"
	[ "$(valid_paths "$T/root")" = "$TOP" ]
	assert_canonical "$T/root$TOP"
	assert_store_whole "$T/root"
	assert_no_temp_files "$T/pool"
}

# unpacked_has BYTES: the target has at least that much of the file.
unpacked_has() {
	[ -n "$(find "$T/root/nix/store/$UNPACK_DIR" -type f -size "+$(($1 - 1))c" 2>/dev/null)" ]
}

@test "members are unpacked while the rest is still arriving" {
	start_cache "$T/cache" --fault "/nar/*=stall:4500000:$(patience 3)"
	start_into
	wait_for 20 unpacked_has 3000000
	! has_ended "$FETCH"
	assert_nothing_valid "$T/root"
	wait "$FETCH"
	assert_arrived
}

@test "a NAR in the pool is re-encoded while it is streamed" {
	start_cache "$T/cache" --fault '/nar/*=slow:6000000'
	nixferry prefetch "$TOP" --substituter "$URL" --pool "$T/pool" --compress zstd:3 \
		--trusted-public-key "$PUBLIC_KEY"
	nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" -o "$T/b.bundle"
	import_bundle
	cmp "$T/noise" "$T/root$TOP"
	assert_no_temp_files "$T/pool"
}

@test "a wrong byte near the end is found, and the cache is named" {
	start_cache "$T/cache" --fault '/nar/*=slow:6000000' --fault "/nar/*=flip:$((SIZE - 100))"
	fails 5 "cache '$URL': NAR hash" into --substituter "$URL"
	assert_nothing_valid "$T/root"
	assert_store_whole "$T/root"
}

@test "a wrong byte near the beginning is found, and another cache supplies the right one" {
	start_cache "$T/cache" --fault '/nar/*=slow:6000000' --fault "/nar/*=flip:10"
	LIAR=$URL LIAR_LOG=$CACHE_LOG
	start_cache "$T/cache" --fault '*.narinfo=delay:300'
	run --separate-stderr into --substituter "$LIAR?priority=1" --substituter "$URL?priority=2" \
		--connections-per-cache 1
	[ "$status" -eq 0 ] || fail "$stderr"
	[ "$(log_count '^GET /nar/' "$LIAR_LOG")" -gt 0 ]
	grep -q "$LIAR" <<<"$stderr" || fail "the liar is not named: $stderr"
	assert_arrived
}

@test "an interruption does not wait for a stalled transfer" {
	start_cache "$T/cache" --fault '/nar/*=stall:4500000'
	start_into
	wait_for 20 unpacked_has 3000000
	end_by TERM "$FETCH"
	[ "$ENDED" -eq 130 ] || fail "status $ENDED"
	assert_nothing_valid "$T/root"
	assert_store_whole "$T/root"
}

@test "after a kill while unpacking, the next run requests only the rest" {
	start_cache "$T/cache" --fault '/nar/*=stall:4500000*1'
	start_into
	wait_for 20 unpacked_has 3000000
	end_by KILL "$FETCH"
	assert_nothing_valid "$T/root"
	into --substituter "$URL" >"$T/out"
	assert_arrived
	[ "$(log_count '^GET /nar/.* 206 [0-9]+ bytes=[34][0-9]{6}-')" -ge 1 ] ||
		fail "$(cat "$CACHE_LOG")"
}

@test "a file that must restart is read from its beginning" {
	start_cache "$T/cache" --fault '/nar/*=truncate:3000000*1' --fault '/nar/*=no-ranges' \
		--fault '/nar/*=slow:6000000'
	into --substituter "$URL"
	assert_arrived
}

@test "a full disk is reported, and nothing becomes valid" {
	mount_tmpfs "$T/root" size=9m
	start_cache "$T/cache" --fault "/nar/*=stall:4500000:$(patience 3)"
	start_into
	wait_for 20 unpacked_has 3000000
	head -c 5000000 /dev/zero >"$T/root/filler" || true
	status=0
	wait "$FETCH" || status=$?
	[ "$status" -eq 7 ] || fail "status $status: $(cat "$T/fetch.out")"
	[ "$(grep -c 'No space left' "$T/fetch.out")" -eq 1 ] || fail "$(cat "$T/fetch.out")"
	assert_nothing_valid "$T/root"
	[ ! -e "$T/root$TOP" ]
}
