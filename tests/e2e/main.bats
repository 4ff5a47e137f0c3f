#!/usr/bin/env bats
# The main job: from a cache to a bundle to a root store, with real Nix as the judge where
# there is one.

load helper

setup() {
	setup_lab
}

teardown() {
	teardown_lab
}

# fetch TARGET... [OPTION]...: from $URL into $T/pool.
fetch() {
	nixferry prefetch --substituter "$URL" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" "$@"
}

# The same, into $T/b.bundle.
fetch_bundle() {
	fetch --sign-key "$T/lab.sec" -o "$T/b.bundle" "$@"
}

nix_agrees() {
	local root=$1 top=$2
	nix-store --store "$root" --verify --check-contents
	nix_on "$root" store verify -r --trusted-public-keys "$PUBLIC_KEY" "$top"
	nix_on "$root" path-info -r "$top" | LC_ALL=C sort | diff - <(valid_paths "$root")
}

@test "a closure goes from an HTTP cache through a bundle into a new root" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	fetch_bundle "$TOP"
	run nixferry verify "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
	[ "$status" -eq 0 ]
	import_bundle
	assert_closure_in "$T/root"
	assert_no_temp_files "$T/pool"
	[ "$(find "$T" -maxdepth 1 -name '*b.bundle*' | wc -l)" -eq 1 ]
}

@test "each narinfo and NAR is requested once" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	fetch "$TOP"
	[ "$(log_count '^GET /nar/')" -eq 5 ]
	[ "$(log_count '^GET /[^/]*\.narinfo')" -eq 5 ]
	[ -z "$(grep -E '^GET ' "$CACHE_LOG" | sort | uniq -d)" ]
}

@test "a file:// cache can be a source" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	import_bundle
	assert_closure_in "$T/root"
}

@test "paths from a file:// cache are counted" {
	make_small_closure "$T/cache"
	size=$(find "$T/cache/nar" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
	URL=file://$T/cache
	fetch "$TOP" --json >"$T/json"
	[ "$(jq .downloadedBytes "$T/json")" -eq "$size" ]
	[ "$(jq '.caches[0].bytes' "$T/json")" -eq "$size" ]
}

@test "a signed path is fetched without a content address that does not match it" {
	make_tree "$T/tree"
	TOP=$(mkcache add --cache "$T/cache" --name thing --tree "$T/tree" --input-addressed \
		--sign "$T/lab.sec")
	echo "CA: fixed:r:sha256:0ip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p" \
		>>"$(narinfo_of "$T/cache" "$TOP")"
	start_cache "$T/cache"
	fetch_bundle "$TOP"
	! grep -q '^CA:' "$(narinfo_of "$T/pool" "$TOP")" || fail "the pool passes it on"
	import_bundle
	[ "$(valid_paths "$T/root")" = "$TOP" ]
}

@test "every compression that caches use" {
	make_codecs_closure none xz zstd gzip bzip2 lz4 lzip lzma br
	[ "$(sed -n 's/^Compression: //p' "$T"/cache/*.narinfo | sort -u | wc -l)" -eq 9 ]
	start_cache "$T/cache"
	fetch_bundle "$TOP"
	import_bundle
	assert_closure_in "$T/root"
}

@test "NARs are kept as served, or encoded at the requested level" {
	make_small_closure "$T/cache" --compress xz
	start_cache "$T/cache"
	fetch_bundle "$TOP" --compress keep
	[ "$(tar tf "$T/b.bundle" | grep -c '\.nar\.xz$')" -eq 5 ]
	import_bundle
	assert_closure_in "$T/root"
	fetch "$TOP" --sign-key "$T/lab.sec" --compress zstd:12 -o "$T/c.bundle"
	[ "$(tar tf "$T/c.bundle" | grep -c '\.nar\.zst$')" -eq 5 ]
	import_bundle "$T/c.bundle" "$T/root2"
	assert_closure_in "$T/root2"
}

@test "the same paths, key and level give the same bytes" {
	make_small_closure "$T/cache" --compress xz
	start_cache "$T/cache"
	fetch_bundle "$TOP" --jobs 1
	nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool2" --jobs 4 \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/c.bundle"
	cmp "$T/b.bundle" "$T/c.bundle"
	fetch "$TOP" --sign-key "$T/lab.sec" -o - >"$T/d.bundle"
	cmp "$T/b.bundle" "$T/d.bundle"
	nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" -o - | cmp - "$T/b.bundle"
}

@test "a bundle from a pipe is imported while it arrives" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	mkdir "$T/root"
	fetch "$TOP" --sign-key "$T/lab.sec" -o - |
		nixferry import - --store "$T/root" --trusted-public-key "$PUBLIC_KEY"
	assert_closure_in "$T/root"
}

