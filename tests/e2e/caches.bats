#!/usr/bin/env bats
# The history of caches between runs, and the command caches.

load helper

setup() {
	setup_lab
	STATE=$HOME/.local/state/nixferry/caches
}

teardown() {
	local pid
	for pid in "${CACHE_PIDS[@]}"; do
		kill -CONT "$pid" 2>/dev/null || true
	done
	teardown_lab
}

# start_silent_cache: accepts connections and never responds; sets SILENT.
start_silent_cache() {
	mkdir -p "$T/silent"
	start_cache "$T/silent"
	kill -STOP "${CACHE_PIDS[-1]}"
	SILENT=$URL
}

# A path of some size, signed: $TOP in $T/cache.
make_large_path() {
	mkdir -p "$T/tree"
	head -c 3000000 /dev/urandom >"$T/tree/noise"
	TOP=$(mkcache add --cache "$T/cache" --name large --tree "$T/tree" --sign "$T/lab.sec" \
		--compress none)
}

fetch() {
	nixferry prefetch --trusted-public-key "$PUBLIC_KEY" "$@"
}

# The value of KEY in the history of the cache URL.
known() {
	awk -v url="URL: $1" -v key="$2: " '
		$0 == url { here = 1 }
		$0 == "" { here = 0 }
		here && index($0, key) == 1 { print substr($0, length(key) + 1) }
	' "$STATE"
}

# ---- between runs ----

@test "a run stores a cache's speed in a file for the user only" {
	make_large_path
	start_cache "$T/cache" --fault '*=delay:30' --fault '/nar/*=slow:10000000'
	fetch "$TOP" --substituter "$URL"
	[ "$(stat -c %a "$STATE")" = 600 ]
	[ "$(known "$URL" LatencyUs)" -ge 20000 ]
	[ "$(known "$URL" BytesPerSecond)" -ge $((2000000 / $(patience 1))) ]
	[ "$(known "$URL" BytesPerSecond)" -le 20000000 ]
	[ $(($(date +%s) - $(known "$URL" AnsweredAt))) -le "$(patience 5)" ]
	[ -z "$(known "$URL" FailedAt)" ]
}

