#!/usr/bin/env bats
# prefetch --store: from the network straight into a target store, with real Nix as the
# judge where there is one. Nothing enters the pool.

load helper

setup() {
	setup_lab
	mkdir "$T/root"
}

teardown() {
	[ ! -d "$T/small" ] || umount "$T/small" 2>/dev/null || true
	teardown_lab
}

# into TARGET... [OPTION]...: from $URL into $T/root.
into() {
	nixferry prefetch --store "$T/root" --substituter "$URL" --pool "$T/pool" \
		--no-local-store --trusted-public-key "$PUBLIC_KEY" "$@"
}

# start_into TARGET... [OPTION]...: in the background.
start_into() {
	start_prefetch --store "$T/root" --no-local-store "$@"
}

assert_nothing_in_pool() {
	[ -z "$(find "$T/pool" -name '*.narinfo')$(ls "$T/pool/nar")" ] || fail "the pool has something" ||
		return 1
	assert_no_temp_files "$T/pool"
}

nars_asked_for() {
	log_count '^GET /nar/' "$@"
}

# Includes the paths that are already registered.
trees_unpacked() {
	find "$T/root/nix/store" "$T/root/nix/store/$UNPACK_DIR" -mindepth 1 -maxdepth 1 \
		! -name .links ! -name "$UNPACK_DIR" ! -name '*.lock' 2>/dev/null | wc -l
}

has_unpacked() {
	[ "$(trees_unpacked)" -ge "$1" ]
}

# ---- the main way ----

