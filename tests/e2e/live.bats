#!/usr/bin/env bats
# The store of the running system: $T/root/nix is /nix in a mount namespace of its own,
# and its store is mounted read-only there, as NixOS does it.

load helper

setup() {
	setup_lab
	[ "$EUID" -eq 0 ] || skip "needs root, to mount"
	[ -d /nix ] || skip "no directory /nix here"
	unshare --mount true 2>/dev/null || skip "no mount namespaces here"
	mkdir -p "$T/root/nix/store"
}

teardown() {
	teardown_lab
}

# live COMMAND...: on the system whose store that is.
live() {
	unshare --mount sh -euc '
		mount --bind "$0" /nix
		mount --bind /nix/store /nix/store
		mount -o remount,ro,bind,nosuid,nodev /nix/store
		"$@"
		! touch /nix/store/x 2>/dev/null' "$T/root/nix" "$@"
}

live_import() {
	live "$BUILD/nixferry" import "$T/b.bundle" --store / --trusted-public-key "$PUBLIC_KEY" "$@"
}

live_prefetch() {
	live "$BUILD/nixferry" prefetch "$TOP" --store / --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --no-local-store "$@"
}

# make_system: TOP is a system that could be switched to.
make_system() {
	mkdir -p "$T/tree/bin"
	printf '#!/bin/sh\n' >"$T/tree/bin/switch-to-configuration"
	chmod 755 "$T/tree/bin/switch-to-configuration"
	TOP=$(mkcache add --cache "$T/cache" --name nixos-system-lab-1 --tree "$T/tree" --input-addressed \
		--sign "$T/lab.sec")
	make_bundle "$TOP"
}

@test "a bundle is imported into the store of the running system, which is mounted read-only" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	live_import --no-sandbox
	assert_closure_in "$T/root"
	nix_is_content "$T/root"
	live_import | grep "5 were there already"
	[ "$(readlink "$T/root/nix/var/nix/gcroots/nixferry/nixos-system-lab")" = "$TOP" ]
	assert_nothing_protected "$T/root"
}

@test "in the sandbox too, and from a cache" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	live_import
	assert_closure_in "$T/root"
	rm -r "$T/root" "$T/pool"
	mkdir -p "$T/root/nix/store"
	live_prefetch
	assert_closure_in "$T/root"
	nix_is_content "$T/root"
	rm -r "$T/pool"
	live "$BUILD/nixferry" prefetch "$TOP" --store / --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" | grep "5 were there already"
}

@test "auto-optimise-store of nix.conf counts for the running system, and for no other" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	export NIX_CONFIG="auto-optimise-store = true"
	import_bundle "$T/b.bundle" "$T/other" --json | jq -e '.sharedFiles == 0'
	[ ! -e "$T/other/nix/store/.links" ]
	live_import --json | jq -e '.sharedFiles >= 4'
	assert_closure_in "$T/root"
	rm -r "$T/root"
	mkdir -p "$T/root/nix/store"
	live_prefetch --json | jq -e '.import.sharedFiles >= 4'
	assert_closure_in "$T/root"
}

@test "an import into the running system ends with the command that switches to it" {
	make_system
	live_import >"$T/out"
	tail -n 3 "$T/out" | diff - <(printf '%s\n\n  %s\n' "to switch to it:" \
		"nix-env -p /nix/var/nix/profiles/system --set $TOP && $TOP/bin/switch-to-configuration switch")
	live_prefetch --profile system >"$T/out"
	tail -n 3 "$T/out" | diff - <(printf '%s\n\n  %s\n' "to switch to it:" \
		"/nix/var/nix/profiles/system/bin/switch-to-configuration switch")
	[ "$(readlink "$T/root/nix/var/nix/profiles/system-1-link")" = "$TOP" ]
}

@test "no command switches to what is not a system" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	live_import >"$T/out"
	run ! grep -E "switch|nixos-install" "$T/out"
}

@test "a read-only store that cannot be made writable is refused" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	mkdir -p "$T/root/nix/var/nix"
	run ! live setpriv --bounding-set=-sys_admin "$BUILD/nixferry" import "$T/b.bundle" --store / \
		--trusted-public-key "$PUBLIC_KEY"
	[[ $output == *"'/nix/store' is mounted read-only, and this process cannot make it writable for itself: Operation not permitted"* ]] ||
		fail "$output"
	assert_nothing_valid "$T/root"
}

@test "a garbage collector of the running system keeps what an import brings" {
	have_nix || skip "no Nix here"
	make_random_closure 20 3 500000
	make_bundle "$TOP"
	mkfifo "$T/pipe"
	live "$BUILD/nixferry" import - --store / --trusted-public-key "$PUBLIC_KEY" \
		<"$T/pipe" 3>&- >"$T/import.out" 2>&1 &
	importer=$!
	exec 8>"$T/pipe"
	head -c 1400000 "$T/b.bundle" >&8
	wait_for 20 test -d "$T/root/nix/store/$UNPACK_DIR"
	unshare --mount sh -ec 'mount --bind "$0" /nix; exec timeout 30 nix-store --gc' "$T/root/nix" 3>&- 8>&-
	[ -d "$T/root/nix/store/$UNPACK_DIR" ]
	tail -c +1400001 "$T/b.bundle" >&8
	exec 8>&-
	wait "$importer" || fail "$(cat "$T/import.out")"
	assert_random_closure_in "$T/root"
}
