#!/usr/bin/env bats
# Everything that can be wrong with what caches serve: each fault ends with its own status and
# leaves nothing that blocks the next run.

load helper

setup() {
	setup_lab
}

teardown() {
	teardown_lab
}

prefetch() {
	nixferry prefetch --substituter "$URL" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/out/b.bundle" "$@"
}

# prefetch_fails STATUS PATTERN TARGET [OPTION]...: and no trace of TARGET is left.
prefetch_fails() {
	[ -d "$T/out" ] || mkdir "$T/out"
	fails "$1" "$2" prefetch "${@:3}" || return 1
	is_empty "$T/out" || fail "left: $(ls -A "$T/out")" || return 1
	[ ! -e "$T/pool/$(hash_part "$3").narinfo" ] || fail "$3 is in the pool" || return 1
	assert_pool_whole
}

# Each entry of the pool has its NAR, and the only other files are partial downloads.
assert_pool_whole() {
	local file named=() temp=("$T"/pool/.*.tmp)
	[ -d "$T/pool" ] || return 0
	for file in "$T"/pool/*.narinfo; do
		[ ! -e "$file" ] || named+=("$T/pool/$(url_in "$file")")
	done
	for file in "${named[@]}" "$T"/pool/nar/*; do
		[ -e "$file" ] || [ "$file" = "$T/pool/nar/*" ] || fail "$file is named, but not there" || return 1
		[[ " ${named[*]} " == *" $file "* ]] || [ "$file" = "$T/pool/nar/*" ] || fail "no narinfo names $file" ||
			return 1
	done
	[ ! -e "${temp[0]}" ] || fail "left: ${temp[*]}"
}

# No partial download is left.
assert_no_partial() {
	local left=("$T"/pool/tmp/*.part)
	[ ! -e "${left[0]}" ] || fail "a partial is left"
}

# ---- trust ----

@test "a path signed only by an unknown key is not fetched" {
	make_signed_path
	mkcache keygen stranger-1 "$T/s.sec" "$T/s.pub"
	mkcache sign --cache "$T/cache" --sign "$T/s.sec" "$TOP"
	start_cache "$T/cache"
	prefetch_fails 4 "stranger-1" "$TOP"
	[ "$(log_count '^GET /nar/')" -eq 0 ]
}

@test "a path without a signature is not fetched" {
	make_signed_path
	sed -i '/^Sig:/d' "$(narinfo_of "$T/cache" "$TOP")"
	start_cache "$T/cache"
	prefetch_fails 4 "signature" "$TOP"
	[ "$(log_count '^GET /nar/')" -eq 0 ]
}

@test "a signature over other metadata is wrong" {
	make_signed_path
	for edit in 's/^NarSize: .*/NarSize: 1000/' \
		's/^NarHash: .*/NarHash: sha256:0ip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p/' \
		"s/^References: .*/References: $(basename "$TOP")/"; do
		cp -r "$T/cache" "$T/edited"
		sed -i "$edit" "$(narinfo_of "$T/edited" "$TOP")"
		start_cache "$T/edited"
		prefetch_fails 4 "signature" "$TOP"
		[ "$(log_count '^GET /nar/')" -eq 0 ]
		rm -rf "$T/edited"
	done
}

@test "a content address that does not match its path vouches for nothing" {
	make_tree "$T/tree"
	TOP=$(mkcache add --cache "$T/cache" --name thing --tree "$T/tree")
	sed -i 's/^CA: .*/CA: fixed:r:sha256:0ip26j2h11n1kgkz36rl4akv694yz65hr72q4kv4b3lxcbi65b3p/' \
		"$(narinfo_of "$T/cache" "$TOP")"
	start_cache "$T/cache"
	prefetch_fails 4 "$(hash_part "$TOP")" "$TOP"
}

@test "bytes that do not match their content address are refused" {
	make_lie
	start_cache "$T/cache"
	prefetch_fails 5 "content address|hash" "$TOP"
}

# ---- narinfos ----

@test "a narinfo for another path is refused" {
	make_signed_path
	echo other >"$T/other"
	other=$(mkcache add --cache "$T/cache" --name other --tree "$T/other" --sign "$T/lab.sec")
	start_cache "$T/cache" \
		--fault "/$(hash_part "$TOP").narinfo=body:$(narinfo_of "$T/cache" "$other")"
	prefetch_fails 5 "$(hash_part "$TOP")" "$TOP"
}