@test "prefetch --store imports a closure from a cache into a new root" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	into "$TOP" --profile system >"$T/out"
	assert_closure_in "$T/root"
	assert_nothing_in_pool
	[ "$(nars_asked_for)" -eq 5 ]
	[ -z "$(grep -E '^GET ' "$CACHE_LOG" | sort | uniq -d)" ]
	[ "$(readlink "$T/root/nix/var/nix/profiles/system-1-link")" = "$TOP" ]
	[ -z "$(find "$T/root/nix/var/nix/gcroots" -type l -lname "/nix/store/*")" ]
	grep -qx "  nixos-install --root $T/root --system $TOP --no-channel-copy --substituters \"\"" "$T/out"
	grep -q "^imported 5 paths .*, 0 were there already$" "$T/out"
	have_nix || skip "no Nix here"
	nix_is_content "$T/root"
	nix_on "$T/root" store verify -r --trusted-public-keys "$PUBLIC_KEY" "$TOP"
	nix_on "$T/root" path-info -r --sigs "$TOP" >"$T/sigs"
	[ "$(grep -c 'lab-1:' "$T/sigs")" -eq 5 ]
}

@test "every compression that caches use" {
	make_codecs_closure none xz zstd gzip bzip2 lz4 lzip lzma br
	start_cache "$T/cache"
	into "$TOP"
	assert_closure_in "$T/root"
	assert_nothing_in_pool
}

@test "prefetch --store writes the same rows as importing a bundle" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	make_bundle "$TOP"
	import_bundle "$T/b.bundle" "$T/root2"
	rm -r "$T/pool"
	into "$TOP"
	rows="select path, hash, deriver, narSize, ultimate, sigs, ca from ValidPaths order by path"
	diff <(sqlite3 "$T/root/nix/var/nix/db/db.sqlite" "$rows") \
		<(sqlite3 "$T/root2/nix/var/nix/db/db.sqlite" "$rows")
	refs="select a.path, b.path from Refs join ValidPaths a on referrer = a.id
		join ValidPaths b on reference = b.id order by 1, 2"
	diff <(sqlite3 "$T/root/nix/var/nix/db/db.sqlite" "$refs") \
		<(sqlite3 "$T/root2/nix/var/nix/db/db.sqlite" "$refs")
}

@test "the second run fetches and changes nothing" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	into "$TOP"
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" .dump >"$T/before"
	: >"$CACHE_LOG"
	into "$TOP" --json >"$T/json"
	jq -e '.complete and .inTarget == 5 and .fetched == 0 and .import.imported == 0 and
		.import.present == 5 and .import.signaturesAdded == 0' "$T/json"
	[ "$(log_count 'nar')" -eq 0 ]
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" .dump | diff "$T/before" -
}

@test "a root that has part of the closure gains the rest" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	into "$APP"
	: >"$CACHE_LOG"
	into "$TOP" --json | jq -e '.inTarget == 2 and .fetched == 3 and .import.imported == 3'
	[ "$(nars_asked_for)" -eq 3 ]
	[ "$(log_count narinfo)" -eq 3 ]
	assert_closure_in "$T/root"
}

@test "a present path without a trusted signature gains it" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	into "$APP"
	mkcache keygen lab-2 "$T/lab2.sec" "$T/lab2.pub"
	mkcache sign --cache "$T/cache" --sign "$T/lab2.sec" "${ALL_PATHS[@]}"
	: >"$CACHE_LOG"
	PUBLIC_KEY=$(cat "$T/lab2.pub")
	# LIB is content-addressed: no signature is missing.
	into "$TOP" --json | jq -e '.fetched == 3 and .import.signaturesAdded == 1'
	[ "$(nars_asked_for)" -eq 3 ]
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" \
		"select sigs from ValidPaths where path = '$APP'" >"$T/sigs"
	grep -q 'lab-1:.* lab-2:' "$T/sigs"
	: >"$CACHE_LOG"
	into "$TOP" --json | jq -e '.import.signaturesAdded == 0'
	[ "$(log_count narinfo)" -eq 0 ]
}

@test "a dry run shows what would be fetched for a root and creates nothing" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	into "$TOP" --dry-run >"$T/out"
	grep -q "0 in '$T/root', 0 in the pool, 5 to fetch" "$T/out"
	[ -z "$(ls "$T/root")" ]
	into "$APP"
	into "$TOP" --dry-run --json | jq -e '.inTarget == 2 and .paths == 5 and .fetched == 0'
	[ "$(nars_asked_for)" -eq 2 ]
	[ "$(valid_paths "$T/root" | wc -l)" -eq 2 ]
}

@test "a random closure is fetched completely from two caches" {
	make_random_closure 40 3 200000
	cp -r "$T/cache" "$T/other"
	start_cache "$T/cache"
	first=$URL
	start_cache "$T/other"
	into "$TOP" --substituter "$first"
	assert_random_closure_in "$T/root"
	assert_nothing_in_pool
}

# ---- what this machine has ----

@test "paths in the pool are taken from it, and stay there unchanged" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	nixferry prefetch "$APP" --substituter "$URL" --pool "$T/pool" --no-local-store \
		--trusted-public-key "$PUBLIC_KEY"
	find "$T/pool" -type f -exec sha256sum {} + | sort >"$T/before"
	: >"$CACHE_LOG"
	into "$TOP" --json | jq -e '.inPool == 2 and .fromPool == 2 and .fetched == 3'
	[ "$(nars_asked_for)" -eq 3 ]
	[ "$(log_count narinfo)" -eq 3 ]
	assert_closure_in "$T/root"
	find "$T/pool" -type f -exec sha256sum {} + | sort | diff "$T/before" -
}

@test "paths damaged or lost in the pool are fetched from a cache instead" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	nixferry prefetch "$TOP" --substituter "$URL" --pool "$T/pool" --no-local-store \
		--trusted-public-key "$PUBLIC_KEY"
	printf XXXX | dd of="$T/pool/$(nar_of "$T/pool" "$APP")" bs=1 seek=200 conv=notrunc status=none
	rm "$T/pool/$(nar_of "$T/pool" "$DATA")"
	into "$TOP" --json | jq -e '.fromPool == 3 and .fetched == 2'
	assert_closure_in "$T/root"
}

@test "paths that only a trusted cache vouches for come from the pool if it is used again" {
	make_small_closure "$T/cache"
	for path in "${ALL_PATHS[@]}"; do sed -i '/^Sig:/d' "$(narinfo_of "$T/cache" "$path")"; done
	start_cache "$T/cache"
	nixferry prefetch "$TOP" --substituter "$URL?trusted=1" --pool "$T/pool" --no-local-store
	: >"$CACHE_LOG"
	fails 4 "signature" into "$TOP"
	assert_nothing_valid "$T/root"
	URL=$URL?trusted=1
	into "$TOP" --json | jq -e '.fromPool == 5 and .fetched == 0'
	[ "$(nars_asked_for)" -eq 0 ]
	assert_closure_in "$T/root"
}

@test "paths in another store are copied from there" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	into "$APP"
	mv "$T/root" "$T/live"
	mkdir "$T/root"
	nixferry prefetch "$TOP" --store "$T/root" --from-store "$T/live" --substituter "$URL" \
		--pool "$T/pool" --trusted-public-key "$PUBLIC_KEY" --json |
		jq -e '.inStore == 2 and .dumped == 2 and .fetched == 3 and .import.imported == 5'
	assert_closure_in "$T/root"
	assert_nothing_in_pool
}

@test "paths damaged in pool and store are fetched from a cache instead" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	into "$TOP"
	mv "$T/root" "$T/live"
	mkdir "$T/root"
	nixferry prefetch "$TOP" --substituter "$URL" --pool "$T/pool" --no-local-store \
		--trusted-public-key "$PUBLIC_KEY"
	printf XXXX | dd of="$T/pool/$(nar_of "$T/pool" "$APP")" bs=1 seek=200 conv=notrunc status=none
	printf XXXX | dd of="$T/pool/$(nar_of "$T/pool" "$LIB")" bs=1 seek=200 conv=notrunc status=none
	chmod u+w "$T/live$APP/bin/hello"
	echo more >>"$T/live$APP/bin/hello"
	nixferry prefetch "$TOP" --store "$T/root" --from-store "$T/live" --substituter "$URL" \
		--pool "$T/pool" --trusted-public-key "$PUBLIC_KEY" --json |
		jq -e '.fromPool == 3 and .dumped == 1 and .fetched == 1'
	assert_closure_in "$T/root"
}

@test "with --output, everything enters the pool once and is imported from there" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	into "$APP"
	: >"$CACHE_LOG"
	into "$TOP" -o "$T/b.bundle" --sign-key "$T/lab.sec" --profile system --json |
		jq -e '.fetched == 5 and .bundle and .import.imported == 3 and .import.present == 2'
	[ "$(nars_asked_for)" -eq 5 ]
	assert_closure_in "$T/root"
	[ "$(readlink "$T/root/nix/var/nix/profiles/system-1-link")" = "$TOP" ]
	import_bundle "$T/b.bundle" "$T/root2"
	assert_closure_in "$T/root2"
}

@test "with a bundle on standard output, the report goes to standard error" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	into "$TOP" -o - --sign-key "$T/lab.sec" >"$T/b.bundle" 2>"$T/err"
	nixferry verify "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
	grep -q "imported 5 paths" "$T/err"
	assert_closure_in "$T/root"
}

# ---- what goes wrong ----

@test "wrong bytes are refused and not registered" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault "/$(nar_of "$T/cache" "$LIB")=garbage"
	fails 5 "'?$(basename "$LIB")'?" into "$TOP"
	[[ "$(valid_paths "$T/root")" != *lib-1.0* ]]
	assert_store_whole "$T/root"
	# The right bytes come from another cache.
	bad=$URL
	start_cache "$T/cache"
	into "$TOP" --substituter "$bad"
	assert_closure_in "$T/root"
	assert_nothing_in_pool
}

@test "a derivation whose bytes do not match its path is refused" {
	make_lie
	start_cache "$T/cache"
	fails 5 "content address|hash" into "$TOP"
	assert_nothing_valid "$T/root"
	assert_store_whole "$T/root"
}

@test "a path that no trusted key signed is not fetched" {
	make_small_closure "$T/cache"
	sed -i '/^Sig:/d' "$(narinfo_of "$T/cache" "$DATA")"
	start_cache "$T/cache"
	fails 4 "signature" into "$TOP" --keep-going
	[ "$(log_count "/$(nar_of "$T/cache" "$DATA")")" -eq 0 ]
	# The paths that refer to it are not registered either.
	valid_paths "$T/root" | diff - <(printf '%s\n' "$APP" "$LIB" | LC_ALL=C sort)
}

@test "unavailable paths and their dependents are skipped, the rest is registered" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault "/$(nar_of "$T/cache" "$LIB")=status:404"
	fails 3 "$(basename "$LIB")" into "$TOP" --keep-going --profile system
	valid_paths "$T/root" | diff - <(printf '%s\n' "$DATA" "$LINK" | LC_ALL=C sort)
	assert_store_whole "$T/root"
	[ ! -e "$T/root/nix/var/nix/profiles/system" ]
	nix_is_content "$T/root"
	# APP and TOP arrived and could not be registered: they are not fetched again.
	start_cache "$T/cache"
	into "$TOP" --json | jq -e '.import.imported == 3 and .import.present == 2'
	[ "$(nars_asked_for)" -eq 1 ]
	assert_closure_in "$T/root"
	assert_nothing_in_pool
}

@test "a malformed derivation is refused, and the rest is registered" {
	make_small_closure "$T/cache"
	echo nonsense >"$T/drv"
	drv=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name x.drv --tree "$T/drv" \
		--input-addressed)
	start_cache "$T/cache"
	fails 5 "$(basename "$drv")" into "$TOP" "$drv!out" --keep-going || true
	echo data >"$T/user"
	user=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name user --tree "$T/user" \
		--input-addressed --ref "$drv" --ref "$TOP")
	fails 5 "$(basename "$drv")" into "$user" --keep-going
	assert_closure_in "$T/root"
}

@test "invalid targets are refused before anything is fetched" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	fails 1 "store root '$T/none': No such file" nixferry prefetch "$TOP" --store "$T/none" \
		--substituter "$URL" --pool "$T/pool"
	fails 2 "is not a directory" nixferry prefetch "$TOP" --store "$T/lab.pub" --substituter "$URL" \
		--pool "$T/pool"
	fails 2 "'--profile' needs --store" nixferry prefetch "$TOP" --profile system \
		--substituter "$URL" --pool "$T/pool"
	fails 2 "needs one installable, but these are 2 paths" into "$TOP" "$APP" --profile system
	rm -rf "$T/root/nix"
	: >"$T/root/nix"
	fails 1 "cannot open the directory '$T/root/nix'" into "$TOP"
	rm "$T/root/nix"
	ln -s /nix "$T/root/nix"
	fails 1 "symbolic link" into "$TOP"
	rm "$T/root/nix"
	mkdir -p "$T/root/nix/var/nix/db"
	printf 11 >"$T/root/nix/var/nix/db/schema"
	fails 5 "has database schema 11, only 10 is supported" into "$TOP"
	fails 5 "has database schema 11, only 10 is supported" into "$TOP" --dry-run
	[ "$(log_count '^GET')" -eq 0 ]
	[ -z "$(ls -A "$T/root/nix/store")" ]
}

@test "a read-only target is refused" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to become somebody else"
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	chmod 711 "$T" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR/../.." 2>/dev/null || true
	mkdir -m 777 "$T/free"
	cp "$BUILD/nixferry" "$T/free"
	fails 1 "cannot create the directory '$T/root/nix': Permission denied" \
		setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$T/free" \
		XDG_CACHE_HOME="$T/free/cache" "$T/free/nixferry" prefetch "$TOP" --store "$T/root" \
		--substituter "$URL"
	[ "$(log_count '^GET')" -eq 0 ]
}

@test "an import and a prefetch into the same store run at the same time" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	rm -r "$T/pool"
	start_cache "$T/cache" --fault "/nar/*=delay:$(late 3000)"
	start_into "$TOP" --profile system
	wait_for 20 test -d "$T/root/nix/store/$UNPACK_DIR"
	import_bundle "$T/b.bundle" "$T/root" --profile system | grep "imported 5 paths"
	! has_ended "$FETCH"
	wait "$FETCH" || fail "$(cat "$T/fetch.out")"
	grep "imported 0 paths (0 B), 5 were there already" "$T/fetch.out"
	assert_closure_in "$T/root"
	[ "$(ls "$T/root/nix/var/nix/profiles")" = "system
system-1-link" ]
}

# ---- space ----

# small_root SIZE: $T/root is a file system of that size.
small_root() {
	rmdir "$T/root"
	mkdir "$T/small"
	mount_tmpfs "$T/small" "size=$1"
	mkdir "$T/small/root"
	ln -s small/root "$T/root"
}

# Two paths of 3 MB of noise each: A, and TOP that refers to it.
make_big_paths() {
	head -c 3000000 /dev/urandom >"$T/one"
	head -c 3000000 /dev/urandom >"$T/two"
	A=$(mkcache add --cache "$T/cache" --name a --tree "$T/one" --sign "$T/lab.sec" \
		--input-addressed --compress none)
	TOP=$(mkcache add --cache "$T/cache" --name top --tree "$T/two" --sign "$T/lab.sec" \
		--input-addressed --compress none --ref "$A")
}

@test "a closure that cannot fit is not fetched" {
	small_root 4M
	make_big_paths
	start_cache "$T/cache"
	fails 7 "'$T/root/nix/store' has [0-9]+ MiB free, but 6 MiB are needed" into "$TOP"
	[ "$(nars_asked_for)" -le 1 ]
	assert_nothing_valid "$T/root"
	into "$A"
	[ "$(valid_paths "$T/root")" = "$A" ]
}

@test "a disk that fills up loses no completed work" {
	small_root 8M
	make_big_paths
	start_cache "$T/cache" --fault-file "$T/faults"
	into "$A"
	echo '/nar/*=slow:1500000' >"$T/faults"
	: >"$CACHE_LOG"
	start_into "$TOP"
	wait_for 20 grep -q '^GET /nar.* 200' "$CACHE_LOG"
	head -c 8000000 /dev/zero >"$T/root/filler" 2>/dev/null || true
	ENDED=0
	wait "$FETCH" || ENDED=$?
	[ "$ENDED" -eq 7 ]
	grep -q "No space left on device" "$T/fetch.out"
	[ "$(valid_paths "$T/root")" = "$A" ]
	assert_store_whole "$T/root"
	rm "$T/root/filler" "$T/faults"
	: >"$CACHE_LOG"
	into "$TOP"
	[ "$(nars_asked_for)" -eq 0 ]
	[ "$(valid_paths "$T/root" | wc -l)" -eq 2 ]
	assert_store_whole "$T/root"
	assert_nothing_in_pool
}

# ---- interrupted ----

# Complete files among the partial downloads are not requested again.
assert_not_again() {
	local part
	while read -r part; do
		[ "$(log_count "^GET /nar/${part#f-}")" -eq 0 ] ||
			fail "$part was whole and is fetched again"
	done
}

# Only for paths that do not share their file with another path.
whole_parts() {
	{
		grep -hE '^(URL|FileSize):' "$T"/cache/*.narinfo
		grep -ls '^Run:' "$T"/pool/tmp/f-*.state | sed 's|.*/f-\([^-]*\).*\.state|Run: \1|'
		find "$T/pool/tmp" -name 'f-*.part' -printf 'Part: %f %s\n'
	} | awk '
		$1 == "URL:" { name = $2; gsub(/^nar\/|\..*/, "", name); users[name]++ }
		$1 == "FileSize:" { size[name] = $2 }
		$1 == "Run:" { unfinished[$2] }
		$1 == "Part:" {
			name = $2
			gsub(/^f-|\.part$/, "", name)
			sub(/-[a-z0-9]+$/, "", name)
			if (!(name in unfinished) && users[name] == 1 && size[name] == $3) print "f-" name
		}'
}

