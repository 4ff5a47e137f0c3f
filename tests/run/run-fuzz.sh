#!/bin/sh
# run-fuzz.sh BUILD SECONDS [TARGET]: runs one fuzz target, or all of them, one per processor, from their
# corpora, for that long each.
set -eu
build=$1
seconds=$2

run_one() {
	work=$build/fuzz-work/$1
	mkdir -p "$work"
	echo "fuzz: $1 for $seconds s"
	dict=tests/fuzz/dict/$1
	[ -e "$dict" ] && dict=-dict=$dict || dict=
	"$build/fuzz/fuzz_$1" -max_total_time="$seconds" -rss_limit_mb=4096 -malloc_limit_mb=8192 \
		-timeout=20 -artifact_prefix="$work/" ${dict:+"$dict"} "$work" "tests/fuzz/corpus/$1" >"$work.log" 2>&1 || {
		tail -40 "$work.log"
		exit 1
	}
}

if [ $# -gt 2 ]; then
	run_one "$3"
	exit
fi
for fuzz in "$build"/fuzz/fuzz_*; do
	case $fuzz in *.*) continue ;; esac
	echo "${fuzz##*/fuzz_}"
done | xargs -P "$(nproc)" -n 1 sh "$0" "$build" "$seconds"
