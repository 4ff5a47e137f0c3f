#!/usr/bin/env bats
# Caches that respond with wrong bytes, ranges and encodings, or redirect: other caches take over, or the
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

# ---- bytes ----

@test "NARs: wrong bytes" {
	nar_fault 5 "." '/nar/*=garbage'
	nar_fault 5 "hash" '/nar/*=flip:30000'
	nar_fault 5 "." '/nar/*=flip:0'
}

@test "NARs: an unrequested content encoding is decoded" {
	nar_fault 0 "" '/nar/*=gzip'
	nar_fault 0 "" '/nar/*=gzip' '/nar/*=chunked'
	nar_fault 0 "" '/nar/*=gzip' '/nar/*=truncate:30000*1'
	nar_fault 0 "" '/nar/*=gzip*1' '/nar/*=truncate:30000*1'
	nar_fault 5 "." '/nar/*=gzip' '/nar/*=flip:30000'
}

@test "NARs: content encodings that do not match the body" {
	local name
	for name in none identity Identity; do
		nar_fault 0 "" "/nar/*=encoding:$name"
		nar_fault 0 "" "/nar/*=encoding:$name" '/nar/*=truncate:30000*1'
	done
	for name in aws-chunked utf-8 "gzip, nonsense"; do
		nar_fault 6 "encoding" "/nar/*=encoding:$name"
		narinfo_fault 6 "encoding" "*.narinfo=encoding:$name"
	done
}

# encoded_as NAME COMMAND...: serves TOP's NAR as the command encodes it, with NAME as Content-Encoding.
encoded_as() {
	local nar
	nar=$(nar_of "$T/cache" "$TOP")
	"${@:2}" <"$T/cache/$nar" >"$T/encoded"
	start_bad "/$nar=body:$T/encoded" "/$nar=encoding:$1"
	fetch_alone || fail "encoded as $1"
}

gzip_twice() {
	gzip -nc | gzip -nc
}

gzip_then_br() {
	gzip -nc | brotli -c
}

# The deflate stream in a gzip file, without the header and the checksum.
deflate() {
	gzip -nc | tail -c +11 | head -c -8
}

@test "NARs: the content encodings br, zstd, deflate, x-gzip and combinations are decoded" {
	encoded_as br brotli -c
	encoded_as BR brotli -c
	encoded_as zstd zstd -qc
	encoded_as x-gzip gzip -nc
	encoded_as deflate deflate
	encoded_as "gzip, gzip" gzip_twice
	encoded_as "gzip,br" gzip_then_br
	encoded_as "identity, gzip" gzip -nc
	encoded_as "none, None" cat
}

# An HTTP library does not send a header without a value.
@test "NARs: an empty content encoding counts as no encoding" {
	local nar size header
	nar=$(nar_of "$T/cache" "$TOP")
	size=$(stat -c %s "$T/cache/$nar")
	for header in "Content-Encoding:" "Content-Encoding: " "Content-Encoding: ,"; do
		printf 'HTTP/1.1 200 OK\r\n%s\r\nContent-Length: %s\r\nConnection: close\r\n\r\n' \
			"$header" "$size" | cat - "$T/cache/$nar" >"$T/said"
		start_raw "say:$T/said"
		start_bad "/$nar=redirect:$URL"
		fetch_alone || fail "$header"
	done
}

@test "NARs: a body without the announced encoding ends the run and is named" {
	local name
	for name in br deflate x-gzip "gzip, br"; do
		nar_fault 6 "encoding|decod" "/nar/*=encoding:$name"
	done
}

# ---- ranges ----

@test "NARs: the whole file as an unrequested range" {
	nar_fault 0 "" '/nar/*=as-range'
	nar_fault 0 "" '/nar/*=as-range' '/nar/*=truncate:30000*1'
	nar_fault 5 "range" '/nar/*=as-range' '/nar/*=wrong-range:start'
}

@test "NARs: the whole file in response to a range request" {
	nar_fault 0 "" '/nar/*=truncate:30000*1' '/nar/*=ignore-range'
	nar_fault 0 "" '/nar/*=truncate:30000*1' '/nar/*=no-ranges'
}

@test "NARs: another range than requested" {
	for kind in wrong-range wrong-range:start wrong-range:end wrong-range:total; do
		nar_fault 5 "another range|bytes, not" '/nar/*=truncate:30000*1' "/nar/*=$kind"
	done
}

# ---- addresses ----

@test "an invalid NAR URL" {
	local url
	cp -r "$T/cache" "$T/astray"
	for url in 'http://[::1/x.nar' 'http://127.0.0.1:99999/x.nar'; do
		sed -i "s|^URL: .*|URL: $url|" "$(narinfo_of "$T/astray" "$TOP")"
		start_cache "$T/astray"
		completes_beside "$URL"
		fails_alone "$URL" 6 "URL" --json
		[ "$(jq -c '.caches[0].failuresByKind' <<<"$output")" = '{"status":1}' ] ||
			fail "$url: $output"
	done
}

# ---- redirects ----

@test "redirects in a loop" {
	nar_fault 6 "redirect" '/nar/*=redirect-loop'
	narinfo_fault 6 "redirect" '*=redirect-loop'
}

@test "redirects to another host" {
	local there=http://localhost:${GOOD##*:}/
	nar_fault 0 "" "/nar/*=redirect:$there"
	start_bad "*=redirect:$there"
	fetch_alone
	# A transfer that broke off continues from the same cache.
	start_cache "$T/cache" --fault '/nar/*=truncate:30000*1'
	local log=$CACHE_LOG
	start_bad "/nar/*=redirect:http://localhost:$PORT/"
	fetch_alone
	[ "$(log_count '^GET /nar/.* 206 .*bytes=30000-' "$log")" -ge 1 ]
}

@test "redirects to a host that is down" {
	dead_port
	start_bad "/nar/*=redirect:http://localhost:$DEAD_PORT/"
	completes_beside "$BAD"
	was_asked '^GET /nar/'
}

@test "redirects to files and to other protocols are not followed" {
	local nar
	nar=$(nar_of "$T/cache" "$TOP")
	nar_fault 6 "not http or https" "/nar/*=redirect:file://$T/cache/$nar"
	narinfo_fault 6 "not http or https" "*=redirect:file://$T/cache/"
	for to in ftp://127.0.0.1/ gopher://127.0.0.1/ dict://127.0.0.1/ scp://127.0.0.1/; do
		start_bad "/nar/*=redirect:$to"
		fails_alone "$BAD" 6 "not http or https"
	done
}
