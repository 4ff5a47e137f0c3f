#!/usr/bin/env bats
# How a run treats caches and links, and what it reports about them: limits, connections,
# requests, statistics, caches that disagree.

load helper

setup() {
	setup_lab
}

teardown() {
	teardown_lab
}

fetch() {
	nixferry prefetch --trusted-public-key "$PUBLIC_KEY" --pool "$T/pool" "$@"
}

# make_many COUNT BYTES: paths of incompressible bytes, in $T/cache; sets MANY. Each refers to the
# one before it, and so the closure is known only after COUNT answers.
make_many() {
	local i path
	MANY=()
	for ((i = 0; i < $1; i++)); do
		mkdir -p "$T/many$i"
		head -c "$2" /dev/urandom >"$T/many$i/noise"
		path=$(mkcache add --cache "$T/cache" --name "many$i" --tree "$T/many$i" \
			--sign "$T/lab.sec" --compress none --input-addressed \
			${MANY:+--ref "${MANY[-1]}"})
		MANY+=("$path")
	done
	TOP=${MANY[-1]}
}

# now_us: microseconds of some clock.
now_us() {
	echo "${EPOCHREALTIME/./}"
}

# stat_of URL EXPRESSION: of that cache in the JSON of $output.
stat_of() {
	jq -r --arg url "$1" ".caches[] | select(.url == \$url) | $2" <<<"$output"
}

# ---- limits ----

@test "all transfers together stay below the limit, and close to it" {
	local start took first
	make_many 6 500000
	start_cache "$T/cache"
	first=$URL
	start_cache "$T/cache"
	start=$(now_us)
	run --separate-stderr fetch "$TOP" --json --limit-rate 1M --substituter "$first" \
		--substituter "$URL"
	took=$(($(now_us) - start))
	[ "$status" -eq 0 ]
	# 3 MB at 1 MiB/s.
	[ "$took" -ge $((3000000 * 100 / 105)) ] || fail "too fast: $took us"
	[ "$took" -le "$(patience $((3000000 * 115 / 100)))" ] || fail "too slow: $took us"
}

@test "narinfos are received while NARs use up the limit" {
	make_many 12 120000
	start_cache "$T/cache"
	run --separate-stderr fetch "$TOP" --json --limit-rate 400K --substituter "$URL"
	[ "$status" -eq 0 ]
	[ "$(stat_of "$URL" .narinfos)" -eq 12 ]
	[ "$(stat_of "$URL" .narinfoLatencyMicroseconds.p99)" -le "$(patience 500000)" ] ||
		fail "$(stat_of "$URL" .narinfoLatencyMicroseconds)"
}

@test "a limit applies only in its part of the day" {
	local start now hour
	make_many 1 1500000
	start_cache "$T/cache"
	# Half an hour before and after now, so that the test does not depend on the time of day.
	now=$(date +%s)
	hour=$(date -d "@$((now - 1800))" +%H:%M)-$(date -d "@$((now + 1800))" +%H:%M)
	start=$(now_us)
	fetch "$TOP" --limit-rate "100K" --limit-rate "none@$hour" --substituter "$URL"
	[ $(($(now_us) - start)) -le "$(patience 3000000)" ]
	rm -r "$T/pool"
	start=$(now_us)
	fetch "$TOP" --limit-rate "1M@$hour" --substituter "$URL"
	[ $(($(now_us) - start)) -ge 1300000 ]
	[ $(($(now_us) - start)) -le "$(patience 5000000)" ]
}

@test "an invalid limit is status 2, and quoted" {
	make_many 1 10
	fails 2 "'--limit-rate': '2X': the rate" fetch "$TOP" --limit-rate 2X
	fails 2 "'--limit-rate': '2M@8-20': the time" fetch "$TOP" --limit-rate 2M@8-20
	fails 2 "connections-per-cache" fetch "$TOP" --connections-per-cache 0
}

@test "a speed limited by us is not remembered as the cache's" {
	local state=$HOME/.local/state/nixferry/caches
	make_many 2 1200000
	start_cache "$T/cache"
	fetch "$TOP" --limit-rate 2M --substituter "$URL"
	grep -q LatencyUs "$state"
	run ! grep -q BytesPerSecond "$state"
	rm -r "$T/pool"
	fetch "$TOP" --limit-rate 1000G --substituter "$URL"
	grep -q BytesPerSecond "$state"
}

# ---- connections ----

@test "no cache gets more connections than allowed" {
	local first
	make_many 12 20000
	start_cache "$T/cache" --fault '/nar/*=delay:300' --most-connections-file "$T/most1"
	first=$URL
	start_cache "$T/cache" --fault '/nar/*=delay:300' --most-connections-file "$T/most2"
	fetch "${MANY[@]}" --connections-per-cache 3 --substituter "$first" --substituter "$URL"
	[ "$(cat "$T/most1")" -eq 3 ] || fail "$(cat "$T/most1") connections"
	[ "$(cat "$T/most2")" -eq 3 ] || fail "$(cat "$T/most2") connections"
}

