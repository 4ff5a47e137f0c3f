#!/usr/bin/env bats
# Names and texts that others choose (bundles, caches, file names, configuration) must not reach
# the terminal unchanged. JSON stays JSON.

load helper

# ESC, BEL, a line feed, CSI as one character of UTF-8 and as one byte, a direction override.
EVIL=$'x\e[2J\a\n\xc2\x9b2J\xe2\x80\xaey\x9b'
# Without what an HTTP header or a line of text ends at.
EVIL_LINE=${EVIL/$'\n'/}

setup() {
	setup_lab
	make_small_closure "$T/cache"
}

teardown() {
	teardown_lab
}

# Nothing in these files but printable characters of UTF-8 and line feeds.
is_clean() {
	iconv -f UTF-8 -t UTF-8 "$@" >/dev/null &&
		! LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]' "$@"
}

# shown COMMAND [ARGUMENT]...: whatever its status, what it shows for people is clean. So is what it
# shows as JSON, which is JSON.
shown() {
	timeout 60 "$BUILD/nixferry" "$@" >"$T/shown" 2>&1 || true
	is_clean "$T/shown" || fail "$*: $(cat -v "$T/shown")"
	timeout 60 "$BUILD/nixferry" "$@" --json --log-format json >"$T/shown" 2>"$T/messages" || true
	is_clean "$T/shown" "$T/messages" || fail "$*: $(cat -v "$T/shown" "$T/messages")"
	jq . "$T/shown" "$T/messages" >/dev/null || fail "$*: $(cat -v "$T/shown" "$T/messages")"
}

asking=(--no-local-store --trusted-public-key)

@test "the names of bundles, pools, stores and key files are shown without control characters" {
	make_bundle "$TOP"
	evil=$T/$EVIL
	mkdir -p "$evil/root" "$evil/root2"
	cp "$T/b.bundle" "$evil/$EVIL"
	for command in info list verify; do
		shown "$command" "$evil/$EVIL" --trusted-public-key "$PUBLIC_KEY"
		shown "$command" "$evil/$EVIL"
		shown "$command" "$evil/none" --trusted-public-key "$evil/$EVIL"
	done
	shown import "$evil/$EVIL" --store "$evil/root" --trusted-public-key "$PUBLIC_KEY"
	[ -n "$(valid_paths "$evil/root")" ]
	shown prefetch "$TOP" --substituter "file://$T/cache" --pool "$evil/pool" \
		"${asking[@]}" "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$evil/out"
	[ -s "$evil/out" ]
	shown prefetch "$TOP" --substituter "file://$T/cache" --pool "$evil/pool" \
		"${asking[@]}" "$PUBLIC_KEY" --store "$evil/root2"
	shown pack "$TOP" --pool "$evil/pool" --sign-key "$T/lab.sec" -o "$evil/packed" \
		--no-local-store
	[ -s "$evil/packed" ]
	shown pool list --pool "$evil/pool"
	shown pool check --pool "$evil/pool"
	shown pool gc --pool "$evil/pool"
	shown pool list --pool "$evil/none"
	ln -s "$TOP" "$evil/root/nix/var/nix/gcroots/nixferry/$EVIL"
	shown roots list --store "$evil/root"
	shown roots rm "$EVIL" --store "$evil/root"
	[ ! -L "$evil/root/nix/var/nix/gcroots/nixferry/$EVIL" ]
	shown keygen lab-2 "$evil/sec" "$evil/pub"
	shown keygen "$EVIL" "$evil/sec2" "$evil/pub2"
	# For scripts it is the name.
	[ "$(nixferry pool path --pool "$evil/pool")" = "$evil/pool" ]
}

@test "the printed install command can be pasted for any root name" {
	make_bundle "$TOP"
	root=$T/$'a\e[2Jb\nc\'d\\e'
	mkdir "$root"
	import_bundle "$T/b.bundle" "$root" >"$T/out"
	command=$(sed -n 's/^  nixos-install --root \(.*\) --system .*/\1/p' "$T/out")
	eval "pasted=$command"
	[ "$pasted" = "$root" ]
	is_clean "$T/out"
}

