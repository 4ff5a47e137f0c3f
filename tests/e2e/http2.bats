#!/usr/bin/env bats
# HTTP/2 over TLS: nginx in front of the test cache. Each request must recover from any fault of
# the connection that it shares with others.

load helper
load matrix

setup() {
	setup_lab
	NGINX=
	make_certificate tls
	export NIX_SSL_CERT_FILE=$T/tls.crt
}

teardown() {
	stop_front
	teardown_lab
}

# start_front [DIRECTIVE]: starts nginx in front of $URL and sets $URL to its address.
start_front() {
	local dir=$T/front
	FRONT_LOG=$dir/log
	mkdir -p "$dir/temp"
	dead_port
	cat >"$dir/nginx.conf" <<-EOF
		daemon off;
		pid $dir/pid;
		error_log $dir/errors info;
		worker_processes 1;
		$([ "$(id -u)" -ne 0 ] || echo 'user root;')
		events { worker_connections 512; }
		http {
			log_format short '\$server_protocol \$connection \$uri \$status';
			access_log $FRONT_LOG short;
			client_body_temp_path $dir/temp;
			proxy_temp_path $dir/temp;
			fastcgi_temp_path $dir/temp;
			uwsgi_temp_path $dir/temp;
			scgi_temp_path $dir/temp;
			server {
				listen 127.0.0.1:$DEAD_PORT ssl http2;
				ssl_certificate $T/tls.crt;
				ssl_certificate_key $T/tls.key;
				${1:+$1;}
				location / {
					proxy_pass $URL;
					proxy_http_version 1.1;
					proxy_next_upstream off;
				}
			}
		}
	EOF
	nginx -p "$dir" -c "$dir/nginx.conf" 2>"$dir/start" 3>&- &
	NGINX=$!
	URL=https://127.0.0.1:$DEAD_PORT
	wait_for 10 curl -s -o /dev/null --cacert "$T/tls.crt" "$URL/nix-cache-info" ||
		fail "$(cat "$dir/start" "$dir/errors")"
}

stop_front() {
	[ -n "$NGINX" ] || return 0
	kill "$NGINX" 2>/dev/null || true
	wait "$NGINX" 2>/dev/null || true
	NGINX=
}

fetch_from_front() {
	run --separate-stderr fetch --substituter "$URL" --json
	[ "$status" -eq 0 ] || fail "$stderr" || return 1
	assert_pool_exact || return 1
	# curl of start_front had the first connection.
	CONNECTIONS=$(($(cut -d' ' -f 2 "$FRONT_LOG" | sort -u | wc -l) - 1))
}

@test "one connection carries all requests" {
	make_paths 20 30000
	start_cache "$T/cache"
	start_front
	fetch_from_front
	[ "$CONNECTIONS" -eq 1 ]
	[ "$(grep -vc '^HTTP/2.0 ' "$FRONT_LOG")" -eq 0 ]
	[ "$(jq '.caches[0].failures' <<<"$output")" -eq 0 ]
}

@test "GOAWAY: connections that end after a few requests" {
	make_paths 20 30000
	start_cache "$T/cache"
	start_front 'keepalive_requests 5'
	fetch_from_front
	[ "$CONNECTIONS" -ge 8 ]
	[ "$(grep -vc '^HTTP/2.0 ' "$FRONT_LOG")" -eq 0 ]
}

@test "GOAWAY: a connection that ends during a request" {
	make_paths 12 400000
	start_cache "$T/cache" --fault '/nar/*=slow:400000' \
		--fault '*.narinfo=delay:60'
	start_front 'keepalive_time 300ms'
	fetch_from_front
	[ "$CONNECTIONS" -ge 2 ]
}

@test "RST_STREAM: broken streams are resumed" {
	make_paths 6 300000
	start_cache "$T/cache" --fault '/nar/*=truncate:100000*4'
	start_front 'proxy_buffering off'
	fetch_from_front
	[ "$(log_count '^GET /nar/.* 206 ')" -ge 1 ]
	grep -q 'upstream prematurely closed' "$T/front/errors"
	[ "$(jq '.caches[0].failuresByKind.broken' <<<"$output")" -eq 4 ]
}

@test "RST_STREAM on every NAR, while another cache works" {
	make_paths 1 300000
	start_good
	start_cache "$T/cache" --fault '/nar/*=truncate:1000'
	start_front 'proxy_buffering off'
	completes_beside "$URL"
	[ "$(log_count '^GET /nar/')" -ge 1 ]
}

@test "a narinfo whose stream broke off is requested again" {
	make_paths 3 30000
	start_cache "$T/cache" --fault '*.narinfo=truncate:100*2'
	start_front 'proxy_buffering off'
	fetch_from_front
}

@test "the other side disappears with all its streams" {
	make_paths 6 300000
	start_good
	start_cache "$T/cache" --fault '/nar/*=slow:100000'
	start_front
	fetch --substituter "$URL?priority=1" --substituter "$GOOD?priority=50" 3>&- &
	local pid=$!
	wait_for 20 grep -q '^GET /nar/' "$CACHE_LOG"
	sleep 0.3
	kill -KILL $(pgrep -P "$NGINX") "$NGINX"
	wait "$pid"
	[ "$(log_count '^GET /nar/' "$GOOD_LOG")" -ge 1 ]
	assert_pool_exact
}
