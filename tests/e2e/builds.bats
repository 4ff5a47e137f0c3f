#!/usr/bin/env bats
# Derivations as installables: their outputs, or everything needed to build them offline. Real Nix builds.

load helper

setup() {
	setup_lab
	needs_nix_builds
	made_once make_stores
	start_cache "$T/cache"
}

teardown() {
	teardown_lab
	# Nix made them read-only.
	chmod -R u+w "$T"
}

# The builder writes its name and its input files to an output.
write_graph() {
	cat >"$T/builder.c" <<-'EOF'
		#include <stdio.h>

		int main(int argc, char **argv)
		{
			FILE *in, *out = fopen(argv[1], "w");
			int c;

			if (!out || fprintf(out, "%s\n", argv[2]) < 0)
				return 1;
			for (int i = 3; i < argc; i++) {
				if (!(in = fopen(argv[i], "r")))
					return 2;
				while ((c = getc(in)) != EOF)
					putc(c, out);
				fclose(in);
			}
			return fclose(out) ? 1 : 0;
		}
	EOF
	${CC:-cc} -static -O1 -o "$T/builder" "$T/builder.c"
	echo "a source" >"$T/source.txt"
	printf 'fixed\na source\n' >"$T/fixed.txt"
	cat >"$T/graph.nix" <<-EOF
		let mk = name: files: extra: derivation ({
		      inherit name; system = builtins.currentSystem; builder = "\${./builder}";
		      args = [ (builtins.placeholder "out") name ] ++ files; } // extra);
		in rec {
		  lib = mk "lib" [ ./source.txt ] { };
		  fixed = mk "fixed" [ ./source.txt ] {
		    outputHashMode = "flat"; outputHashAlgo = "sha256";
		    outputHash = "$(sha256sum "$T/fixed.txt" | cut -c 1-64)"; };
		  tool = mk "tool" [ lib ./source.txt ] { };
		  attrs = mk "attrs" [ tool fixed ] { __structuredAttrs = true; list = [ 1 2 ]; };
		  own = mk "own" [ lib ] { allowSubstitutes = false; };
		  top = mk "top" [ attrs own lib ] { };
		}
	EOF
}

# instantiate STORE NAME
instantiate() {
	local drv
	drv=$(nix-instantiate --store "$T/$1" "$T/graph.nix" -A "$2" 2>/dev/null)
	echo "${drv%%!*}"
}

# realise STORE NAME
realise() {
	nix-store --store "$T/$1" --realise "${DRV[$2]}" --option substituters "" >/dev/null \
		2>"$T/nix.log" || fail "$(cat "$T/nix.log")"
}

# Derivations in $T/eval; of these, lib and fixed are built in $T/built and are in the cache.
make_stores() {
	local name
	declare -gA DRV OUT
	write_graph
	for name in lib fixed tool attrs own top; do
		DRV[$name]=$(instantiate eval "$name")
		OUT[$name]=$(nix-store --store "$T/eval" -q --binding out "${DRV[$name]}" 2>/dev/null)
	done
	for name in lib fixed; do
		instantiate built "$name" >/dev/null
		realise built "$name"
		nix_on "$T/built" store sign -k "$T/lab.sec" "${OUT[$name]}"
		nix_on "$T/built" copy --to "file://$T/cache" "${OUT[$name]}" 2>/dev/null
	done
}

# fetch ARG...: with derivations from $T/eval.
fetch() {
	local key=()
	[[ " $* " != *" -o "* ]] || key=(--sign-key "$T/lab.sec")
	nixferry prefetch --from-store "$T/eval" --pool "$T/pool" --substituter "$URL" \
		--trusted-public-key "$PUBLIC_KEY" "${key[@]}" "$@"
}

# into_fresh BUNDLE: imports it into a new store.
into_fresh() {
	rm -rf "$T/fresh"
	mkdir "$T/fresh"
	nixferry import "$1" --store "$T/fresh" --trusted-public-key "$PUBLIC_KEY"
}

# build_offline DRV: in the new store, without a network if the kernel allows a namespace.
build_offline() {
	local without=()
	unshare -n true 2>/dev/null && without=(unshare -n)
	"${without[@]}" nix-store --store "$T/fresh" --realise "$1" --option substituters ""
}

@test "with its build inputs, a derivation is built from the bundle without a network" {
	run fetch "${DRV[top]}" --with-build-inputs -o "$T/bundle"
	[ "$status" -eq 0 ] || fail "$output"
	[[ $output == *"4 derivations are left to be built"* ]] || fail "$output"
	into_fresh "$T/bundle"
	run build_offline "${DRV[top]}"
	[ "$status" -eq 0 ] || fail "$output"
	# Nothing that the cache had is built again.
	[[ $output != *"building '${DRV[lib]}'"* ]] || fail "$output"
	[[ $output != *"building '${DRV[fixed]}'"* ]] || fail "$output"
	[[ $output == *"building '${DRV[attrs]}'"* ]] || fail "$output"
	[ "$(head -n 3 "$T/fresh${OUT[top]}")" = $'top\nattrs\ntool' ] || fail "$(cat "$T/fresh${OUT[top]}")"
	nix-store --store "$T/fresh" --verify --check-contents
}

@test "without build inputs, paths to be built are named and their inputs are fetched" {
	run fetch "${DRV[top]}" -o "$T/bundle"
	[ "$status" -eq 3 ] || fail "$output"
	[[ $output == *"4 derivations would have to be built"* ]] || fail "$output"
	[[ $output == *"--with-build-inputs"* ]] || fail "$output"
	[ ! -e "$T/bundle" ]
	diff <(nixferry pool list --pool "$T/pool" --json | jq -r '.paths[].path' | sort) \
		<(printf '%s\n' "${OUT[lib]}" "${OUT[fixed]}" | sort)
}

@test "with --keep-going, paths to be built, which the bundle lacks, are announced first" {
	run --separate-stderr fetch "${DRV[top]}" -k -o "$T/bundle"
	[ "$status" -eq 3 ] || fail "$stderr"
	head -n 1 <<<"$stderr" | grep -q "not in the bundle: 4 derivations would have to be built" ||
		fail "$stderr"
	nixferry verify "$T/bundle" --trusted-public-key "$PUBLIC_KEY"
	diff <(nixferry list "$T/bundle" --trusted-public-key "$PUBLIC_KEY" --json |
		jq -r '.paths[].path' | sort) <(printf '%s\n' "${OUT[lib]}" "${OUT[fixed]}" | sort)
}

@test "paths to be built are listed as JSON" {
	run -3 --separate-stderr fetch "${DRV[top]}" --json
	diff <(jq -r '.toBuild[]' <<<"$output" | sort) \
		<(printf '%s\n' "${DRV[tool]}" "${DRV[attrs]}" "${DRV[own]}" "${DRV[top]}" | sort)
	[ "$(jq .complete <<<"$output")" = false ]
}

@test "outputs that a cache has are fetched, and are the bundle's roots" {
	fetch "${DRV[lib]}!out" "${DRV[fixed]}" -o "$T/bundle"
	diff <(nixferry info "$T/bundle" --trusted-public-key "$PUBLIC_KEY" --json | jq -r '.roots[]' | sort) \
		<(printf '%s\n' "${OUT[lib]}" "${OUT[fixed]}" | sort)
	into_fresh "$T/bundle"
	cmp "$T/fresh${OUT[fixed]}" "$T/fixed.txt"
}

@test "outputs that are valid in the live store come from it" {
	nixferry prefetch "${DRV[lib]}" --from-store "$T/built" --pool "$T/pool" --substituter "$URL" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/bundle"
	[ "$(log_count '/nar/')" -eq 0 ]
	[ "$(nixferry info "$T/bundle" --trusted-public-key "$PUBLIC_KEY" --json | jq -r '.roots[]')" = "${OUT[lib]}" ]
}

@test "for a derivation nothing is requested twice, and each request is counted" {
	run --separate-stderr fetch "${DRV[lib]}" --json
	[ "$status" -eq 0 ] || fail "$stderr"
	[ -z "$(cut -d ' ' -f 1,2 "$CACHE_LOG" | sort | uniq -d)" ] || fail "$(cat "$CACHE_LOG")"
	[ "$(jq .requests <<<"$output")" = "$(log_count '^GET ')" ] || fail "$output"
	[ "$(jq '.caches[0].narinfos' <<<"$output")" = 1 ] || fail "$output"
}

@test "a cache that did not answer for outputs is not queried again" {
	dead_port
	run --separate-stderr fetch "${DRV[lib]}" --json --substituter "http://127.0.0.1:$DEAD_PORT"
	[ "$status" -eq 0 ] || fail "$stderr"
	[ "$(grep -c "is not used" <<<"$stderr")" = 1 ] || fail "$stderr"
	[[ $(jq -r '.caches[1].leftOut' <<<"$output") == *onnect* ]] || fail "$output"
}

@test "an output with allowSubstitutes = false is taken from the store that has it" {
	instantiate built own >/dev/null
	realise built own
	nixferry prefetch "${DRV[own]}" --from-store "$T/built" --pool "$T/pool" --substituter "$URL" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/bundle"
	[ "$(nixferry info "$T/bundle" --trusted-public-key "$PUBLIC_KEY" --json | jq -r '.roots[]')" = "${OUT[own]}" ]
}

@test "packing a derivation gives the bundle that prefetching it gave" {
	fetch "${DRV[top]}" --with-build-inputs -o "$T/bundle"
	stop_caches
	nixferry pack "${DRV[top]}" --with-build-inputs --from-store "$T/eval" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/again"
	cmp "$T/bundle" "$T/again"
}

@test "packing takes outputs, derivations and sources from the store alone" {
	instantiate built tool >/dev/null
	nixferry pack "${DRV[tool]}" --with-build-inputs --from-store "$T/built" --pool "$T/empty-pool" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/bundle"
	into_fresh "$T/bundle"
	run build_offline "${DRV[tool]}"
	[ "$status" -eq 0 ] || fail "$output"
	run nixferry pack "${DRV[tool]}" --from-store "$T/built" --pool "$T/empty-pool" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/other"
	[ "$status" -eq 3 ] || fail "$output"
	[[ $output == *"derivation '$(basename "${DRV[tool]}")' would have to be built"* ]] || fail "$output"
}

@test "a fixed output that no cache has is named: building it needs the network" {
	rm "$(narinfo_of "$T/cache" "${OUT[fixed]}")"
	run fetch "${DRV[top]}" --with-build-inputs -o "$T/bundle"
	[ "$status" -eq 3 ] || fail "$output"
	[[ $output == *"'$(basename "${DRV[fixed]}")'"*network* ]] || fail "$output"
	[ ! -e "$T/bundle" ]
}

@test "a derivation that is missing from the local store is named" {
	run fetch "/nix/store/00000000000000000000000000000000-gone.drv" -o "$T/bundle"
	[ "$status" -eq 3 ] || fail "$output"
	[[ $output == *"derivation '00000000000000000000000000000000-gone.drv' is not in the local store"* ]] ||
		fail "$output"
	run fetch "${DRV[lib]}!doc" -o "$T/bundle"
	[ "$status" -eq 3 ] || fail "$output"
	[[ $output == *"has no output 'doc'"* ]] || fail "$output"
}

@test "an output that no trusted key vouches for counts as missing" {
	sed -i '/^Sig:/d' "$(narinfo_of "$T/cache" "${OUT[lib]}")"
	run fetch "${DRV[lib]}" -o "$T/bundle"
	[ "$status" -eq 4 ] || fail "$output"
	[[ $output == *"derivation '$(basename "${DRV[lib]}")' would have to be built"*"no signature"* ]] ||
		fail "$output"
}