@test "by default one cache may use all connections" {
	make_many 12 20000
	start_cache "$T/cache" --fault '/nar/*=delay:300' --most-connections-file "$T/most"
	fetch "${MANY[@]}" --connections 7 --substituter "$URL"
	[ "$(cat "$T/most")" -eq 7 ] || fail "$(cat "$T/most") connections"
}

# ---- requests ----

@test "prefetch requests only one narinfo and one NAR for each path" {
	make_many 8 20000
	start_cache "$T/cache"
	run --separate-stderr fetch "$TOP" --json --substituter "$URL"
	[ "$status" -eq 0 ]
	[ "$(jq .requests <<<"$output")" -eq 17 ]
	[ "$(jq .requestsPerPath <<<"$output")" = 2.125 ]
	[ "$(grep -c '^GET ' "$CACHE_LOG")" -eq 17 ]
	# What is in the pool needs none.
	run --separate-stderr fetch "$TOP" --json --substituter "$URL"
	[ "$(jq .requests <<<"$output")" -le 1 ]
}

# ---- statistics ----

@test "the run reports what each cache did" {
	local bad dead
	make_many 5 300000
	start_cache "$T/cache" --fault '*.narinfo=delay:40' --fault '/nar/*=delay:80'
	cp -r "$T/cache" "$T/bare"
	rm -r "$T/bare/nar"
	local good=$URL
	start_cache "$T/bare" --fault '*.narinfo=status:500'
	bad=$URL
	dead_port
	dead=http://127.0.0.1:$DEAD_PORT
	run --separate-stderr fetch "$TOP" --json --substituter "$good" --substituter "$bad" \
		--substituter "$dead"
	[ "$status" -eq 0 ]
	[ "$(stat_of "$good" .narinfos)" -eq 5 ]
	[ "$(stat_of "$good" .nars)" -eq 5 ]
	[ "$(stat_of "$good" .requests)" -eq 11 ]
	[ "$(stat_of "$good" .failures)" -eq 0 ]
	[ "$(stat_of "$good" .receivedBytes)" -ge 1500000 ]
	[ "$(stat_of "$good" .bytesPerSecond)" -ge 300000 ]
	[ "$(stat_of "$good" .narinfoLatencyMicroseconds.p50)" -ge 38000 ]
	[ "$(stat_of "$good" .narLatencyMicroseconds.p50)" -ge 78000 ]
	[ "$(stat_of "$good" .narLatencyMicroseconds.answers)" -eq 5 ]
	[ "$(stat_of "$good" '.narinfoLatencyMicroseconds | .p50 <= .p90 and .p90 <= .p99')" = true ]
	[ "$(stat_of "$bad" .failuresByKind.status)" -ge 1 ]
	[ "$(stat_of "$bad" .failures)" -eq "$(stat_of "$bad" .failuresByKind.status)" ]
	[ "$(stat_of "$dead" .failuresByKind.unreachable)" -ge 1 ]
	[ -n "$(stat_of "$dead" .lastFailure)" ]
}

@test "the run ends with one line per cache, unless it is quiet" {
	make_many 3 300000
	cp -r "$T/cache" "$T/liar"
	for nar in "$T"/liar/nar/*; do
		head -c "$(stat -c %s "$nar")" /dev/zero >"$nar"
	done
	# Each NAR is requested from the liar, because no other cache is known to have it yet.
	start_cache "$T/cache" --fault '*.narinfo=delay:300'
	local good=$URL
	start_cache "$T/liar"
	run --separate-stderr fetch "$TOP" --substituter "$URL?priority=1" \
		--substituter "$good?priority=50"
	[ "$status" -eq 0 ]
	grep -qE "$good: [0-9] NARs, .* at .*/s; 3 narinfos$" <<<"$stderr"
	grep -qE "$URL: 0 NARs, .*; 3 narinfos; not used; 3 failures, last: NAR offset 0" <<<"$stderr"
	run --separate-stderr fetch "$TOP" --substituter "$good"
	run ! grep -q "NARs" <<<"$stderr"
	rm -r "$T/pool"
	run --separate-stderr fetch "$TOP" --verbose --substituter "$good"
	grep -qE "$good: 3 NARs, .* at .*/s; 3 narinfos; p50 .* ms, p99 .* ms$" <<<"$stderr"
	rm -r "$T/pool"
	run --separate-stderr fetch "$TOP" --quiet --substituter "$good"
	[ -z "$stderr" ]
}

# ---- caches that disagree ----

