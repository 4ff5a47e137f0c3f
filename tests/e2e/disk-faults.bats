#!/usr/bin/env bats
# A disk that fails: writes in progress may or may not have reached it. No later run may
# find a path valid that is not on it.

load helper

setup() {
	setup_lab
	[ -e "$BUILD/faults.so" ] || fail "build the test tools first: make check-e2e"
	grep -qs asan <<<"$BUILD" && skip "the sanitizer's library must be loaded first"
	export FAULT_BELOW=$T/root FAULT_COUNT=$T/count
	make_two_paths
}

teardown() {
	teardown_lab
}

new_root() {
	[ ! -e "$T/root" ] || chmod -R u+w "$T/root"
	rm -rf "$T/root" "$T/pool2"
	mkdir "$T/root"
}

# TOP refers to LOWER. Both are small, because they are imported many times.
make_two_paths() {
	local put=(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --input-addressed)
	mkdir "$T/tree"
	echo lower >"$T/tree/file"
	LOWER=$("${put[@]}" --name lower --tree "$T/tree")
	TOP=$("${put[@]}" --name top --tree "$T/tree" --ref "$LOWER")
}

# The commands that write to a target store.
import() {
	nixferry import "$T/b.bundle" --store "$T/root" --profile system \
		--trusted-public-key "$PUBLIC_KEY"
}

into() {
	nixferry prefetch "$TOP" --store "$T/root" --profile system --substituter "file://$T/cache" \
		--pool "$T/pool2" --no-local-store --trusted-public-key "$PUBLIC_KEY"
}

# with_fault CALLS HOW NUMBER COMMAND...: sets STATUS.
with_fault() {
	STATUS=0
	FAULT_CALLS=$1 FAULT_HOW=$2 FAULT_AT=$3 LD_PRELOAD=$BUILD/faults.so "${@:4}" >"$T/out" 2>&1 ||
		STATUS=$?
}

assert_complete() {
	local profiles=$T/root/nix/var/nix/profiles
	valid_paths "$T/root" | diff - <(printf '%s\n' "$LOWER" "$TOP" | LC_ALL=C sort) || return 1
	assert_store_whole "$T/root" || return 1
	[ "$(readlink "$profiles/system")" = system-1-link ] && [ "$(readlink "$profiles/system-1-link")" = "$TOP" ] &&
		[ "$(find "$profiles" -type l | wc -l)" -eq 2 ] || fail "profiles: $(ls -l "$profiles")"
}

# each_fault CALLS HOW COMMAND...: at each of the calls in turn, or at some eight of them.
each_fault() {
	local n count
	new_root
	with_fault "$1" fail 0 "${@:3}"
	[ "$STATUS" -eq 0 ] || fail "$(cat "$T/out")" || return 1
	count=$(cat "$T/count")
	[ "$count" -gt 0 ] || fail "none of: $1" || return 1
	for n in $(seq 1 $((count / 8 + 1)) "$count"); do
		new_root
		with_fault "$1" "$2" "$n" "${@:3}"
		# The failure may not matter; but the command never crashes.
		[ "$STATUS" -le 7 ] || [ "$2" = kill ] || fail "$1 $n $2: status $STATUS" || return 1
		"${@:3}" >"$T/out" 2>&1 || fail "$1 $n $2, then: $(cat "$T/out")" || return 1
		assert_complete || fail "$1 $n $2 (status $STATUS)" || return 1
	done
	nix_is_content "$T/root"
}

# From the commit on: its outcome is then unknown.
@test "import: the disk breaks while the database is written" {
	make_bundle "$TOP"
	each_fault fdatasync broken import
}

@test "prefetch --store: the disk breaks while the database is written" {
	each_fault fdatasync broken into
}

@test "the disk breaks while directories are written" {
	make_bundle "$TOP"
	each_fault fsync,syncfs broken import
}

@test "the disk breaks while files are renamed or linked" {
	make_bundle "$TOP"
	each_fault renameat,renameat2,symlinkat broken import
}

@test "killed at each externally visible step" {
	make_bundle "$TOP"
	each_fault renameat,renameat2,symlinkat,fsync,syncfs,fdatasync,unlinkat,unlink kill import
}

@test "a lock that could not be unlinked is removed by the next run" {
	make_bundle "$TOP"
	for command in import into; do
		new_root
		FAULT_BELOW=$T/root$LOWER.lock with_fault unlinkat broken 1 "$command"
		[ "$STATUS" -eq 0 ] || fail "$command: $(cat "$T/out")"
		valid_paths "$T/root" | diff - <(printf '%s\n' "$LOWER" "$TOP" | LC_ALL=C sort)
		[ -f "$T/root$LOWER.lock" ] || fail "$command: the lock could be removed"
		[ ! -e "$T/root$TOP.lock" ]
		for next in import into; do
			rm -rf "$T/root2"
			cp -a "$T/root" "$T/root2"
			"$next" >/dev/null
			[ ! -e "$T/root$LOWER.lock" ] || fail "$command, then $next: the lock stays"
			[ ! -e "$T/root/nix/store/$UNPACK_DIR" ]
			assert_complete
			rm -rf "$T/root"
			mv "$T/root2" "$T/root"
		done
	done
}
