#!/bin/sh
# run-test.sh BUILD LOGS KIND NAME: runs one file of tests and prints one line on how it ended. In LOGS it
# leaves KIND-NAME.log; .counts, how many passed, failed and were skipped; .failed, the part of the log that
# says why; .skipped, the reasons; .took, the seconds.
set -u
build=$(realpath "$1")
kind=$3
name=$4
result=$2/$kind-$name
log=$result.log
: "${TEST_TIMEOUT:=1200}"
started=$(date +%s)

# run COMMAND...: sets status. The tests have a process group of their own, so an interrupt is passed on.
run() {
	timeout "$TEST_TIMEOUT" "$@" >"$log" 2>&1 &
	child=$!
	trap 'kill "$child" 2>/dev/null; exit 130' INT TERM HUP
	wait "$child"
	status=$?
}

# count PATTERN [PATTERN THAT MUST NOT MATCH]
count() {
	grep -E "$1" "$log" | grep -cvE "${2:-^\$}"
}

run_unit() {
	run "$build/unit/test_$name"
	passed=$(count '^\[       OK \]')
	failed=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log")
	: "${failed:=0}"
	skipped=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test.*/\1/p' "$log")
	: "${skipped:=0}"
	sed -n 's/^skipped: //p' "$log" >"$result.skipped"
}

run_tap() {
	passed=$(count '^ok ' ' # skip')
	failed=$(count '^not ok ')
	skipped=$(count '^ok .* # skip')
	sed -nE 's/^ok [0-9]+ (.*) # skip ?(.*)/\1: \2/p' "$log" >"$result.skipped"
}

# Imports sync the file system of their target: on a disk, many tests at a time would wait for one
# another. A file system in memory is used where there is a large one that can run programs.
in_memory=/dev/shm
in_memory_dir() {
	free=$(df --output=avail -k "$in_memory" 2>/dev/null | tail -n 1) || return 1
	[ "${free:-0}" -gt $((4 << 20)) ] && ! findmnt -no OPTIONS "$in_memory" | grep -qw noexec
}

run_e2e() {
	if [ -z "${TMPDIR:-}" ] && in_memory_dir; then
		TMPDIR=$(mktemp -d "$in_memory/nixferry-tests.XXXXXX")
		chmod 711 "$TMPDIR" # tests become other users
		export TMPDIR
		trap 'rm -rf "$TMPDIR"' EXIT
	fi
	BUILD=$build run bats --tap "tests/e2e/$name.bats"
	run_tap
}

run_simfetch() {
	if [ "$name" = all ]; then run "$build/simfetch"; else run "$build/simfetch" --only "$name"; fi
	run_tap
}

run_corpus() {
	run "$build/fuzz/fuzz_$name" "tests/fuzz/corpus/$name"/*
	passed=$((status == 0))
	failed=0
	skipped=0
}

# The tests of a TAP log that failed, with what they said; of another log, its end.
why_failed() {
	if grep -q '^not ok ' "$log"; then
		awk '/^(not )?ok / { show = /^not / } show' "$log"
	else
		tail -n 200 "$log"
	fi
}

"run_$kind"
: >"$result.failed"
if [ "$status" -ne 0 ] || [ "$failed" -gt 0 ]; then
	[ "$failed" -gt 0 ] || failed=1
	{
		why_failed
		echo "FAILED: $kind $name (status $status)"
	} >"$result.failed"
fi
printf 'passed %s\nfailed %s\nskipped %s\n' "$passed" "$failed" "$skipped" >"$result.counts"
line="$kind $name: $passed passed"
[ "$failed" -eq 0 ] || line="$line, $failed FAILED"
[ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
took=$(($(date +%s) - started))
echo "$took" >"$result.took"
echo "$line, $took s"