@test "nixferry-import imports without the network libraries" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	mkdir "$T/root"
	"$BUILD/nixferry-import" verify "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
	"$BUILD/nixferry-import" import "$T/b.bundle" --store "$T/root" \
		--trusted-public-key "$PUBLIC_KEY"
	assert_closure_in "$T/root"
	run ldd "$BUILD/nixferry-import"
	[[ "$output" != *libcurl* ]]
}

@test "paths in the pool are packed without any cache" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	fetch "$TOP"
	stop_caches
	nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" -o "$T/b.bundle"
	import_bundle
	assert_closure_in "$T/root"
}

@test "the next closure downloads only new paths" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	fetch "$TOP"
	echo more >"$T/new"
	new=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name nixos-system-lab-2 \
		--tree "$T/new" --input-addressed --ref "$APP" --ref "$DATA")
	: >"$CACHE_LOG"
	fetch_bundle "$new"
	[ "$(log_count '^GET /nar/')" -eq 1 ]
	import_bundle
	[ "$(valid_paths "$T/root" | wc -l)" -eq 4 ]
}

@test "paths spread over several caches are fetched together" {
	make_small_closure "$T/cache"
	cp -r "$T/cache" "$T/other"
	rm "$(narinfo_of "$T/cache" "$LIB")" "$(narinfo_of "$T/cache" "$DATA")"
	rm "$(narinfo_of "$T/other" "$TOP")" "$(narinfo_of "$T/other" "$APP")"
	start_cache "$T/cache"
	first=$URL
	start_cache "$T/other"
	fetch_bundle "$TOP" --substituter "$first"
	import_bundle
	assert_closure_in "$T/root"
}

@test "installables: a base name, a path below one, a link, a list" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	ln -s "$LIB" "$T/result"
	fetch "$(basename "$DATA")" "$APP/bin/hello" "$T/result"
	printf '%s\n' "$LINK" "$TOP" | fetch -
	printf '%s\n' "$TOP" >"$T/list"
	: >"$CACHE_LOG"
	fetch --from-file "$T/list"
	[ "$(log_count '^GET /nar/')" -eq 0 ]
}

@test "content-addressed paths need no signature" {
	mkdir -p "$T/tree"
	echo "/nix/store/$SELF_PLACEHOLDER-self" >"$T/tree/self"
	one=$(mkcache add --cache "$T/cache" --name one --tree "$T/tree" --self-ref)
	two=$(mkcache add --cache "$T/cache" --name two --tree "$T/tree/self" --ref "$one")
	start_cache "$T/cache"
	fetch_bundle "$two"
	import_bundle
	[ "$(valid_paths "$T/root" | wc -l)" -eq 2 ]
	grep -q "^/nix/store/$(hash_part "$one")-self$" "$T/root$one/self"
}

