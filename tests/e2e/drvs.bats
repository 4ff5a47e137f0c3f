#!/usr/bin/env bats
# A .drv that is not a derivation: every command that receives it refuses it, not only the last one.

load helper

setup() {
	setup_lab
	make_small_closure "$T/cache"
	mkdir "$T/root"
	local put=(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --input-addressed)
	echo nonsense >"$T/drv"
	mkdir "$T/dir"
	echo user >"$T/user"
	BAD=$("${put[@]}" --name bad.drv --tree "$T/drv")
	DIR=$("${put[@]}" --name dir.drv --tree "$T/dir")
	USER_OF_BAD=$("${put[@]}" --name of-bad --tree "$T/user" --ref "$BAD" --ref "$TOP")
	USER_OF_DIR=$("${put[@]}" --name of-dir --tree "$T/user" --ref "$DIR")
	printf '%s' 'Derive([("out","","","")],[],[],"x","y",[],[("out","")])' >"$T/drv"
	GOOD=$("${put[@]}" --name good.drv --tree "$T/drv")
	USER_OF_GOOD=$("${put[@]}" --name of-good --tree "$T/user" --ref "$GOOD")
}

teardown() {
	teardown_lab
}

fetch() {
	nixferry prefetch "$@" --substituter "file://$T/cache" --pool "$T/pool" --no-local-store \
		--trusted-public-key "$PUBLIC_KEY"
}

pack() {
	nixferry pack "$@" --pool "$T/pool" --no-local-store --sign-key "$T/lab.sec" -o "$T/b.bundle"
}

@test "prefetch refuses it, and packs what does not need it" {
	for level in keep zstd; do
		rm -rf "$T/pool"
		fails 5 "$(basename "$BAD").*: byte 0: " fetch "$USER_OF_BAD" --compress "$level"
		fails 5 "$(basename "$DIR").*: a derivation that is not a regular file" \
			fetch "$USER_OF_DIR" --compress "$level"
	done
	fails 5 "not in the bundle: $(basename "$BAD")" fetch "$USER_OF_BAD" "$USER_OF_GOOD" "$TOP" -k \
		--sign-key "$T/lab.sec" -o "$T/b.bundle"
	nixferry verify "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
	nixferry list "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY" >"$T/list"
	grep -qF "$USER_OF_GOOD" "$T/list"
	grep -qF "$GOOD" "$T/list"
	! grep -qF -e "$BAD" -e "$USER_OF_BAD" "$T/list"
	import_bundle
	[ "$(valid_paths "$T/root" | wc -l)" -eq 7 ]
}

@test "pack refuses such a derivation in the pool" {
	echo nonsense >"$T/drv"
	BAD=$(mkcache add --cache "$T/pool" --sign "$T/lab.sec" --as-pool --input-addressed \
		--name in-pool.drv --tree "$T/drv")
	DIR=$(mkcache add --cache "$T/pool" --sign "$T/lab.sec" --as-pool --input-addressed \
		--name in-pool-dir.drv --tree "$T/dir")
	for bad in "$BAD" "$DIR"; do
		user=$(mkcache add --cache "$T/pool" --sign "$T/lab.sec" --as-pool --input-addressed \
			--name user --tree "$T/user" --ref "$bad")
		fails 5 "path '$(basename "$bad")'" pack "$user"
		fails 5 "$(basename "$bad")" pack "$user" --compress zstd:5
		[ ! -e "$T/b.bundle" ]
	done
}
