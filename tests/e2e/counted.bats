#!/usr/bin/env bats
# A large download that is interrupted again and again: the server counts what it sent, and
# hardly a byte is fetched twice.

load helper
load matrix

SIZE=48000000
# What each interruption may cost: bytes that were not recorded yet (a MiB of the file), and
# bytes in flight when the client ended.
TWICE=$((5 << 18))

setup() {
	setup_lab
	make_paths 1 $SIZE
	NAR_SIZE=$(stat -c %s "$T/cache/$(nar_of "$T/cache" "$TOP")")
}

teardown() {
	teardown_lab
}

# Bytes of partial downloads on the disk, without the holes.
has_bytes() {
	local blocks
	blocks=$(find "$T/pool/tmp" -name '*.part' -printf '%b\n' 2>/dev/null |
		awk '{ sum += $1 } END { print sum + 0 }')
	[ $((blocks * 512)) -ge "$1" ]
}

# interrupt_at BYTES SIGNAL
interrupt_at() {
	start_prefetch "$TOP"
	wait_for 60 has_bytes "$1" || fail "$(cat "$T/fetch.out")" || return 1
	kill "-$2" "$FETCH"
	wait "$FETCH" && fail "it was not interrupted at $1" && return 1
	FETCH=
}

# How many bytes of bodies the server sent, in all runs.
sent() {
	awk '$1 ~ /^\/nar\// { sum += $3 } END { print sum + 0 }' "$T/sent"
}

# assert_few_twice INTERRUPTIONS
assert_few_twice() {
	local twice
	wait_for 20 all_is_noted
	twice=$(($(sent) - NAR_SIZE))
	echo "$twice bytes twice, in $1 interruptions"
	[ "$twice" -ge 0 ] || fail "less came than there is: $twice"
	[ "$twice" -le $(($1 * TWICE)) ] || fail "$twice bytes came twice"
}

# The server logs what it sent once it notices that the client is gone.
all_is_noted() {
	[ "$(grep -c '^GET /nar/' "$CACHE_LOG")" -eq "$(grep -c '^/nar/' "$T/sent")" ]
}

@test "after kills and interruptions at twelve moments, hardly a byte is fetched twice" {
	local i
	start_cache "$T/cache" --rate 40000000 --sent-log "$T/sent"
	for ((i = 1; i <= 12; i++)); do
		interrupt_at $((NAR_SIZE * i / 13)) "$([ $((i % 2)) -eq 0 ] && echo INT || echo KILL)"
	done
	fetch --substituter "$URL"
	assert_pool_exact
	assert_few_twice 12
}

@test "a transfer broken off at every position in one run is completed" {
	rm -r "$T/cache"
	make_paths 1 2500000
	NAR_SIZE=$(stat -c %s "$T/cache/$(nar_of "$T/cache" "$TOP")")
	start_cache "$T/cache" --rate 20000000 --sent-log "$T/sent" --fault '/nar/*=truncate:100000'
	run --separate-stderr fetch --substituter "$URL" --json
	[ "$status" -eq 0 ] || fail "$stderr"
	assert_pool_exact
	BREAKS=$(jq '.caches[0].failuresByKind.broken' <<<"$output")
	[ "$BREAKS" -ge 12 ] || fail "$BREAKS breaks"
	assert_few_twice 1
}
