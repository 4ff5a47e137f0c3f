#!/usr/bin/env bats
# nix.conf, netrc and certificates take effect, and do nothing else.

load helper

setup() {
	setup_lab
	CONF=$NIX_CONF_DIR/nix.conf
}

teardown() {
	teardown_lab
}

# Uses no option that nix.conf can set.
fetch() {
	nixferry prefetch --pool "$T/pool" "$@"
}

# make_path [BYTES]: one path, signed: $TOP in $T/cache.
make_path() {
	mkdir -p "$T/tree"
	head -c "${1:-20000}" /dev/urandom >"$T/tree/noise"
	TOP=$(mkcache add --cache "$T/cache" --name thing --tree "$T/tree" --sign "$T/lab.sec" \
		--input-addressed)
}

configure() {
	printf '%s\n' "$@" >"$CONF"
}

in_pool() {
	[ -e "$T/pool/$(hash_part "$1").narinfo" ]
}

# ---- where settings come from ----

@test "caches and keys come from nix.conf" {
	make_path
	start_cache "$T/cache"
	configure "substituters = $URL # the lab's" "trusted-public-keys = $PUBLIC_KEY"
	fetch "$TOP"
	in_pool "$TOP"
}

@test "NIX_CONFIG, the user's nix.conf and included files are read" {
	make_path
	start_cache "$T/cache"
	configure "substituters = http://127.0.0.1:9" "include keys.conf" "!include none.conf"
	echo "extra-trusted-public-keys = $PUBLIC_KEY" >"$NIX_CONF_DIR/keys.conf"
	mkdir -p "$XDG_CONFIG_HOME/nix"
	echo "substituters = file://$T/nothing" >"$XDG_CONFIG_HOME/nix/nix.conf"
	mkdir "$T/nothing"
	NIX_CONFIG="extra-substituters = $URL" fetch "$TOP"
	in_pool "$TOP"
	[ "$(log_count '^GET /nar/')" -eq 1 ]
}

@test "a key that nix.conf does not list is not trusted, not even the default one" {
	make_path
	configure "substituters = file://$T/cache"
	fails 4 "signed by 'lab-1', which is not a trusted key; to trust it: --trusted-public-key lab-1:KEY" fetch "$TOP"
	fetch "$TOP" --trusted-public-key "$PUBLIC_KEY"
	in_pool "$TOP"
}

@test "--substituter replaces the list, --extra-substituter adds to it" {
	make_path
	start_cache "$T/cache"
	configure "substituters = $URL" "trusted-public-keys = $PUBLIC_KEY"
	mkdir "$T/nothing"
	fails 3 "not in any cache" fetch "$TOP" --substituter "file://$T/nothing"
	[ ! -s "$CACHE_LOG" ]
	fetch "$TOP" --extra-substituter "file://$T/nothing"
	in_pool "$TOP"
}

@test "import, verify, list and info take their keys from nix.conf" {
	make_path
	make_bundle "$TOP"
	local command
	for command in verify list info; do
		configure
		[ "$command" = info ] || fails 4 "lab-1" nixferry "$command" "$T/b.bundle"
		configure "extra-trusted-public-keys = $PUBLIC_KEY"
		nixferry "$command" "$T/b.bundle"
	done
	mkdir "$T/root"
	nixferry import "$T/b.bundle" --store "$T/root"
	[ -e "$T/root$TOP" ]
	rm "$CONF"
	"$BUILD/nixferry-import" verify "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
}

@test "the public halves of secret-key-files are trusted" {
	make_path
	make_bundle "$TOP"
	configure "secret-key-files = $T/none $T/lab.sec"
	nixferry verify "$T/b.bundle"
}

@test "nix.conf's caches are not queried if substitute is false" {
	make_path
	start_cache "$T/cache"
	configure "substituters = $URL" "trusted-public-keys = $PUBLIC_KEY" "substitute = false"
	fails 3 "substitute = false" fetch "$TOP"
	[ ! -s "$CACHE_LOG" ]
	fetch "$TOP" --substituter "$URL"
}

