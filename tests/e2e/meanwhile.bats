#!/usr/bin/env bats
# Other processes in a target store during an import: real Nix, which copies, builds and
# collects garbage there, and processes that hold its locks.

load helper

setup() {
	setup_lab
	mkdir "$T/root"
}

teardown() {
	[ -z "${HOLDER:-}" ] || kill "$HOLDER" 2>/dev/null || true
	teardown_lab
}

# start_into TARGET... [OPTION]...: from $URL into $T/root, in the background.
start_into() {
	start_prefetch --store "$T/root" --no-local-store "$@"
}

# The run that start_into began ends well.
ends_well() {
	wait "$FETCH" || fail "$(cat "$T/fetch.out")"
}

# The target has been asked for APP, and did not have it.
misses_app() {
	[ "$(log_count "^GET /$(hash_part "$APP").narinfo")" -ge 1 ]
}

has_begun() {
	[ -d "$T/root/nix/store/$UNPACK_DIR" ]
}

# hold FILE: a process has it locked; HOLDER is that process.
hold() {
	(
		exec 9>"$1"
		flock 9
		: >"$T/held"
		exec sleep 600
	) 3>&- &
	HOLDER=$!
	wait_for 5 test -e "$T/held"
}

# hold_lock_of PATH: as a process that is about to make it valid.
hold_lock_of() {
	mkdir -p "$T/root/nix/store"
	hold "$T/root$1.lock"
}

# make_other_cache: $T/other has the closure too, but with other content of $APP, which
# can be input-addressed only.
make_other_cache() {
	local tree=$T/other-app path line key
	cp -r "$T/cache" "$T/other"
	echo "somebody built this anew" >"$tree"
	path=$(mkcache add --cache "$T/other" --name other --tree "$tree")
	for key in URL Compression FileHash FileSize NarHash NarSize; do
		line=$(grep "^$key:" "$(narinfo_of "$T/other" "$path")")
		sed -i "s|^$key:.*|$line|" "$(narinfo_of "$T/other" "$APP")"
	done
}

@test "a path that Nix makes valid with other content during an import is kept" {
	have_nix || skip "no Nix here"
	make_small_closure "$T/cache"
	make_other_cache
	start_cache "$T/cache" --fault "/nar/*=delay:$(late 3000)"
	start_into "$TOP"
	wait_for 20 misses_app
	nix_on "$T/root" copy --from "file://$T/other" --no-check-sigs "$APP"
	ends_well
	[ "$(cat "$T/root$APP")" = "somebody built this anew" ]
	nix_is_content "$T/root"
	assert_store_whole "$T/root"
	grep -q "'$APP' has become valid in '$T/root' with different content; it stays as it is" "$T/fetch.out" ||
		fail "$(cat "$T/fetch.out")"
	grep -q "imported 3 paths .*, 2 were there already" "$T/fetch.out"
}

@test "a path that Nix makes valid during an import counts as present, and gains signatures" {
	have_nix || skip "no Nix here"
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	cp -r "$T/cache" "$T/other"
	sed -i '/^Sig:/d' "$(narinfo_of "$T/other" "$APP")"
	start_cache "$T/cache" --fault "/nar/*=delay:$(late 3000)"
	rm -r "$T/pool"
	start_into "$TOP"
	wait_for 20 misses_app
	nix_on "$T/root" copy --from "file://$T/other" --no-check-sigs "$APP"
	ends_well
	grep -q "imported 3 paths .*, 2 were there already" "$T/fetch.out"
	nix_on "$T/root" path-info --sigs "$APP" | grep -q 'lab-1:'
	assert_closure_in "$T/root"
	nix_is_content "$T/root"
}

@test "a path that another process has locked is waited for" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	hold_lock_of "$APP"
	start_into "$TOP"
	wait_for 20 grep -q "waiting for the lock of '$APP'" "$T/fetch.out"
	assert_nothing_valid "$T/root"
	kill "$HOLDER"
	ends_well
	assert_closure_in "$T/root"
}

# Another process writes to the database of $T/root, from now until it is told "commit;" through fd 4.
write_database() {
	mkfifo "$T/go"
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" <"$T/go" >"$T/sqlite.out" 2>&1 3>&- &
	WRITER=$!
	exec 4>"$T/go"
	echo "begin immediate; update ValidPaths set ultimate = 1; select 'locked';" >&4
	wait_for 10 grep -q locked "$T/sqlite.out"
}

end_writing() {
	echo "commit;" >&4
	exec 4>&-
	wait "$WRITER"
	rm "$T/go"
}

