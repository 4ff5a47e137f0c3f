#!/usr/bin/env bats
# Importing through real nix-daemon, which has a store below $T/root and a socket of its
# own. Its own settings decide whom and what it trusts.

load helper

setup() {
	setup_lab
	have_nix && command -v nix-daemon >/dev/null || skip "no nix-daemon here"
	export NIX_DAEMON_SOCKET_PATH=$T/daemon.socket NIX_STATE_DIR=$T/root/nix/var/nix
	export TMPDIR=$T
	LINKS=$HOME/.local/state/nixferry/gcroots
}

teardown() {
	[ -z "${DAEMON:-}" ] || kill "$DAEMON" 2>/dev/null || true
	teardown_lab
}

# start_daemon [LINE OF nix.conf]...
start_daemon() {
	mkdir -p "$T/root" "$T/daemon-conf"
	printf '%s\n' "trusted-public-keys = $PUBLIC_KEY" "$@" >"$T/daemon-conf/nix.conf"
	env -u NIX_STATE_DIR NIX_CONF_DIR="$T/daemon-conf" NIX_REMOTE="$T/root" \
		nix-daemon 3>&- >"$T/daemon.log" 2>&1 &
	DAEMON=$!
	wait_for 20 test -S "$NIX_DAEMON_SOCKET_PATH"
}

make_closure() {
	make_small_closure "$T/cache"
	make_bundle "$TOP" >/dev/null
}

# into_daemon [OPTION]...: the bundle.
into_daemon() {
	nixferry import "$T/b.bundle" --store daemon --trusted-public-key "$PUBLIC_KEY" "$@"
}

# as_nobody COMMAND...: runs it as a user whom the daemon does not trust.
as_nobody() {
	[ "$EUID" -eq 0 ] || skip "needs root, to become another user"
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$BATS_TEST_TMPDIR" \
		"$BATS_RUN_TMPDIR"/* 2>/dev/null || true
	mkdir -p "$T/nobody"
	chmod a+r "$T/b.bundle"
	chown 65534 "$T/nobody"
	HOME=$T/nobody TMPDIR=/tmp setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
}

assert_all_there() {
	[ "$(valid_paths "$T/root")" = "$(printf '%s\n' "${ALL_PATHS[@]}" | LC_ALL=C sort)" ]
	nix-store --store "$T/root" --verify --check-contents
	local path
	for path in "${ALL_PATHS[@]}"; do
		assert_tree_equal "$T/trees/${path##*/}" "$T/root$path"
	done
}

@test "a bundle comes through nix-daemon whole, with references and signatures" {
	start_daemon
	make_closure
	into_daemon >"$T/out"
	grep -q "^imported 5 paths" "$T/out"
	assert_all_there
	[ "$(nix-store --store "$T/root" -qR "$TOP" | wc -l)" -eq 5 ]
	nix_on "$T/root" path-info --json --all | jq -e 'all(.[]; .ca or (.signatures | length == 1))'
	into_daemon --json | jq -e '.imported == 0 and .present == 5 and .signaturesAdded == 0'
}

@test "a bundle from a pipe comes through nix-daemon, also where paths share a NAR" {
	start_daemon
	echo same >"$T/same"
	one=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name one --tree "$T/same" --input-addressed)
	two=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name two --tree "$T/same" --input-addressed)
	make_random_closure 40 1 20000
	nixferry prefetch "$one" "$two" "$TOP" --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/b.bundle" >/dev/null
	cat "$T/b.bundle" | nixferry import - --store daemon --trusted-public-key "$PUBLIC_KEY"
	[ "$(valid_paths "$T/root")" = "$( (cat "$T/paths"; echo "$one"; echo "$two") | LC_ALL=C sort)" ]
	nix-store --store "$T/root" --verify --check-contents
}

@test "what was imported outlives the daemon's garbage collector, what it replaces does not" {
	start_daemon
	make_closure
	into_daemon
	[ "$(readlink "$LINKS/nixos-system-lab")" = "$TOP" ]
	NIX_REMOTE=daemon nix-collect-garbage
	assert_all_there
	rm "$LINKS/nixos-system-lab"
	NIX_REMOTE=daemon nix-collect-garbage
	assert_nothing_valid "$T/root"
}