@test "nix.conf's timeouts and limits take effect" {
	make_path 4000000
	start_cache "$T/cache" --fault '/nar/*=stall:100*1'
	configure "substituters = $URL" "trusted-public-keys = $PUBLIC_KEY" \
		"stalled-download-timeout = 1" "http-connections = 0" "max-substitution-jobs = 0"
	timeout "$(patience 15)" "$BUILD/nixferry" prefetch --pool "$T/pool" "$TOP"
	rm -r "$T/pool"
	echo "download-speed = 2000" >>"$CONF"
	local start=$EPOCHREALTIME
	fetch "$TOP"
	[ $((${EPOCHREALTIME/./} - ${start/./})) -ge 700000 ]
}

# ---- what is wrong ----

@test "an invalid line or value is status 2, with file and line" {
	local command
	configure "# fine" "substituters=http://x"
	for command in "prefetch $T" "verify $T/b" "import $T/b --store $T" "list $T/b"; do
		# shellcheck disable=SC2086
		fails 2 "$CONF:2: 'substituters=http://x' is not followed by '='" \
			"$BUILD/nixferry" $command
	done
	configure "connect-timeout = soon"
	fails 2 "$CONF:1: connect-timeout: 'soon' is not a number" fetch /nix/store/x
	configure "include more.conf"
	printf '\nfallback = perhaps\n' >"$NIX_CONF_DIR/more.conf"
	fails 2 "$NIX_CONF_DIR/more.conf:2: fallback: 'perhaps' is neither" fetch /nix/store/x
	rm "$CONF"
	NIX_CONFIG="include $T/none" fails 2 "NIX_CONFIG:1: included file" fetch /nix/store/x
}

