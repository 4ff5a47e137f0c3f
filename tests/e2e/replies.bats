#!/usr/bin/env bats
# Caches that respond late, with a wrong status or with a wrong length: other caches take over, or the
# error names the cache and the fault.

load helper
load matrix
load replies

setup() {
	setup_lab
	make_paths 2
	start_good
}

teardown() {
	teardown_lab
}

# faults_alone PATTERN FAULT...: each makes a run fail with status 6. The runs wait at the same
# time.
faults_alone() {
	local pids=() i
	for ((i = 2; i <= $#; i++)); do
		start_bad "${!i}"
		HOME=$T/home.$i timeout "$(patience 60)" "$BUILD/nixferry" prefetch "$TOP" --pool "$T/pool.$i" \
			--trusted-public-key "$PUBLIC_KEY" --substituter "$BAD" \
			2>"$T/err.$i" 3>&- &
		pids[i]=$!
	done
	for ((i = 2; i <= $#; i++)); do
		local ended=0
		wait "${pids[i]}" || ended=$?
		[ "$ended" -eq 6 ] || fail "${!i}: status $ended: $(cat "$T/err.$i")" || return 1
		tail -n 1 "$T/err.$i" | grep -qE "path '.*': cache 'http://.*': .*($1)" ||
			fail "${!i}: no $1 in $(cat "$T/err.$i")" || return 1
	done
}

# ---- statuses ----

@test "narinfos: 403, 404, 410: it is not in any cache" {
	for code in 403 404 410; do
		start_bad "*.narinfo=status:$code"
		completes_beside "$BAD"
		was_asked 'narinfo'
		rm -rf "$T/pool"
		fails 3 "path '$(basename "$TOP")': it is not in any cache" fetch --substituter "$BAD"
	done
}

@test "narinfos: other error statuses" {
	for code in 400 401 405 501; do
		narinfo_fault 6 "status $code" "*=status:$code"
	done
	for code in 408 429 500 502 503 504; do
		start_bad "*=status:$code"
		completes_beside "$BAD"
		was_asked 'narinfo'
	done
	faults_alone "status (408|500|502|504)" '*=status:408' '*=status:500' '*=status:502' '*=status:504'
}

@test "narinfos: empty responses" {
	: >"$T/empty"
	narinfo_fault 5 "." "*.narinfo=body:$T/empty"
	narinfo_fault 5 "." "*.narinfo=status:204"
}

@test "NARs: 403, 404, 410" {
	for code in 403 404 410; do
		nar_fault 3 "status $code" "/nar/*=status:$code"
	done
}

@test "NARs: statuses that are not retried" {
	for code in 400 401 407 501; do
		nar_fault 6 "status $code" "/nar/*=status:$code"
	done
}

@test "NARs: 408, 500, 502, 504 on every attempt" {
	for code in 408 500 502 504; do
		start_bad "/nar/*=status:$code"
		completes_beside "$BAD"
		was_asked '^GET /nar/'
	done
}

@test "NARs: 429 and 503 cause no wait if another cache works" {
	for code in 429 503 429:60 503:60 503:+60; do
		start_bad "/nar/*=status:$code"
		SECONDS=0
		completes_beside "$BAD"
		[ "$SECONDS" -lt "$(patience 20)" ]
		was_asked '^GET /nar/'
	done
}

@test "NARs: 204 and an empty body are not NARs" {
	: >"$T/empty"
	nar_fault 5 "." "/nar/*=body:$T/empty"
	nar_fault 5 "." "/nar/*=status:204"
}

@test "a cache that answers 403 to everything is reported, one that lacks some files is not" {
	local bad
	start_bad '*=status:403'
	bad=$BAD
	for command in plan prefetch; do
		fails 3 "cache '$bad': it answered every request with HTTP status 403; .*--netrc-file" \
			nixferry "$command" "$TOP" --substituter "$bad" --pool "$T/pool" \
			--trusted-public-key "$PUBLIC_KEY"
	done
	completes_beside "$bad"
	[[ $stderr == *"warning: cache '$bad': it answered every"*"--netrc-file FILE"* ]] || fail "$stderr"
	run --separate-stderr nixferry plan "$TOP" --json --substituter "$bad" --pool "$T/pool"
	[ "$(jq -c .forbiddenCaches <<<"$output")" = "[\"$bad\"]" ] || fail "$output"
	run --separate-stderr nixferry prefetch "$TOP" --json --substituter "$bad" --pool "$T/none"
	[ "$(jq -c .forbiddenCaches <<<"$output")" = "[\"$bad\"]" ] || fail "$output"
	run --separate-stderr nixferry caches "$bad" --sample "$TOP"
	[[ $output == *"it answered every request with HTTP status 403"*"--netrc-file FILE"* ]] || fail "$output"
	run --separate-stderr nixferry caches "$bad" --sample "$TOP" --json
	jq -e '.caches[0].advice[0] | contains("status 403")' <<<"$output" || fail "$output"
	# An object store responds like this if it lacks a file.
	start_bad '*.narinfo=status:403'
	completes_beside "$BAD"
	[[ $stderr != *"every request"* ]] || fail "$stderr"
	fails 3 "not in any cache" fetch --substituter "$BAD" --pool "$T/none"
	[[ $stderr != *"every request"* ]] || fail "$stderr"
	run --separate-stderr nixferry caches "$BAD" --sample "$TOP" --json
	[[ $output == *'"advice"'* && $output != *"every request"* ]] || fail "$output"
}

# ---- Retry-After ----

# retried_after SECONDS FAULT: all comes from that cache alone, not before that time.
retried_after() {
	start_bad "$2"
	rm -rf "$T/pool"
	local start=${EPOCHREALTIME/./}
	fetch --substituter "$BAD" || return 1
	local took=$((${EPOCHREALTIME/./} - start))
	[ "$took" -ge $(($1 * 1000000 - 1050000)) ] && [ "$took" -ge 900000 ] ||
		fail "after $took us" || return 1
	assert_pool_exact
}

@test "Retry-After is obeyed, in seconds and as a date" {
	local nar
	nar=/$(nar_of "$T/cache" "$TOP")
	retried_after 1 "$nar=status:500:1*1"
	retried_after 2 "$nar=status:500:+2*1"
	retried_after 1 "/$(hash_part "$TOP").narinfo=status:500:1*1"
}

@test "Retry-After in the past, or malformed, is ignored" {
	local nar wrong
	nar=/$(nar_of "$T/cache" "$TOP")
	for wrong in "Wed, 21 Oct 2015 07/28/00 GMT" soon -5 0 99999999999999999999x; do
		start_bad "$nar=status:500:$wrong*1"
		rm -rf "$T/pool"
		SECONDS=0
		fetch --substituter "$BAD"
		[ "$SECONDS" -lt "$(patience 15)" ]
	done
}

# ---- lengths ----

@test "NARs: always broken off, with and without a length" {
	for fault in '/nar/*=truncate:1000' '/nar/*=truncate:0' '/nar/*=refuse'; do
		start_bad "$fault" '/nar/*=no-ranges'
		completes_beside "$BAD"
		start_bad "$fault" '/nar/*=chunked'
		completes_beside "$BAD"
	done
}

@test "NARs: broken off once, with and without a length" {
	nar_fault 0 "" '/nar/*=truncate:1000*1'
	nar_fault 0 "" '/nar/*=truncate:1000*1' '/nar/*=chunked'
	nar_fault 0 "" '/nar/*=truncate:1000*1' '/nar/*=chunked' '/nar/*=no-ranges'
	nar_fault 0 "" '/nar/*=refuse*1'
}

@test "NARs: shorter or longer than announced" {
	nar_fault 5 "." '/nar/*=short'
	nar_fault 5 "." '/nar/*=extra:1'
	nar_fault 5 "." '/nar/*=extra:5000000'
	nar_fault 5 "." '/nar/*=short' '/nar/*=chunked'
	nar_fault 5 "." '/nar/*=extra:1' '/nar/*=chunked'
	nar_fault 5 "." '/nar/*=extra:5000000' '/nar/*=chunked'
}

@test "NARs that always fail end the run and are named" {
	make_paths 1
	dead_port
	short_timeouts
	faults_alone "status|transfer closed|[Ee]mpty reply|connect|too slow|no answer" \
		'/nar/*=stall:1000' '/nar/*=slow:50' \
		'/nar/*=status:408' '/nar/*=status:500' '/nar/*=truncate:1000' \
		'/nar/*=truncate:0' '/nar/*=refuse' \
		"/nar/*=redirect:http://localhost:$DEAD_PORT/"
}