@test "the closure becomes the system profile, with GC roots" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	import_bundle "$T/b.bundle" "$T/root" --profile system
	[ "$(readlink "$T/root/nix/var/nix/profiles/system")" = system-1-link ]
	[ "$(readlink "$T/root/nix/var/nix/profiles/system-1-link")" = "$TOP" ]
	[ -z "$(find "$T/root/nix/var/nix/gcroots" -type l -lname "/nix/store/*")" ]
	import_bundle "$T/b.bundle" "$T/root" --profile system
	[ "$(readlink "$T/root/nix/var/nix/profiles/system")" = system-1-link ]
}

@test "a root that has part of the closure gains the rest, and missing signatures" {
	make_small_closure "$T/cache"
	make_bundle "$APP"
	import_bundle
	[ "$(valid_paths "$T/root" | wc -l)" -eq 2 ]
	mkcache keygen lab-2 "$T/lab2.sec" "$T/lab2.pub"
	mkcache sign --cache "$T/cache" --sign "$T/lab2.sec" "${ALL_PATHS[@]}"
	nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool2" \
		--trusted-public-key "$(cat "$T/lab2.pub")" --sign-key "$T/lab2.sec" -o "$T/c.bundle"
	import_bundle "$T/c.bundle" "$T/root" --trusted-public-key "$(cat "$T/lab2.pub")"
	assert_closure_in "$T/root"
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" \
		"select sigs from ValidPaths where path = '$APP'" >"$T/sigs"
	grep -q 'lab-1:' "$T/sigs"
	grep -q 'lab-2:' "$T/sigs"
}

@test "importing twice changes nothing" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	import_bundle
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" .dump >"$T/before"
	import_bundle
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" .dump | diff "$T/before" -
	assert_closure_in "$T/root"
}

@test "upstream signatures, references and derivers are registered" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	import_bundle
	row=$(sqlite3 "$T/root/nix/var/nix/db/db.sqlite" \
		"select deriver, ultimate is null, sigs like 'lab-1:%' from ValidPaths where path = '$APP'")
	[ "$row" = "/nix/store/00000000000000000000000000000000-app-2.0.drv|1|1" ]
	refs=$(sqlite3 "$T/root/nix/var/nix/db/db.sqlite" "select r.path from Refs
		join ValidPaths r on reference = r.id join ValidPaths a on referrer = a.id
		where a.path = '$APP' order by 1")
	[ "$refs" = "$(printf '%s\n' "$APP" "$LIB" | LC_ALL=C sort)" ]
}

@test "list and info show the contents of a bundle" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	run nixferry list "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
	[ "$status" -eq 0 ]
	for path in "${ALL_PATHS[@]}"; do grep -q "$path" <<<"$output"; done
	run nixferry info "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
	[ "$status" -eq 0 ]
	grep -q "$TOP" <<<"$output"
	grep -q lab-1 <<<"$output"
}

@test "--json prints one document" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	fetch_bundle "$TOP" --json | jq -e '.complete and .fetched == 5 and .paths == 5'
	nixferry list "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY" --json |
		jq -e '.paths | length == 5'
	nixferry info "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY" --json |
		jq -e --arg top "$TOP" '.roots == [$top] and .trusted'
	import_bundle "$T/b.bundle" "$T/root" --json | jq -e '.imported == 5'
}

@test "a dry run shows what would be fetched and fetches nothing" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	fetch "$TOP" --dry-run --json | jq -e '.paths == 5 and .fetched == 0'
	[ "$(log_count '^GET /nar/')" -eq 0 ]
}

@test "keys are Nix's keys" {
	nixferry keygen me-1 "$T/me.sec" "$T/me.pub"
	[[ "$(cat "$T/me.pub")" == me-1:* ]]
	[ "$(stat -c %a "$T/me.sec")" = 600 ]
	have_nix || skip "no Nix here"
	[ "$(nix key convert-secret-to-public <"$T/me.sec")" = "$(cat "$T/me.pub")" ]
}

@test "an untarred bundle is a cache that nixferry reads" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	mkdir "$T/untarred"
	tar xf "$T/b.bundle" -C "$T/untarred"
	nixferry prefetch "$TOP" --substituter "file://$T/untarred" --pool "$T/pool2" \
		--trusted-public-key "$PUBLIC_KEY"
}

@test "nixferry can use a pool as a cache" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	fetch "$TOP"
	start_cache "$T/pool"
	nixferry prefetch "$TOP" --substituter "$URL" --pool "$T/pool2" \
		--trusted-public-key "$PUBLIC_KEY"
}

@test "a random closure of 150 paths is fetched completely" {
	make_random_closure 150 7 300000
	start_cache "$T/cache"
	fetch_bundle "$TOP"
	import_bundle
	valid_paths "$T/root" | diff - <(LC_ALL=C sort "$T/paths")
	assert_store_whole "$T/root"
	have_nix || skip "no Nix here"
	nix_agrees "$T/root" "$TOP"
}

@test "redirects and slow responses do not change the result" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault '/nar/*=slow:500000'
	behind=$URL
	start_cache "$T/cache" --fault "*=redirect:$behind/"
	fetch_bundle "$TOP"
	import_bundle
	assert_closure_in "$T/root"
}

# ---- real Nix ----

@test "Nix finds nothing wrong with the imported store" {
	have_nix || skip "no Nix here"
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	import_bundle
	nix_agrees "$T/root" "$TOP"
	nix_on "$T/root" path-info -r --sigs "$TOP" >"$T/sigs"
	[ "$(grep -c 'lab-1:' "$T/sigs")" -eq 5 ]
}

@test "Nix adds to and collects from the imported store" {
	have_nix || skip "no Nix here"
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	import_bundle
	echo more >"$T/more"
	nix-store --store "$T/root" --add "$T/more"
	nix-store --store "$T/root" --gc
	diff <(printf '%s\n' "${ALL_PATHS[@]}" | LC_ALL=C sort) <(valid_paths "$T/root")
	nix-store --store "$T/root" --verify --check-contents
}

@test "Nix makes the toplevel the system profile without any cache" {
	have_nix || skip "no Nix here"
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	import_bundle
	nix-env --store "$T/root" -p "$T/root/nix/var/nix/profiles/system" --set "$TOP" \
		--option substituters ""
	[ "$(readlink -f -m "$T/root/nix/var/nix/profiles/system")" = "$TOP" ] ||
		[ "$(readlink "$T/root/nix/var/nix/profiles/system-1-link")" = "$TOP" ]
}

@test "Nix copies from an untarred bundle, signatures checked" {
	have_nix || skip "no Nix here"
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	mkdir "$T/untarred"
	tar xf "$T/b.bundle" -C "$T/untarred"
	nix copy --from "file://$T/untarred" --to "$T/root2" "$TOP" \
		--option trusted-public-keys "$PUBLIC_KEY"
	valid_paths "$T/root2" | diff - <(printf '%s\n' "${ALL_PATHS[@]}" | LC_ALL=C sort)
	for path in "${ALL_PATHS[@]}"; do
		assert_tree_equal "$T/trees/$(basename "$path")" "$T/root2$path"
	done
}

@test "Nix copies from the pool" {
	have_nix || skip "no Nix here"
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	fetch "$TOP"
	nix copy --from "file://$T/pool" --to "$T/root2" "$TOP" \
		--option trusted-public-keys "$PUBLIC_KEY"
	[ "$(valid_paths "$T/root2" | wc -l)" -eq 5 ]
}

@test "nixferry and Nix import the same: database rows and trees" {
	have_nix || skip "no Nix here"
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	import_bundle
	nix copy --from "file://$T/cache" --to "$T/root2" "$TOP" \
		--option trusted-public-keys "$PUBLIC_KEY"
	rows="select path, hash, deriver, narSize, ultimate, sigs, ca from ValidPaths order by path"
	diff <(sqlite3 "$T/root/nix/var/nix/db/db.sqlite" "$rows") \
		<(sqlite3 "$T/root2/nix/var/nix/db/db.sqlite" "$rows")
	diff <(cd "$T/root/nix/store" && find . -mindepth 1 -printf '%y %m %T@ %p %l\n' | sort) \
		<(cd "$T/root2/nix/store" && find . -mindepth 1 ! -path './.links*' \
			-printf '%y %m %T@ %p %l\n' | sort)
}

@test "the default limit of open files suffices for hundreds of paths" {
	make_random_closure 300 8 2000
	make_bundle "$TOP"
	mkdir "$T/root"
	(
		ulimit -Sn 120
		import_bundle
	)
	[ "$(valid_paths "$T/root" | wc -l)" -eq 300 ]
}