@test "unsupported stores are skipped in nix.conf and refused as an option" {
	make_path
	configure "substituters = daemon s3://bucket ssh://host ssh-ng://h auto file://$T/cache" \
		"trusted-public-keys = $PUBLIC_KEY"
	run --separate-stderr fetch "$TOP"
	[ "$status" -eq 0 ]
	[ "$(grep -c "$CONF:1: ignored: substituter '" <<<"$stderr")" -eq 5 ]
	fails 2 "substituter 'ssh://host'" fetch "$TOP" --substituter ssh://host
}

@test "one invalid entry of nix.conf is reported once and does not end the command" {
	local odd command
	make_path
	for odd in 'http://x?priority=' 'http://x?trusted=maybe' 'http://[::1' 'http://' \
		'http://me:hidden@x' 'file:x' 'local?real=/x'; do
		configure "substituters = $odd file://$T/cache" "trusted-public-keys = $PUBLIC_KEY"
		for command in prefetch plan; do
			run --separate-stderr nixferry "$command" "$TOP" --pool "$T/pool"
			[ "$status" -eq 0 ] || fail "$odd: $status: $stderr"
			[ "$(grep -c "$CONF:1: ignored: substituter '" <<<"$stderr")" -eq 1 ] ||
				fail "$odd: $stderr"
			[[ $stderr != *hidden* ]] || fail "$stderr"
		done
		fails 2 "substituter '" fetch "$TOP" --substituter "$odd"
		rm -rf "$T/pool"
	done
	configure "substituters = file://$T/cache?colour=red&&priority=-5&" \
		"trusted-public-keys = old-1:short $PUBLIC_KEY" "trusted-public-key = x:y"
	run --separate-stderr nixferry caches
	[ "$status" -eq 0 ] || fail "$stderr"
	[ "$(grep -c "unknown parameters: colour" <<<"$stderr")" -eq 1 ]
	[ "$(grep -c "ignored: public key 'old-1'" <<<"$stderr")" -eq 1 ]
	[ "$(grep -c "$CONF:3: unknown setting 'trusted-public-key'" <<<"$stderr")" -eq 1 ]
	fails 2 "unknown parameters: colour" fetch "$TOP" --substituter "file://$T/cache?colour=red"
}

@test "credentials in a URL are refused and not shown" {
	fails 2 "substituter 'host': user names and passwords belong in a netrc file" \
		fetch /nix/store/x --substituter http://me:secret@host
	! grep -q secret <<<"$stderr"
}

@test "require-sigs = false causes a warning and is ignored" {
	make_path
	configure "substituters = file://$T/cache" "require-sigs = false"
	fails 4 "require-sigs = false, but nixferry always requires a signature" fetch "$TOP"
}

# ---- a store that is trusted ----

@test "paths from a trusted store need no signature; packing signs them" {
	mkdir -p "$T/tree"
	echo hello >"$T/tree/file"
	TOP=$(mkcache add --cache "$T/cache" --name bare --tree "$T/tree" --input-addressed)
	start_cache "$T/cache"
	fails 4 "it has no signature" fetch "$TOP" --substituter "$URL"
	run --separate-stderr fetch "$TOP" --substituter "$URL?trusted=1" --sign-key "$T/lab.sec" \
		-o "$T/b.bundle"
	[ "$status" -eq 0 ]
	grep -q "'$URL' is trusted: what it serves needs no signature" <<<"$stderr"
	import_bundle
	[ "$(sqlite3 "$T/root/nix/var/nix/db/db.sqlite" "select sigs from ValidPaths")" \
		!= "" ]
}

@test "packing signs for a trusted store even if an unknown key signed" {
	mkcache keygen stranger-1 "$T/s.sec" "$T/s.pub"
	mkdir -p "$T/tree"
	echo hello >"$T/tree/file"
	TOP=$(mkcache add --cache "$T/cache" --name odd --tree "$T/tree" --input-addressed \
		--sign "$T/s.sec")
	fetch "$TOP" --substituter "file://$T/cache?trusted=1"
	nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" -o "$T/b.bundle"
	nixferry verify "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
	tar xOf "$T/b.bundle" "$(hash_part "$TOP").narinfo" >"$T/narinfo"
	[ "$(grep -c '^Sig: ' "$T/narinfo")" -eq 2 ]
	! grep -q '^Nixferry-' "$T/narinfo"
}

@test "packing does not sign paths that a key vouched for" {
	make_path
	make_bundle "$TOP"
	mkcache keygen other-1 "$T/o.sec" "$T/o.pub"
	nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/o.sec" -o "$T/o.bundle"
	fails 4 "lab-1" nixferry verify "$T/o.bundle" --trusted-public-key "$(cat "$T/o.pub")"
}

@test "only the store marked as trusted is, and its NARs are not fetched twice" {
	mkdir -p "$T/tree"
	echo hello >"$T/tree/file"
	TOP=$(mkcache add --cache "$T/cache" --name bare --tree "$T/tree" --input-addressed)
	start_cache "$T/cache"
	mkdir "$T/nothing"
	fails 4 "it has no signature" fetch "$TOP" --substituter "file://$T/nothing?trusted=1" \
		--extra-substituter "$URL"
	fetch "$TOP" --substituter "$URL?trusted=1"
	fetch "$TOP" --substituter "$URL?trusted=1"
	[ "$(log_count '^GET /nar/')" -eq 1 ]
	# The pool's copy is not trusted by itself.
	fails 4 "it has no signature" fetch "$TOP" --substituter "$URL"
}

@test "a NAR in the pool gains a cache's signature without a transfer" {
	make_path
	mkcache keygen late-1 "$T/l.sec" "$T/l.pub"
	start_cache "$T/cache"
	fetch "$TOP" --substituter "$URL" --trusted-public-key "$PUBLIC_KEY"
	mkcache sign --cache "$T/cache" --sign "$T/l.sec" "$TOP"
	fetch "$TOP" --substituter "$URL" --trusted-public-key "$(cat "$T/l.pub")"
	[ "$(log_count '^GET /nar/')" -eq 1 ]
	grep -q '^Sig: late-1:' "$T/pool/$(hash_part "$TOP").narinfo"
}

@test "parameters for Nix only are reported and have no effect" {
	make_path
	run --separate-stderr fetch "$TOP" --trusted-public-key "$PUBLIC_KEY" \
		--substituter "file://$T/cache?compression=xz&priority=3&want-mass-query=1"
	[ "$status" -eq 0 ]
	grep -q "these parameters have no effect here: compression$" <<<"$stderr"
}

# ---- credentials ----

@test "a cache that requires a password gets it from netrc" {
	make_path
	start_cache "$T/cache" --auth me:secret
	configure "substituters = $URL" "trusted-public-keys = $PUBLIC_KEY"
	fails 6 "status 401" fetch "$TOP"
	echo "machine 127.0.0.1 login me password secret" >"$NIX_CONF_DIR/netrc"
	fetch "$TOP"
	in_pool "$TOP"
	rm -r "$T/pool" "$NIX_CONF_DIR/netrc"
	echo "machine 127.0.0.1 login me password secret" >"$T/my-netrc"
	fetch "$TOP" --netrc-file "$T/my-netrc"
	rm -r "$T/pool"
	echo "netrc-file = $T/my-netrc" >>"$CONF"
	fetch "$TOP"
	fails 2 "option '--netrc-file': '$T/none'" fetch "$TOP" --netrc-file "$T/none"
}

# redirected NETRC: fetches from a cache that sends its NARs to another host; $OTHER_LOG.
redirected() {
	make_path
	start_cache "$T/cache"
	local other=http://localhost:$PORT/
	OTHER_LOG=$CACHE_LOG
	start_cache "$T/cache" --auth me:secret --fault "/nar/*=redirect:$other"
	printf '%b\n' "$1" >"$T/netrc"
	fetch "$TOP" --substituter "$URL" --netrc-file "$T/netrc" \
		--trusted-public-key "$PUBLIC_KEY"
	[ "$(log_count " 302 .* Basic $(printf me:secret | base64)$")" -eq 1 ]
	[ "$(log_count '^GET /nar/' "$OTHER_LOG")" -eq 1 ]
}

@test "credentials are not sent to another host after a redirect" {
	redirected 'machine 127.0.0.1 login me password secret'
	[ "$(log_count Basic "$OTHER_LOG")" -eq 0 ]
}

@test "credentials in other netrc entries, or a default entry, are not sent after a redirect" {
	redirected 'machine localhost login you\nmachine 127.0.0.1 login me password secret'
	[ "$(log_count "$(printf you:secret | base64)|$(printf me:secret | base64)" "$OTHER_LOG")" -eq 0 ]
	redirected 'machine 127.0.0.1 login me password secret\ndefault'
	[ "$(log_count Basic "$OTHER_LOG")" -eq 0 ]
}

@test "credentials are not sent to a NAR's URL on another host" {
	make_path
	start_cache "$T/cache"
	local other_log=$CACHE_LOG
	sed -i "s|^URL: |URL: http://localhost:$PORT/|" "$(narinfo_of "$T/cache" "$TOP")"
	start_cache "$T/cache" --auth me:secret
	echo "machine 127.0.0.1 login me password secret" >"$T/netrc"
	fetch "$TOP" --substituter "$URL" --netrc-file "$T/netrc" \
		--trusted-public-key "$PUBLIC_KEY"
	[ "$(log_count '^GET /nar/' "$other_log")" -eq 1 ]
	[ "$(log_count Basic "$other_log")" -eq 0 ]
}

# A cache over plain HTTP, the same one over TLS, and a third on another port; all require
# the password. Sets PLAIN, SECURE, OTHER and their logs.
start_guarded() {
	make_path
	make_certificate tls
	export NIX_SSL_CERT_FILE=$T/tls.crt
	start_cache "$T/cache" "$@"
	OTHER=$URL OTHER_LOG=$CACHE_LOG
	start_cache "$T/cache" --tls-cert "$T/tls.crt" --tls-key "$T/tls.key" --auth me:secret
	SECURE=https://127.0.0.1:$PORT SECURE_LOG=$CACHE_LOG
	printf 'machine 127.0.0.1 login me password secret\n' >"$T/netrc"
	chmod 600 "$T/netrc"
}

with_login() {
	fetch "$TOP" --netrc-file "$T/netrc" --trusted-public-key "$PUBLIC_KEY" "$@"
}

@test "credentials are not sent to another port after a redirect or for a URL" {
	start_guarded
	start_cache "$T/cache" --auth me:secret --fault "*.nar*=redirect:$OTHER/"
	with_login --substituter "$URL"
	cp -r "$T/cache" "$T/absolute"
	sed -i "s|^URL: |URL: $OTHER/|" "$(narinfo_of "$T/absolute" "$TOP")"
	rm -r "$T/pool"
	start_cache "$T/absolute" --auth me:secret
	with_login --substituter "$URL"
	[ "$(log_count '^GET /nar/' "$OTHER_LOG")" -ge 2 ]
	[ "$(log_count Basic "$OTHER_LOG")" -eq 0 ]
}

@test "credentials for https are not sent to http on the same host" {
	start_guarded
	start_cache "$T/cache" --tls-cert "$T/tls.crt" --tls-key "$T/tls.key" \
		--auth me:secret --fault "*.nar*=redirect:$OTHER/"
	with_login --substituter "https://127.0.0.1:$PORT"
	[ "$(log_count '^GET /nar/' "$OTHER_LOG")" -ge 1 ]
	[ "$(log_count Basic "$OTHER_LOG")" -eq 0 ]
}

@test "credentials of an unused cache are not sent anywhere" {
	start_guarded --fault "*.nar*=redirect:http://127.0.0.1:1/"
	start_cache "$T/cache" --fault "*.nar*=redirect:$OTHER/"
	fails 6 "" with_login --substituter "http://localhost:$PORT"
	[ "$(log_count Basic "$OTHER_LOG")" -eq 0 ]
	[ "$(log_count Basic)" -eq 0 ]
}

@test "credentials follow a redirect from http to https of the same host, and back to a cache" {
	start_guarded
	start_cache "$T/cache" --auth me:secret --fault "*=redirect:$SECURE/"
	with_login --substituter "$URL"
	[ "$(log_count '^GET /nar/.* 200 .*Basic' "$SECURE_LOG")" -eq 1 ]
	rm -r "$T/pool"
	start_cache "$T/cache" --fault "*=redirect:$SECURE/"
	with_login --substituter "http://localhost:$PORT" --extra-substituter "$SECURE"
	[ "$(log_count Basic)" -eq 0 ]
}

@test "a login in a redirect or in a URL is neither used nor shown" {
	start_guarded
	start_cache "$T/cache" --fault "*.nar*=redirect:http://you:hidden@${OTHER#*//}/"
	fetch "$TOP" -v --substituter "$URL" --trusted-public-key "$PUBLIC_KEY" 2>"$T/said"
	sed -i "s|^URL: |URL: http://you:hidden@${OTHER#*//}/|" "$(narinfo_of "$T/cache" "$TOP")"
	rm -r "$T/pool"
	start_cache "$T/cache"
	fetch "$TOP" -v --json --substituter "$URL" --trusted-public-key "$PUBLIC_KEY" \
		>>"$T/said" 2>&1
	sed -i "s|^URL: .*|URL: http://you:hidden@[::1/x|" "$(narinfo_of "$T/cache" "$TOP")"
	rm -r "$T/pool"
	fails 6 "the URL is not http or https" fetch "$TOP" -v --substituter "$URL" \
		--trusted-public-key "$PUBLIC_KEY"
	[ "$(log_count '^GET /nar/' "$OTHER_LOG")" -ge 2 ]
	[ "$(log_count Basic "$OTHER_LOG")" -eq 0 ]
	! grep -q hidden "$T/said" || fail "shown: $(cat "$T/said")"
	[[ $output$stderr != *hidden* ]] || fail "shown: $output$stderr"
}

@test "an unreadable netrc is an error if given as an option, otherwise skipped" {
	local file
	make_path
	start_cache "$T/cache"
	mkfifo "$T/fifo"
	mkdir "$T/dir"
	head -c 200000 /dev/zero >"$T/large"
	printf 'machine h login a password "hidden\n' >"$T/open"
	for file in fifo dir large open; do
		fails 2 "option '--netrc-file': '$T/$file'" timeout 20 "$BUILD/nixferry" prefetch \
			"$TOP" --netrc-file "$T/$file" --pool "$T/pool"
		[[ $stderr != *hidden* ]] || fail "shown: $stderr"
		configure "substituters = $URL" "trusted-public-keys = $PUBLIC_KEY" \
			"netrc-file = $T/$file"
		run --separate-stderr timeout 20 "$BUILD/nixferry" prefetch "$TOP" --pool "$T/pool"
		[ "$status" -eq 0 ] || fail "$stderr"
		[ "$(grep -c "netrc-file of nix.conf: '$T/$file'" <<<"$stderr")" -eq 1 ] || fail "$stderr"
	done
	fetch "$TOP" --netrc-file /dev/null
}

@test "passwords that every user can read cause one warning" {
	make_path
	start_cache "$T/cache" --auth me:secret
	echo "machine 127.0.0.1 login me password secret" >"$T/netrc"
	chmod 644 "$T/netrc"
	run --separate-stderr with_login --substituter "$URL"
	[ "$status" -eq 0 ]
	[ "$(grep -c "every user can read it: chmod 600 it" <<<"$stderr")" -eq 1 ] || fail "$stderr"
	chmod 600 "$T/netrc"
	rm -r "$T/pool"
	run --separate-stderr with_login --substituter "$URL"
	[ "$status" -eq 0 ]
	[[ $stderr != *chmod* ]] || fail "$stderr"
}

# ---- TLS ----

@test "certificates come from ssl-cert-file or the environment" {
	make_path
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
		-keyout "$T/tls.key" -out "$T/tls.crt" 2>/dev/null
	start_cache "$T/cache" --tls-cert "$T/tls.crt" --tls-key "$T/tls.key"
	configure "substituters = https://127.0.0.1:$PORT" "trusted-public-keys = $PUBLIC_KEY"
	fails 6 "certificate" fetch "$TOP"
	NIX_SSL_CERT_FILE=$T/tls.crt fetch "$TOP"
	rm -r "$T/pool"
	echo "ssl-cert-file = $T/tls.crt" >>"$CONF"
	NIX_SSL_CERT_FILE=$T/none fetch "$TOP"
}

# ---- the target's nix.conf ----

# has_settings FILE: it has the caches, keys and features that a run with $URL used.
has_settings() {
	grep -qx "substituters = $URL?priority=7" "$1" || fail "$(<"$1")" || return 1
	grep -qx "trusted-public-keys = .*$PUBLIC_KEY" "$1" || fail "$(<"$1")" || return 1
	grep -qx "experimental-features = nix-command flakes" "$1" || fail "$(<"$1")" || return 1
	grep -qx "max-jobs = auto" "$1" && grep -qx "cores = 0" "$1" || fail "$(<"$1")" || return 1
	! grep -qE "netrc|secret|password" "$1" || fail "$(<"$1")"
}

@test "prefetch and import write the target's nix.conf, and never replace one" {
	make_path
	start_cache "$T/cache" --auth user:password
	echo "machine 127.0.0.1 login user password password" >"$T/netrc"
	chmod 600 "$T/netrc"
	configure "substituters = file://$T/elsewhere"
	NIX_CONFIG+=$'\nextra-experimental-features = flakes'
	local caches=(--substituter "$URL?priority=7" --extra-substituter "file://$T/elsewhere"
		--netrc-file "$T/netrc" --trusted-public-key "$PUBLIC_KEY" --no-local-store)
	mkdir "$T/root" "$T/other"
	run --separate-stderr fetch "$TOP" "${caches[@]}" --store "$T/root" --write-nix-conf --print-nix-conf
	[ "$status" -eq 0 ] || fail "$stderr"
	[[ $stderr == *"wrote '$T/root/etc/nix/nix.conf'"*"imported 1 path"* ]] || fail "$stderr"
	has_settings "$T/root/etc/nix/nix.conf"
	diff "$T/root/etc/nix/nix.conf" - <<<"$output"
	ls -l "$T/root/etc/nix" | grep -q '^-rw-r--r--.* nix.conf$'

	# A pool and a bundle, and the machine that imports has a nix.conf of its own.
	fetch "$TOP" "${caches[@]}" -o "$T/b.bundle" --sign-key "$T/lab.sec" >"$T/out"
	configure "substituters = https://u:secret@c.example $URL?priority=7&trusted=1 file:///x" \
		"netrc-file = $T/netrc" "trusted-public-keys = $PUBLIC_KEY"
	run --separate-stderr nixferry import "$T/b.bundle" --store "$T/other" --write-nix-conf --json \
		--print-nix-module
	[ "$status" -eq 0 ] || fail "$stderr"
	[ "$(jq .nixConfWritten <<<"$output")" = true ]
	grep -qx "substituters = https://c.example $URL?priority=7" "$T/other/etc/nix/nix.conf"
	grep -qx "trusted-public-keys = $PUBLIC_KEY" "$T/other/etc/nix/nix.conf"
	jq -r .nixModule <<<"$output" >"$T/module.nix"
	grep -qF "\"$URL?priority=7\"" "$T/module.nix"
	! have_nix || nix-instantiate --parse "$T/module.nix" >/dev/null

	# An existing file stays, and the command succeeds.
	echo "# mine" >"$T/other/etc/nix/nix.conf"
	run --separate-stderr nixferry import "$T/b.bundle" --store "$T/other" --write-nix-conf
	[ "$status" -eq 0 ] || fail "$stderr"
	[[ $stderr == *"exists, and was left as it is"* ]] || fail "$stderr"
	[ "$(<"$T/other/etc/nix/nix.conf")" = "# mine" ]

	# A link may not lead out of the target, and a dry run writes nothing.
	rm -rf "$T/other/etc"
	fetch -n "$TOP" "${caches[@]}" --store "$T/other" --write-nix-conf >"$T/out"
	[ ! -e "$T/other/etc" ]
	mkdir "$T/host"
	ln -s "$T/host" "$T/other/etc"
	fails 1 "cannot open directory 'etc'" nixferry import "$T/b.bundle" --store "$T/other" --write-nix-conf
	[ -z "$(ls "$T/host")" ]
}

@test "options for the target's nix.conf are refused where they have no effect" {
	while IFS='|' read -r text args; do
		read -ra argv <<<"$args"
		fails 2 "$text" nixferry "${argv[@]}"
	done <<-'EOF'
		option '--write-nix-conf' needs --store ROOT|prefetch x --write-nix-conf
		option '--write-nix-conf' cannot be used with nix-daemon|import x --store daemon --write-nix-conf
		options '--print-nix-conf' and '--print-nix-module' exclude|prefetch x --print-nix-conf --print-nix-module
		cannot be combined with --output -: both print|prefetch x --print-nix-conf -o - --sign-key x
	EOF
}
