#!/usr/bin/env bats
# The test cache itself: each fault, as a client sees it. The judge of stores: what it must notice.

load helper

setup() {
	setup_lab
	mkdir -p "$T/www/nar"
	seq 1 20000 >"$T/www/nar/file"
	printf 'secret' >"$T/secret"
	ln -s "$T/secret" "$T/www/link"
	SIZE=$(stat -c %s "$T/www/nar/file")
}

teardown() {
	teardown_lab
}

get() {
	curl -sS --max-time 20 "$@"
}

code_of() {
	get -o "$T/out" -w '%{http_code}' "$@" || true
}

header_of() {
	local name=$1
	shift
	get -o /dev/null -D - "$@" | tr -d '\r' | sed -n "s/^$name: //Ip"
}

@test "a file is served whole, with its size, validators and range support" {
	start_cache "$T/www"
	get "$URL/nar/file" | cmp - "$T/www/nar/file"
	[ "$(header_of Content-Length "$URL/nar/file")" = "$SIZE" ]
	[ "$(header_of Accept-Ranges "$URL/nar/file")" = bytes ]
	[[ "$(header_of ETag "$URL/nar/file")" == '"'*'"' ]]
	[[ "$(header_of Last-Modified "$URL/nar/file")" == *GMT ]]
}

@test "HEAD gives the size and no body" {
	start_cache "$T/www"
	[ "$(header_of Content-Length -I "$URL/nar/file")" = "$SIZE" ]
	grep -q "^HEAD /nar/file 200 0 -$" "$CACHE_LOG"
}

@test "connections are kept alive" {
	start_cache "$T/www"
	run get -o /dev/null -o /dev/null -w '%{num_connects} ' "$URL/nar/file" "$URL/nar/file"
	[ "$output" = "1 0 " ]
}

@test "files outside the root are not found" {
	start_cache "$T/www"
	[ "$(code_of "$URL/missing")" = 404 ]
	[ "$(code_of "$URL/nar")" = 404 ]
	[ "$(code_of "$URL/link")" = 404 ]
	[ "$(code_of --path-as-is "$URL/../secret")" = 404 ]
	[ "$(code_of --path-as-is "$URL/nar/%2e%2e/%2e%2e/secret")" = 404 ]
	[ "$(code_of -X POST -d x "$URL/nar/file")" != 200 ]
}

@test "ranges: from, from-to, suffix, beyond the end, several" {
	start_cache "$T/www"
	get -r 100-199 "$URL/nar/file" | cmp - <(tail -c +101 "$T/www/nar/file" | head -c 100)
	get -r 1000- "$URL/nar/file" | cmp - <(tail -c +1001 "$T/www/nar/file")
	get -r -50 "$URL/nar/file" | cmp - <(tail -c 50 "$T/www/nar/file")
	[ "$(header_of Content-Range -r 100-199 "$URL/nar/file")" = "bytes 100-199/$SIZE" ]
	[ "$(header_of Content-Range -r 5-999999999 "$URL/nar/file")" = "bytes 5-$((SIZE - 1))/$SIZE" ]
	[ "$(code_of -r 100-199 "$URL/nar/file")" = 206 ]
	[ "$(code_of -r "$SIZE-" "$URL/nar/file")" = 416 ]
	[ "$(header_of Content-Range -r "$SIZE-" "$URL/nar/file")" = "bytes */$SIZE" ]
	[ "$(code_of -r 0-1,5-6 "$URL/nar/file")" = 200 ]
	grep -q "^GET /nar/file 206 100 bytes=100-199$" "$CACHE_LOG"
}

@test "If-Range: the whole file unless the validator is the file's" {
	start_cache "$T/www"
	etag=$(header_of ETag "$URL/nar/file")
	date=$(header_of Last-Modified "$URL/nar/file")
	[ "$(code_of -r 10- -H "If-Range: $etag" "$URL/nar/file")" = 206 ]
	[ "$(code_of -r 10- -H "If-Range: $date" "$URL/nar/file")" = 206 ]
	[ "$(code_of -r 10- -H 'If-Range: "other"' "$URL/nar/file")" = 200 ]
	touch "$T/www/nar/file"
	[ "$(code_of -r 10- -H "If-Range: $etag" "$URL/nar/file")" = 200 ]
}