@test "a database that another process has locked is waited for, and named if it stays so" {
	[[ $BUILD != *asan* ]] || skip "the sanitizer's library must be loaded first"
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	make_bundle "$TOP" >"$T/out"
	make_bundle "$LIB" >"$T/out" && mv "$T/b.bundle" "$T/lib.bundle" && make_bundle "$TOP" >"$T/out"
	import_bundle "$T/lib.bundle" >"$T/out"
	local import=(import "$T/b.bundle" --store "$T/root" --trusted-public-key "$PUBLIC_KEY")
	local into=(prefetch "$TOP" --store "$T/root" --no-local-store --substituter "$URL" --pool "$T/pool2"
		--trusted-public-key "$PUBLIC_KEY")
	write_database
	for how in import into; do
		local -n command=$how
		fails 1 "database '$T/root/nix/var/nix/db/db.sqlite' is in use by another process" \
			env FAULT_NO_SLEEP=1 LD_PRELOAD="$BUILD/faults.so" "$BUILD/nixferry" "${command[@]}"
		[ ! -e "$T/root$TOP" ] && [ ! -e "$T/root/nix/store/$UNPACK_DIR" ] || fail "$how left something"
	done
	start_into "$TOP"
	wait_for 20 has_begun
	end_writing
	ends_well
	assert_closure_in "$T/root"
	rm -r "$T/root"
	import_bundle "$T/lib.bundle" >"$T/out"
	write_database
	"$BUILD/nixferry" "${import[@]}" >"$T/out" 2>&1 3>&- 4>&- &
	local pid=$!
	wait_for 20 has_begun
	end_writing
	wait "$pid" || fail "$(cat "$T/out")"
	assert_closure_in "$T/root"
}

@test "a profile that Nix has locked is waited for" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	mkdir -p "$T/root/nix/var/nix/profiles"
	hold "$T/root/nix/var/nix/profiles/system.lock"
	import_bundle "$T/b.bundle" "$T/root" --profile system 3>&- >"$T/import.out" 2>&1 &
	importer=$!
	wait_for 20 grep -q "waiting for the lock of '/nix/var/nix/profiles/system'" "$T/import.out"
	[ ! -e "$T/root/nix/var/nix/profiles/system" ]
	kill "$HOLDER"
	wait "$importer"
	[ "$(ls "$T/root/nix/var/nix/profiles")" = "system
system-1-link" ]
}

@test "Ctrl-C ends the wait for a lock" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	hold_lock_of "$APP"
	start_into "$TOP"
	wait_for 20 grep -q "waiting for the lock of '$APP'" "$T/fetch.out"
	end_by INT "$FETCH"
	[ "$ENDED" -eq 130 ]
	assert_nothing_valid "$T/root"
	kill "$HOLDER"
	start_into "$TOP"
	ends_well
	assert_closure_in "$T/root"
}

@test "more paths than are locked at once" {
	make_random_closure 600 7 3000
	start_cache "$T/cache"
	start_into "$TOP"
	ends_well
	assert_random_closure_in "$T/root"
}

# ---- the collector ----

# collect: real Nix collects in $T/root, and ends before the run that was started.
collect() {
	timeout "$(patience 20)" nix-store --store "$T/root" --gc
}

@test "a collector that runs during a prefetch keeps what the prefetch found and brought" {
	have_nix || skip "no Nix here"
	make_small_closure "$T/cache"
	# It was valid before, and no root protects it.
	start_cache "$T/cache" --fault "/$(nar_of "$T/cache" "$APP")=delay:$(late 6000)"
	start_into "$LIB" "$DATA"
	ends_well
	rm -r "$T/root/nix/var/nix/gcroots/nixferry"
	echo garbage >"$T/garbage"
	garbage=$(nix-store --store "$T/root" --add "$T/garbage")
	start_into "$TOP"
	wait_for 20 has_begun
	wait_for 20 test -e "$T/root/nix/var/nix/temproots/$FETCH"
	wait_for 20 misses_app
	collect
	! has_ended "$FETCH"
	[ ! -e "$T/root$garbage" ]
	[ -e "$T/root$LIB" ] && [ -e "$T/root$DATA" ]
	ends_well
	assert_closure_in "$T/root"
	assert_nothing_protected "$T/root"
	nix_is_content "$T/root"
}

