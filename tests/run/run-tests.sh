#!/bin/sh
# run-tests.sh BUILD [unit|e2e|corpus|sim|threads [NAME]]: runs the tests, each kind in turn, and closes
# with "N passed, N failed". Details of what failed are shown, of what passed are not.
set -u
build=$1
kind=${2:-all}
name=${3:-}
passed=0
failed=0
log=$build/test.log
: "${TEST_TIMEOUT:=1200}"

count() { # count passed|failed N
	if [ "$1" = passed ]; then passed=$((passed + $2)); else failed=$((failed + $2)); fi
}

run_unit() {
	for test in "$build"/unit/test_${name:-*}; do
		[ -x "$test" ] || continue
		timeout "$TEST_TIMEOUT" "$test" >"$log" 2>&1
		status=$?
		ok=$(grep -c '^\[       OK \]' "$log")
		bad=$(grep -c '^\[  FAILED  \] [^0-9]*$' "$log")
		if [ "$status" -ne 0 ]; then
			[ "$bad" -gt 0 ] || bad=1
			cat "$log"
			echo "FAILED: $test (status $status)"
		fi
		count passed "$ok"
		[ "$status" -eq 0 ] || count failed "$bad"
		echo "unit: ${test##*/}: $ok passed"
	done
}

run_corpus() {
	for fuzz in "$build"/fuzz/fuzz_${name:-*}; do
		case $fuzz in *.*) continue ;; esac
		[ -x "$fuzz" ] || continue
		corpus=tests/fuzz/corpus/${fuzz##*/fuzz_}
		if timeout "$TEST_TIMEOUT" "$fuzz" "$corpus"/* >"$log" 2>&1; then
			count passed 1
		else
			cat "$log"
			echo "FAILED: $fuzz over $corpus"
			count failed 1
		fi
	done
	echo "corpus: replayed"
}

run_sim() {
	timeout "$TEST_TIMEOUT" "$build/sim" ${name:+--only "$name"} >"$log" 2>&1
	status=$?
	ok=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	count passed "$ok"
	count failed "$bad"
	grep '^not ok ' "$log"
	if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
		cat "$log"
		echo "FAILED: $build/sim (status $status)"
		count failed 1
	fi
	echo "sim: $ok passed, $bad failed"
}

run_e2e() {
	for file in tests/e2e/${name:-*}.bats; do
		[ -e "$file" ] || continue
		BUILD=$(realpath "$build") timeout "$TEST_TIMEOUT" bats --tap "$file" >"$log" 2>&1
		status=$?
		ok=$(grep -c '^ok ' "$log")
		bad=$(grep -c '^not ok ' "$log")
		count passed "$ok"
		count failed "$bad"
		[ "$status" -eq 0 ] || cat "$log"
		if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
			echo "FAILED: $file (status $status)"
			count failed 1
		fi
		echo "e2e: ${file##*/}: $ok passed, $bad failed"
	done
}

case $kind in
all)
	run_unit
	run_corpus
	run_sim
	run_e2e
	;;
threads)
	run_unit
	for name in main follow; do
		run_e2e
	done
	;;
*) "run_$kind" ;;
esac
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
