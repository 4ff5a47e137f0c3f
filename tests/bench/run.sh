#!/bin/sh
# make bench: builds what it measures, installs the peers where they are missing, measures.
# BENCH_DIR keeps the closure and the caches between runs; BENCH_RUNS is how often each
# contender runs (medians are printed).
set -eu
[ "$(id -u)" -eq 0 ] || { echo "bench: must be root: it drops the page cache" >&2; exit 1; }
sh tests/run/deps.sh python3 nginx-light nix-bin patchelf zstd xz-utils aria2
make -s all
exec python3 tests/bench/bench.py "$@"
