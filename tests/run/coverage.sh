#!/bin/sh
# coverage.sh BUILD FILE...: runs the unit tests, the simulators, the corpus and these files of
# e2e tests with the programs of FLAVOR=coverage, and prints the coverage by room.
set -eu
build=$1
shift
failed=0
find "$build/obj" -name '*.gcda' -delete
for kind in unit sim corpus; do
	sh tests/run/run-tests.sh "$build" "$kind" || failed=1
done
for file; do
	sh tests/run/run-tests.sh "$build" e2e "$file" || failed=1
done
python3 tests/run/coverage.py "$build/obj"
exit "$failed"