# Two caches that disagree on one path, each with a matching NAR: $TOP in $T/cache,
# signed by lab-1, and in $T/other, signed by other-1.
make_contested() {
	local other info
	make_tree "$T/tree"
	TOP=$(mkcache add --cache "$T/cache" --name thing --tree "$T/tree" --sign "$T/lab.sec" \
		--input-addressed)
	echo other >"$T/tree/more"
	mkcache keygen other-1 "$T/other.sec" "$T/other.pub"
	other=$(mkcache add --cache "$T/other" --name thing --tree "$T/tree" --input-addressed)
	info=$(narinfo_of "$T/other" "$TOP")
	mv "$(narinfo_of "$T/other" "$other")" "$info"
	sed -i "s|$other|$TOP|" "$info"
	mkcache sign --cache "$T/other" --sign "$T/other.sec" "$TOP"
	HASH=$(sed -n 's/^NarHash: //p' "$(narinfo_of "$T/cache" "$TOP")")
	OTHER_HASH=$(sed -n 's/^NarHash: //p' "$info")
	[ "$HASH" != "$OTHER_HASH" ]
}

@test "a disagreement between trusted caches is reported, and one of them is used throughout" {
	make_contested
	# The other cache answers before the first one's NAR arrives.
	start_cache "$T/cache" --fault '/nar/*=delay:1500'
	local first=$URL
	start_cache "$T/other" --fault '*.narinfo=delay:200'
	local keys=(--trusted-public-key "$(cat "$T/other.pub")")
	run --separate-stderr nixferry plan "$TOP" --trusted-public-key "$PUBLIC_KEY" \
		"${keys[@]}" --pool "$T/pool" --json --substituter "$first" --substituter "$URL"
	[ "$status" -eq 0 ]
	[ "$(jq -r '.disagreements[0].other.narHash' <<<"$output")" = "$OTHER_HASH" ]
	grep -q "warning: caches disagree on path" <<<"$stderr"

	run --separate-stderr fetch "$TOP" "${keys[@]}" --json --substituter "$first" \
		--substituter "$URL"
	[ "$status" -eq 0 ]
	[ "$(jq .disagreementCount <<<"$output")" -eq 1 ]
	[ "$(jq -r '.disagreements[0].path' <<<"$output")" = "$TOP" ]
	jq -e --arg a "$first" --arg h "$HASH" '.disagreements[0].taken |
		.cache == $a and .narHash == $h and .trusted and .by == "lab-1"' <<<"$output"
	jq -e --arg b "$URL" --arg h "$OTHER_HASH" '.disagreements[0].other |
		.cache == $b and .narHash == $h and .trusted and .by == "other-1"' <<<"$output"
	grep -q "warning: caches disagree on path.*$first.*lab-1.*$HASH.*$URL.*other-1.*$OTHER_HASH" \
		<<<"$stderr"
	grep -qx "NarHash: $HASH" "$(narinfo_of "$T/pool" "$TOP")"
	[ "$(log_count '^GET /nar/')" -eq 0 ]
	nixferry pool check --pool "$T/pool"
}

@test "an unsigned answer that contradicts a signed one is reported, whichever comes first" {
	local slow first
	local -A faults
	make_contested
	for slow in cache other; do
		faults=([cache]=0 [other]=0)
		faults[$slow]=300
		start_cache "$T/cache" --fault "*.narinfo=delay:${faults[cache]}"
		first=$URL
		start_cache "$T/other" --fault "*.narinfo=delay:${faults[other]}"
		run --separate-stderr nixferry plan "$TOP" --trusted-public-key "$PUBLIC_KEY" \
			--pool "$T/pool" --json --substituter "$first" --substituter "$URL"
		[ "$status" -eq 0 ]
		[ "$(jq .disagreementCount <<<"$output")" -eq 1 ]
		jq -e --arg a "$first" --arg h "$HASH" '.disagreements[0].taken |
			.cache == $a and .narHash == $h and .trusted' <<<"$output"
		jq -e --arg b "$URL" --arg h "$OTHER_HASH" '.disagreements[0].other |
			.cache == $b and .narHash == $h and (.trusted | not)' <<<"$output"
		grep -q "without a trusted signature" <<<"$stderr"
	done
}

@test "an unsigned answer that agrees is not reported" {
	make_contested
	cp -r "$T/cache" "$T/unsigned"
	sed -i '/^Sig:/d' "$(narinfo_of "$T/unsigned" "$TOP")"
	start_cache "$T/unsigned"
	local first=$URL
	start_cache "$T/cache"
	run --separate-stderr nixferry plan "$TOP" --trusted-public-key "$PUBLIC_KEY" \
		--pool "$T/pool" --json --substituter "$first" --substituter "$URL"
	[ "$status" -eq 0 ]
	[ "$(log_count '\.narinfo')" -eq 1 ]
	[ "$(jq .disagreementCount <<<"$output")" -eq 0 ]
	run ! grep -q disagree <<<"$stderr"
}