@test "text from a cache is shown without control characters" {
	mkdir "$T/good"
	cp "$T/cache"/*.narinfo "$T/good"
	start_cache "$T/cache"
	args=("${ALL_PATHS[@]}" --substituter "$URL" "${asking[@]}" "$PUBLIC_KEY" --pool)
	fields=(StorePath URL Compression FileHash NarHash NarSize References Deriver Sig CA)
	# Each path has another bad field.
	while [ ${#fields[@]} -gt 0 ]; do
		for path in "${ALL_PATHS[@]}"; do
			name=$(hash_part "$path").narinfo
			sed "/^${fields[0]:-Sig}:/d" "$T/good/$name" >"$T/cache/$name"
			printf '%s: %s\n' "${fields[0]:-Sig}" "$EVIL_LINE" >>"$T/cache/$name"
			fields=("${fields[@]:1}")
		done
		shown plan "${args[@]}" "$T/pool.${#fields[@]}"
		shown prefetch "${args[@]}" "$T/pool.${#fields[@]}"
		shown caches "$URL" --trusted-public-key "$PUBLIC_KEY" --sample "$DATA" --sample "$LIB"
	done
	for path in "${ALL_PATHS[@]}"; do
		name=$(hash_part "$path").narinfo
		printf '%s\n' "$EVIL" >"$T/cache/$name"
	done
	shown prefetch "${args[@]}" "$T/pool.1" --verbose
	# Signed by a key of such a name.
	for path in "${ALL_PATHS[@]}"; do
		name=$(hash_part "$path").narinfo
		sed "s/^Sig: [^:]*/Sig: $EVIL_LINE/" "$T/good/$name" >"$T/cache/$name"
	done
	shown plan "${args[@]}" "$T/pool.2"
	shown prefetch "${args[@]}" "$T/pool.2"
	shown caches "$URL" --trusted-public-key "$PUBLIC_KEY" --sample "$DATA"
	cp "$T/good"/* "$T/cache"
	for line in "StoreDir: /nix/$EVIL_LINE" "Priority: $EVIL_LINE"; do
		printf '%s\n' "$line" >"$T/cache/nix-cache-info"
		shown caches "$URL" --trusted-public-key "$PUBLIC_KEY" --sample "$DATA" --verbose
		shown prefetch "${args[@]}" "$T/pool.3"
	done
}

@test "configuration, lists and arguments are shown without control characters" {
	printf '%s\n' "substituters = http://$EVIL_LINE http://127.0.0.1:1/$EVIL_LINE" \
		"trusted-public-keys = $EVIL_LINE" "$EVIL_LINE = 1" "include $T/$EVIL_LINE" \
		"netrc-file = $T/$EVIL_LINE" "connect-timeout = $EVIL_LINE" >"$NIX_CONF_DIR/nix.conf"
	shown plan "$TOP" --pool "$T/pool" --no-local-store
	shown caches
	rm "$NIX_CONF_DIR/nix.conf"
	printf 'machine x %s\n' "$EVIL" >"$T/netrc"
	printf '%s\n' "$EVIL" >"$T/list"
	shown plan "$TOP" --netrc-file "$T/netrc" --substituter http://127.0.0.1:1 \
		--pool "$T/pool" --no-local-store
	shown plan --from-file "$T/list" --pool "$T/pool" --substituter "file://$T/cache"
	shown prefetch "$EVIL" --pool "$T/pool" --substituter "file://$T/cache"
	shown prefetch "/nix/store/$EVIL" --pool "$T/pool" --substituter "file://$T/cache"
	shown prefetch "$TOP" --pool "$T/pool" --substituter "file://$T/$EVIL"
	shown prefetch "$TOP" --pool "$T/pool" --substituter "http://$EVIL"
	shown prefetch "$TOP" --pool "$T/pool" --trusted-public-key "$EVIL"
	shown prefetch "$TOP" --pool "$T/pool" "--$EVIL"
	shown pool "$EVIL"
	shown "$EVIL"
	shown help "$EVIL"
	shown completions "$EVIL"
}
