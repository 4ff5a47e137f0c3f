#!/usr/bin/env bats
# What would be fetched or built, or is unknown, is the same as with real Nix, in WORLDS random worlds, from
# SEED on.

load helper
load answers

setup() {
	setup_lab
	have_nix || skip "no Nix here"
	export NIX_CONFIG="${NIX_CONFIG/nix-command/nix-command ca-derivations}"
	dead_port
	start_cache "$T"
}

teardown() {
	teardown_lab
}

# compare_world SEED [OPTION]...: every request of that world.
compare_world() {
	local world=$T/w$1 caches line
	/usr/bin/python3 "$repo/tests/tools/nixworld.py" --seed "$@" --out "$world" \
		--mkcache "$BUILD/mkcache" --sign "$T/lab.sec" --http "$URL" \
		--dead "http://127.0.0.1:$DEAD_PORT" || return 1
	caches=$(tr '\n' ' ' <"$world/caches")
	while read -r line; do
		# shellcheck disable=SC2086
		same_answers "$world/store" "$caches" $line || fail "the world is: nixworld.py --seed $*" || return 1
	done <"$world/targets"
	chmod -R u+w "$world" && rm -rf "$world"
}

@test "random graphs of derivations, random caches, random stores" {
	local seed first=${SEED:-1}
	for ((seed = first; seed < first + ${WORLDS:-10}; seed++)); do
		compare_world "$seed"
	done
}

@test "a system as a distribution ships it" {
	local seed first=${SEED:-1}
	for ((seed = first; seed < first + 3; seed++)); do
		compare_world "$seed" --distro
	done
}
