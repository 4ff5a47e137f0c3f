# For tests of single faults. Beside a cache that works, the run completes from that cache. Alone,
# the run fails with the right status and names the cause.

# Timeouts that a test can wait for.
short_timeouts() {
	printf 'connect-timeout = %s\nstalled-download-timeout = %s\n' "$(patience 1)" \
		"$(patience "${1:-1}")" >"$NIX_CONF_DIR/nix.conf"
}

# make_paths COUNT [BYTES]: each refers to the one before; sets TOP and PATHS.
make_paths() {
	local i
	PATHS=()
	for ((i = 0; i < $1; i++)); do
		head -c "${2:-60000}" /dev/urandom >"$T/noise"
		PATHS+=("$(mkcache add --cache "$T/cache" --name "path$i" --tree "$T/noise" \
			--sign "$T/lab.sec" --compress none --input-addressed \
			${PATHS:+--ref "${PATHS[-1]}"})")
	done
	TOP=${PATHS[-1]}
}

fetch() {
	nixferry prefetch "$TOP" --pool "$T/pool" --trusted-public-key "$PUBLIC_KEY" "$@"
}

# Every NAR in the pool is, byte for byte, the one that was made.
assert_pool_exact() {
	"$BUILD/storejudge" pool "$T/pool" "$T/cache" "${PATHS[@]}" || fail "the pool is not exact"
}

# The cache that works. It answers narinfo requests later than the faulty ones.
start_good() {
	start_cache "$T/cache" --fault "*.narinfo=delay:$(late 150)" "$@"
	GOOD=$URL GOOD_LOG=$CACHE_LOG
}

# Forgets what earlier runs fetched and learned.
forget() {
	[ ! -e "$T/pool" ] && [ ! -e "$HOME/.local" ] || rm -rf "$T/pool" "$HOME/.local/state/nixferry"
}

# completes_beside BAD [OPTION]...: the run completes, in the end from $GOOD. Sets output and stderr.
completes_beside() {
	forget
	succeeds fetch --substituter "$1?priority=1" --substituter "$GOOD?priority=50" "${@:2}" || return 1
	assert_pool_exact
}

# fails_alone BAD STATUS PATTERN [OPTION]...: the last message has the path, the cache and the cause.
fails_alone() {
	forget
	fails "$2" "$3" fetch --substituter "$1" "${@:4}" || return 1
	a_line_matches "^nixferry: prefetch: path '.*': .*cache '$1': .*($3)" "${stderr##*$'\n'}" ||
		fail "the last line is not of cache '$1' and '$3': $stderr" || return 1
	assert_no_temp_files "$T/pool/nar"
}
