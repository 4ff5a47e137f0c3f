#!/usr/bin/env bats
# After a kill at any moment, the same command resumes: no complete file is fetched again, partial
# downloads continue, target stores stay valid.

load helper

setup() {
	setup_lab
}

teardown() {
	teardown_lab
}

fetch() {
	nixferry prefetch "$TOP" --substituter "$URL" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" "$@"
}

in_pool() {
	find "$T/pool" -maxdepth 1 -name '*.narinfo' | wc -l
}

pool_has() {
	[ "$(in_pool)" -ge "$1" ]
}

partial_bytes() {
	find "$T/pool/tmp" -name '*.part' -printf '%s\n' 2>/dev/null | sort -n | tail -n 1
}

partial_has() {
	[ "$(partial_bytes)" -ge "$1" ] 2>/dev/null
}

# One path whose NAR is 3 MB of noise, and that NAR's URL path.
make_big_path() {
	head -c 3000000 /dev/urandom >"$T/noise"
	TOP=$(mkcache add --cache "$T/cache" --name big --tree "$T/noise" --sign "$T/lab.sec" \
		--input-addressed --compress none "$@")
	NAR=/$(nar_of "$T/cache" "$TOP")
}

check_pool() {
	nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" -o "$T/b.bundle"
	nixferry verify "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
}

# NARs of paths that were in the pool are not requested again.
assert_not_again() {
	local info
	while read -r info; do
		[ "$(log_count "^GET /$(sed -n 's/^URL: //p' "$T/cache/$info") ")" -eq 0 ] ||
			fail "$info was in the pool and is fetched again"
	done
}

@test "killed at several moments, prefetch resumes" {
	make_random_closure 40 3 200000
	start_cache "$T/cache" --fault '/nar/*=slow:150000'
	for wanted in 1 8 20 30; do
		start_prefetch "$TOP"
		wait_for 60 pool_has "$wanted"
		end_by KILL "$FETCH"
		find "$T/pool" -maxdepth 1 -name '*.narinfo' -printf '%f\n' >"$T/had"
		: >"$CACHE_LOG"
	done
	fetch
	assert_not_again <"$T/had"
	[ "$(in_pool)" -eq 40 ]
	check_pool
}

@test "killed while resolving, prefetch starts again" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault '*.narinfo=delay:300'
	start_prefetch "$TOP"
	wait_for 20 grep -q narinfo "$CACHE_LOG" || true
	end_by KILL "$FETCH"
	fetch
	check_pool
}

@test "a partial download is resumed by range" {
	make_big_path
	start_cache "$T/cache" --fault-file "$T/faults"
	echo '/nar/*=slow:1000000' >"$T/faults"
	start_prefetch "$TOP" --connections-per-cache 1
	wait_for 30 partial_has 500000
	end_by KILL "$FETCH"
	had=$(partial_bytes)
	rm "$T/faults"
	: >"$CACHE_LOG"
	fetch
	grep -qE "^GET $NAR 206 [0-9]+ bytes=$had-" "$CACHE_LOG"
	[ "$(log_count "^GET $NAR 200")" -eq 0 ]
	check_pool
	assert_no_temp_files "$T/pool"
}

@test "Ctrl-C ends with 130 and keeps what was done" {
	make_big_path
	start_cache "$T/cache" --fault-file "$T/faults"
	echo '/nar/*=slow:1000000' >"$T/faults"
	start_prefetch "$TOP" -o "$T/b.bundle" --sign-key "$T/lab.sec" --connections-per-cache 1
	wait_for 30 partial_has 500000
	end_by INT "$FETCH"
	[ "$ENDED" -eq 130 ]
	[ ! -e "$T/b.bundle" ]
	[ "$(partial_bytes)" -ge 500000 ]
	rm "$T/faults"
	: >"$CACHE_LOG"
	fetch
	[ "$(log_count "^GET $NAR 206")" -eq 1 ]
	check_pool
}

@test "a broken connection is resumed by range in the same run" {
	make_big_path
	start_cache "$T/cache" --fault '/nar/*=truncate:1000000*1'
	fetch
	grep -qE "^GET $NAR 206 [0-9]+ bytes=1000000-" "$CACHE_LOG"
	check_pool
}

@test "a server without ranges is asked for the whole file again" {
	make_big_path
	start_cache "$T/cache" --fault '/nar/*=no-ranges' --fault '/nar/*=truncate:1000000*1'
	fetch
	check_pool
	assert_no_temp_files "$T/pool"
}

