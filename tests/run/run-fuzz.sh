#!/bin/sh
# run-fuzz.sh BUILD SECONDS: each fuzz target, from its corpus, for that long.
set -eu
build=$1
seconds=$2
for fuzz in "$build"/fuzz/fuzz_*; do
	case $fuzz in *.*) continue ;; esac
	name=${fuzz##*/fuzz_}
	work=$build/fuzz-work/$name
	mkdir -p "$work"
	echo "fuzz: $name for $seconds s"
	"$fuzz" -max_total_time="$seconds" -rss_limit_mb=4096 -malloc_limit_mb=8192 -timeout=20 \
		-artifact_prefix="$work/" "$work" "tests/fuzz/corpus/$name" >"$work.log" 2>&1 || {
		tail -40 "$work.log"
		exit 1
	}
done