@test "malformed narinfos are refused, by line" {
	make_signed_path
	info=$(narinfo_of "$T/cache" "$TOP")
	cp "$info" "$T/good"
	start_cache "$T/cache"
	for edit in 's/^NarSize: .*/NarSize: -1/' 's/^NarSize: .*/NarSize: 0/' \
		's/^NarHash: .*/NarHash: md5:d41d8cd98f00b204e9800998ecf8427e/' \
		'/^URL:/d' '/^NarHash:/d' '/^StorePath:/d' 's/^URL: .*/URL: /' \
		's/^NarSize: .*/&\n&/' 's/^References: .*/References: ..\/x/' \
		's/^Compression.*/no colon/'; do
		sed "$edit" "$T/good" >"$info"
		prefetch_fails 5 "." "$TOP"
	done
	tr -d '\n' <"$T/good" >"$info"
	prefetch_fails 5 "." "$TOP"
	: >"$info"
	prefetch_fails 5 "." "$TOP"
	head -c 6000000 /dev/zero >"$info"
	prefetch_fails 5 "." "$TOP"
}

@test "a URL that leads out of a file:// cache is refused" {
	make_signed_path
	cp "$T/cache/$(nar_of "$T/cache" "$TOP")" "$T/outside"
	sed -i 's|^URL: .*|URL: ../outside|' "$(narinfo_of "$T/cache" "$TOP")"
	URL=file://$T/cache
	prefetch_fails 5 "outside the cache" "$TOP"
}

@test "an unknown encoding is named" {
	make_signed_path
	sed -i 's/^Compression: .*/Compression: lrzip/' "$(narinfo_of "$T/cache" "$TOP")"
	printf 'LRZI\0\6 and what it holds' >"$T/cache/$(nar_of "$T/cache" "$TOP")"
	start_cache "$T/cache"
	prefetch_fails 5 "lrzip" "$TOP"
}

# ---- NARs ----

@test "a NAR with wrong bytes is refused with every compression" {
	start_cache "$T/cache" --fault-file "$T/faults"
	for codec in none xz zstd gzip bzip2 lz4 lzip lzma br; do
		rm -rf "$T/tree"
		make_signed_path --compress "$codec"
		size=$(stat -c %s "$T/cache/$(nar_of "$T/cache" "$TOP")")
		echo "/nar/*=flip:$((size / 2))" >"$T/faults"
		prefetch_fails 5 "." "$TOP"
		assert_no_partial
	done
}

@test "a NAR that is garbage, too short or too long is refused" {
	start_cache "$T/cache" --fault-file "$T/faults"
	for codec in none xz zstd; do
		rm -rf "$T/tree"
		make_signed_path --compress "$codec"
		for fault in garbage short extra:1 extra:4096; do
			echo "/nar/*=$fault" >"$T/faults"
			prefetch_fails 5 "." "$TOP"
			assert_no_partial
		done
	done
}

@test "a NAR with an unrequested gzip encoding is accepted" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault '/nar/*=gzip'
	mkdir "$T/out"
	prefetch "$TOP"
	import_bundle "$T/out/b.bundle"
	assert_closure_in "$T/root"
}

@test "a narinfo may be compressed, as requested" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault '*.narinfo=gzip'
	mkdir "$T/out"
	prefetch "$TOP"
	import_bundle "$T/out/b.bundle"
	assert_closure_in "$T/root"
}

@test "a transfer that always breaks is a network failure" {
	make_signed_path
	start_cache "$T/cache" --fault '/nar/*=truncate:1000' --fault '/nar/*=no-ranges'
	prefetch_fails 6 "." "$TOP"
}

@test "signed lies about a NAR are detected" {
	start_cache "$T/cache"
	for kind in size-too-small size-too-large wrong-hash; do
		TOP=$(mkcache hostile --cache "$T/cache" --kind "$kind" --sign "$T/lab.sec" \
			--input-addressed)
		prefetch_fails 5 "." "$TOP"
		assert_no_partial
	done
}

@test "a decompression bomb ends at the promised size" {
	for codec in zstd xz br; do
		TOP=$(mkcache hostile --cache "$T/cache" --kind bomb --sign "$T/lab.sec" \
			--input-addressed --compress "$codec")
		start_cache "$T/cache"
		mkdir -p "$T/out"
		(ulimit -f 20000 && prefetch_fails 5 "4096 bytes" "$TOP")
	done
}

hostile_kinds() {
	mkcache hostile-kinds | grep -vE '^(bomb|size-.*|wrong-hash)$'
}

@test "hostile NARs are refused by prefetch, though signed" {
	start_cache "$T/cache"
	for kind in $(hostile_kinds); do
		TOP=$(mkcache hostile --cache "$T/cache" --kind "$kind" --sign "$T/lab.sec" \
			--input-addressed)
		prefetch_fails 5 "." "$TOP"
		assert_no_partial
	done
}

# ---- caches ----

# The engine learns first that the bad cache has a path, because the good one answers later.

@test "another cache replaces one that lies, and the report names the liar" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault '/nar/*=garbage'
	liar=$URL liar_log=$CACHE_LOG
	start_cache "$T/cache" --fault "*.narinfo=delay:$(late 200)"
	mkdir "$T/out"
	run --separate-stderr prefetch "$TOP" --substituter "$liar?priority=1"
	[ "$status" -eq 0 ] || fail "$stderr"
	[ "$(log_count '^GET /nar/.* 200 ' "$liar_log")" -ge 1 ]
	grep -q "from cache '$liar': zstd data: " <<<"$stderr" || fail "$stderr"
	! grep -q "from cache '$URL'" <<<"$stderr" || fail "$stderr"
	import_bundle "$T/out/b.bundle"
	assert_closure_in "$T/root"
}