@test "a changed file has another ETag" {
	start_cache "$T/www"
	before=$(header_of ETag "$URL/nar/file")
	[ "$before" = "$(header_of ETag "$URL/nar/file")" ]
	touch "$T/www/nar/file"
	[ "$before" != "$(header_of ETag "$URL/nar/file")" ]
}

@test "status, with Retry-After" {
	start_cache "$T/www" --fault '/nar/*=status:503:7'
	[ "$(code_of "$URL/nar/file")" = 503 ]
	[ "$(header_of Retry-After "$URL/nar/file")" = 7 ]
}

@test "Retry-After may be a date" {
	start_cache "$T/www" --fault '/nar/*=status:503:+100'
	local there
	there=$(date -d "$(header_of Retry-After "$URL/nar/file")" +%s)
	[ "$there" -gt $(($(date +%s) + 80)) ] && [ "$there" -le $(($(date +%s) + 100)) ]
}

@test "the server also answers requests made to it as a proxy" {
	start_cache "$T/www"
	get -x "$URL" http://cache.test/nar/file | cmp - "$T/www/nar/file"
	grep -q "^GET http://cache.test/nar/file 200 " "$CACHE_LOG"
}

@test "a fault affects COUNT requests after SKIP" {
	start_cache "$T/www" --fault '/nar/*=status:500*2@1'
	codes=
	for _ in 1 2 3 4; do codes="$codes $(code_of "$URL/nar/file")"; done
	[ "$codes" = " 200 500 500 200" ]
}

@test "refuse closes the connection without a response" {
	start_cache "$T/www" --fault '*=refuse*1'
	run get "$URL/nar/file"
	[ "$status" -eq 52 ]
	get -o /dev/null "$URL/nar/file"
	grep -q "^GET /nar/file 0 0 -$" "$CACHE_LOG"
}

@test "truncate announces all and closes early" {
	start_cache "$T/www" --fault '*=truncate:1000'
	run get -o "$T/out" "$URL/nar/file"
	[ "$status" -eq 18 ]
	cmp "$T/out" <(head -c 1000 "$T/www/nar/file")
	grep -q "^GET /nar/file 200 1000 -$" "$CACHE_LOG"
}

@test "garbage sends the right length and no right byte" {
	start_cache "$T/www" --fault '*=garbage'
	get -o "$T/out" "$URL/nar/file"
	[ "$(stat -c %s "$T/out")" -eq "$SIZE" ]
	[ "$(cmp -l "$T/out" "$T/www/nar/file" | wc -l)" -eq "$SIZE" ]
}

@test "flip changes one byte, in ranges too" {
	start_cache "$T/www" --fault '*=flip:500'
	get -o "$T/out" "$URL/nar/file"
	[ "$(cmp -l "$T/out" "$T/www/nar/file" | awk '{print $1}')" = 501 ]
	get -r 500-500 "$URL/nar/file" >"$T/byte"
	! cmp -s "$T/byte" <(tail -c +501 "$T/www/nar/file" | head -c 1)
}

@test "short and extra announce what they send" {
	start_cache "$T/www" --fault '*=short*1' --fault '*=extra:9@1'
	get -o "$T/out" "$URL/nar/file"
	[ "$(stat -c %s "$T/out")" -eq $((SIZE / 2)) ]
	get -o "$T/out" "$URL/nar/file"
	cmp "$T/out" <(cat "$T/www/nar/file" && printf xxxxxxxxx)
}

@test "stall sends some bytes, then nothing, and other requests are served" {
	start_cache "$T/www" --fault '/nar/file=stall:300*1'
	run curl -sS --max-time 1 -o "$T/out" "$URL/nar/file"
	[ "$status" -eq 28 ]
	[ "$(stat -c %s "$T/out")" -eq 300 ]
	get "$URL/nar/file" | cmp - "$T/www/nar/file"
}

@test "stall ends after the given seconds" {
	start_cache "$T/www" --fault '/nar/file=stall:300:1'
	run get -o "$T/out" "$URL/nar/file"
	[ "$status" -eq 18 ]
}

