# For tests of caches that answer, but wrongly. They need matrix.bash as well.

# start_bad FAULT...
start_bad() {
	local args=() fault
	for fault in "$@"; do
		args+=(--fault "$fault")
	done
	start_cache "$T/cache" "${args[@]}"
	BAD=$URL BAD_LOG=$CACHE_LOG
}

# start_bad_again FAULT...: the same once more, where the first run has used faults up.
start_bad_again() {
	[[ $* != *'*'[0-9]* ]] || start_bad "$@"
}

# was_asked GLOB-LIKE PATTERN: by the run before.
was_asked() {
	grep -qE -- "$1" "$BAD_LOG" || fail "no $1 in its log"
}

# nar_fault STATUS PATTERN FAULT...: of NARs, both ways. STATUS 0: alone it is well, too.
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