@test "another cache replaces those that are down or failing" {
	make_small_closure "$T/cache"
	dead_port
	start_cache "$T/cache" --fault '*=status:500'
	failing=$URL failing_log=$CACHE_LOG
	start_cache "$T/cache" --fault '/nar/*=refuse'
	refusing=$URL refusing_log=$CACHE_LOG
	start_cache "$T/cache" --fault "*.narinfo=delay:$(late 200)"
	mkdir "$T/out"
	prefetch "$TOP" --substituter "http://127.0.0.1:$DEAD_PORT" --substituter "$failing" \
		--substituter "$refusing?priority=1"
	[ "$(log_count ' 500 ' "$failing_log")" -ge 1 ]
	[ "$(log_count '^GET /nar/' "$refusing_log")" -ge 1 ]
	import_bundle "$T/out/b.bundle"
	assert_closure_in "$T/root"
}

@test "a cache that breaks transfers is replaced by another at once" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault '/nar/*=refuse'
	refusing=$URL refusing_log=$CACHE_LOG
	start_cache "$T/cache" --fault "*.narinfo=delay:$(late 200)"
	mkdir "$T/out"
	SECONDS=0
	prefetch "$TOP" --substituter "$refusing?priority=1"
	[ "$SECONDS" -lt "$(patience 5)" ]
	[ "$(log_count '^GET /nar/' "$refusing_log")" -ge 1 ]
}

@test "a cache that is down is a network failure" {
	make_signed_path
	dead_port
	URL=http://127.0.0.1:$DEAD_PORT
	prefetch_fails 6 "$DEAD_PORT" "$TOP"
}

@test "a cache that answers 500 to everything is a network failure" {
	make_signed_path
	start_cache "$T/cache" --fault '*=status:500'
	prefetch_fails 6 "500" "$TOP"
}

@test "a cache that fails now and then is used again" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault '*.narinfo=status:503*2' --fault '/nar/*=status:500*2' \
		--fault '/nar/*=refuse*1@4'
	mkdir "$T/out"
	prefetch "$TOP"
	import_bundle "$T/out/b.bundle"
	assert_closure_in "$T/root"
}

@test "a cache for another store directory is not used" {
	make_signed_path
	sed -i 's|^StoreDir: .*|StoreDir: /gnu/store|' "$T/cache/nix-cache-info"
	start_cache "$T/cache"
	mkdir "$T/out"
	run --separate-stderr prefetch "$TOP"
	[ "$status" -eq 6 ] || fail "$stderr"
	grep -q /gnu/store <<<"$stderr"
	# The target may be requested at the same time; its answer does not count.
	[ "$(log_count narinfo)" -le 1 ]
	[ "$(log_count /nar/)" -eq 0 ]
}

@test "a path that no cache has leaves the closure incomplete" {
	make_small_closure "$T/cache"
	rm "$(narinfo_of "$T/cache" "$DATA")"
	start_cache "$T/cache"
	mkdir "$T/out"
	fails 3 "$(basename "$DATA")" prefetch "$TOP"
	is_empty "$T/out"
	assert_pool_whole
}

@test "a missing NAR leaves the closure incomplete" {
	make_signed_path
	start_cache "$T/cache" --fault '/nar/*=status:404'
	mkdir "$T/out"
	run --separate-stderr prefetch "$TOP"
	[ "$status" -eq 3 ] || [ "$status" -eq 6 ]
	is_empty "$T/out"
}

@test "wrong usage is reported before any request" {
	make_signed_path
	start_cache "$T/cache"
	fails 2 "sign-key" nixferry prefetch "$TOP" --substituter "$URL" --pool "$T/pool" \
		-o "$T/b.bundle"
	fails 2 "." nixferry prefetch "not a path" --substituter "$URL" --pool "$T/pool"
	fails 2 "." nixferry prefetch --substituter "$URL" --pool "$T/pool"
	fails 2 "explode" nixferry prefetch "$TOP" --explode
	fails 2 "store" nixferry import "$T/b.bundle"
	[ ! -s "$CACHE_LOG" ]
}

@test "a pool without space ends with status 7" {
	head -c 8000000 /dev/urandom >"$T/noise"
	TOP=$(mkcache add --cache "$T/cache" --name large --tree "$T/noise" --sign "$T/lab.sec")
	start_cache "$T/cache"
	mkdir "$T/pool"
	mount_tmpfs "$T/pool" size=3m,mode=755
	run prefetch_fails 7 "pool '.*' has .* free, but at least .* are needed" "$TOP"
	umount "$T/pool"
	[ "$status" -eq 0 ] || fail "$output"
}
