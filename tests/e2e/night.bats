#!/usr/bin/env bats
# Checks before anything is fetched, and packing although a path is missing.

load helper

setup() {
	setup_lab
	make_small_closure "$T/cache"
}

teardown() {
	teardown_lab
}

to() {
	fetch_top --sign-key "$T/lab.sec" -o "$@"
}

# refused STATUS PATTERN COMMAND...: before any request.
refused() {
	fails "$@" || return 1
	[ "$(log_count '^GET ')" -eq 0 ] || fail "asked: $(cat "$CACHE_LOG")"
}

# ---- outputs ----

@test "an unwritable output is reported before any request" {
	start_cache "$T/cache"
	mkdir "$T/dir"
	: >"$T/file"
	refused 2 "nowhere' does not exist" to "$T/nowhere/b.bundle"
	refused 2 "is a directory" to "$T/dir"
	refused 2 "is a directory|does not name a file" to "$T/dir/"
	refused 2 "does not name a file" to "$T/new/"
	refused 2 "does not exist|not a directory" to "$T/file/b.bundle"
	refused 2 "empty" to ""
	refused 2 "not open for writing" to /dev/fd/77
	[ -z "$(ls -A "$T/dir")" ]
	[ ! -s "$T/file" ]
}

@test "an output directory without permission is reported before any request" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to become another user"
	start_cache "$T/cache"
	mkdir -m 755 "$T/theirs" "$T/ours"
	chmod 755 "$T" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test"
	chown 65534 "$T/ours"
	as_nobody() {
		setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$T/ours" \
			"$BUILD/nixferry" prefetch "$TOP" --pool "$T/ours/pool" \
			--substituter "$URL" --sign-key "$T/key" -o "$@"
	}
	cp "$T/lab.sec" "$T/key"
	chmod 600 "$T/key"
	chown 65534 "$T/key"
	setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$BUILD/nixferry" ||
		skip "another user cannot run the program"
	refused 1 "Permission denied" as_nobody "$T/theirs/b.bundle"
	refused 1 "Permission denied" as_nobody "$T/theirs/b.bundle" -n
}

@test "a key that cannot sign is reported before any request" {
	start_cache "$T/cache"
	echo rubbish >"$T/rubbish"
	refused 2 "sign-key" fetch_top -o "$T/b" --sign-key "$T/lab.pub"
	refused 2 "sign-key" fetch_top -o "$T/b" --sign-key "$T/none"
	refused 2 "sign-key" fetch_top -o "$T/b" --sign-key "$T/rubbish"
	refused 2 "sign-key" nixferry pack "$TOP" --pool "$T/pool" -o "$T/b" --sign-key "$T/lab.pub"
	[ ! -e "$T/b" ]
}

