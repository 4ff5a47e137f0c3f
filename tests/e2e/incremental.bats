#!/usr/bin/env bats
# Bundles that carry only what their target lacks.

load helper

setup() {
	setup_lab
}

teardown() {
	teardown_lab
}

# After make_small_closure: $NEW -> $APP, $EXTRA, $DATA.
make_next_generation() {
	echo extra >"$T/extra"
	EXTRA=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name extra --tree "$T/extra" --input-addressed)
	mkdir "$T/new"
	ln -s "$EXTRA" "$T/new/extra"
	NEW=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name nixos-system-lab-2 --tree "$T/new" \
		--input-addressed --ref "$APP" --ref "$EXTRA" --ref "$DATA")
}

# Packs the next generation for a target that has $1.
prefetch_next() {
	nixferry prefetch "$NEW" --substituter "file://$T/cache" --pool "$T/pool2" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/next.bundle" "${@:2}" --have "$1"
}

paths_in() {
	nixferry list "$1" --json --trusted-public-key "$PUBLIC_KEY" | jq -r ".$2[].path" | sort
}

@test "a bundle made with the target's inventory carries the rest, and real Nix accepts it" {
	make_imported_closure
	make_next_generation
	"$BUILD/nixferry-import" inventory --store "$T/root" --sign-key "$T/lab.sec" -o "$T/inventory" >"$T/out"
	grep -q "^5 paths: $T/inventory$" "$T/out"
	[ "$(sed -n '2,6s/ .*//p' "$T/inventory")" = "$(printf '%s\n' "${ALL_PATHS[@]##*/}" | sort)" ]
	prefetch_next "$T/inventory" >"$T/out"
	grep -q "2 required of the target" "$T/out"
	[ "$(paths_in "$T/next.bundle" paths)" = "$(printf '%s\n' "$NEW" "$EXTRA" | sort)" ]
	[ "$(paths_in "$T/next.bundle" requires)" = "$(printf '%s\n' "$APP" "$DATA" | sort)" ]
	# What was left out was not fetched either.
	[ ! -e "$T/pool2/$(hash_part "$APP").narinfo" ]
	nixferry pack "$NEW" --pool "$T/pool2" --no-local-store --sign-key "$T/lab.sec" -o - \
		--have - <"$T/inventory" --trusted-public-key "$PUBLIC_KEY" >"$T/packed.bundle"
	cmp "$T/next.bundle" "$T/packed.bundle"
	import_bundle - "$T/root" <"$T/next.bundle" >"$T/out"
	grep -q "^imported 2 paths" "$T/out"
	if have_nix; then
		nix-store --store "$T/root" --verify --check-contents
		[ "$(nix_on "$T/root" path-info -r "$NEW" | wc -l)" -eq 5 ]
	fi
}

@test "import names all that the target lacks, and changes nothing" {
	make_small_closure "$T/cache"
	make_bundle "$TOP" >"$T/out"
	make_next_generation
	prefetch_next "$T/b.bundle" >"$T/out"
	import_bundle "$T/b.bundle" "$T/other" >"$T/out"
	nixferry import "$T/next.bundle" --store "$T/other" --trusted-public-key "$PUBLIC_KEY" >"$T/out"
	mkdir "$T/root"
	fails 3 "the target store lacks 2 of 2 paths that the bundle requires, first .*: import '$TOP' first" \
		import_bundle "$T/next.bundle" "$T/root"
	[[ $stderr == *"required path '$APP' is not valid in the target store"* ]]
	[[ $stderr == *"required path '$DATA' is not valid in the target store"* ]]
	[ ! -e "$T/root$EXTRA" ]
	fails 3 "lacks 2 of 2 paths" import_bundle - "$T/root" <"$T/next.bundle"
	nixferry verify "$T/next.bundle" --trusted-public-key "$PUBLIC_KEY" >"$T/out"
	grep -q "^2 more paths are required" "$T/out"
	nixferry verify "$T/next.bundle" --trusted-public-key "$PUBLIC_KEY" --have "$T/b.bundle" >"$T/out"
	grep -q "^2 more paths are required: all are there$" "$T/out"
	nixferry verify - --trusted-public-key "$PUBLIC_KEY" --have "$T/other" <"$T/next.bundle" >"$T/out"
	fails 3 "2 of 2 paths that the bundle requires are missing" \
		nixferry verify "$T/next.bundle" --trusted-public-key "$PUBLIC_KEY" --have "$T/root"
	nixferry info "$T/next.bundle" --trusted-public-key "$PUBLIC_KEY" >"$T/out"
	grep -q "^requires  *2 paths that the target must have$" "$T/out"
	grep -q "^made from  *${TOP##*/}$" "$T/out"
}

@test "what targets have is an installable, a store or what several have in common" {
	make_imported_closure
	make_next_generation
	prefetch_next "$T/root" >"$T/out"
	cp "$T/next.bundle" "$T/from-store"
	nixferry prefetch "$NEW" --substituter "file://$T/cache" --pool "$T/pool" --trusted-public-key "$PUBLIC_KEY" \
		>"$T/out"
	pack() {
		nixferry pack "$NEW" --pool "$T/pool" --no-local-store --sign-key "$T/lab.sec" -o "$T/packed" "$@" >"$T/out"
	}
	pack --have "$TOP"
	[ "$(paths_in "$T/packed" paths)" = "$(paths_in "$T/from-store" paths)" ]
	pack --have-all "$LINK" --have-all "$TOP"
	[ "$(paths_in "$T/packed" requires)" = "$DATA" ]
	pack --have "$T/from-store"
	[ -z "$(paths_in "$T/packed" paths)" ]
	[ "$(paths_in "$T/packed" requires)" = "$NEW" ]
	import_bundle "$T/from-store" "$T/root" >"$T/out"
	import_bundle "$T/packed" "$T/root" >"$T/out"
	grep -q "^imported 0 paths" "$T/out"
	fails 2 "No such file" pack --have "$T/nothing"
	fails 2 "exclude each other" prefetch_next "$T/root" --store "$T/root"
}

@test "a target refuses an older bundle of a series, and one that has expired" {
	make_small_closure "$T/cache"
	make_bundle "$TOP" >"$T/out"
	pack() {
		nixferry pack "$TOP" --pool "$T/pool" --no-local-store --sign-key "$T/lab.sec" -o "$@" >"$T/out"
	}
	pack "$T/two" --series web --serial 2
	pack "$T/one" --series web --serial 1
	pack "$T/old" --expires 2020-02-29
	mkdir "$T/root"
	fails 4 "the bundle expired on 2020-02-29: get a newer bundle, or give --allow-older" \
		import_bundle "$T/old" "$T/root"
	[ -z "$(ls "$T/root")" ]
	fails 4 "the bundle expired on 2020-02-29" nixferry verify "$T/old" --trusted-public-key "$PUBLIC_KEY"
	nixferry verify "$T/one" --trusted-public-key "$PUBLIC_KEY"
	import_bundle "$T/one" "$T/root" >"$T/out"
	import_bundle - "$T/root" <"$T/two" >"$T/out"
	[ "$(cat "$T/root/nix/var/nixferry/series/web")" = 2 ]
	fails 4 "number 1 of series 'web', but '.*/root' has had number 2" import_bundle "$T/one" "$T/root"
	import_bundle "$T/one" "$T/root" --allow-older 2>"$T/err" >"$T/out"
	grep -q -- "--allow-older: the bundle is number 1" "$T/err"
	[ "$(cat "$T/root/nix/var/nixferry/series/web")" = 2 ]
	import_bundle "$T/old" "$T/root" --allow-older >"$T/out"
	nixferry info "$T/two" --trusted-public-key "$PUBLIC_KEY" | grep -q "^series  *web, number 2$"
	fails 2 "need each other" pack "$T/x" --series web
	fails 2 "is not a date like" pack "$T/x" --expires 2027-02-30
	fails 2 "is not up to 64 letters" pack "$T/x" --series ../x --serial 1
}

# make_release N PATH...: $1.top refers to a path of each name, the same for the same name. Sets RELEASE.
make_release() {
	local name refs=()
	for name in "${@:2}"; do
		head -c "$((20000 + ${#name} * 3000))" /dev/zero >"$T/$name"
		echo "$name" >>"$T/$name"
		refs+=(--ref "$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name "$name" \
			--tree "$T/$name")")
	done
	echo "$1" >"$T/release-$1"
	RELEASE=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name "nixos-system-lab-$1" \
		--tree "$T/release-$1" "${refs[@]}")
}

# As 'nix store diff-closures' prints what $T/json says.
as_nix_prints() {
	jq -r 'def shown: if length == 0 then "∅" else map(if . == "" then "ε" else . end) | join(", ") end;
		.packages[] | .name as $name |
		(.versionsBefore - .versionsAfter) as $gone | (.versionsAfter - .versionsBefore) as $new |
		(.sizeAfter - .sizeBefore) as $delta |
		[(if $gone + $new == [] then empty else "\($gone | shown) → \($new | shown)" end),
		 (if ($delta | fabs) < 8192 then empty else
			(if $delta > 0 then "+" else "" end) + "\($delta / 102.4 | round / 10) KiB" end)] |
		select(. != []) | "\($name): \(join(", "))"' "$T/json"
}

@test "diff groups paths as nix store diff-closures does" {
	have_nix || skip "no Nix here"
	mkdir "$T/root"
	make_release 1 glibc-2.35 glibc-2.35-bin firefox-115.1 man-db-2.11-doc perl5.36-Foo-1.2 gone-1 \
		etc same-1.0 two-1 two-2
	BEFORE=$RELEASE
	make_release 2 glibc-2.36 glibc-2.36-bin firefox-unwrapped-115.2 man-db-2.11-doc perl5.36-Foo-1.10 \
		etc-2 same-1.0 same-1.0-extra-lib64 two-2 two-3 unit-a.service
	nixferry prefetch "$BEFORE" "$RELEASE" --store "$T/root" --pool "$T/pool" \
		--substituter "file://$T/cache" --no-local-store --trusted-public-key "$PUBLIC_KEY" >"$T/out"
	nixferry diff "$BEFORE" "$RELEASE" --from-store "$T/root" --pool "$T/none" --json >"$T/json"
	nix --extra-experimental-features nix-command --store "$T/root" store diff-closures \
		"$BEFORE" "$RELEASE" | sed -e $'s/\e\\[[0-9;]*m//g' -e 's/\.0 KiB/ KiB/' >"$T/nix"
	[ "$(wc -l <"$T/nix")" -ge 9 ]
	as_nix_prints | diff "$T/nix" -
}

@test "diff takes bundles, inventories and stores, before anything is imported" {
	make_imported_closure
	make_next_generation
	prefetch_next "$T/root" >"$T/out"
	local trust=(--trusted-public-key "$PUBLIC_KEY")
	# What APP, which is required, refers to is known from the other side.
	nixferry diff "$T/b.bundle" "$T/next.bundle" "${trust[@]}" >"$T/out"
	grep -qE "^before    $T/b.bundle: 5 paths, [0-9.]+ KiB$" "$T/out"
	grep -qE "^after     $T/next.bundle: 5 paths, [0-9.]+ KiB$" "$T/out"
	grep -qE "^changed   nixos-system-lab  1 -> 2 .* B$" "$T/out"
	grep -qE "^added     extra +no version +\+" "$T/out"
	grep -qE "^removed   link +no version +-" "$T/out"
	grep -qE "^2 paths are new \([0-9.]+ B\), 2 are gone \([0-9.]+ B\)$" "$T/out"
	[ "$(wc -l <"$T/out")" -eq 6 ]

	nixferry inventory --store "$T/root" -o "$T/inventory" >"$T/out"
	"$BUILD/nixferry-import" diff - "$T/next.bundle" "${trust[@]}" --json <"$T/inventory" >"$T/json" 2>"$T/err"
	[ "$(jq -c '[.before.narSize, .before.unknownReferences, .after.unknownReferences]' "$T/json")" = \
		'[null,0,2]' ]
	grep -q "requires 2 paths whose references are not known here" "$T/err"
	nixferry diff "$T/root" "$T/next.bundle" "${trust[@]}" --json >"$T/json"
	[ "$(jq -r '.addedPaths[].path' "$T/json" | sort)" = "$(printf '%s\n' "$NEW" "$EXTRA" | sort)" ]
	[ "$(jq -r '.removedPaths[].path' "$T/json" | sort)" = "$(printf '%s\n' "$TOP" "$LINK" | sort)" ]
	[ "$(jq -c '[.packages[] | [.name, .change]]' "$T/json")" = \
		'[["extra","added"],["link","removed"],["nixos-system-lab","changed"]]' ]

	fails 4 "not a trusted key" nixferry diff "$T/root" "$T/next.bundle"
	fails 3 "is not in the pool" nixferry diff "$TOP" "$T/root" --pool "$T/none" --no-local-store
	fails 2 "standard input can be one" nixferry diff - -
}

@test "a recipe leaves out what a cache has, and import fetches it there" {
	local trust=(--trusted-public-key "$PUBLIC_KEY")
	make_small_closure "$T/public"
	cp -r "$T/public" "$T/cache"
	make_next_generation
	# The public cache lost a reference of APP: whoever fetches APP there cannot have it.
	cp -r "$T/public" "$T/holey"
	rm "$(narinfo_of "$T/holey" "$LIB")"
	start_cache "$T/public"
	prefetch_recipe() {
		nixferry prefetch "$NEW" --substituter "file://$T/cache" --pool "$T/pool" --no-local-store \
			"${trust[@]}" --sign-key "$T/lab.sec" "$@"
	}
	prefetch_recipe -o "$T/next.bundle" --not-in "$URL" >"$T/out"
	[ "$(paths_in "$T/next.bundle" paths)" = "$(printf '%s\n' "$NEW" "$EXTRA" | sort)" ]
	[ "$(paths_in "$T/next.bundle" requires)" = "$(printf '%s\n' "$APP" "$DATA" | sort)" ]
	[ ! -e "$T/pool/$(hash_part "$APP").narinfo" ]
	prefetch_recipe -o "$T/all.bundle" >"$T/out"
	nixferry pack "$NEW" --pool "$T/pool" --no-local-store --sign-key "$T/lab.sec" "${trust[@]}" \
		-o "$T/packed.bundle" --not-in "$URL" >"$T/out"
	cmp "$T/next.bundle" "$T/packed.bundle"
	nixferry pack "$NEW" --pool "$T/pool" --no-local-store --sign-key "$T/lab.sec" "${trust[@]}" \
		-o "$T/holey.bundle" --not-in "file://$T/holey" >"$T/out"
	[ "$(paths_in "$T/holey.bundle" requires)" = "$DATA" ]
	# A key that nobody trusts signed there: all is carried.
	nixferry pack "$NEW" --pool "$T/pool" --no-local-store --sign-key "$T/lab.sec" \
		-o "$T/distrusted.bundle" --not-in "$URL" >"$T/out" 2>"$T/err"
	grep -q "not-in: the bundle carries everything" "$T/err"
	[ -z "$(paths_in "$T/distrusted.bundle" requires)" ]
	dead_port
	fails 6 "option '--not-in'" prefetch_recipe -o "$T/dead.bundle" \
		--not-in "http://127.0.0.1:$DEAD_PORT"
	[ ! -e "$T/dead.bundle" ]
	fails 2 "needs --output" prefetch_recipe --not-in "$URL"

	nixferry pack "$NEW" --pool "$T/pool" --no-local-store --sign-key "$T/lab.sec" "${trust[@]}" \
		-o "$T/old.bundle" --not-in "$URL" --expires 2020-01-31 >"$T/out"
	mkdir "$T/root"
	: >"$CACHE_LOG"
	fails 4 "expired|2020-01-31" import_bundle "$T/old.bundle" "$T/root" --fetch-rest --substituter "$URL" \
		--pool "$T/pool2"
	[ ! -s "$CACHE_LOG" ]
	fails 3 "lacks 2 of 2 paths that the bundle requires" import_bundle "$T/next.bundle"
	assert_nothing_valid "$T/root"
	fails 3 "is not in any cache" import_bundle "$T/next.bundle" "$T/root" --fetch-rest \
		--substituter "file://$T/holey" --pool "$T/pool2"
	[ "$(valid_paths "$T/root" | grep -c -e "$NEW" -e "$EXTRA")" -eq 0 ]
	import_bundle - "$T/root" --fetch-rest --substituter "$URL" --pool "$T/pool2" <"$T/next.bundle" >"$T/out"
	[ "$(valid_paths "$T/root")" = "$(printf '%s\n' "$NEW" "$EXTRA" "$APP" "$LIB" "$DATA" | sort)" ]
	assert_store_whole "$T/root"
	assert_nothing_protected "$T/root"
	nix_is_content "$T/root"
	# Nothing is asked for what is there.
	: >"$CACHE_LOG"
	import_bundle "$T/next.bundle" "$T/root" --fetch-rest --substituter "http://127.0.0.1:$DEAD_PORT" \
		--pool "$T/pool2" --json >"$T/json"
	[ "$(jq -c '[.imported, .present]' "$T/json")" = '[0,2]' ]
	[ ! -s "$CACHE_LOG" ]
}

@test "with --keep-going, complete closures are packed without what the target has" {
	local other
	make_imported_closure
	make_next_generation
	echo other >"$T/other"
	other=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name other --tree "$T/other" \
		--input-addressed --ref "$APP")
	rm "$(narinfo_of "$T/cache" "$EXTRA")"
	fails 3 "'?${EXTRA##*/}'?.*is not in any cache" prefetch_next "$T/root" "$other" --keep-going
	[ "$(paths_in "$T/next.bundle" paths)" = "$other" ]
	[ "$(paths_in "$T/next.bundle" requires)" = "$APP" ]
	[ "$(nixferry info "$T/next.bundle" --json --trusted-public-key "$PUBLIC_KEY" | jq -c .roots)" = \
		"[\"$other\"]" ]
	import_bundle "$T/next.bundle" >"$T/out"
	assert_store_whole "$T/root"
}