@test "slow keeps to its rate" {
	start_cache "$T/www" --fault '*=slow:100000'
	SECONDS=0
	get "$URL/nar/file" | cmp - "$T/www/nar/file"
	[ "$SECONDS" -ge 1 ] && [ "$SECONDS" -le "$(patience 4)" ]
}

@test "all connections share a rate" {
	start_cache "$T/www" --rate 100000 --sent-log "$T/sent"
	local start=$EPOCHREALTIME
	get --parallel -o "$T/a" "$URL/nar/file" -o "$T/b" "$URL/nar/file"
	local took=$((${EPOCHREALTIME/./} - ${start/./}))
	cmp "$T/a" "$T/www/nar/file"
	cmp "$T/b" "$T/www/nar/file"
	[ "$took" -ge $((2 * SIZE * 10 - 200000)) ] || fail "$took us"
	[ "$(grep -cx "/nar/file 0 $SIZE" "$T/sent")" -eq 2 ]
}

@test "headers of requests are noted" {
	start_cache "$T/www" --header-log "$T/headers"
	get -A someone -o /dev/null "$URL/nar/file"
	grep -qx "/nar/file User-Agent: someone" "$T/headers"
}

@test "chunked sends no length" {
	start_cache "$T/www" --fault '*=chunked'
	[ -z "$(header_of Content-Length "$URL/nar/file")" ]
	get "$URL/nar/file" | cmp - "$T/www/nar/file"
	get -r 100-199 "$URL/nar/file" | cmp - <(tail -c +101 "$T/www/nar/file" | head -c 100)
}

@test "delay waits before the answer" {
	start_cache "$T/www" --fault '*=delay:700'
	run curl -sS --max-time 0.3 "$URL/nar/file"
	[ "$status" -eq 28 ]
	get "$URL/nar/file" | cmp - "$T/www/nar/file"
}

@test "ignore-range, no-ranges and wrong-range" {
	start_cache "$T/www" --fault '*=ignore-range*2' --fault '*=no-ranges*2@2' \
		--fault '*=wrong-range@4'
	[ "$(code_of -r 100-199 "$URL/nar/file")" = 200 ]
	[ "$(header_of Accept-Ranges -r 100-199 "$URL/nar/file")" = bytes ]
	[ "$(code_of -r 100-199 "$URL/nar/file")" = 200 ]
	[ -z "$(header_of Accept-Ranges -r 100-199 "$URL/nar/file")" ]
	[ "$(code_of -r 100-199 "$URL/nar/file")" = 206 ]
	[ "$(header_of Content-Range -r 100-199 "$URL/nar/file")" != "bytes 100-199/$SIZE" ]
}

@test "a range with one wrong number" {
	start_cache "$T/www" --fault '*=wrong-range:start*1' --fault '*=wrong-range:end*1@1' \
		--fault '*=wrong-range:total*1@2'
	[ "$(header_of Content-Range -r 100-199 "$URL/nar/file")" = "bytes 101-199/$SIZE" ]
	[ "$(header_of Content-Range -r 100-199 "$URL/nar/file")" = "bytes 100-200/$SIZE" ]
	[ "$(header_of Content-Range -r 100-199 "$URL/nar/file")" = "bytes 100-199/$((SIZE + 1))" ]
	get -r 100-199 "$URL/nar/file" | cmp - <(tail -c +101 "$T/www/nar/file" | head -c 100)
}

@test "redirects: to a URL, with the path, in a loop" {
	start_cache "$T/www"
	there=$URL
	start_cache "$T/www" --fault "/a=redirect:$there/nar/file" \
		--fault "/nar/*=redirect:$there/" --fault '/loop=redirect-loop'
	get -L "$URL/a" | cmp - "$T/www/nar/file"
	get -L "$URL/nar/file" | cmp - "$T/www/nar/file"
	run get -L "$URL/loop"
	[ "$status" -eq 47 ]
}

@test "gzip is sent only to clients that accept it" {
	start_cache "$T/www" --fault '*=gzip'
	[ "$(header_of Content-Encoding "$URL/nar/file")" = gzip ]
	get --compressed "$URL/nar/file" | cmp - "$T/www/nar/file"
	get "$URL/nar/file" | gzip -dc | cmp - "$T/www/nar/file"
}

