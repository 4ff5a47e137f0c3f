#!/usr/bin/env bats
# Everything that can be wrong with a bundle, a pool that is packed, and a target: each fault ends with its
# own status, registers nothing, and keeps what was valid.

load helper

setup() {
	setup_lab
}

teardown() {
	teardown_lab
}

import_fails() {
	fails "$1" "$2" timeout "$(patience 60)" "$BUILD/nixferry" import "${3:-$T/b.bundle}" \
		--store "$T/root" --trusted-public-key "$PUBLIC_KEY"
}

# ---- bundles ----

@test "hostile NARs are refused by import, though bundle and path are signed" {
	for kind in $(mkcache hostile-kinds); do
		rm -rf "$T/pool" "$T/root"
		mkdir "$T/root"
		TOP=$(mkcache hostile --cache "$T/pool" --as-pool --kind "$kind" \
			--sign "$T/lab.sec" --input-addressed)
		nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" --compress keep \
			-o "$T/b.bundle"
		fails 5 "." nixferry verify "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
		import_fails 5 "."
		assert_nothing_valid "$T/root"
		assert_store_whole "$T/root"
	done
	[ ! -e "$T/etc" ] && [ ! -e "$T/root/etc" ]
}

# Every length and every byte have a unit test.
@test "a truncated bundle is refused" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	mkdir "$T/root"
	size=$(stat -c %s "$T/b.bundle")
	for at in 0 512 1500 $((size / 2)) $((size - 1024)) $((size - 1)); do
		head -c "$at" "$T/b.bundle" >"$T/cut"
		run timeout "$(patience 60)" "$BUILD/nixferry" verify "$T/cut" --trusted-public-key "$PUBLIC_KEY"
		[ "$status" -eq 5 ] || fail "verify at $at: $status: $output"
		import_fails 5 "." "$T/cut"
		run bash -c 'head -c "$1" "$2" | timeout 600 "$3" import - --store "$4" \
			--trusted-public-key "$5"' - \
			"$at" "$T/b.bundle" "$BUILD/nixferry" "$T/root" "$PUBLIC_KEY"
		[ "$status" -eq 5 ] || fail "import from a pipe at $at: $status: $output"
		assert_nothing_valid "$T/root"
		assert_store_whole "$T/root"
	done
}

flip_byte() {
	local byte
	byte=$(tail -c "+$(($2 + 1))" "$1" | head -c 1 | od -An -tu1)
	# shellcheck disable=SC2059
	printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

@test "a bundle with a wrong byte is refused" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	mkdir "$T/root"
	size=$(stat -c %s "$T/b.bundle")
	for at in 0 700 $((size / 8)) $((size / 3)) $((size / 2 + 37)) $((size - 1)); do
		cp "$T/b.bundle" "$T/flipped"
		flip_byte "$T/flipped" "$at"
		run timeout "$(patience 60)" "$BUILD/nixferry" verify "$T/flipped" --trusted-public-key "$PUBLIC_KEY"
		[ "$status" -eq 5 ] || [ "$status" -eq 4 ] || fail "verify at $at: $status: $output"
		run timeout "$(patience 60)" "$BUILD/nixferry" import "$T/flipped" --store "$T/root" \
			--trusted-public-key "$PUBLIC_KEY"
		[ "$status" -eq 5 ] || [ "$status" -eq 4 ] || fail "import at $at: $status: $output"
		assert_nothing_valid "$T/root"
		assert_store_whole "$T/root"
	done
}

@test "a bundle followed by more data is refused" {
	make_signed_path
	make_bundle "$TOP"
	mkdir "$T/root"
	cp "$T/b.bundle" "$T/longer"
	head -c 512 /dev/zero >>"$T/longer"
	fails 5 "." nixferry verify "$T/longer" --trusted-public-key "$PUBLIC_KEY"
	import_fails 5 "." "$T/longer"
	assert_nothing_valid "$T/root"
}

@test "a bundle signed by an unknown key is refused, and the key is named" {
	make_signed_path
	make_bundle "$TOP"
	mkdir "$T/root"
	fails 4 "lab-1" nixferry verify "$T/b.bundle"
	fails 4 "lab-1" nixferry import "$T/b.bundle" --store "$T/root"
	mkcache keygen lab-1 "$T/o.sec" "$T/o.pub"
	fails 4 "lab-1" nixferry import "$T/b.bundle" --store "$T/root" \
		--trusted-public-key "$(cat "$T/o.pub")"
	assert_nothing_valid "$T/root"
	run nixferry info "$T/b.bundle"
	[ "$status" -eq 4 ]
	[[ "$output" == *lab-1* ]]
}

@test "untrusted paths in a trusted bundle are refused" {
	make_signed_path
	mkcache keygen mine-1 "$T/m.sec" "$T/m.pub"
	nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/m.sec" -o "$T/b.bundle"
	mkdir "$T/root"
	fails 4 "$(basename "$TOP")" nixferry import "$T/b.bundle" --store "$T/root" \
		--trusted-public-key "$(cat "$T/m.pub")"
	assert_nothing_valid "$T/root"
}

