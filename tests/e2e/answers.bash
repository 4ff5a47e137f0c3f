# The plans of real Nix and of nixferry for targets: lines "fetch PATH", "build PATH", "unknown PATH",
# sorted, then the sizes in MiB of what would be fetched.

# nix_answers ROOT CACHES TARGET...: CACHES is a list with spaces.
nix_answers() {
	local root=$1 caches=$2
	shift 2
	# Without Nix's own narinfo cache, and without pauses between attempts. "fallback" makes Nix skip a
	# cache that fails.
	rm -rf "$T/nix-cache"
	XDG_CACHE_HOME=$T/nix-cache nix-store --store "$root" --realise --dry-run \
		--option substituters "$caches" --option trusted-public-keys "$PUBLIC_KEY" \
		--option download-attempts 1 --option connect-timeout 5 --option fallback true "$@" >"$T/nix.out" 2>&1 ||
		fail "nix-store: $(cat "$T/nix.out")" || return 1
	awk '
		/^[^ ]/ { set = "" }
		/^(this|these [0-9]+) derivations? will be built:/ { set = "build" }
		/^(this|these [0-9]+) paths? will be fetched/ { set = "fetch"; sizes = $0 }
		/^don.t know how to build/ { set = "unknown" }
		/^  \/nix/ && set { print set, $1 | "LC_ALL=C sort" }
		END {
			close("LC_ALL=C sort")
			gsub(/.*\(|\).*| download| unpacked/, "", sizes)
			if (sizes) print sizes
		}
	' "$T/nix.out"
}

# our_answers ROOT CACHES TARGET...
our_answers() {
	local root=$1 caches=$2 args=() cache rc=0
	shift 2
	for cache in $caches; do args+=(--substituter "$cache"); done
	NIX_CONFIG="substituters =" nixferry plan --from-store "$root" --pool "$T/no-pool" --trusted-public-key "$PUBLIC_KEY" \
		--json "${args[@]}" "$@" >"$T/our.json" 2>"$T/our.err" || rc=$?
	# Complete; or no cache has a path, answers sensibly, or can be reached.
	[[ $rc =~ ^[0356]$ ]] || fail "nixferry plan: status $rc: $(cat "$T/our.err")" || return 1
	jq -r '.paths[] | select(.status != "here") | "\(.status) \(.path)"' "$T/our.json" | LC_ALL=C sort
	jq -r 'select(.fetch > 0) | "\(.downloadSize) \(.narSize)"' "$T/our.json" |
		awk '{ printf "%.2f MiB, %.2f MiB\n", $1 / 1048576, $2 / 1048576 }'
}

# same_answers ROOT CACHES TARGET...
same_answers() {
	nix_answers "$@" >"$T/nix.answers" || return 1
	our_answers "$@" >"$T/our.answers" || return 1
	diff "$T/nix.answers" "$T/our.answers" || fail "Nix (<) and we (>) differ: $*"
}
