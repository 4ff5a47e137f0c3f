#!/usr/bin/env bats
# Paths that are valid in a store's database but missing on the disk: they never count as
# present; commands that have them restore them, and the others name them.

load helper

setup() {
	setup_lab
	mkdir "$T/root"
}

teardown() {
	teardown_lab
}

lose() {
	local path
	for path; do
		chmod -R u+w "$T/root$path" 2>/dev/null || true
		chmod u+w "$T/root/nix/store"
		rm -rf "$T/root$path"
	done
}

into() {
	nixferry prefetch --store "$T/root" --substituter "$URL" --pool "$T/pool2" \
		--no-local-store --trusted-public-key "$PUBLIC_KEY" "$@"
}

sql() {
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" "$1"
}

# The database without SQLite's change counter: the part that must stay the same.
rows() {
	sql "select id, path, hash, registrationTime, narSize, sigs, ca from ValidPaths order by id;
		select referrer, reference from Refs order by 1, 2"
}

# Neither the database nor what is in the store has changed.
snapshot() {
	rows
	find "$T/root/nix/store" "$T/root/nix/var/nix/gcroots" "$T/root/nix/var/nix/profiles" | LC_ALL=C sort
}

@test "import restores lost paths and keeps their rows" {
	make_imported_closure
	rows >"$T/before"
	for lost in "$TOP" "$APP" "$LIB" "$DATA" "$LINK" "$APP $LIB" "${ALL_PATHS[*]}"; do
		# shellcheck disable=SC2086
		lose $lost
		import_bundle >"$T/out" 2>"$T/err"
		for path in $lost; do
			grep -q "'$path' is valid in '$T/root', but missing on the disk" "$T/err" || fail "$lost"
		done
		grep -q "^imported $(wc -w <<<"$lost") path" "$T/out" || fail "$lost: $(cat "$T/out")"
		assert_closure_in "$T/root" || fail "$lost"
		rows | diff "$T/before" - || fail "$lost"
	done
	nix_is_content "$T/root"
}

@test "a bundle from a pipe restores lost paths, too" {
	make_imported_closure
	lose "$LIB" "$TOP"
	nixferry import - --store "$T/root" --trusted-public-key "$PUBLIC_KEY" <"$T/b.bundle"
	assert_closure_in "$T/root"
}

@test "prefetch --store restores lost paths from a cache or the pool" {
	make_imported_closure
	start_cache "$T/cache"
	lose "$LIB" "$LINK"
	into "$TOP" >"$T/out" 2>"$T/err"
	grep -q "'$LIB' is valid in '$T/root', but missing on the disk" "$T/err"
	grep -q "^imported 2 paths" "$T/out"
	assert_closure_in "$T/root"
	[ "$(log_count '^GET /nar/')" -eq 2 ]
	lose "$TOP" "$DATA"
	nixferry prefetch "$TOP" --store "$T/root" --pool "$T/pool" --substituter "file://$T/cache" \
		--no-local-store --trusted-public-key "$PUBLIC_KEY" --json | jq -e '.fromPool == 2 and .fetched == 0'
	assert_closure_in "$T/root"
	nix_is_content "$T/root"
}

@test "paths that no cache has are named, with status 5" {
	make_imported_closure
	lose "$LIB"
	mkdir "$T/empty"
	printf 'StoreDir: /nix/store\n' >"$T/empty/nix-cache-info"
	start_cache "$T/empty"
	snapshot >"$T/before"
	fails 5 "'$(basename "$LIB")'.*valid in the target store, but missing on the disk" into "$TOP" --profile system
	snapshot | diff "$T/before" -
	# The plan does not report it in other words either.
	nixferry prefetch -n "$TOP" --store "$T/root" --substituter "file://$T/cache" --pool "$T/pool2" \
		--no-local-store --trusted-public-key "$PUBLIC_KEY" --json | jq -e '.inTarget == 4'
}

@test "a lost path with another hash in the database is not touched" {
	make_imported_closure
	lose "$LIB"
	sql "update ValidPaths set hash = 'sha256:' || hex(zeroblob(32)) where path = '$LIB'"
	start_cache "$T/cache"
	snapshot >"$T/before"
	fails 5 "'$LIB' is valid in '$T/root' with different content, but missing on the disk" import_bundle
	snapshot | diff "$T/before" -
	fails 5 "'$LIB' is valid in '$T/root' with different content, but missing on the disk" into "$TOP"
	snapshot | diff "$T/before" -
}

@test "paths that refer to an unavailable lost path are not imported" {
	make_imported_closure
	local upper
	echo upper >"$T/upper"
	upper=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name upper --tree "$T/upper" \
		--input-addressed --ref "$LIB")
	start_cache "$T/cache"
	lose "$LIB"
	rm "$(narinfo_of "$T/cache" "$LIB")"
	fails 5 "'$(basename "$LIB")'.*missing on the disk" into "$upper"
	[ ! -e "$T/root$upper" ] && [ ! -e "$T/root/nix/var/nix/gcroots/nixferry/$(basename "$upper")" ]
	! valid_paths "$T/root" | grep -qF "$upper"
}

@test "plan, pack and prefetch do not count lost paths as present" {
	make_imported_closure
	lose "$LIB"
	local from=(--from-store "$T/root" --pool "$T/pool2" --trusted-public-key "$PUBLIC_KEY")
	nixferry plan "$LIB" "$DATA" "${from[@]}" --substituter "file://$T/cache" >"$T/plan"
	grep -qE "^ *present, with their closures +1$" "$T/plan" || fail "$(cat "$T/plan")"
	grep -qE "^ *to be fetched +1 " "$T/plan" || fail "$(cat "$T/plan")"
	fails 5 "'$LIB' is valid in '$T/root', but missing on the disk" \
		nixferry pack "$TOP" "${from[@]}" -o "$T/c.bundle" --sign-key "$T/lab.sec"
	[ ! -e "$T/c.bundle" ]
	mkdir "$T/nothing"
	printf 'StoreDir: /nix/store\n' >"$T/nothing/nix-cache-info"
	fails 5 "'$LIB' is valid in '$T/root', but missing on the disk" nixferry prefetch "$TOP" "${from[@]}" \
		--substituter "file://$T/nothing"
	nixferry prefetch "$TOP" "${from[@]}" --substituter "file://$T/cache"
}
