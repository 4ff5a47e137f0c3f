# For tests of caches that send wrong responses. Needs matrix.bash.

# start_bad FAULT...
start_bad() {
	local args=() fault
	for fault in "$@"; do
		args+=(--fault "$fault")
	done
	start_cache "$T/cache" "${args[@]}"
	BAD=$URL BAD_LOG=$CACHE_LOG
}

# start_bad_again FAULT...: the same again, because the first run used up the faults.
start_bad_again() {
	[[ $* != *'*'[0-9]* ]] || start_bad "$@"
}

# was_asked PATTERN: the previous run sent a request that matches.
was_asked() {
	grep -qE -- "$1" "$BAD_LOG" || fail "no $1 in its log"
}

# nar_fault STATUS PATTERN FAULT...: tests a fault of NARs both ways. STATUS 0: alone it does no harm.
nar_fault() {
	local status_wanted=$1 pattern=$2
	shift 2
	echo "-- $*"
	start_bad "$@"
	completes_beside "$BAD" || return 1
	was_asked '^GET /nar/' || return 1
	start_bad_again "$@"
	if [ "$status_wanted" -eq 0 ]; then
		fetch_alone
	else
		fails_alone "$BAD" "$status_wanted" "$pattern"
	fi
}

fetch_alone() {
	forget
	fetch --substituter "$BAD" && assert_pool_exact
}

narinfo_fault() {
	local status_wanted=$1 pattern=$2
	shift 2
	echo "-- $*"
	start_bad "$@"
	completes_beside "$BAD" || return 1
	was_asked 'narinfo' || return 1
	start_bad_again "$@"
	fails_alone "$BAD" "$status_wanted" "$pattern"
}