@test "killed at several moments, the target is valid and the same command resumes" {
	make_random_closure 40 3 200000
	start_cache "$T/cache" --fault-file "$T/faults"
	# The last NAR never arrives completely.
	printf '%s\n' '/nar/*=slow:150000' "/$(nar_of "$T/cache" "$TOP")=stall:10" >"$T/faults"
	for wanted in 1 8 20 30; do
		start_into "$TOP"
		wait_for 60 has_unpacked "$wanted"
		end_by KILL "$FETCH"
		nix_is_content "$T/root"
		whole_parts >"$T/had"
		[ $(($(wc -l <"$T/had") + $(valid_paths "$T/root" | wc -l))) -ge 1 ]
		: >"$CACHE_LOG"
	done
	rm "$T/faults"
	into "$TOP"
	assert_not_again <"$T/had"
	assert_random_closure_in "$T/root"
	assert_nothing_in_pool
}

@test "killed at any moment, also while registering" {
	make_random_closure 40 5 200000
	start_cache "$T/cache"
	for delay in 0.02 0.05 0.08 0.1 0.12 0.15 0.2 0.25 0.3; do
		rm -rf "$T/root"
		mkdir "$T/root"
		timeout -s KILL "$delay" "$BUILD/nixferry" prefetch "$TOP" --store "$T/root" \
			--substituter "$URL" --pool "$T/pool" --no-local-store --profile system \
			--trusted-public-key "$PUBLIC_KEY" >/dev/null 2>&1 || true
		nix_is_content "$T/root"
		into "$TOP" --profile system
		assert_random_closure_in "$T/root"
	done
	assert_nothing_in_pool
}