@test "an unwritable pool is reported before any request" {
	[ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null ||
		skip "needs root and a mount namespace of its own"
	start_cache "$T/cache"
	mkdir -p "$T/pool/nar" "$T/pool/tmp"
	printf 'StoreDir: /nix/store\n' >"$T/pool/nix-cache-info"
	read_only() {
		T=$T unshare -m sh -c 'mount --bind "$T/pool" "$T/pool" &&
			mount -o remount,ro,bind "$T/pool" && exec "$@"' sh \
			"$BUILD/nixferry" prefetch "$TOP" --pool "$T/pool" --substituter "$URL" \
			--trusted-public-key "$PUBLIC_KEY"
	}
	refused 1 "Read-only file system" read_only
}

@test "a bundle is written to a FIFO, and a device is not replaced" {
	start_cache "$T/cache"
	mkfifo "$T/pipe"
	cat "$T/pipe" >"$T/through" &
	to "$T/pipe"
	wait $!
	[ -p "$T/pipe" ]
	to "$T/b.bundle"
	cmp "$T/through" "$T/b.bundle"
	to /dev/stdout >"$T/stdout"
	cmp "$T/stdout" "$T/b.bundle"
	to /dev/fd/9 9>"$T/nine"
	cmp "$T/nine" "$T/b.bundle"
	fails 2 "standard output" to /dev/stdout --json
	mknod "$T/null" c 1 3 2>/dev/null || skip "no device can be made here"
	to "$T/null" || fail "not written to a device"
	[ -c "$T/null" ]
	nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" -o "$T/null"
	[ -c "$T/null" ]
}

@test "an existing output stays until the new one is complete" {
	start_cache "$T/cache"
	echo old >"$T/b"
	rm "$(narinfo_of "$T/cache" "$LIB")"
	fails 3 "bundle '$T/b' was not written" to "$T/b"
	[ "$(cat "$T/b")" = old ]
	fails 2 "is a directory" nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" -o "$T"
}

# ---- although a path is missing ----

@test "with --keep-going complete paths are packed, and the others are named" {
	start_cache "$T/cache"
	rm "$(narinfo_of "$T/cache" "$LIB")"
	fails 3 "incomplete: it has 2 of 5 paths" to "$T/b" -k
	for path in "$LIB" "$APP" "$TOP"; do
		grep -q "not in the bundle: $(basename "$path")" <<<"$stderr" || fail "$stderr"
	done
	nixferry verify "$T/b" --trusted-public-key "$PUBLIC_KEY"
	[ "$(nixferry info "$T/b" --json --trusted-public-key "$PUBLIC_KEY" | jq -r '.roots[]')" = "$LINK" ]
	import_bundle "$T/b"
	diff <(printf '%s\n' "$DATA" "$LINK" | sort) <(valid_paths "$T/root")
}

@test "with --keep-going a complete installable is a root of the bundle along with remaining paths" {
	start_cache "$T/cache"
	rm "$(narinfo_of "$T/cache" "$LIB")"
	fails 3 "" fetch_top "$DATA" -k -o "$T/b" --sign-key "$T/lab.sec" --json
	[ "$(jq -r '.notInBundle | length' <<<"$output")" = 3 ]
	[ "$(jq -r '.bundle' <<<"$output")" = "$T/b" ]
	diff <(printf '%s\n' "$DATA" "$LINK" | sort) \
		<(nixferry info "$T/b" --json --trusted-public-key "$PUBLIC_KEY" | jq -r '.roots[]' | sort)
}

@test "with --keep-going no bundle is written if nothing is complete, and that is reported" {
	start_cache "$T/cache"
	rm "$(narinfo_of "$T/cache" "$LIB")" "$(narinfo_of "$T/cache" "$DATA")"
	fails 3 "bundle '$T/b' was not written" to "$T/b" -k
	[ ! -e "$T/b" ]
	fails 3 "was not written" to - -k
	[ -z "$output" ]
}

@test "with --keep-going paths that are unavailable or untrusted are omitted" {
	start_cache "$T/cache"
	rm "$T/cache/$(nar_of "$T/cache" "$APP")"
	sed -i /^Sig/d "$(narinfo_of "$T/cache" "$DATA")"
	fails 4 "incomplete: it has 1 of 5 paths" to "$T/b" -k
	[ "$(nixferry list "$T/b" --trusted-public-key "$PUBLIC_KEY" | grep -c "$(basename "$LIB")")" -eq 1 ]
}

@test "with --keep-going, bundle and store both get the complete paths" {
	start_cache "$T/cache"
	mkdir "$T/root"
	rm "$(narinfo_of "$T/cache" "$LIB")"
	fails 3 "incomplete: it has 2 of 5 paths" to "$T/b" -k --store "$T/root"
	diff <(printf '%s\n' "$DATA" "$LINK" | sort) <(valid_paths "$T/root")
}

# ---- what the bundle will lack, before anything is fetched ----

# The log has all answers of narinfos before the first NAR.
assert_nars_come_last() {
	[ "$(log_count '^GET /nar/')" -gt 0 ] || fail "no NAR was asked for" || return 1
	sed -n '/^GET \/nar\//,$p' "$CACHE_LOG" | grep -q narinfo || return 0
	fail "NARs were asked for before all was known: $(cat "$CACHE_LOG")"
}

@test "with --keep-going the missing paths are announced before any NAR arrives" {
	start_cache "$T/cache" --fault '/nar/*=delay:60000'
	rm "$(narinfo_of "$T/cache" "$LIB")"
	start_prefetch "$TOP" -k -o "$T/b" --sign-key "$T/lab.sec"
	wait_for 20 grep -q "bundle '$T/b' will be incomplete: 2 of 5 paths will be in it; 1 cannot \
be fetched, 2 need it; the exit status will be 3" "$T/fetch.out" || fail "$(cat "$T/fetch.out")"
	grep -q "path '${LIB##*/}' will not be in the bundle: " "$T/fetch.out"
	grep -q "bundle '$T/b' omits each path that cannot be fetched, and every path that needs it; the exit status is then not 0" "$T/fetch.out"
	end_by INT "$FETCH"
	FETCH=
}

@test "with --keep-going no NAR is requested before the missing paths are known" {
	local last
	last=$(basename "$(narinfo_of "$T/cache" "$DATA")")
	start_cache "$T/cache" --fault "/$last=delay:700"
	rm "$(narinfo_of "$T/cache" "$LINK")"
	fails 3 "bundle '$T/b' will be incomplete" to "$T/b" -k
	assert_nars_come_last
}

@test "with --keep-going untrusted paths are announced with status 4" {
	start_cache "$T/cache"
	sed -i /^Sig/d "$(narinfo_of "$T/cache" "$DATA")"
	fails 4 "will be incomplete: . of 5 .* the exit status will be 4" to "$T/b" -k
	grep -q "path '${DATA##*/}' will not be in the bundle: .*no signature" <<<"$stderr" || fail "$stderr"
}

@test "with --keep-going a bundle that will not be written is announced" {
	start_cache "$T/cache"
	rm "$(narinfo_of "$T/cache" "$LIB")" "$(narinfo_of "$T/cache" "$DATA")"
	fails 3 "bundle '$T/b' will not be written: of . paths 2 cannot be fetched" to "$T/b" -k
}

@test "with --keep-going a dry run shows what the bundle would lack" {
	start_cache "$T/cache"
	rm "$(narinfo_of "$T/cache" "$LIB")"
	fails 3 "will be incomplete: 2 of 5 paths" to "$T/b" -k -n
	[ "$(log_count '^GET /nar/')" -eq 0 ]
	[ ! -e "$T/b" ]
}

@test "with --keep-going no missing path is predicted for a bundle that will be complete" {
	start_cache "$T/cache"
	run --separate-stderr to "$T/b" -k
	[ "$status" -eq 0 ] || fail "$stderr"
	[[ $stderr != *"will not be"* && $stderr != *"will be incomplete"* ]] || fail "$stderr"
}
