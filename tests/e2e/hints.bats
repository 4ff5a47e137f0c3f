#!/usr/bin/env bats
# FileSize, FileHash and Compression of a narinfo are signed by nobody: wrong ones cost at
# most time, and no cache is blamed for them.

load helper

setup() {
	setup_lab
}

teardown() {
	teardown_lab
}

# make_path CODEC: one path of some 120 KiB, $TOP.
make_path() {
	rm -rf "$T/tree" "$T/cache"
	make_tree "$T/tree"
	TOP=$(mkcache add --cache "$T/cache" --name thing --tree "$T/tree" --sign "$T/lab.sec" \
		--input-addressed --compress "$1")
	INFO=$(narinfo_of "$T/cache" "$TOP")
	cp "$INFO" "$T/good"
	SIZE=$(stat -c %s "$T/cache/$(nar_of "$T/cache" "$TOP")")
	NAR_SIZE=$(sed -n 's/^NarSize: //p' "$INFO")
}

# Fetches $TOP into a new pool, without any warning.
arrives() {
	rm -rf "$T/pool"
	run --separate-stderr nixferry prefetch "$TOP" --pool "$T/pool" --trusted-public-key "$PUBLIC_KEY" "$@"
	[ "$status" -eq 0 ] || fail "$* :: $(cat "$INFO") :: $stderr" || return 1
	[[ ! $stderr =~ failure|"not used"|wrong|"more than"|only ]] || fail "$(cat "$INFO") :: $stderr" || return 1
	[ -e "$(narinfo_of "$T/pool" "$TOP")" ] || return 1
	rmdir "$T/pool/tmp" || fail "left: $(ls -A "$T/pool/tmp")"
}

wrong_sizes() {
	echo 0 1 $((SIZE - 1)) $((SIZE + 1)) $((2 * SIZE)) "$NAR_SIZE" 1125899906842624 \
		99999999999999999999 -1 many
}

@test "a wrong FileSize has no effect" {
	for codec in xz none; do
		make_path "$codec"
		start_cache "$T/cache"
		plain=$URL
		start_cache "$T/cache" --fault '/nar/*=chunked' --fault '/nar/*=no-ranges'
		for size in $(wrong_sizes); do
			sed "s/^FileSize: .*/FileSize: $size/" "$T/good" >"$INFO"
			arrives --substituter "$plain"
			arrives --substituter "$URL"
			arrives --substituter "file://$T/cache"
		done
		stop_caches
		CACHE_PIDS=()
	done
}

@test "a wrong FileHash has no effect" {
	make_path xz
	start_cache "$T/cache"
	for hash in "sha256:$(printf '0%.0s' {1..52})" "$(sed -n 's/^NarHash: //p' "$INFO")" \
		sha512:00 none ""; do
		sed "s/^FileHash: .*/FileHash: $hash/" "$T/good" >"$INFO"
		arrives --substituter "$URL"
		arrives --substituter "file://$T/cache"
	done
}

@test "a broken transfer is resumed, whatever FileSize says" {
	make_path none
	for size in $(wrong_sizes); do
		sed "s/^FileSize: .*/FileSize: $size/" "$T/good" >"$INFO"
		rm -rf "$T/pool"
		start_cache "$T/cache" --fault '/nar/*=truncate:50000*1'
		nixferry prefetch "$TOP" --substituter "$URL" --pool "$T/pool" \
			--trusted-public-key "$PUBLIC_KEY"
		stop_caches
		CACHE_PIDS=()
	done
}

# A proxy that decodes the NARs that it serves, but passes on the upstream cache's file metadata.
@test "a proxy that recompresses is not taken for a liar, nor is its cache" {
	mkcache generate --cache "$T/cache" --paths 8 --seed 3 --max-size 2000000 --compress xz \
		--sign "$T/lab.sec" --input-addressed >"$T/paths"
	TOP=$(tail -n 1 "$T/paths")
	cp -r "$T/cache" "$T/proxy"
	for info in "$T"/proxy/*.narinfo; do
		url=$(sed -n 's/^URL: //p' "$info")
		xz -dc "$T/cache/$url" >"$T/proxy/$url"
		sed -i 's/^Compression: .*/Compression: none/' "$info"
	done
	start_cache "$T/cache" --rate 3000000
	upstream=$URL
	start_cache "$T/proxy" --rate 3000000
	INFO=$T/paths
	arrives --substituter "$URL" --substituter "$upstream"
	# Now it sends the same for all.
	sed -i 's/^Compression: .*/Compression: xz/' "$T"/proxy/*.narinfo
	arrives --substituter "$URL" --substituter "$upstream"
}

@test "a file is decoded by its content, and kept under its name" {
	for codec in none xz zstd gzip bzip2 lz4 lzip; do
		make_path "$codec"
		names=(none xz zstd gzip)
		[ "$codec" != xz ] || names+=(XZ zst identity lrzip)
		for told in "${names[@]}"; do
			sed "s/^Compression: .*/Compression: $told/" "$T/good" >"$INFO"
			arrives --substituter "file://$T/cache" --compress keep
			grep -qx "Compression: $codec" "$(narinfo_of "$T/pool" "$TOP")"
		done
	done
	start_cache "$T/cache"
	arrives --substituter "$URL" --compress keep
	grep -qx "Compression: lzip" "$(narinfo_of "$T/pool" "$TOP")"
}

@test "progress still has a total if more arrives than FileSize says" {
	local told
	head -c 3000000 /dev/urandom >"$T/noise"
	TOP=$(mkcache add --cache "$T/cache" --name noise --tree "$T/noise" --sign "$T/lab.sec" \
		--input-addressed --compress none)
	INFO=$(narinfo_of "$T/cache" "$TOP")
	sed -i 's/^FileSize: .*/FileSize: 5000/; /^FileHash/d' "$INFO"
	start_cache "$T/cache" --fault '/nar/*=slow:700000'
	arrives --substituter "$URL" --log-format json
	told=$(jq -c 'select(.event == "progress" and .bytesDone > 5000)' <<<"$stderr")
	[ -n "$told" ] || fail "no progress: $stderr"
	[ -z "$(jq -c 'select(.bytesTotal != 3000112 or .phase != "fetching")' <<<"$told")" ] ||
		fail "$told"
}