@test "a collector that runs during an import keeps what is unpacked" {
	have_nix || skip "no Nix here"
	make_random_closure 20 3 500000
	make_bundle "$TOP"
	mkfifo "$T/pipe"
	import_bundle "$T/pipe" 3>&- >"$T/import.out" 2>&1 &
	importer=$!
	exec 8>"$T/pipe"
	head -c 1400000 "$T/b.bundle" >&8
	wait_for 20 has_begun
	collect 8>&-
	has_begun
	! has_ended "$importer"
	tail -c +1400001 "$T/b.bundle" >&8
	exec 8>&-
	wait "$importer" || fail "$(cat "$T/import.out")"
	assert_random_closure_in "$T/root"
	collect
	assert_random_closure_in "$T/root"
}

@test "an import that ends while a collector runs waits for it" {
	make_random_closure 20 3 500000
	make_bundle "$TOP"
	mkfifo "$T/pipe"
	import_bundle "$T/pipe" 3>&- >"$T/import.out" 2>&1 &
	FETCH=$!
	exec 8>"$T/pipe"
	head -c 1400000 "$T/b.bundle" >&8
	wait_for 20 has_begun
	wait_for 20 flock -n "$T/root/nix/var/nix/gc.lock" true
	hold "$T/root/nix/var/nix/gc.lock" 8>&-
	tail -c +1400001 "$T/b.bundle" >&8
	exec 8>&-
	wait_for 20 grep -q "waiting for the garbage collector running in '$T/root'" "$T/import.out"
	! has_ended "$FETCH"
	kill "$HOLDER"
	wait "$FETCH" || fail "$(cat "$T/import.out")"
	assert_random_closure_in "$T/root"
	assert_nothing_protected "$T/root"
}

@test "a prefetch ends while a collector runs, and loses nothing" {
	have_nix || skip "no Nix here"
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault "/$(nar_of "$T/cache" "$APP")=delay:$(late 4000)"
	start_into "$TOP"
	wait_for 20 misses_app
	# This collector has found the roots; it deletes once it has read that file.
	mkfifo "$T/sync"
	_NIX_TEST_GC_SYNC=$T/sync nix-store --store "$T/root" --gc 3>&- >"$T/gc.out" 2>&1 &
	collector=$!
	wait_for 20 grep -q "finding garbage collector roots" "$T/gc.out"
	! has_ended "$FETCH"
	ends_well
	assert_nothing_protected "$T/root"
	has_ended "$collector" || timeout 20 sh -c ": >'$T/sync'"
	wait "$collector" || fail "$(cat "$T/gc.out")"
	assert_closure_in "$T/root"
	nix_is_content "$T/root"
}

@test "a running collector is waited for" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	mkdir -p "$T/root/nix/var/nix"
	hold "$T/root/nix/var/nix/gc.lock"
	start_into "$TOP"
	wait_for 20 grep -q "waiting for the garbage collector running in '$T/root'" "$T/fetch.out"
	[ "$(log_count '^GET')" -eq 0 ]
	has_begun && fail "something was made"
	kill "$HOLDER"
	ends_well
	assert_closure_in "$T/root"
}

@test "Nix copies, adds, verifies, collects and sets profiles during a prefetch" {
	have_nix || skip "no Nix here"
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault "/nar/*=delay:$(late 6000)"
	start_into "$TOP"
	wait_for 20 has_begun
	echo "added meanwhile" >"$T/added"
	timeout "$(patience 5)" nix-store --store "$T/root" --add "$T/added" >"$T/path"
	timeout "$(patience 5)" nix --store "$T/root" copy --from "file://$T/cache" --no-check-sigs "$DATA"
	timeout "$(patience 5)" nix-store --store "$T/root" --verify
	timeout "$(patience 5)" nix-env --store "$T/root" -p "$T/root/nix/var/nix/profiles/mine" --set "$DATA"
	collect
	! has_ended "$FETCH"
	[ ! -e "$T/root$(cat "$T/path")" ]
	ends_well
	assert_closure_in "$T/root"
	nix_is_content "$T/root"
}

# ---- what the database refuses ----

@test "a failure to register is reported before paths that no cache has" {
	make_small_closure "$T/cache"
	rm "$(narinfo_of "$T/cache" "$LINK")"
	start_cache "$T/cache"
	start_into "$DATA"
	ends_well
	# No second row fits in.
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" \
		"create unique index one on ValidPaths(path is not null)"
	start_into "$TOP" --keep-going
	ENDED=0
	wait "$FETCH" || ENDED=$?
	[ "$ENDED" -eq 1 ]
	grep -q "db.sqlite': UNIQUE constraint failed" "$T/fetch.out"
	grep -q "path '$(basename "$LINK")': it is not in any cache" "$T/fetch.out"
	[ "$(valid_paths "$T/root")" = "$DATA" ]
}
