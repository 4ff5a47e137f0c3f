#!/usr/bin/env bats
# What would be fetched or built, or is unknown: the same as with real Nix, and more.

load helper
load answers

setup() {
	setup_lab
	make_small_closure "$T/cache"
	start_cache "$T/cache"
}

teardown() {
	teardown_lab
}

# plan ROOT ARG...: against the store below ROOT.
plan() {
	local root=$1
	shift
	nixferry plan --from-store "$root" --pool "$T/pool" --trusted-public-key "$PUBLIC_KEY" "$@"
}

# A store below $T/root that has nothing but DATA.
store_with_data() {
	make_bundle "$DATA"
	import_bundle
	rm -rf "$T/pool"
}

# The paths that plan gives a status: fetch, build, unknown.
planned() {
	local status=$1
	shift
	plan "$@" --json 2>/dev/null |
		jq -r --arg s "$status" '.paths[] | select(.status == $s) | .path' | LC_ALL=C sort
}

@test "plan shows a closure in a cache as to be fetched, with sizes and keys" {
	store_with_data
	run plan "$T/root" "$TOP" --substituter "$URL"
	[ "$status" -eq 0 ] || fail "$output"
	[[ $output == *"vouched for by lab-1"* ]] || fail "$output"
	plan "$T/root" "$TOP" --substituter "$URL" --json >"$T/plan"
	[ "$(jq .fetch "$T/plan")" -eq 4 ] || fail "$(cat "$T/plan")"
	[ "$(jq .here "$T/plan")" -eq 1 ]
	[ "$(jq .build "$T/plan")" -eq 0 ]
	[ "$(jq -r ".paths[] | select(.path == \"$LIB\") | .trustedBy" "$T/plan")" = lab-1 ]
	[ "$(jq -r ".paths[] | select(.path == \"$DATA\") | .status" "$T/plan")" = here ]
}

@test "plan lists the largest paths, and downloads of unknown size" {
	store_with_data
	sed -i '/^FileSize:/d' "$(narinfo_of "$T/cache" "$LIB")"
	run plan "$T/root" "$TOP" --substituter "$URL"
	[ "$status" -eq 0 ] || fail "$output"
	[[ $output == *"the download size of 1 of them is not known"* ]] || fail "$output"
	diff <(sed -n '/largest, unpacked/,$s/^  *[0-9.]* [KMi]*B  //p' <<<"$output") \
		<(printf '%s\n' "${APP##*/}" "${LIB##*/}" "${TOP##*/}" "${LINK##*/}")
}

@test "caches shows bundles, pools and stores like other caches" {
	make_bundle "$TOP"
	import_bundle "$T/b.bundle" "$T/other"
	local source
	for source in "$T/b.bundle" "$T/pool" "$T/other"; do
		run nixferry plan "$TOP" --no-local-store --pool "$T/new-pool" --substituter "$source" \
			--trusted-public-key "$PUBLIC_KEY"
		[ "$status" -eq 0 ] || fail "$output"
		grep -qE "^ +$source +5 .*vouched for by lab-1$" <<<"$output" || fail "$output"
		[[ $output != *"the download size of"* ]] || fail "$output"
	done
}

@test "a store path may be given in every form that leads to it" {
	local base=${TOP##*/} profiles=$T/target/nix/var/nix/profiles name
	make_bundle "$TOP"
	mkdir -p "$profiles"
	ln -s "//nix/./store//$base/" "$profiles/system-1-link"
	ln -s system-1-link "$profiles/system"
	ln -s "$profiles/../profiles/system" "$T/result"
	printf '%s\n' "//nix/store/$base" "/nix/store/../store/$base/sw/.." "$T/./result" >"$T/list"
	xz -k "$T/list"
	for name in "/nix/store//$base" "/nix/store/${APP##*/}/../$base" "$T/result" "$profiles/system/" \
		"--from-file=$T/list" "--from-file=$T/list.xz"; do
		run nixferry pack "$name" --pool "$T/pool" --no-local-store --sign-key "$T/lab.sec" -o "$T/c.bundle"
		[ "$status" -eq 0 ] || fail "$name: $output"
		cmp "$T/b.bundle" "$T/c.bundle" || fail "$name"
		rm "$T/c.bundle"
	done
	for name in /nix/store /nix/store/. "/nix/store/$base/.." /nix/store/..; do
		fails 2 "installable '$name'" plan / "$name" --substituter "$URL"
	done
}

@test "planning fetches nothing" {
	store_with_data
	plan "$T/root" "$TOP" --substituter "$URL" >/dev/null
	[ "$(log_count '/nar/')" -eq 0 ]
}

@test "plan shows each cache's paths, sizes and keys" {
	store_with_data
	mkcache keygen other-1 "$T/other.sec" "$T/other.pub"
	cp -r "$T/cache" "$T/other"
	rm "$(narinfo_of "$T/cache" "$LIB")" "$(narinfo_of "$T/other" "$TOP")"
	sed -i '/^Sig:/d' "$T/other"/*.narinfo
	mkcache sign --cache "$T/other" --sign "$T/other.sec" "$APP" "$LIB" "$LINK"
	local first=$URL
	start_cache "$T/other"
	# The first cache has all but one path, and comes first.
	run plan "$T/root" "$TOP" --trusted-public-key "$(cat "$T/other.pub")" --json \
		--substituter "$first?priority=1" --substituter "$URL?priority=2"
	[ "$status" -eq 0 ] || fail "$output"
	[ "$(jq -c '.caches | map([.paths, .trustedBy])' <<<"$output")" = '[[3,["lab-1"]],[1,["other-1"]]]' ] ||
		fail "$output"
	[ "$(jq -r --arg p "$LIB" '.paths[] | select(.path == $p).cache' <<<"$output")" = "$URL" ]
	[ "$(jq -r --arg p "$APP" '.paths[] | select(.path == $p).cache' <<<"$output")" = "$first" ]
	[ "$(jq --arg p "$APP" '.paths[] | select(.path == $p).sources | length' <<<"$output")" -eq 2 ]
	[ "$(jq '.caches[1].downloadSize' <<<"$output")" -eq \
		"$(sed -n 's/^FileSize: //p' "$(narinfo_of "$T/other" "$LIB")")" ]
	[ "$(jq '.caches[1].narSize' <<<"$output")" -eq \
		"$(sed -n 's/^NarSize: //p' "$(narinfo_of "$T/other" "$LIB")")" ]
	jq -e '.narSize == (.caches | map(.narSize) | add) and
		.downloadSize == (.caches | map(.downloadSize) | add)' <<<"$output"
	# The user's priorities reverse this.
	run plan "$T/root" "$TOP" --trusted-public-key "$(cat "$T/other.pub")" \
		--substituter "$first?priority=2" --substituter "$URL?priority=1"
	grep -qE "^ +$first +1 .*vouched for by lab-1$" <<<"$output" || fail "$output"
	grep -qE "^ +$URL +3 .*vouched for by other-1$" <<<"$output" || fail "$output"
}

# processor_ms COMMAND...: the processor time that it takes, in milliseconds.
processor_ms() {
	local TIMEFORMAT='%U %S'
	{ time "$@" >/dev/null 2>&1; } 2>&1 | awk '{ printf "%d\n", ($1 + $2) * 1000 }'
}

@test "waiting for answers uses no processor time" {
	store_with_data
	start_cache "$T/cache" --fault '*=delay:1500'
	local start=$EPOCHREALTIME used
	used=$(processor_ms plan "$T/root" "$TOP" --substituter "$URL")
	[ $((${EPOCHREALTIME/./} - ${start/./})) -ge 4000000 ]
	[ "$used" -le 2000 ] || fail "$used ms"
	used=$(processor_ms nixferry prefetch "$TOP" --dry-run --substituter "$URL" --no-local-store \
		--pool "$T/pool" --trusted-public-key "$PUBLIC_KEY")
	[ "$used" -le 2000 ] || fail "$used ms"
}

@test "paths in the pool are not fetched again" {
	store_with_data
	nixferry prefetch "$LIB" --substituter "$URL" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY"
	[ "$(planned pool "$T/root" "$TOP" --substituter "$URL")" = "$LIB" ]
}

@test "a path that no cache has is unknown, with status 3" {
	store_with_data
	rm "$T/cache/$(hash_part "$LIB").narinfo"
	run plan "$T/root" "$TOP" --substituter "$URL"
	[ "$status" -eq 3 ] || fail "$output"
	[[ $output == *"$LIB"* ]] || fail "$output"
	[ "$(planned unknown "$T/root" "$TOP" --substituter "$URL")" = "$LIB" ]
}

@test "a path that no trusted key vouches for is reported with status 4" {
	store_with_data
	mkcache keygen other-1 "$T/other.sec" "$T/other.pub"
	make_tree "$T/untrusted"
	local path
	path=$(mkcache add --cache "$T/cache" --name untrusted --tree "$T/untrusted" \
		--input-addressed --sign "$T/other.sec")
	run plan "$T/root" "$path" --substituter "$URL"
	[ "$status" -eq 4 ] || fail "$output"
	[[ $output == *"other-1"* ]] || fail "$output"
}

@test "the plan agrees with Nix for caches that overlap, lack paths, or are dead" {
	have_nix || skip "no Nix here"
	store_with_data
	cp -r "$T/cache" "$T/half"
	rm "$T/half/$(hash_part "$LIB").narinfo" "$T/half/$(hash_part "$TOP").narinfo"
	rm "$T/cache/$(hash_part "$LINK").narinfo"
	same_answers "$T/root" "file://$T/cache" "$TOP"
	same_answers "$T/root" "file://$T/half" "$TOP" "$APP"
	same_answers "$T/root" "file://$T/cache file://$T/half" "$TOP" "$LINK"
	same_answers "$T/root" "file://$T/half file://$T/cache" "$TOP"
}

# Derivations A; B from A; C from A and B; D, which must not be substituted, from A.
instantiate_graph() {
	cat >"$T/graph.nix" <<-EOF
		let mk = name: deps: extra: derivation ({
		      inherit name deps; system = builtins.currentSystem; builder = "/bin/sh";
		      args = [ "-c" "echo \$deps > \$out" ]; } // extra);
		  a = mk "a" [ ] { };
		  b = mk "b" [ a ] { };
		  c = mk "c" [ a b ] { outputs = [ "out" "dev" ]; };
		  d = mk "d" [ a ] { allowSubstitutes = false; };
		in { inherit a b c d; }
	EOF
	local name
	for name in a b c d; do
		DRV[$name]=$(nix-instantiate --store "$T/root" "$T/graph.nix" -A "$name" 2>/dev/null)
		DRV[$name]=${DRV[$name]%%!*}
	done
}

# output_of NAME [OUTPUT]: the path of a derivation's output.
output_of() {
	nix-store --store "$T/root" -q --binding "${2:-out}" "${DRV[$1]}" 2>/dev/null
}

@test "for derivations the plan agrees with Nix, whatever the cache has" {
	have_nix || skip "no Nix here"
	declare -A DRV
	store_with_data
	instantiate_graph
	local all=("${DRV[c]}" "${DRV[d]}")
	same_answers "$T/root" "file://$T/cache" "${all[@]}"
	put_in_cache "$(output_of a)"
	same_answers "$T/root" "file://$T/cache" "${all[@]}"
	put_in_cache "$(output_of c)" "$(output_of a)"
	same_answers "$T/root" "file://$T/cache" "${all[@]}"
	same_answers "$T/root" "file://$T/cache" "${DRV[c]}!out"
	put_in_cache "$(output_of d)"
	same_answers "$T/root" "file://$T/cache" "${all[@]}"
	put_in_cache "$(output_of c dev)"
	same_answers "$T/root" "file://$T/cache" "${all[@]}"
}

@test "plan --why shows the chain from the installable" {
	have_nix || skip "no Nix here"
	declare -A DRV
	store_with_data
	instantiate_graph
	run plan "$T/root" "${DRV[c]}" --substituter "$URL" --why-build "${DRV[a]}"
	[ "$status" -eq 0 ] || fail "$output"
	[[ ${lines[0]} == "${DRV[c]}"* ]] || fail "$output"
	[[ ${lines[1]} == *"needs ${DRV[a]}"* ]] || fail "$output"
	[[ ${lines[2]} == "it must be built: not in any cache" ]] || fail "$output"
	[[ ${lines[3]} == "hint: "*"--extra-substituter URL" ]] || fail "$output"
	run plan "$T/root" "${DRV[d]}" --substituter "$URL"
	[ "$status" -eq 3 ]
	[[ $output == *"allowSubstitutes = false"* ]] || fail "$output"
	run plan "$T/root" "${DRV[a]}" --substituter "$URL"
	[ "$status" -eq 3 ]
	[[ $output == *": 1 derivation would have to be built"* ]] || fail "$output"
	run plan "$T/root" "${DRV[c]}" --substituter "$URL" --why-build "$TOP"
	[ "$status" -eq 2 ]
}

@test "a malformed derivation is named" {
	have_nix || skip "no Nix here"
	declare -A DRV
	store_with_data
	instantiate_graph
	chmod u+w "$T/root${DRV[a]}"
	echo 'Derive([' >"$T/root${DRV[a]}"
	run plan "$T/root" "${DRV[a]}" --substituter "$URL"
	[ "$status" -eq 5 ] || fail "$output"
	[[ $output == *"'${DRV[a]}': byte 8"* ]] || fail "$output"
}

@test "a derivation missing from the disk or the database is named" {
	have_nix || skip "no Nix here"
	declare -A DRV
	store_with_data
	instantiate_graph
	chmod -R u+w "$T/root/nix/store"
	mv "$T/root${DRV[a]}" "$T/away"
	run plan "$T/root" "${DRV[c]}" --substituter "$URL"
	[ "$status" -eq 3 ] || fail "$output"
	[[ $output == *"'${DRV[a]}' is valid in '$T/root', but missing on the disk"* ]] || fail "$output"
	mv "$T/away" "$T/root${DRV[a]}"
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" "delete from ValidPaths where path = '${DRV[a]}'"
	run plan "$T/root" "${DRV[c]}" --substituter "$URL"
	[ "$status" -eq 3 ] || fail "$output"
	[[ $output == *"${DRV[a]}  (not in the local store, from which derivations are read)"* ]] || fail "$output"
}

@test "derivations that need each other are named, in a corrupt store" {
	have_nix || skip "no Nix here"
	declare -A DRV
	store_with_data
	instantiate_graph
	chmod u+w "$T/root${DRV[a]}"
	sed -i "s|,\[\],\[\],|,[(\"${DRV[b]}\",[\"out\"])],[],|" "$T/root${DRV[a]}"
	grep -q "${DRV[b]}" "$T/root${DRV[a]}"
	run plan "$T/root" "${DRV[b]}" --substituter "$URL"
	[ "$status" -eq 5 ] || fail "$output"
	[[ $output == *"needs itself to be built, through '/nix/store/"* ]] || fail "$output"
}

@test "a flake's attribute is planned with the named outputs" {
	have_nix || skip "no Nix here"
	store_with_data
	mkdir "$T/flake"
	cat >"$T/flake/flake.nix" <<-'END'
		{
		  outputs = { self }: {
		    thing = derivation { name = "thing"; system = "x"; builder = "/b"; outputs = [ "out" "dev" ]; };
		  };
		}
	END
	export NIX_REMOTE=$T/root
	run plan "$T/root" "path:$T/flake#thing^dev,out" --substituter "$URL" --json
	[ "$status" -eq 3 ] || fail "$output"
	[[ $output == *"-thing.drv"* ]] || fail "$output"
	run plan "$T/root" "path:$T/flake#thing!doc" --substituter "$URL"
	[ "$status" -eq 3 ] || fail "$output"
	[[ $output == *"-thing.drv' has no output 'doc'"* ]] || fail "$output"
}

# remember BYTES_PER_SECOND: as if an earlier run had measured the cache.
remember() {
	mkdir -p "$HOME/.local/state/nixferry"
	printf 'URL: %s\nAnsweredAt: %s\nMeasuredAt: %s\nLatencyUs: 1000\nBytesPerSecond: %s\n' \
		"$URL" "$(date +%s)" "$(date +%s)" "$1" >"$HOME/.local/state/nixferry/caches"
}

@test "the time is estimated from measured speeds, and otherwise called unknown" {
	store_with_data
	run plan "$T/root" "$TOP" --substituter "$URL"
	[[ $output == *"$URL: not measured yet"* ]] || fail "$output"
	[[ $output != *"takes about"* ]] || fail "$output"
	[ "$(plan "$T/root" "$TOP" --substituter "$URL" --json | jq .estimatedSeconds)" = null ]
	local bytes
	bytes=$(plan "$T/root" "$TOP" --substituter "$URL" --json | jq .downloadSize)
	remember $((bytes / 10))
	run plan "$T/root" "$TOP" --substituter "$URL" --json
	[ "$(jq .estimatedSeconds <<<"$output")" -ge 10 ] || fail "$output"
	[ "$(jq .estimatedSeconds <<<"$output")" -le 12 ] || fail "$output"
	[ "$(jq ".caches[0].downloadSize" <<<"$output")" -eq "$bytes" ] || fail "$output"
	run plan "$T/root" "$TOP" --substituter "$URL"
	[[ $output == *"takes about 1"[0-2]" s"* ]] || fail "$output"
}

@test "paths on this machine take no time in the estimate" {
	store_with_data
	run plan "$T/root" "$TOP" --substituter "file://$T/cache"
	[[ $output != *"not measured"* ]] || fail "$output"
}

# ---- races ----

# race_size ARG...: raceSize of the plan for TOP.
race_size() {
	plan "$T/root" "$TOP" "$@" --json | jq .raceSize
}

@test "a plan shows how much more races may download" {
	local bytes first=$URL
	store_with_data
	bytes=$(plan "$T/root" "$TOP" --substituter "$URL" --json | jq .downloadSize)
	[ "$(race_size --substituter "$first")" -eq 0 ]
	[ "$(race_size --substituter "$first" --substituter "file://$T/cache")" -eq 0 ]
	cp -r "$T/cache" "$T/mirror"
	start_cache "$T/mirror"
	[ "$(race_size --substituter "$first" --substituter "$URL")" -eq "$bytes" ]
	[ "$(race_size --substituter "$first" --substituter "$URL" --no-race)" -eq 0 ]
	run plan "$T/root" "$TOP" --substituter "$first" --substituter "$URL"
	grep -qE "up to [0-9.]+ KiB more where caches race" <<<"$output" || fail "$output"
	run plan "$T/root" "$TOP" --substituter "$first" --substituter "$URL" --no-race
	[[ $output != *race* ]] || fail "$output"
	# A path that only one cache has is not raced for.
	rm "$(narinfo_of "$T/mirror" "$LIB")"
	[ "$(race_size --substituter "$first" --substituter "$URL")" -lt "$bytes" ]
}
