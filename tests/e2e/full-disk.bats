#!/usr/bin/env bats
# A full file system, or another exhausted resource: one message names it, and the run
# ends.

load helper

setup() {
	setup_lab
	[ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null ||
		skip "needs root and a mount namespace of its own"
	make_random_closure 60 3 400000
	mkdir -p "$T/m"
}

teardown() {
	teardown_lab
}

# Removes the file sizes from the narinfos.
hide_sizes() {
	sed -i '/^FileSize:/d' "$T"/cache/*.narinfo
}

# on_small TMPFS-OPTIONS COMMAND...: with a small file system at $T/m.
on_small() {
	local opts=$1
	shift
	T=$T BUILD=$BUILD unshare -m sh -c '
		mount -t tmpfs -o "$0" none "$T/m" && cd "$T" && exec timeout 60 "$@"
	' "$opts" "$@"
}

fetch_small() {
	on_small "$1" "$BUILD/nixferry" prefetch "$TOP" --substituter "$URL" \
		--trusted-public-key "$PUBLIC_KEY" "${@:2}"
}

# fails_once STATUS PATTERN COMMAND...: exactly one line says that the machine failed, and it
# matches.
fails_once() {
	fails "$@" || return 1
	local lines
	lines=$(grep -v "was not written$" <<<"$stderr" |
		grep -cE "warning: |No space left|Too many open|needed")
	[ "$lines" -eq 1 ] || fail "$lines lines: $stderr"
}

@test "a full pool is reported once, with a network cache" {
	hide_sizes
	start_cache "$T/cache"
	fails_once 7 "'m/pool': .*No space left on device; free some space" \
		fetch_small size=1200k --pool m/pool
}

@test "a full pool is reported once, with a cache on this machine" {
	hide_sizes
	URL=file://$T/cache
	fails_once 7 "'m/pool': .*No space left on device; free some space" \
		fetch_small size=1200k --pool m/pool
}

@test "a target store without inodes is reported once" {
	start_cache "$T/cache"
	fails_once 7 "inodes|'m': .*No space left on device; free some space" \
		fetch_small size=200m,nr_inodes=200 --pool p --store m
}

@test "partial downloads that do not fit are reported once if the target store has room" {
	mkdir "$T/root"
	start_cache "$T/cache"
	fails_once 7 "'m/pool': .*No space left on device; free some space" \
		fetch_small size=100k --pool m/pool --store root
}

@test "too few file descriptors are reported once" {
	start_cache "$T/cache"
	short_of_files() {
		(ulimit -n 24 && fetch_small size=200m "$@")
	}
	fails_once 1 "'m/pool': .*Too many open files" short_of_files --pool m/pool
}

@test "once there is space again, the same command resumes" {
	start_cache "$T/cache"
	T=$T BUILD=$BUILD TOP=$TOP URL=$URL KEY=$PUBLIC_KEY unshare -m bash -c '
		mount -t tmpfs -o size=1200k none "$T/m"
		fetch() {
			"$BUILD/nixferry" prefetch "$TOP" --substituter "$URL" \
				--trusted-public-key "$KEY" --pool "$T/m/pool"
		}
		fetch
		[ $? -eq 7 ] || exit 1
		mount -o remount,size=100m "$T/m" && fetch'
}

# ---- before anything is fetched ----

# refused_early COMMAND...: and no NAR was asked for.
refused_early() {
	fails_once 7 "free, but at least .* needed" "$@" || return 1
	[ "$(log_count '^GET /nar/')" -eq 0 ] || fail "NARs were asked for"
}

@test "a closure too large for the pool or the output is refused before any NAR is requested" {
	start_cache "$T/cache"
	refused_early fetch_small size=1m --pool m/pool
	refused_early fetch_small size=1m --pool pool --sign-key lab.sec -o m/b.bundle
	# Each alone would fit.
	refused_early fetch_small size=3m --pool m/pool --sign-key lab.sec -o m/b.bundle
	fails_once 7 "free inodes, .* needed" fetch_small size=200m,nr_inodes=40 --pool m/pool
	[ "$(log_count '^GET /nar/')" -eq 0 ]
}

@test "a closure that may fit is not refused" {
	start_cache "$T/cache"
	fetch_small size=12m --pool m/pool --sign-key lab.sec -o m/b.bundle
}

@test "a cache that lies about sizes cannot prevent a fetch that fits" {
	cp -r "$T/cache" "$T/lying"
	sed -i 's/^FileSize: .*/FileSize: 90000000000/' "$T"/lying/*.narinfo
	start_cache "$T/lying"
	local lying=$URL
	start_cache "$T/cache"
	fetch_small size=12m --pool m/pool --substituter "$lying"
}

# ---- a bundle and a store: the closure has 2.7 MB as files, 4.5 MB in the store ----

both_small() {
	fetch_small "$1" --sign-key lab.sec "${@:2}"
}

@test "space for output, pool and store is checked together on one file system" {
	start_cache "$T/cache"
	mkdir "$T/root"
	# Any two of them would fit.
	refused_early both_small size=8m --pool m/pool -o m/b --store m
	grep -q "the file system of pool 'm/pool', output 'm/b' and store 'm' has" <<<"$stderr" ||
		fail "$stderr"
	# Each alone would fit.
	refused_early both_small size=6m --pool pool -o m/b --store m
	grep -q "the file system of output 'm/b' and store 'm' has" <<<"$stderr" || fail "$stderr"
	refused_early both_small size=6m --pool m/pool -o b --store m
	grep -q "the file system of pool 'm/pool' and store 'm' has" <<<"$stderr" || fail "$stderr"
	[ ! -e "$T/b" ]
}

@test "space for output, pool and store is checked separately on separate file systems" {
	start_cache "$T/cache"
	mkdir "$T/root"
	refused_early both_small size=4m --pool pool -o b --store m
	grep -q "store 'm' has" <<<"$stderr" || fail "$stderr"
	refused_early both_small size=1m --pool pool -o m/b --store root
	grep -q "output 'm/b' has" <<<"$stderr" || fail "$stderr"
	fails_once 7 "store 'm' has [0-9]* free inodes, but [0-9]* are needed" \
		both_small size=200m,nr_inodes=60 --pool pool -o b --store m
	[ "$(log_count '^GET /nar/')" -eq 0 ]
	both_small size=7m --pool m/pool -o m/b --store root
	assert_random_closure_in "$T/root"
}

@test "paths in pool and store need no more space" {
	start_cache "$T/cache"
	mkdir "$T/root"
	nixferry prefetch "$TOP" --pool "$T/pool" --substituter "$URL" --store "$T/root" \
		--trusted-public-key "$PUBLIC_KEY" -o "$T/b" --sign-key "$T/lab.sec"
	: >"$CACHE_LOG"
	refused_early both_small size=1m --pool pool -o m/b --store root
	both_small size=4m --pool pool -o m/b --store root
}

@test "with --keep-going only complete paths need space in output and store" {
	start_cache "$T/cache"
	mkdir "$T/root"
	# What everything refers to, sooner or later.
	rm "$(narinfo_of "$T/cache" "$(head -n 1 "$T/paths")")"
	fails 3 "will be incomplete|will not be written" both_small size=1m -k --pool pool -o m/b \
		--store root
}
