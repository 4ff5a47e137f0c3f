#!/usr/bin/env bats
# Ctrl-C within a large NAR: all work stops at once, and the bytes that arrived are kept.

load helper

setup() {
	setup_lab
	seq 4000000 >"$T/numbers"
	TOP=$(mkcache add --cache "$T/cache" --name big --tree "$T/numbers" --sign "$T/lab.sec" \
		--input-addressed --compress gzip)
	NAR=/$(nar_of "$T/cache" "$TOP")
}

teardown() {
	teardown_lab
}

# The encoder has started: its first output is in the pool's tmp/.
is_encoding() {
	find "$T/pool/tmp" -name '*.tmp' -size +0 2>/dev/null | grep -q .
}

assert_stopped_within_the_nar() {
	[ "$ENDED" -eq 130 ]
	grep -q 'interrupted; run the same command again to resume$' "$T/fetch.out"
	[ -z "$(find "$T/pool" -maxdepth 1 -name '*.narinfo')" ]
	[ -z "$(find "$T/pool/tmp" -name '*.tmp')" ]
}

@test "Ctrl-C stops compressing within a NAR and keeps its download" {
	start_cache "$T/cache"
	start_prefetch "$TOP" --compress zstd:19
	wait_for 60 is_encoding
	end_by INT "$FETCH"
	assert_stopped_within_the_nar
	: >"$CACHE_LOG"
	nixferry prefetch "$TOP" --substituter "$URL" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --compress keep
	[ "$(log_count "^GET $NAR 200")" -eq 0 ]
}

@test "two simultaneous signals count as one" {
	start_cache "$T/cache"
	start_prefetch "$TOP" --compress zstd:19
	wait_for 60 is_encoding
	kill -INT "$FETCH"
	end_by INT "$FETCH"
	assert_stopped_within_the_nar
}

@test "Ctrl-C stops packing within a NAR and leaves no bundle" {
	nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --compress keep
	interruptible "$BUILD/nixferry" pack "$TOP" --pool "$T/pool" --no-local-store \
		--sign-key "$T/lab.sec" -o "$T/b.bundle" --compress zstd:19 \
		3>&- >"$T/pack.out" 2>&1 &
	packer=$!
	wait_for 60 is_encoding
	end_by INT "$packer"
	[ "$ENDED" -eq 130 ]
	grep -q 'interrupted; run the same command again to resume$' "$T/pack.out"
	[ ! -e "$T/b.bundle" ]
	[ -z "$(find "$T/pool/tmp" -name '*.tmp')" ]
}