@test "Ctrl-C ends with 130 and registers complete paths" {
	make_random_closure 40 3 200000
	start_cache "$T/cache" --fault-file "$T/faults"
	# The last NAR never arrives completely.
	printf '%s\n' '/nar/*=slow:150000' "/$(nar_of "$T/cache" "$TOP")=stall:10" >"$T/faults"
	start_into "$TOP"
	wait_for 60 has_unpacked 25
	end_by INT "$FETCH"
	[ "$ENDED" -eq 130 ]
	[ "$(valid_paths "$T/root" | wc -l)" -ge 1 ]
	grep -qE "path(s were| was) imported into '$T/root'; the same command continues" "$T/fetch.out"
	assert_store_whole "$T/root"
	nix_is_content "$T/root"
	rm "$T/faults"
	into "$TOP"
	assert_random_closure_in "$T/root"
	assert_nothing_in_pool
}

@test "paths are registered during a long import" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault "/$(nar_of "$T/cache" "$APP")=slow:1500"
	start_into "$TOP"
	wait_for 60 registered_something
	end_by KILL "$FETCH"
	valid_paths "$T/root" | diff - <(printf '%s\n' "$LIB" "$DATA" "$LINK" | LC_ALL=C sort)
	nix_is_content "$T/root"
}

registered_something() {
	[ "$(valid_paths "$T/root" 2>/dev/null | wc -l)" -ge 1 ]
}