@test "a user whom the daemon does not trust imports what its keys vouch for" {
	start_daemon
	make_closure
	as_nobody "$BUILD/nixferry" import "$T/b.bundle" --store daemon --trusted-public-key "$PUBLIC_KEY" \
		--profile system >"$T/out"
	assert_all_there
	grep -q "sudo nix-env -p $NIX_STATE_DIR/profiles/system --set $TOP" "$T/out"
	[ ! -e "$NIX_STATE_DIR/profiles/system" ]
	[ "$(readlink "$T/nobody/.local/state/nixferry/gcroots/nixos-system-lab")" = "$TOP" ]
	NIX_REMOTE=daemon nix-collect-garbage
	assert_all_there
}

@test "the root of the running system is reached through nix-daemon by who is not root" {
	start_daemon
	make_closure
	as_nobody "$BUILD/nixferry-import" import "$T/b.bundle" --store / \
		--trusted-public-key "$PUBLIC_KEY" 2>"$T/err"
	grep -q "through nix-daemon" "$T/err"
	assert_all_there
}

@test "a key that the daemon does not know is named, and nothing but what it knows is valid" {
	start_daemon "trusted-public-keys ="
	make_closure
	fails 4 "'$APP'.*does not trust.*'lab-1'.*trusted-public-keys|'lab-1'.*trusted-public-keys" \
		into_daemon
	# Content-addressed paths need no key.
	[[ $(valid_paths "$T/root") != *"$APP"* ]]
	[[ $(valid_paths "$T/root") != *"$TOP"* ]]
	nix-store --store "$T/root" --verify --check-contents
}

@test "the daemon itself refuses a forged signature, whatever its client was told to trust" {
	start_daemon
	mkcache keygen lab-1 "$T/forged.sec" "$T/forged.pub"
	make_tree "$T/tree"
	TOP=$(mkcache add --cache "$T/cache" --name thing --tree "$T/tree" --sign "$T/forged.sec" --input-addressed)
	PUBLIC_KEY=$(cat "$T/forged.pub")
	nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/forged.sec" -o "$T/b.bundle" >/dev/null
	local options
	for options in "" --no-check-sigs; do
		fails 4 "'$TOP'.*nix-daemon does not trust the signatures by 'lab-1'" \
			as_nobody "$BUILD/nixferry-import" import "$T/b.bundle" --store daemon \
			--trusted-public-key "$PUBLIC_KEY" $options
	done
	assert_nothing_valid "$T/root"
	[ -z "$(find "$T/root/nix/store" -mindepth 1 -maxdepth 1 ! -name .links)" ]
}

@test "a profile is set where its directory can be written to" {
	[ "$EUID" -eq 0 ] || skip "needs root"
	start_daemon
	make_closure
	mkdir -p "$NIX_STATE_DIR/profiles" # the daemon makes it for its first client
	into_daemon --profile system --json | jq -e '.profile and (.next | not)'
	[ "$(readlink "$NIX_STATE_DIR/profiles/system")" = system-1-link ]
	[ "$(readlink "$NIX_STATE_DIR/profiles/system-1-link")" = "$TOP" ]
	NIX_REMOTE=daemon nix-collect-garbage
	assert_all_there
}

@test "signatures that valid paths lack are added through nix-daemon" {
	start_daemon
	make_closure
	into_daemon
	mkcache keygen other-1 "$T/other.sec" "$T/other.pub"
	sig=$(grep ^Sig: "$(narinfo_of "$T/cache" "$APP")")
	mkcache sign --cache "$T/cache" --sign "$T/other.sec" "$APP" >/dev/null
	echo "$sig" >>"$(narinfo_of "$T/cache" "$APP")"
	rm -rf "$T/pool"
	make_bundle "$TOP" >/dev/null
	into_daemon --json | jq -e '.present == 5 and .signaturesAdded == 1'
	nix_on "$T/root" path-info --sigs "$APP" | grep -q other-1:
}

@test "a damaged bundle leaves nothing in the daemon's store that is damaged" {
	start_daemon
	make_closure
	size=$(stat -c %s "$T/b.bundle")
	printf X | dd of="$T/b.bundle" bs=1 seek=$((size / 2)) conv=notrunc status=none
	fails 5 "block|digest" into_daemon
	nix-store --store "$T/root" --verify --check-contents
	[[ $(valid_paths "$T/root") != *"$TOP"* ]]
}

@test "a daemon that is not there is named" {
	start_daemon
	make_closure
	fails 1 "cannot connect to nix-daemon at '$T/nothing'" \
		env NIX_DAEMON_SOCKET_PATH="$T/nothing" "$BUILD/nixferry" import "$T/b.bundle" \
		--store daemon --trusted-public-key "$PUBLIC_KEY"
}

# prefetch_into_daemon [OPTION]...
prefetch_into_daemon() {
	nixferry prefetch "$TOP" --store daemon --substituter "file://$T/cache" --pool "$T/pool" \
		--no-local-store --trusted-public-key "$PUBLIC_KEY" "$@"
}