@test "a server that ignores ranges is supported" {
	make_big_path
	start_cache "$T/cache" --fault '/nar/*=ignore-range' --fault '/nar/*=truncate:1000000*1'
	fetch
	check_pool
}

@test "a server that sends another range is not believed" {
	make_big_path
	start_cache "$T/cache" --fault '/nar/*=wrong-range*1@1' \
		--fault '/nar/*=truncate:1000000*1'
	fails 5 "another range" fetch
	fetch
	check_pool
}

@test "a file that changed since an earlier run is fetched again, not pieced together" {
	make_big_path
	start_cache "$T/cache" --fault '/nar/*=garbage*1' --fault '/nar/*=truncate:1000000*1'
	start_prefetch "$TOP"
	wait_for 30 partial_has 1000000 || true
	end_by KILL "$FETCH"
	touch "$T/cache$NAR"
	fetch
	check_pool
}

# leave_partial [FAULT]...: kills a prefetch after half a megabyte; the cache keeps the
# faults, and logs the headers that it receives.
leave_partial() {
	make_big_path
	start_cache "$T/cache" --fault-file "$T/faults" --header-log "$T/headers"
	printf '%s\n' '/nar/*=slow:1000000' "$@" >"$T/faults"
	start_prefetch "$TOP" --connections-per-cache 1
	wait_for 30 partial_has 500000
	end_by KILL "$FETCH"
	[ "$(log_count "^$NAR If-Range:" "$T/headers")" -eq 0 ]
	: >"$CACHE_LOG"
	printf '%s\n' "$@" >"$T/faults"
}

@test "a range is requested only of the file with the known ETag" {
	leave_partial
	etag=$(curl -sI "$URL$NAR" | tr -d '\r' | sed -n 's/^ETag: //pI')
	[ -n "$etag" ]
	fetch
	grep -qFx "$NAR If-Range: $etag" "$T/headers"
	[ "$(log_count "^GET $NAR 206")" -eq 1 ]
	[ "$(log_count "^GET $NAR 200")" -eq 0 ]
	check_pool
}

@test "without an ETag, a range is requested unconditionally" {
	leave_partial '/nar/*=drop-etag'
	fetch
	[ "$(log_count "^$NAR If-Range:" "$T/headers")" -eq 0 ]
	[ "$(log_count "^GET $NAR 206")" -eq 1 ]
	check_pool
}

@test "with a changed ETag, a file is fetched again, once" {
	leave_partial '/nar/*=change-etag'
	had=$(partial_bytes)
	fetch
	[ "$(log_count "^GET $NAR 206")" -eq 0 ]
	[ "$(log_count "^GET $NAR 200 [0-9]+ bytes=$had-")" -eq 1 ]
	[ "$(log_count "^GET $NAR 200 [0-9]+ -")" -eq 1 ]
	[ "$(log_count "^GET $NAR ")" -eq 2 ]
	check_pool
	assert_no_temp_files "$T/pool"
}

@test "a partial download with wrong bytes is discarded and fetched again" {
	make_big_path
	start_cache "$T/cache" --fault-file "$T/faults"
	echo '/nar/*=slow:1000000' >"$T/faults"
	start_prefetch "$TOP"
	wait_for 30 partial_has 500000
	end_by KILL "$FETCH"
	part=$(find "$T/pool/tmp" -name '*.part')
	printf damaged | dd of="$part" bs=1 seek=1000 conv=notrunc 2>/dev/null
	rm "$T/faults"
	run --separate-stderr fetch
	[ "$status" -eq 0 ] || fail "$stderr"
	grep -q "the partial download cannot be used" <<<"$stderr" || fail "$stderr"
	check_pool
	assert_no_temp_files "$T/pool"
}

# The path's narinfo does not say how large the file is, and all of it was there when the
# run was killed.
make_whole_partial() {
	make_big_path
	local info
	info=$(narinfo_of "$T/cache" "$TOP")
	mkdir -p "$T/pool/tmp"
	PART=$T/pool/tmp/$(partial_name_of "$T/cache" "$TOP").part
	sed -i '/^FileSize:/d' "$info"
	cp "$T/cache$NAR" "$PART"
}

