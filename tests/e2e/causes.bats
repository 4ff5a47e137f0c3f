#!/usr/bin/env bats
# Why a path must be built or cannot be fetched: the cause, the remedy, the exit status.

load helper

setup() {
	setup_lab
	have_nix || skip "no Nix here"
	export NIX_CONFIG="$NIX_CONFIG
substituters ="
	mkdir -p "$T/cache"
	printf 'StoreDir: /nix/store\n' >"$T/cache/nix-cache-info"
	write_chain
}

teardown() {
	teardown_lab
}

# Derivations leaf <- b <- c <- top; local, which must not be substituted.
write_chain() {
	declare -gA DRV OUT
	cat >"$T/chain.nix" <<-EOF
		let mk = name: deps: extra: derivation ({
		      inherit name deps; system = builtins.currentSystem; builder = "/bin/sh";
		      args = [ "-c" "echo \$deps > \$out" ]; } // extra);
		in rec {
		  leaf = mk "leaf" [ ] { };
		  b = mk "b" [ leaf ] { };
		  c = mk "c" [ b leaf ] { };
		  top = mk "top" [ c ] { };
		  local = mk "local" [ ] { allowSubstitutes = false; };
		}
	EOF
	local names=(leaf b c top local) drvs outs i
	mapfile -t drvs < <(nix-instantiate --store "$T/root" "$T/chain.nix" \
		-A leaf -A b -A c -A top -A local 2>/dev/null)
	mapfile -t outs < <(nix-store --store "$T/root" -q --outputs "${drvs[@]}" 2>/dev/null)
	for i in "${!names[@]}"; do
		DRV[${names[i]}]=${drvs[i]}
		OUT[${names[i]}]=${outs[i]}
	done
}

put_all() {
	put_in_cache "${OUT[leaf]}"
	put_in_cache "${OUT[b]}" "${OUT[leaf]}"
	put_in_cache "${OUT[c]}" "${OUT[b]}" "${OUT[leaf]}"
	put_in_cache "${OUT[top]}" "${OUT[c]}"
}

# sign_by NAME: signs all narinfos of the cache with that key alone.
sign_by() {
	mkcache keygen "$1" "$T/$1.sec" "$T/$1.pub"
	sed -i '/^Sig:/d' "$T/cache"/*.narinfo
	mkcache sign --cache "$T/cache" --sign "$T/$1.sec" "${OUT[leaf]}" "${OUT[b]}" "${OUT[c]}" "${OUT[top]}" >/dev/null
}

plan() {
	nixferry plan --from-store "$T/root" --pool "$T/pool" --trusted-public-key "$PUBLIC_KEY" "$@"
}

dry_fetch() {
	nixferry prefetch -n --from-store "$T/root" --pool "$T/pool" --trusted-public-key "$PUBLIC_KEY" "$@"
}

# expect_cause STATUS CAUSE DETAIL REMEDY ARG...: plans the derivation top; every form of output must agree.
expect_cause() {
	local exit=$1 cause=$2 detail=$3 remedy=$4 command
	shift 4
	run --separate-stderr plan "${DRV[top]}" "$@"
	[ "$status" -eq "$exit" ] || fail "status $status: $output $stderr" || return 1
	grep -qE -- "$detail" <<<"$output" || fail "$output" || return 1
	grep -qE -- "hint: .*$remedy" <<<"$output" || fail "$output" || return 1
	grep -qE -- "would have to be built: .*$detail.*$remedy" <<<"$stderr" || fail "$stderr" || return 1
	run --separate-stderr plan "${DRV[top]}" "$@" --why-build "${DRV[top]}"
	[ "$status" -eq 0 ] || fail "$stderr" || return 1
	grep -qE -- "^it must be built: .*$detail" <<<"$output" || fail "$output" || return 1
	grep -qE -- "^hint: .*$remedy" <<<"$output" || fail "$output" || return 1
	for command in plan dry_fetch; do
		run --separate-stderr "$command" "${DRV[top]}" "$@" --json
		[ "$status" -eq "$exit" ] || fail "status $status: $output $stderr" || return 1
		jq -e --arg cause "$cause" --argjson exit "$exit" --arg detail "$detail" --arg remedy "$remedy" \
			'.causes[] | select(.cause == $cause and .status == "build" and .exit == $exit) |
			(.detail | test($detail)) and (.remedy | test($remedy)) and (.paths | length) == .count' \
			<<<"$output" || fail "$output" || return 1
	done
}

@test "an untrusted key is the cause, with the option that trusts it" {
	put_all
	sign_by magnolia.cache-1
	start_cache "$T/cache"
	expect_cause 4 not-trusted "signed by 'magnolia.cache-1'" "--trusted-public-key magnolia.cache-1:KEY" \
		--substituter "$URL"
	run plan "${DRV[top]}" --substituter "$URL" --trusted-public-key "$(cat "$T/magnolia.cache-1.pub")"
	[ "$status" -eq 0 ] || fail "$output"
	# A well-known key is printed in full.
	sign_by cache.nixos.org-1
	NIX_CONFIG="$NIX_CONFIG
trusted-public-keys =" expect_cause 4 not-trusted "signed by 'cache.nixos.org-1'" \
		"--trusted-public-key cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=" \
		--substituter "$URL"
}

@test "a missing signature, a wrong one by a trusted key and an unknown key are distinguished" {
	put_all
	sed -i '/^Sig:/d' "$T/cache"/*.narinfo
	expect_cause 4 not-trusted "no signature" "have it signed" --substituter "file://$T/cache"
	sed -i "s/^Deriver.*//; \$a Sig: lab-1:$(head -c 64 /dev/zero | base64 -w0)" "$T/cache"/*.narinfo
	expect_cause 4 not-trusted "signature by 'lab-1' is wrong" "compare the trusted public key" --substituter "file://$T/cache"
}

@test "an unreachable cache is the cause, even if another cache lacks the path" {
	dead_port
	expect_cause 6 unreachable "connect to server" "start the cache" --substituter "http://127.0.0.1:$DEAD_PORT"
	expect_cause 6 unreachable "connect to server" "start the cache" --substituter "http://127.0.0.1:$DEAD_PORT" \
		--substituter "file://$T/cache"
	expect_cause 6 unreachable "No such file" "start the cache" --substituter "file://$T/away"
}

@test "a cache that requires a password, fails or sends garbage is the cause" {
	put_all
	start_cache "$T/cache" --auth me:secret
	expect_cause 6 denied "HTTP status 401" "--netrc-file FILE" --substituter "$URL"
	printf 'machine 127.0.0.1 login me password wrong\n' >"$T/netrc"
	chmod 600 "$T/netrc"
	expect_cause 6 denied "HTTP status 401" "--netrc-file FILE" --substituter "$URL" --netrc-file "$T/netrc"
	start_cache "$T/cache" --fault '*.narinfo=status:501'
	expect_cause 6 bad-answer "HTTP status 501" "repair that cache" --substituter "$URL"
	for name in "${!OUT[@]}"; do
		echo nonsense >"$(narinfo_of "$T/cache" "${OUT[$name]}")"
	done
	expect_cause 5 bad-answer "narinfo of '.*': line 1" "repair that cache" --substituter "file://$T/cache"
	printf 'StoreDir: /gnu/store\n' >"$T/cache/nix-cache-info"
	expect_cause 6 other-store "'/gnu/store'" "remove this cache" --substituter "file://$T/cache"
}

@test "a cache that sends another path's narinfo, or 500 to everything, is the cause" {
	put_all
	start_cache "$T/cache" --fault "*.narinfo=body:$(narinfo_of "$T/cache" "${OUT[leaf]}")"
	DRV[top]=${DRV[b]} expect_cause 5 bad-answer "another path|narinfo of" "repair that cache" --substituter "$URL"
	start_cache "$T/cache" --fault '*=status:500'
	run --separate-stderr plan "${DRV[top]}" --substituter "$URL" --json
	[ "$status" -eq 6 ] || fail "status $status: $output $stderr"
	[ "$(jq -c '.causes | map([.cause, .exit, .count])' <<<"$output")" = '[["unreachable",6,4]]' ] || fail "$output"
}

@test "flake outputs have the same causes as their derivations" {
	put_all
	sign_by magnolia.cache-1
	mkdir "$T/bin" "$T/flake"
	cat >"$T/bin/nix" <<-EOF
		#!/bin/sh
		echo "${DRV[top]}"
	EOF
	chmod +x "$T/bin/nix"
	PATH=$T/bin:$PATH run --separate-stderr plan "$T/flake#nixosConfigurations.x.config.system.build.toplevel" \
		--substituter "file://$T/cache"
	[ "$status" -eq 4 ] || fail "$output $stderr"
	[[ $output == *"4 (cache 'file://$T/cache': signed by 'magnolia.cache-1'"* ]] || fail "$output"
	[[ $output == *"--trusted-public-key magnolia.cache-1:KEY"* ]] || fail "$output"
}

@test "a path missing from every cache, and one excluded by the configuration" {
	expect_cause 3 not-in-any-cache "not in any cache" "--extra-substituter URL" --substituter "file://$T/cache"
	NIX_CONFIG="$NIX_CONFIG
substitute = false
substituters = file://$T/cache" expect_cause 3 no-substituter "substitute = false" "--substituter URL"
	expect_cause 3 no-substituter "no cache is configured" "--substituter URL"
	DRV[top]=${DRV[local]}
	put_in_cache "${OUT[local]}"
	expect_cause 3 local-only "allowSubstitutes = false" "always-allow-substitutes" --substituter "file://$T/cache"
	NIX_CONFIG="$NIX_CONFIG
always-allow-substitutes = true" run plan "${DRV[local]}" --substituter "file://$T/cache"
	[ "$status" -eq 0 ] || fail "$output"
}

@test "several causes are shown together, and the most severe decides" {
	put_in_cache "${OUT[top]}" "${OUT[c]}"
	mkcache keygen other-1 "$T/other.sec" "$T/other.pub"
	sed -i '/^Sig:/d' "$T/cache"/*.narinfo
	mkcache sign --cache "$T/cache" --sign "$T/other.sec" "${OUT[top]}" >/dev/null
	run --separate-stderr plan "${DRV[top]}" --substituter "file://$T/cache" --json
	[ "$status" -eq 4 ] || fail "$output"
	[ "$(jq -c '.causes | map([.cause, .count, .exit])' <<<"$output")" = \
		'[["not-trusted",1,4],["not-in-any-cache",3,3]]' ] || fail "$output"
	run --separate-stderr dry_fetch "${DRV[top]}" --substituter "file://$T/cache"
	[ "$status" -eq 4 ] || fail "$output"
	[[ $stderr == *"warning: 3 derivations would have to be built: not in any cache"* ]] || fail "$stderr"
	[[ $stderr == *"--trusted-public-key other-1:KEY"* ]] || fail "$stderr"
}

@test "a single leaf of a chain is shown with its dependents" {
	run plan "${DRV[top]}" --substituter "file://$T/cache"
	[ "$status" -eq 3 ] || fail "$output"
	[[ $output == *"must be built: 4 (1 of them needs no other build; the other 3 depend on it)"* ]] || fail "$output"
	[[ $output == *"${DRV[leaf]}  (3 others depend on it)"* ]] || fail "$output"
	plan "${DRV[top]}" --substituter "file://$T/cache" --json >"$T/json" || true
	[ "$(jq -c '[.here, .derivations, .build]' "$T/json")" = '[0,4,4]' ] || fail "$(cat "$T/json")"
	[ "$(jq -r '.paths[] | select(.isRoot) | "\(.path) \(.dependents)"' "$T/json")" = "${DRV[leaf]} 3" ]
	# Paths above the leaf in a cache do not change the cause of the leaf.
	put_in_cache "${OUT[top]}" "${OUT[c]}"
	put_in_cache "${OUT[c]}" "${OUT[b]}" "${OUT[leaf]}"
	put_in_cache "${OUT[b]}" "${OUT[leaf]}"
	run plan "${DRV[top]}" --substituter "file://$T/cache"
	[ "$status" -eq 3 ] || fail "$output"
	[[ $output == *"${OUT[leaf]}  (not in any cache, and no derivation is known)  (3 others depend on it)"* ]] ||
		fail "$output"
}

@test "plan --why --json also explains an output and an unknown path" {
	plan "${DRV[top]}" --substituter "file://$T/cache" --why-build "${DRV[leaf]}" --json >"$T/json"
	[ "$(jq -c '[.path, .status, .cause, .dependents, (.chain | map(.path))]' "$T/json")" = \
		"[\"${DRV[leaf]}\",\"build\",\"not-in-any-cache\",3,[\"${DRV[top]}\",\"${DRV[c]}\",\"${DRV[leaf]}\"]]" ] ||
		[ "$(jq -r '.chain | map(.path) | [.[0], .[-1]] | join(" ")' "$T/json")" = "${DRV[top]} ${DRV[leaf]}" ] ||
		fail "$(cat "$T/json")"
	plan "${DRV[top]}" --substituter "file://$T/cache" --why-build "${OUT[b]}" --json >"$T/json"
	[ "$(jq -r .path "$T/json")" = "${DRV[b]}" ]
	run --separate-stderr plan "${OUT[b]}" --substituter "file://$T/cache" --why-build "${OUT[b]}" --json
	[ "$(jq -c '[.status, .cause]' <<<"$output")" = '["unknown","not-in-any-cache"]' ] || fail "$output $stderr"
	fails 2 "does not have to be built" plan "${DRV[top]}" --why-build "${DRV[local]}" --json
	[ -z "$output" ]
}

@test "with build inputs, an unqueried cache is reported, too" {
	dead_port
	run --separate-stderr dry_fetch "${DRV[top]}" --with-build-inputs --substituter "http://127.0.0.1:$DEAD_PORT"
	[[ $stderr == *"warning: 4 derivations would have to be built: cache 'http://127.0.0.1:$DEAD_PORT'"* ]] ||
		fail "$stderr"
}
