# For tests of single faults: each is met beside a cache that works, where all comes
# from that, and alone, where the run fails with the right status and says of what.

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
	timeout "$(patience 60)" "$BUILD/nixferry" prefetch "$TOP" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" "$@"
}

# Every NAR in the pool is, byte for byte, the one that was made.
assert_pool_exact() {
	local path
	for path in "${PATHS[@]}"; do
		cmp <(zstd -dcq "$T/pool/$(nar_of "$T/pool" "$path")") \
			"$T/cache/$(nar_of "$T/cache" "$path")" || fail "$path differs" || return 1
	done
	assert_no_temp_files "$T/pool"
}

# The cache that works; it answers for narinfos later than any that does not.
start_good() {
	start_cache "$T/cache" --fault "*.narinfo=delay:$(late 150)" "$@"
	GOOD=$URL GOOD_LOG=$CACHE_LOG
}

# completes_beside BAD [OPTION]...: all comes, in the end from $GOOD.
completes_beside() {
	rm -rf "$T/pool" "$HOME/.local/state/nixferry"
	run --separate-stderr fetch --substituter "$1?priority=1" \
		--substituter "$GOOD?priority=50" "${@:2}"
	# shellcheck disable=SC2154
	[ "$status" -eq 0 ] || fail "status $status beside a good cache: $stderr" || return 1
	assert_pool_exact
}

# fails_alone BAD STATUS PATTERN [OPTION]...: the last word has the path, the cache, and why.
fails_alone() {
	rm -rf "$T/pool" "$HOME/.local/state/nixferry"
	fails "$2" "$3" fetch --substituter "$1" "${@:4}" || return 1
	tail -n 1 <<<"$stderr" |
		grep -qiE "^nixferry: prefetch: path '.*': .*cache '$1': .*($3)" ||
		fail "the last line is not of cache '$1' and '$3': $stderr" || return 1
	assert_no_temp_files "$T/pool/nar"
}
