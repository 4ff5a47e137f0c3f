#!/bin/sh
# run-tests.sh BUILD [unit|e2e|corpus|sim|threads [NAME]]: runs the tests, TEST_JOBS files at a time (five
# for two processors, because tests also wait). It says how each file ended; details of what failed follow at the
# end, and the last line is "N passed, N failed", with ", N skipped" where some were. The logs stay in
# BUILD/test-logs. With TEST_AGAIN=1, a file that failed beside others runs once more by itself; the
# output says so, and its first log is kept.
set -u
build=$1
kind=${2:-all}
name=${3:-*}
: "${TEST_JOBS:=$(($(nproc) * 5 / 2))}"
logs=$build/test-logs
here=$(dirname "$0")
started=$(date +%s)

# duration SECONDS, for people.
duration() {
	if [ "$1" -lt 120 ]; then echo "$1 s"; else echo "$(($1 / 60)) min $(($1 % 60)) s"; fi
}

# list KIND DIR PREFIX SUFFIX NAME: lines "KIND NAME", large files first, because the rest would wait for one
# that starts late.
list() {
	find "$2" -maxdepth 1 -name "$3$5$4" -printf '%s %f\n' | sort -rn | sed "s|^[0-9]* $3\(.*\)$4\$|$1 \1|"
}

list_e2e() {
	list e2e tests/e2e "" .bats "$1"
}

list_unit() {
	list unit tests/unit test_ .c "$1" | built unit/test_
}

list_corpus() {
	list corpus tests/fuzz fuzz_ .c "$1" | built fuzz/fuzz_
}

# Random worlds are not in the list.
list_sim() {
	case $1 in
	'*') echo "simfetch all" ;;
	world-* | bulk-*) echo "simfetch $1" ;;
	*) ! "$build/simfetch" --list | grep -qx -e "$1" || echo "simfetch $1" ;;
	esac
}

# built PREFIX: of the lines on standard input, those whose program has been built.
built() {
	while read -r of program; do
		[ ! -x "$build/$1$program" ] || echo "$of $program"
	done
}

list_jobs() {
	case $kind in
	all)
		list_e2e '*'
		list_sim '*'
		list_unit '*'
		list_corpus '*'
		;;
	threads)
		list_e2e main
		list_e2e follow
		list_unit '*'
		;;
	*) "list_$kind" "$name" ;;
	esac
}

# by_duration: the lines on standard input, what took longest in the last run first; what has not run yet
# comes before that, in its order.
by_duration() {
	while read -r of file; do
		took=999999
		[ ! -s "$logs/$of-$file.took" ] || read -r took <"$logs/$of-$file.took"
		echo "$took $of $file"
	done | sort -s -k1,1nr | cut -d' ' -f2-
}

# sum WORD: of what each file has counted.
sum() {
	while read -r of file; do cat "$logs/$of-$file.counts"; done <"$logs/jobs" 2>/dev/null |
		awk -v word="$1" '$1 == word { n += $2 } END { print n + 0 }'
}

run_again() {
	while read -r of file; do
		[ -s "$logs/$of-$file.failed" ] || continue
		cp "$logs/$of-$file.log" "$logs/$of-$file.first.log"
		cat "$logs/$of-$file.failed"
		echo "[again, by itself] $(sh "$here/run-test.sh" "$build" "$logs" "$of" "$file" </dev/null)"
	done <"$logs/jobs"
}

show_failures() {
	while read -r of file; do
		[ -s "$logs/$of-$file.failed" ] || continue
		echo
		echo "==== $of $file: $logs/$of-$file.log"
		cat "$logs/$of-$file.failed"
	done <"$logs/jobs"
}

show_skipped() {
	while read -r of file; do
		[ ! -s "$logs/$of-$file.skipped" ] || sed "s|^|skipped: $of $file: |" "$logs/$of-$file.skipped"
	done <"$logs/jobs"
}

mkdir -p "$logs"
list_jobs | by_duration >"$logs/jobs"
total=$(wc -l <"$logs/jobs")
echo "test files: $total, $TEST_JOBS at a time"
[ "$kind" != all ] || if [ -s "$logs/took" ]; then
	echo "the last run took $(duration "$(cat "$logs/took")")"
else
	echo "all of them take about 9 minutes on 2 processors"
fi

n=0
xargs -r -P "$TEST_JOBS" -L 1 sh "$here/run-test.sh" "$build" "$logs" <"$logs/jobs" |
	while read -r line; do
		n=$((n + 1))
		echo "[$n/$total] $line"
	done

[ "${TEST_AGAIN:-0}" = 0 ] || run_again
show_failures
show_skipped
took=$(($(date +%s) - started))
[ "$kind" != all ] || echo "$took" >"$logs/took"
passed=$(sum passed)
failed=$(sum failed)
skipped=$(sum skipped)
echo "took $(duration "$took")"
[ "$skipped" -eq 0 ] && skipped= || skipped=", $skipped skipped"
echo "$passed passed, $failed failed$skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