@test "prefetch brings a closure into the daemon's store, and fetches nothing that it has" {
	start_daemon
	make_small_closure "$T/cache"
	nix_on "$T/root" copy --no-check-sigs --from "file://$T/cache" "$APP"
	rm "$(narinfo_of "$T/cache" "$LIB")" # not asked for
	prefetch_into_daemon --dry-run --json | jq -e '.inTarget == 2 and (.import | not)'
	prefetch_into_daemon --json >"$T/out"
	jq -e '.inTarget == 2 and .fetched == 3 and .import.imported == 3 and .import.present == 2' "$T/out"
	assert_all_there
	[ "$(readlink "$LINKS/nixos-system-lab")" = "$TOP" ]
	prefetch_into_daemon --json | jq -e '.inTarget == 5 and .fetched == 0 and .import.imported == 0'
}

@test "prefetch packs a bundle and fills the daemon's store" {
	start_daemon
	make_small_closure "$T/cache"
	prefetch_into_daemon --sign-key "$T/lab.sec" -o "$T/b.bundle" >"$T/out"
	grep -q "^imported 5 paths" "$T/out"
	assert_all_there
	nixferry verify "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
	prefetch_into_daemon --sign-key "$T/lab.sec" -o "$T/b2.bundle" --json |
		jq -e '.import.imported == 0 and .import.present == 5'
}

@test "a file that is not a derivation cannot enter the daemon's store under a derivation's name" {
	start_daemon
	echo nonsense >"$T/file"
	local put=(mkcache add --cache "$T/pool" --sign "$T/lab.sec" --as-pool --input-addressed)
	bad=$("${put[@]}" --name bad.drv --tree "$T/file")
	TOP=$("${put[@]}" --name top --tree "$T/file" --ref "$bad")
	mkdir -p "$T/cache"
	fails 5 "$bad'" prefetch_into_daemon
	assert_nothing_valid "$T/root"
}

@test "prefetch names the key that the daemon does not know" {
	start_daemon "trusted-public-keys ="
	make_small_closure "$T/cache"
	fails 4 "'lab-1'.*trusted-public-keys" prefetch_into_daemon
	[[ $(valid_paths "$T/root") != *"$TOP"* ]]
}

@test "Ctrl-C ends an import through a silent daemon at once" {
	make_closure
	python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
open(sys.argv[1] + ".ready", "w")
time.sleep(600)' "$NIX_DAEMON_SOCKET_PATH" 3>&- &
	DAEMON=$!
	wait_for 20 test -e "$NIX_DAEMON_SOCKET_PATH.ready"
	interruptible "$BUILD/nixferry" import "$T/b.bundle" --store daemon \
		--trusted-public-key "$PUBLIC_KEY" 3>&- &
	FETCH=$!
	sleep 0.5
	end_by INT "$FETCH"
	[ "$ENDED" -eq 130 ]
}

@test "what a bundle requires is looked up in the daemon's store" {
	start_daemon
	make_closure
	echo extra >"$T/extra"
	local extra
	extra=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name extra --tree "$T/extra" \
		--input-addressed --ref "$APP")
	nixferry prefetch "$extra" --substituter "file://$T/cache" --pool "$T/pool" --have "$T/b.bundle" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/next.bundle" >"$T/out"
	fails 3 "nix-daemon.* lacks 1 of 1 path that the bundle requires, first '$APP'" \
		nixferry import "$T/next.bundle" --store daemon --trusted-public-key "$PUBLIC_KEY"
	assert_nothing_valid "$T/root"
	fails 2 "cannot be used with nix-daemon" nixferry import "$T/next.bundle" --store daemon --fetch-rest \
		--trusted-public-key "$PUBLIC_KEY"
	into_daemon >"$T/out"
	nixferry import - --store daemon --trusted-public-key "$PUBLIC_KEY" <"$T/next.bundle" >"$T/out"
	grep -q "^imported 1 path" "$T/out"
	nix-store --store "$T/root" --verify --check-contents
	[ "$(nix-store --store "$T/root" -qR "$extra" | wc -l)" -eq 3 ]

	# the same path with other contents
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" "update ValidPaths set hash =
		(select hash from ValidPaths where path = '$DATA') where path = '$APP'"
	fails 3 "lacks 1 of 1 path" nixferry import "$T/next.bundle" --store daemon \
		--trusted-public-key "$PUBLIC_KEY"
	[[ $stderr == *"$APP' has different content"* ]]
}