@test "the speed of this machine's own files is not remembered" {
	make_large_path
	fetch "$TOP" --substituter "file://$T/cache"
	[ -n "$(known "file://$T/cache" AnsweredAt)" ]
	[ -z "$(known "file://$T/cache" BytesPerSecond)" ]
}

@test "a run remembers which cache refused, until it answers" {
	make_small_closure "$T/cache"
	dead_port
	start_cache "$T/cache"
	fetch "$TOP" --substituter "http://127.0.0.1:$DEAD_PORT" --substituter "$URL"
	[ "$(known "http://127.0.0.1:$DEAD_PORT" Unreachable)" = 1 ]
	[[ $(known "http://127.0.0.1:$DEAD_PORT" Failure) == *"onnect"* ]]
	start_cache "$T/cache" --port "$DEAD_PORT"
	fetch "$TOP" --substituter "$URL" --pool "$T/pool"
	[ -z "$(known "$URL" Unreachable)" ]
	[ -n "$(known "$URL" Failure)" ]
}

@test "a cache that never answers costs one connect timeout, and almost nothing in the next run" {
	make_small_closure "$T/cache"
	rm "$(narinfo_of "$T/cache" "$DATA")"
	start_silent_cache
	start_cache "$T/cache"
	SECONDS=0
	fails 6 "$(basename "$DATA")" fetch "$TOP" --keep-going --substituter "$SILENT" \
		--substituter "$URL"
	[ "$SECONDS" -ge 4 ] && [ "$SECONDS" -le "$(patience 7)" ]
	[ "$(known "$SILENT" Unreachable)" = 1 ]
	SECONDS=0
	fails 6 "$(basename "$DATA")" fetch "$TOP" --keep-going --substituter "$SILENT" \
		--substituter "$URL"
	[ "$SECONDS" -le "$(patience 2)" ]
}

@test "a cache that never answers causes no wait if others have everything" {
	make_small_closure "$T/cache"
	start_silent_cache
	start_cache "$T/cache"
	SECONDS=0
	fetch "$TOP" --substituter "$SILENT" --substituter "$URL"
	[ "$SECONDS" -le "$(patience 2)" ]
}

@test "the only cache gets longer for its first answer" {
	make_small_closure "$T/cache"
	local unit
	unit=$(patience 1)
	printf 'connect-timeout = 1\nstalled-download-timeout = %s\n' "$((4 * unit))" >"$NIX_CONF_DIR/nix.conf"
	start_cache "$T/cache" --fault '/nix-cache-info=delay:2000'
	fetch "$TOP" --substituter "$URL"
	start_silent_cache
	SECONDS=0
	fails 6 "cache '$SILENT': no answer in $((4 * unit)) seconds" fetch "$TOP" --substituter "$SILENT" \
		--pool "$T/other"
	[ "$SECONDS" -ge 3 ] && [ "$SECONDS" -le $((7 * unit)) ]
	[ "$(known "$SILENT" Unreachable)" = 1 ]
}

@test "planning also waits only once for a cache that never answers" {
	make_small_closure "$T/cache"
	start_silent_cache
	start_cache "$T/cache"
	plan=("$BUILD/nixferry" plan "$TOP" --trusted-public-key "$PUBLIC_KEY" --substituter
		"$SILENT" --substituter "$URL")
	run "${plan[@]}"
	[ "$(known "$SILENT" Unreachable)" = 1 ]
	SECONDS=0
	run "${plan[@]}"
	[ "$SECONDS" -le "$(patience 2)" ]
}

@test "if every cache was down, none gets less time" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault '/nix-cache-info=delay:1500'
	first=$URL
	start_cache "$T/cache" --fault '/nix-cache-info=delay:1500'
	mkdir -p "${STATE%/*}"
	for url in "$first" "$URL"; do
		printf 'URL: %s\nFailedAt: %s\nFailure: x\nUnreachable: 1\n\n' "$url" "$(date +%s)"
	done >"$STATE"
	fetch "$TOP" --substituter "$first" --substituter "$URL"
}

@test "caches says nothing about a history in a home that cannot be written" {
	[ "$EUID" -eq 0 ] && unshare -m true 2>/dev/null || skip "no mount namespace here"
	make_small_closure "$T/cache"
	run --separate-stderr unshare -m bash -c 'mount --make-rprivate / && mount --bind "$HOME" "$HOME" &&
		mount -o remount,bind,ro "$HOME" && exec "$1" caches "$2"' - "$BUILD/nixferry" "file://$T/cache"
	[ "$status" -eq 0 ] || fail "$stderr"
	[[ $stderr != *history* ]] || fail "$stderr"
}

@test "a history that is garbage, a directory or without a home is ignored" {
	make_small_closure "$T/cache"
	mkdir -p "${STATE%/*}"
	head -c 100000 /dev/urandom >"$STATE"
	fetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool1"
	rm "$STATE"
	mkdir "$STATE"
	run --separate-stderr fetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool2"
	[ "$status" -eq 0 ]
	[[ $stderr == *"cannot save the history of the caches"* ]]
	env -u HOME -u XDG_STATE_HOME "$BUILD/nixferry" prefetch "$TOP" --pool "$T/pool3" \
		--substituter "file://$T/cache" --trusted-public-key "$PUBLIC_KEY"
}

@test "a missing file:// cache is skipped and remembered as unreachable" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	run --separate-stderr fetch "$TOP" --substituter "file://$T/none" --substituter "$URL"
	[ "$status" -eq 0 ] || fail "$stderr"
	[[ $stderr == *"none' is not used: cannot open"* ]]
	[ "$(known "file://$T/none" Unreachable)" = 1 ]
	fails 6 "cannot open" fetch "$TOP" --substituter "file://$T/none" \
		--pool "$T/fresh"
}

# ---- nixferry caches ----

# probe URL... [OPTION]...: its JSON in $T/json, its status in $status.
probe() {
	run --separate-stderr nixferry caches --json --trusted-public-key "$PUBLIC_KEY" "$@"
	printf '%s\n' "$output" >"$T/json"
}

# is VALUE FILTER: of the first cache, or of the whole document.
is() {
	local got
	got=$(jq -r "$2" "$T/json")
	[ "$got" = "$1" ] || fail "$2 is '$got', not '$1': $(cat "$T/json")"
}

@test "caches shows reachability, speed, priority and keys of a working cache" {
	make_large_path
	printf 'StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 33\n' >"$T/cache/nix-cache-info"
	start_cache "$T/cache"
	probe "$URL" --sample "$TOP"
	[ "$status" -eq 0 ]
	is ok '.caches[0].state'
	is true '.caches[0].usable'
	is false '.caches[0].tls'
	is 1.1 '.caches[0].httpVersion'
	is /nix/store '.caches[0].storeDir'
	is '33 cache' '.caches[0] | "\(.priority) \(.priorityFrom)"'
	is true '.caches[0].wantMassQuery'
	is true '.caches[0] | .latencyMicroseconds > 0 and .connectMicroseconds > 0'
	is true ".caches[0].bytesPerSecond > $((2000000 / $(patience 1)))"
	is '1/1 1' '.caches[0].sample | "\(.found)/\(.asked) \(.trusted)"'
	is 'lab-1 trusted' '.caches[0].keys[0] | "\(.name) \(.state)"'
	is 0 '.caches[0].advice | length'
	is 1 .usable
	run nixferry caches "$URL" --sample "$TOP" --trusted-public-key "$PUBLIC_KEY"
	[ "$status" -eq 0 ]
	[[ ${lines[0]} == CACHE*STATE*USED*LATENCY*SPEED*HTTP*PRIORITY*HAS*SIGNED\ BY ]]
	[[ ${lines[1]} == "$URL"*ok*yes*ms*iB/s*1.1*33*1/1*lab-1 ]]
	[ "${#lines[@]}" -eq 2 ]
}

@test "latency and throughput do not include the connection's setup" {
	make_large_path
	start_cache "$T/cache" --fault '*=delay:40' --fault '/nar/*=slow:4000000'
	probe "$URL" --sample "$TOP"
	is true ".caches[0].latencyMicroseconds | . >= 38000 and . < $(patience 90000)"
	is true ".caches[0].connectMicroseconds < $(patience 25000)"
	is true ".caches[0].bytesPerSecond | . > $((3000000 / $(patience 1))) and . < 6000000"
	[ "$(known "$URL" LatencyUs)" -ge 38000 ]
}

@test "caches checks the configured caches, or the given URLs instead" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	mkdir -p "$NIX_CONF_DIR"
	echo "substituters = $URL file://$T/cache" >"$NIX_CONF_DIR/nix.conf"
	probe
	is "$URL file://$T/cache" '[.caches[].url] | join(" ")'
	probe --extra-substituter "file://$T/other"
	is 3 '.caches | length'
	probe "file://$T/other"
	is "file://$T/other" '[.caches[].url] | join(" ")'
	[ "$status" -eq 6 ]
	fails 2 "ftp://" nixferry caches ftp://example.org
}

@test "each kind of failure is reported, all within one timeout" {
	make_small_closure "$T/cache"
	dead_port
	start_silent_cache
	mkdir "$T/guix"
	echo "StoreDir: /gnu/store" >"$T/guix/nix-cache-info"
	start_cache "$T/guix"
	guix=$URL
	start_cache "$T/cache" --fault '*=status:500'
	failing=$URL
	start_cache "$T/cache" --fault '*=status:401'
	private=$URL
	start_cache "$T/cache"
	local unit
	unit=$(patience 1)
	echo "connect-timeout = $((2 * unit))" >"$NIX_CONF_DIR/nix.conf"
	SECONDS=0
	probe "http://127.0.0.1:$DEAD_PORT" "$SILENT" "$guix" "$failing" "$private" \
		"file://$T/none" "https://127.0.0.1:$PORT" "$URL" --sample "$TOP"
	[ "$SECONDS" -le $((5 * unit)) ]
	[ "$status" -eq 0 ] || fail "$status: $stderr"
	is "refused timeout other-store http http refused tls ok" \
		'[.caches[].state] | join(" ")'
	is '500 401' '[.caches[3, 4].httpStatus | tostring] | join(" ")'
	is 1 .usable
	is '1 1 1 1 1 1 1 0' '[.caches[].advice | length | tostring] | join(" ")'
	run --separate-stderr nixferry caches "http://127.0.0.1:$DEAD_PORT" "$failing"
	[ "$status" -eq 6 ]
	[[ $output == *"nothing listens there"*"HTTP 500"* ]]
	[[ $stderr == *"caches: no cache can be used" ]]
}

@test "an untrusted key is named, with advice" {
	make_small_closure "$T/cache"
	mkcache keygen stranger-1 "$T/s.sec" "$T/s.pub"
	mkcache sign --cache "$T/cache" --sign "$T/s.sec" "$DATA"
	start_cache "$T/cache"
	probe "$URL" --sample "$DATA"
	[ "$status" -eq 6 ]
	is 'stranger-1 unknown' '.caches[0].keys[0] | "\(.name) \(.state)"'
	is false '.caches[0].usable'
	run nixferry caches "$URL" --sample "$DATA"
	[[ $output == *"stranger-1 (not trusted)"*"--trusted-public-key stranger-1:KEY"* ]]
	probe "$URL" --sample "$DATA" --trusted-public-key "$(cat "$T/s.pub")"
	[ "$status" -eq 0 ]
	is trusted '.caches[0].keys[0].state'
}

@test "an unsigned path and an unusable narinfo" {
	make_small_closure "$T/cache"
	sed -i '/^Sig:/d' "$(narinfo_of "$T/cache" "$DATA")"
	echo nonsense >"$(narinfo_of "$T/cache" "$LINK")"
	start_cache "$T/cache"
	probe "$URL" --sample "$DATA" --sample "$LINK" --sample "$LIB"
	is '2 1 1 1' '.caches[0].sample | "\(.found) \(.trusted) \(.unsigned) \(.malformed)"'
	is 2 '.caches[0].advice | length'
}

@test "caches queries references of the sample, in every cache" {
	make_small_closure "$T/cache"
	cp -r "$T/cache" "$T/half"
	rm "$(narinfo_of "$T/half" "$TOP")" "$(narinfo_of "$T/half" "$APP")"
	start_cache "$T/cache"
	probe "$URL" "file://$T/half" --sample "$TOP"
	is '5/5 3/5' '[.caches[].sample | "\(.found)/\(.asked)"] | join(" ")'
}

@test "without a sample, caches uses the pool's paths, and a directory's own" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	probe "$URL" "file://$T/cache" --pool "$T/pool"
	is 5 '.caches[1].sample.found'
	[ ! -e "$T/pool" ]
	fetch "$TOP" --substituter "$URL" --pool "$T/pool"
	probe "$URL" --pool "$T/pool"
	is '5/5' '.caches[0].sample | "\(.found)/\(.asked)"'
}

