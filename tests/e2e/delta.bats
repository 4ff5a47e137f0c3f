#!/usr/bin/env bats
# Bundles that carry NARs as patches of what their target has.

load helper

setup() {
	setup_lab
	make_generations
}

teardown() {
	teardown_lab
}

# put NAME TREE [OPTION OF mkcache]...
put() {
	mkcache add --cache "$T/cache" --sign "$T/lab.sec" --input-addressed --name "$1" --tree "$2" "${@:3}"
}

# The first generation, $OLD -> $OLD_APP, in the pool, in $T/old.bundle and in $T/root; the next, $NEW -> $APP and
# $EXTRA, only in a cache. Both apps have the same 300 KB of noise, and name themselves.
make_generations() {
	local name
	mkdir -p "$T/app/share" "$T/app/old name" "$T/old" "$T/new"
	head -c 300000 /dev/urandom >"$T/app/share/noise"
	head -c 50000 /dev/urandom >"$T/app/old name/moved"
	echo "/nix/store/$SELF_PLACEHOLDER-app-1.0/bin" >"$T/app/refers"
	OLD_APP=$(put app-1.0 "$T/app" --self-ref)
	ln -s "$OLD_APP" "$T/old/sw"
	OLD=$(put nixos-system-lab-1 "$T/old" --ref "$OLD_APP")
	make_bundle "$OLD" >"$T/out"
	mv "$T/b.bundle" "$T/old.bundle"
	import_bundle "$T/old.bundle" "$T/root" >"$T/out"
	mv "$T/app/old name" "$T/app/new name"
	echo "/nix/store/$SELF_PLACEHOLDER-app-1.1/bin" >"$T/app/refers"
	APP=$(put app-1.1 "$T/app" --self-ref)
	echo extra >"$T/extra"
	EXTRA=$(put extra "$T/extra")
	ln -s "$APP" "$T/new/sw"
	NEW=$(put nixos-system-lab-2 "$T/new" --ref "$APP" --ref "$EXTRA")
}

prefetch_next() {
	nixferry prefetch "$NEW" --substituter "file://$T/cache" --pool "$T/pool" --trusted-public-key "$PUBLIC_KEY" \
		--sign-key "$T/lab.sec" --delta-from "$T/old.bundle" -o "$T/next.bundle" >"$T/out"
}

check_imported() {
	local path
	for path in "$APP" "$EXTRA" "$NEW"; do
		[ -e "$T/$1$path" ] || [ -L "$T/$1$path" ]
	done
	cmp "$T/app/share/noise" "$T/$1$APP/share/noise"
	cmp "$T/app/new name/moved" "$T/$1$APP/new name/moved"
	grep -q "^$APP/bin$" "$T/$1$APP/refers"
	if have_nix; then
		nix-store --store "$T/$1" --verify --check-contents
		[ "$(nix_on "$T/$1" path-info -r "$NEW" | wc -l)" -eq 3 ]
	fi
}

@test "an update is carried as patches, and real Nix accepts what import makes of them" {
	prefetch_next
	[ "$(stat -c %s "$T/next.bundle")" -lt 20000 ]
	nixferry pack "$NEW" --pool "$T/pool" --no-local-store --sign-key "$T/lab.sec" -o - --jobs 1 \
		--trusted-public-key "$PUBLIC_KEY" --delta-from "$T/old.bundle" >"$T/packed.bundle"
	cmp "$T/next.bundle" "$T/packed.bundle"
	# A pool that lacks what the target has makes no patches.
	nixferry prefetch "$NEW" --substituter "file://$T/cache" --pool "$T/pool2" --trusted-public-key "$PUBLIC_KEY" \
		--no-local-store --sign-key "$T/lab.sec" --delta-from "$T/old.bundle" -o "$T/whole" >"$T/out" 2>"$T/err"
	grep -q "2 paths are carried whole: what the target has in their place is neither in the pool" "$T/err"
	[ "$(nixferry info "$T/whole" --json --trusted-public-key "$PUBLIC_KEY" | jq .patches)" -eq 0 ]
	cp -a "$T/root" "$T/root2"
	import_bundle "$T/next.bundle" "$T/root" >"$T/out"
	grep -q "^imported 3 paths" "$T/out"
	check_imported root
	# The same from a pipe.
	"$BUILD/nixferry-import" import - --store "$T/root2" --trusted-public-key "$PUBLIC_KEY" --jobs 2 \
		<"$T/next.bundle" >"$T/out"
	check_imported root2
}

@test "what is a patch is shown, and verified against a store that has what it is made from" {
	prefetch_next
	local key=(--trusted-public-key "$PUBLIC_KEY")
	nixferry list "$T/next.bundle" --json "${key[@]}" >"$T/out"
	[ "$(jq -r ".paths[] | select(.path == \"$APP\") | .madeFrom[]" "$T/out")" = "$OLD_APP" ]
	[ "$(jq -r ".paths[] | select(.path == \"$EXTRA\") | .madeFrom" "$T/out")" = null ]
	[ "$(jq -r '.requires[].path' "$T/out" | grep -c "^$OLD_APP$")" -eq 1 ]
	nixferry list "$T/next.bundle" "${key[@]}" | grep -q " $APP, a patch of ${OLD_APP##*/}$"
	nixferry info "$T/next.bundle" "${key[@]}" | grep -q "^patches  *1 of these"
	nixferry verify "$T/next.bundle" "${key[@]}" >"$T/out"
	grep -q "patch.*: --have ROOT" "$T/out"
	nixferry verify - "${key[@]}" --have "$T/root" <"$T/next.bundle" >"$T/out"
	grep -q "^good: 3 paths" "$T/out"
	# It is no cache for paths that it cannot make.
	fails 3 "it is not in any cache" nixferry prefetch "$APP" --substituter "$T/next.bundle" --pool "$T/pool3" "${key[@]}" --no-local-store
	[ ! -e "$T/pool3/$(hash_part "$APP").narinfo" ]
}

@test "a base that is damaged or missing is named, and everything else is imported" {
	prefetch_next
	cp -a "$T/root" "$T/root2"
	local file="$T/root$OLD_APP/share/noise"
	chmod u+w "$file"
	printf x | dd of="$file" bs=1 seek=1000 conv=notrunc status=none
	fails 5 "cannot be made from '$OLD_APP', which may be damaged: .* without --delta-from" \
		import_bundle "$T/next.bundle" "$T/root"
	[ -e "$T/root$EXTRA" ]
	[ ! -e "$T/root$APP" ]
	fails 5 "cannot be made from '$OLD_APP'" \
		nixferry verify "$T/next.bundle" --trusted-public-key "$PUBLIC_KEY" --have "$T/root"
	rm "$file"
	fails 5 "cannot be made from '$OLD_APP'" import_bundle - "$T/root" <"$T/next.bundle"
	cp "$T/app/share/noise" "$file"
	chmod 444 "$file"
	touch -d @1 "$file"
	import_bundle "$T/next.bundle" "$T/root" >"$T/out"
	check_imported root
	chmod -R u+w "$T/root2$OLD_APP"
	rm -r "$T/root2$OLD_APP"
	fails 3 "required path '$OLD_APP' is not valid" import_bundle "$T/next.bundle" "$T/root2"
}