@test "a complete download requests no more bytes, whatever the server answers" {
	make_whole_partial
	for fault in '/x=status:500' '/nar/*=status:416' '/nar/*=status:416*1'; do
		rm -rf "$T/pool/nar"/* "$T/pool"/*.narinfo
		cp "$T/cache$NAR" "$PART"
		start_cache "$T/cache" --fault "$fault"
		fetch || fail "$fault"
		[ "$(log_count "^GET $NAR 416")" -eq 1 ] && [ "$(log_count "^GET $NAR 20")" -eq 0 ] || fail "$fault"
		check_pool
		assert_no_temp_files "$T/pool"
	done
}

@test "the remains of another file are fetched again, once, if the server has no more" {
	make_whole_partial
	for size in 5000000 same; do
		for fault in '/x=status:500' '/nar/*=status:416*1' '/nar/*=status:412*1'; do
			rm -rf "$T/pool/nar"/* "$T/pool"/*.narinfo
			head -c "${size/same/$(stat -c %s "$T/cache$NAR")}" /dev/zero >"$PART"
			start_cache "$T/cache" --fault "$fault"
			fetch || fail "$size $fault"
			[ "$(log_count "^GET $NAR 200")" -eq 1 ] || fail "$size $fault: $(cat "$CACHE_LOG")"
			check_pool
			assert_no_temp_files "$T/pool"
		done
	done
}

@test "after a refused range, the whole file is requested if its size is known" {
	make_big_path
	for code in 412 416; do
		rm -rf "$T/pool"
		start_cache "$T/cache" --fault '/nar/*=truncate:1000000*1' --fault "/nar/*=status:$code*1@1"
		fetch || fail "$code"
		check_pool
		assert_no_temp_files "$T/pool"
	done
}

@test "two prefetches share a pool" {
	make_random_closure 30 5 100000
	start_cache "$T/cache" --fault '/nar/*=slow:300000'
	start_prefetch "$TOP"
	fetch
	wait "$FETCH"
	[ "$(in_pool)" -eq 30 ]
	check_pool
	assert_no_temp_files "$T/pool"
}

@test "packing that is killed leaves nothing that hinders the next run" {
	make_big_path
	start_cache "$T/cache"
	fetch
	for delay in 0.001 0.004 0.01; do
		timeout -s KILL "$delay" "$BUILD/nixferry" pack "$TOP" --pool "$T/pool" \
			--sign-key "$T/lab.sec" -o "$T/b.bundle" || true
		[ ! -e "$T/b.bundle" ] ||
			nixferry verify "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
	done
	check_pool
}

# ---- the target ----

store_has_something() {
	[ -n "$(ls "$1/nix/store" 2>/dev/null)" ]
}

@test "killed at several moments, import leaves a valid store and resumes" {
	make_random_closure 60 9 1000000
	make_bundle "$TOP"
	for delay in 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.15 0.2 0.3; do
		mkdir -p "$T/root"
		timeout -s KILL "$delay" "$BUILD/nixferry" import "$T/b.bundle" --store "$T/root" \
			--trusted-public-key "$PUBLIC_KEY" >/dev/null 2>&1 || true
		nix_is_content "$T/root"
	done
	import_bundle
	assert_random_closure_in "$T/root"
}

@test "killed at several moments, import into fresh roots converges" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	for delay in 0.003 0.006 0.01 0.015 0.02 0.03; do
		root=$T/root.$delay
		mkdir -p "$root"
		timeout -s KILL "$delay" "$BUILD/nixferry" import "$T/b.bundle" --store "$root" \
			--profile system --trusted-public-key "$PUBLIC_KEY" >/dev/null 2>&1 || true
		import_bundle "$T/b.bundle" "$root" --profile system
		assert_closure_in "$root"
		nix_is_content "$root"
	done
}

@test "Ctrl-C during import ends with 130 and the same command resumes" {
	make_random_closure 20 11 2000000
	make_bundle "$TOP"
	mkdir "$T/root"
	half=$(($(stat -c %s "$T/b.bundle") / 2))
	mkfifo "$T/pipe"
	interruptible "$BUILD/nixferry" import - --store "$T/root" --trusted-public-key "$PUBLIC_KEY" \
		<"$T/pipe" 3>&- >"$T/import.out" 2>&1 &
	importer=$!
	exec 9>"$T/pipe"
	head -c "$half" "$T/b.bundle" >&9
	wait_for 20 store_has_something "$T/root"
	end_by INT "$importer"
	exec 9>&-
	[ "$ENDED" -eq 130 ]
	nix_is_content "$T/root"
	import_bundle
	assert_random_closure_in "$T/root"
}