@test "the last failure is still remembered after the cache works again" {
	make_small_closure "$T/cache"
	dead_port
	dead=http://127.0.0.1:$DEAD_PORT
	probe "$dead"
	[ "$status" -eq 6 ]
	is null '.caches[0].lastFailure'
	start_cache "$T/cache" --port "$DEAD_PORT"
	probe "$dead"
	[ "$status" -eq 0 ]
	is true '.caches[0].lastFailure | .cause | contains("onnect")'
	run nixferry caches "$dead"
	[[ $output == *"failed "*" ago: "*onnect* ]]
}

@test "caches reports all usable caches as used, whatever their priority" {
	make_large_path
	start_cache "$T/cache" --fault '/nar/*=slow:3000000'
	slow=$URL
	dead_port
	start_cache "$T/cache"
	run nixferry caches "$slow?priority=30" "$URL?priority=40" "http://127.0.0.1:$DEAD_PORT" \
		--sample "$TOP" --trusted-public-key "$PUBLIC_KEY"
	[[ ${lines[1]} =~ ^"$slow"\ +ok\ +yes\ .*\ 30\  ]] || fail "$output"
	[[ ${lines[2]} =~ ^"$URL"\ +ok\ +yes\ .*\ 40\  ]] || fail "$output"
	[[ ${lines[3]} =~ \ refused\ +no\  ]] || fail "$output"
	[[ $output != *priority=* ]] || fail "$output"
	probe "$slow?priority=30" "$URL?priority=40" --sample "$TOP"
	is '0 0' '[.caches[].advice | length | tostring] | join(" ")'
	is 'true true' '[.caches[].usable | tostring] | join(" ")'
}