@test "body serves the content of another file" {
	start_cache "$T/www" --fault "/nar/file=body:$T/secret"
	[ "$(get "$URL/nar/file")" = secret ]
}

@test "ETags can be dropped or changed each time" {
	start_cache "$T/www" --fault '*=drop-etag*1' --fault '*=change-etag@1'
	[ -z "$(header_of ETag "$URL/nar/file")" ]
	first=$(header_of ETag "$URL/nar/file")
	[ -n "$first" ]
	[ "$first" != "$(header_of ETag "$URL/nar/file")" ]
}

@test "the server rereads a changed fault file" {
	start_cache "$T/www" --fault-file "$T/faults"
	[ "$(code_of "$URL/nar/file")" = 200 ]
	printf '# none\n/nar/*=status:500\n' >"$T/faults"
	[ "$(code_of "$URL/nar/file")" = 500 ]
	: >"$T/faults"
	[ "$(code_of "$URL/nar/file")" = 200 ]
	rm "$T/faults"
	[ "$(code_of "$URL/nar/file")" = 200 ]
}

@test "an unknown fault is refused" {
	run "$BUILD/cached" --root "$T/www" --fault '*=explode'
	[ "$status" -eq 2 ]
	[[ "$output" == *"no such kind"* ]]
	run "$BUILD/cached" --root "$T/www" --fault '*=truncate:many'
	[ "$status" -eq 2 ]
	[[ "$output" == *"wrong argument"* ]]
}

@test "TLS with a certificate that the client trusts" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
		-keyout "$T/tls.key" -out "$T/tls.crt" 2>/dev/null
	start_cache "$T/www" --tls-cert "$T/tls.crt" --tls-key "$T/tls.key"
	curl -sS --cacert "$T/tls.crt" "https://127.0.0.1:$PORT/nar/file" | cmp - "$T/www/nar/file"
}

@test "the server ends with the process that started it" {
	bash -c '"$1" --with-parent --root "$2" --port-file "$3" 3>&- & echo $! >"$4"; sleep 0.5' \
		- "$BUILD/cached" "$T/www" "$T/port" "$T/pid"
	wait_for 5 bash -c '! kill -0 "$1" 2>/dev/null' - "$(cat "$T/pid")"
}

# judged_wrong WORDS COMMAND...: a copy of the store, changed by the command, is judged to be wrong.
judged_wrong() {
	local words=$1
	shift
	rm -rf "$T/changed"
	cp -a "$T/root" "$T/changed"
	(cd "$T/changed/nix/store" && "$@")
	fails 1 "$words" "$BUILD/storejudge" closure "$T/changed" "$T/trees" "${ALL_PATHS[@]}"
}

@test "the judge of stores notices each kind of difference" {
	local lib app
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	import_bundle
	[ "$EUID" -eq 0 ] || chmod -R u+w "$T/root"
	assert_closure_in "$T/root"
	lib=${LIB##*/} app=${APP##*/}
	judged_wrong "only the store has 'more'" mkdir more
	judged_wrong "only the database has '$lib'" rm -r "$lib"
	judged_wrong "only the closure has '$lib'" sqlite3 ../var/nix/db/db.sqlite \
		"delete from Refs; delete from ValidPaths where path = '$LIB'"
	judged_wrong "left behind: .*/state/x.tmp" mkdir -p ../state/x.tmp
	judged_wrong "$lib/share/noise' differ" sed -i "\$s/\$/x/" "$lib/share/noise"
	judged_wrong "$lib/bin/noise' differ" ln -sfn other "$lib/bin/noise"
	judged_wrong "has 'more'" touch "$lib/bin/more"
	judged_wrong "has 'broken'" rm "$app/broken"
	judged_wrong "is executable" chmod 444 "$lib/bin/hello"
	judged_wrong "has mode 644" chmod 644 "$lib/empty"
	judged_wrong "has mode 755" chmod 755 "$lib/bin"
	judged_wrong "another time" touch -h "$lib/broken"
	judged_wrong "another kind" ln -sfn /dev/null "$lib/empty"
	fails 1 "only the closure has 'x'" "$BUILD/storejudge" closure "$T/root" "$T/trees" "${ALL_PATHS[@]}" /nix/store/x
}