@test "a file that is not a bundle is refused as such" {
	mkdir "$T/root"
	for what in "$BUILD/nixferry" /dev/null "$T/lab.pub"; do
		import_fails 5 "." "$what"
	done
	fails 1 "missing" nixferry import "$T/missing" --store "$T/root"
	assert_nothing_valid "$T/root"
}

@test "pack refuses a path that is missing from the pool" {
	make_small_closure "$T/cache"
	nixferry prefetch "$APP" --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY"
	rm "$T/pool/$(hash_part "$LIB").narinfo"
	fails 3 "$(basename "$LIB")" nixferry pack "$APP" --pool "$T/pool" \
		--sign-key "$T/lab.sec" -o "$T/out.bundle"
	[ ! -e "$T/out.bundle" ]
	assert_no_temp_files "$T"
}

@test "bit rot in the pool is noticed when packing" {
	make_signed_path
	nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY"
	nar=$(echo "$T"/pool/nar/*)
	chmod u+w "$nar"
	flip_byte "$nar" 3000
	fails 5 "." nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" \
		-o "$T/out.bundle"
	[ ! -e "$T/out.bundle" ]
}

# ---- targets ----

@test "a failed import keeps what was valid" {
	make_small_closure "$T/cache"
	make_bundle "$APP"
	import_bundle
	valid_paths "$T/root" >"$T/before"
	rm -rf "$T/pool"
	make_bundle "$TOP"
	size=$(stat -c %s "$T/b.bundle")
	flip_byte "$T/b.bundle" $((size - 20000))
	import_fails 5 "."
	valid_paths "$T/root" | diff "$T/before" -
	assert_store_whole "$T/root"
	for path in "$APP" "$LIB"; do
		assert_tree_equal "$T/trees/$(basename "$path")" "$T/root$path"
	done
}

@test "a reference that neither bundle nor target has is refused" {
	make_small_closure "$T/cache"
	nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY"
	info=$T/pool/$(hash_part "$APP").narinfo
	cp "$info" "$T/info"
	rm -rf "$T/cache"
	lone=$(mkcache add --cache "$T/cache" --name lone --tree "$T/trees/$(basename "$DATA")" \
		--input-addressed --sign "$T/lab.sec" --ref "$LIB")
	fails 3 "$(basename "$LIB")" nixferry prefetch "$lone" --substituter "file://$T/cache" \
		--pool "$T/pool2" --trusted-public-key "$PUBLIC_KEY"
}

@test "a database of an unknown schema is not touched" {
	make_signed_path
	make_bundle "$TOP"
	import_bundle
	rm -rf "$T/pool"
	echo other >"$T/tree/other"
	TOP=$(mkcache add --cache "$T/cache" --name other --tree "$T/tree" --sign "$T/lab.sec")
	make_bundle "$TOP"
	printf 11 >"$T/root/nix/var/nix/db/schema"
	valid_paths "$T/root" >"$T/before"
	import_fails 5 "schema"
	valid_paths "$T/root" | diff "$T/before" -
	[ "$(cat "$T/root/nix/var/nix/db/schema")" = 11 ]
	assert_store_whole "$T/root"
}

@test "a target that is missing or a file is refused" {
	make_signed_path
	make_bundle "$TOP"
	fails 1 "$T/root" nixferry import "$T/b.bundle" --store "$T/root" \
		--trusted-public-key "$PUBLIC_KEY"
	: >"$T/root"
	fails 2 "$T/root" nixferry import "$T/b.bundle" --store "$T/root" \
		--trusted-public-key "$PUBLIC_KEY"
}

@test "a target with a symbolic link in its path is refused" {
	make_signed_path
	make_bundle "$TOP"
	mkdir -p "$T/root/nix" "$T/elsewhere"
	ln -s "$T/elsewhere" "$T/root/nix/store"
	import_fails 1 "."
	[ -z "$(ls -A "$T/elsewhere")" ]
}

@test "a target that cannot be written is refused" {
	make_signed_path
	make_bundle "$TOP"
	mkdir "$T/root"
	if [ "$(id -u)" -eq 0 ]; then
		mount_tmpfs "$T/root" ro,size=4m
		run import_fails 1 "read-only"
		umount "$T/root"
	else
		chmod 555 "$T/root"
		run import_fails 1 "permission"
	fi
	[ "$status" -eq 0 ] || fail "$output"
}

@test "a target without space is refused before anything is written" {
	make_signed_path
	head -c 8000000 /dev/urandom >"$T/tree/large"
	TOP=$(mkcache add --cache "$T/cache" --name large --tree "$T/tree" --sign "$T/lab.sec")
	make_bundle "$TOP"
	mkdir "$T/root"
	mount_tmpfs "$T/root" size=6m
	run import_fails 7 "free"
	left=$(find "$T/root/nix/store" -mindepth 1 2>/dev/null)
	valid=$(valid_paths "$T/root")
	umount "$T/root"
	[ "$status" -eq 0 ] || fail "$output"
	[ -z "$left$valid" ] || fail "left: $left $valid"
}