@test "text from servers does not reach the terminal unescaped" {
	make_small_closure "$T/cache"
	printf 'StoreDir: /\e[2J\n' >"$T/cache/nix-cache-info"
	sed -i $'s/^Sig: lab-1/Sig: \e[31mred/' "$(narinfo_of "$T/cache" "$DATA")"
	start_cache "$T/cache"
	run nixferry caches "$URL"
	[[ $output == *"'/?[2J'"* ]]
	[[ $output != *$'\e'* ]]
	rm "$T/cache/nix-cache-info"
	run nixferry caches "$URL" --sample "$DATA" --verbose
	[[ $output != *$'\e'* ]]
}

make_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
		-keyout "$T/tls.key" -out "$T/tls.crt" 2>/dev/null
}

@test "TLS: an untrusted certificate is refused, one in ssl-cert-file is accepted" {
	make_small_closure "$T/cache"
	make_certificate
	start_cache "$T/cache" --tls-cert "$T/tls.crt" --tls-key "$T/tls.key"
	url=https://127.0.0.1:$PORT
	probe "$url"
	[ "$status" -eq 6 ]
	is tls '.caches[0].state'
	is true '.caches[0].advice[0] | contains("ssl-cert-file")'
	echo "ssl-cert-file = $T/tls.crt" >"$NIX_CONF_DIR/nix.conf"
	probe "$url" --sample "$TOP"
	[ "$status" -eq 0 ]
	is 'ok true' '.caches[0] | "\(.state) \(.tls)"'
}

@test "the report shows HTTP/2" {
	PATH=$PATH:/usr/sbin
	command -v nginx >/dev/null || skip "no nginx"
	make_small_closure "$T/cache"
	make_certificate
	dead_port
	cat >"$T/nginx.conf" <<-EOF
		daemon off;
		master_process off;
		pid $T/nginx.pid;
		error_log $T/nginx.log;
		events {}
		http {
			access_log off;
			client_body_temp_path $T/nginx-body;
			proxy_temp_path $T/nginx-proxy;
			fastcgi_temp_path $T/nginx-fastcgi;
			uwsgi_temp_path $T/nginx-uwsgi;
			scgi_temp_path $T/nginx-scgi;
			server {
				listen 127.0.0.1:$DEAD_PORT ssl http2;
				ssl_certificate $T/tls.crt;
				ssl_certificate_key $T/tls.key;
				root $T/cache;
			}
		}
	EOF
	nginx -c "$T/nginx.conf" -e "$T/nginx.log" 3>&- &
	CACHE_PIDS+=($!)
	echo "ssl-cert-file = $T/tls.crt" >"$NIX_CONF_DIR/nix.conf"
	wait_for 5 curl -sfk -o /dev/null "https://127.0.0.1:$DEAD_PORT/nix-cache-info"
	probe "https://127.0.0.1:$DEAD_PORT" --sample "$TOP"
	[ "$status" -eq 0 ]
	is '2 true 5' '.caches[0] | "\(.httpVersion) \(.tls) \(.sample.trusted)"'
	fetch "$TOP" --substituter "https://127.0.0.1:$DEAD_PORT"
}

@test "a probe can be interrupted" {
	start_silent_cache
	timeout --preserve-status -s INT 1 "$BUILD/nixferry" caches "$SILENT" || status=$?
	[ "$status" -eq 130 ]
}

# doctor [OPTION]...: its findings in $T/json.
doctor() {
	nixferry doctor --pool "$T/pool" --trusted-public-key "$PUBLIC_KEY" --json "$@" >"$T/json"
}

# findings LEVEL AREA: the texts.
findings() {
	jq -r ".findings[] | select(.level == \"$1\" and .area == \"$2\") | .text" "$T/json"
}

@test "doctor says what is wrong with this machine, and its status does, too" {
	make_signed_path
	start_cache "$T/cache"
	dead_port
	local dead=http://127.0.0.1:$DEAD_PORT
	doctor --substituter "$URL" --substituter "$dead"
	[ "$(jq .good "$T/json")" = true ]
	[ "$(findings ok cache)" = "$URL" ]
	[[ $(findings note cache) == "$dead: "* ]]
	[ "$(jq '[.findings[] | select(.area == "cache" and .level == "note") | .advice[]] | length' "$T/json")" -ge 1 ]
	[ ! -e "$T/pool" ]

	fails 6 "1 problem, the gravest: cache: $dead" doctor --substituter "$dead"
	[ "$(jq .good "$T/json")" = false ]
	: >"$CACHE_LOG"
	doctor --offline --substituter "$URL" --substituter "$dead"
	[ ! -s "$CACHE_LOG" ]
	[ -z "$(findings ok cache)" ]

	echo "trusted-public-keys = nonsense" >"$NIX_CONF_DIR/nix.conf"
	doctor --offline
	[[ $(findings note nix.conf) == *"no ':' after its name"* ]]
	echo "connect-timeout = x" >"$NIX_CONF_DIR/nix.conf"
	fails 2 "'x' is not a number" doctor --offline
	echo "trusted-public-keys =" >"$NIX_CONF_DIR/nix.conf"
	fails 4 "no key is trusted" nixferry doctor --offline --pool "$T/pool"
	[[ $output == *"problem  keys "*"set trusted-public-keys in nix.conf"* ]]
	echo "substitute = false" >"$NIX_CONF_DIR/nix.conf"
	fails 2 "no cache is used" doctor --offline
	rm "$NIX_CONF_DIR/nix.conf"
	: >"$T/file"
	fails 1 "pool" doctor --offline --pool "$T/file"
}
