#!/usr/bin/env bats
# Which keys an importer of a bundle must trust: reported by pack and by the bundle,
# and by every refusal. "lab-1" and "up-1" sign paths, "carrier-1" the bundle.

load helper

setup() {
	setup_lab
	for name in up-1 carrier-1; do
		mkcache keygen "$name" "$T/$name.sec" "$T/$name.pub"
	done
	UP=$(cat "$T/up-1.pub")
	CARRIER=$(cat "$T/carrier-1.pub")
	mkdir "$T/root"
}

teardown() {
	teardown_lab
}

# make_mixed_closure: TOP (lab-1) -> MID (up-1) -> LOW (up-1), CA (addressed by
# its content).
make_mixed_closure() {
	local name
	for name in low mid top ca; do echo "$name" >"$T/$name"; done
	CA=$(mkcache add --cache "$T/cache" --name ca --tree "$T/ca")
	LOW=$(add low up-1)
	MID=$(add mid up-1 "$LOW" "$CA")
	TOP=$(add top lab-1 "$MID")
	cp "$T/lab.sec" "$T/lab-1.sec"
}

# add NAME KEY [REF]...
add() {
	local refs=() ref
	for ref in "${@:3}"; do refs+=(--ref "$ref"); done
	[ -e "$T/lab-1.sec" ] || cp "$T/lab.sec" "$T/lab-1.sec"
	mkcache add --cache "$T/cache" --sign "$T/$2.sec" --name "$1" --tree "$T/$1" \
		--input-addressed "${refs[@]}"
}

# carry [OPTION]...: packs TOP into $T/b.bundle, signed by the carrier.
carry() {
	nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool" \
		--no-local-store --sign-key "$T/carrier-1.sec" -o "$T/b.bundle" \
		--trusted-public-key "$PUBLIC_KEY" --trusted-public-key "$UP" "$@"
}

repack() {
	nixferry pack "$TOP" --pool "$T/pool" --no-local-store --sign-key "$T/carrier-1.sec" \
		-o "$T/p.bundle" "$@"
}

into_root() {
	nixferry import "$T/b.bundle" --store "$T/root" "$@"
}

options_of() {
	sed -n 's/^  --trusted-public-key //p' "$@"
}

@test "prefetch, pack and info list the keys that an importer needs, and these suffice" {
	make_mixed_closure
	carry >"$T/out"
	grep -qx "to import it, trust:" "$T/out"
	[ "$(options_of "$T/out")" = "$(printf '%s\n' "$CARRIER" "$PUBLIC_KEY" "$UP")" ]
	repack --trusted-public-key "$PUBLIC_KEY" --trusted-public-key "$UP" >"$T/out2"
	[ "$(options_of "$T/out2")" = "$(options_of "$T/out")" ]
	cmp "$T/b.bundle" "$T/p.bundle"
	nixferry info "$T/b.bundle" --trusted-public-key "$CARRIER" >"$T/out3"
	[ "$(options_of "$T/out3")" = "$(options_of "$T/out")" ]
	grep -qx "needs key   lab-1, for 1 path: not trusted" "$T/out3"
	grep -qx "needs key   up-1, for 2 paths: not trusted" "$T/out3"
	# In the form in which a user pastes them.
	eval "into_root $(grep '^  --' "$T/out3" | xargs)"
	[ "$(valid_paths "$T/root" | wc -l)" -eq 4 ]
}

@test "info --json shows which keys are needed and which are trusted" {
	make_mixed_closure
	[ "$(carry --json | jq -c '[.bundleKey, (.neededKeys[] | .key)]')" = \
		"$(jq -nc '$ARGS.positional' --args "$CARRIER" "$PUBLIC_KEY" "$UP")" ]
	nixferry info --json "$T/b.bundle" --trusted-public-key "$CARRIER" \
		--trusted-public-key "$UP" >"$T/info"
	jq -e '.untrustedPaths == 1 and .bundleKey == $k' --arg k "$CARRIER" "$T/info"
	[ "$(jq -c '.neededKeys | map([.name, .paths, .trusted])' "$T/info")" = \
		'[["lab-1",1,false],["up-1",2,true]]' ]
	nixferry info --json - --trusted-public-key "$CARRIER" <"$T/b.bundle" |
		jq -e '.untrustedPaths == 3'
}

@test "all missing keys are named at once, with the options to give" {
	make_mixed_closure
	carry >/dev/null
	for command in "import $T/b.bundle --store $T/root" "verify $T/b.bundle" "import - --store $T/root"; do
		# shellcheck disable=SC2086
		fails 4 "3 of 4 paths have no signature by a trusted key, first '.*': 'lab-1' signed 1, 'up-1' signed 2$" \
			nixferry $command --trusted-public-key "$CARRIER" <"$T/b.bundle"
		grep -qF "1 path is signed by 'lab-1', which is not trusted; its key, according to 'carrier-1', which signed the bundle: --trusted-public-key $PUBLIC_KEY" <<<"$stderr"
		grep -qF -- "--trusted-public-key $UP" <<<"$stderr"
	done
	assert_nothing_valid "$T/root"
	fails 4 "2 of 4 paths have no signature by a trusted key, first '.*': 'up-1' signed 2; if you trust it: --trusted-public-key ${UP//+/[+]}" \
		nixferry verify "$T/b.bundle" --trusted-public-key "$CARRIER" --trusted-public-key "$PUBLIC_KEY"
}

@test "a bundle's own key is shown with a warning, and only if it signed the bundle" {
	make_mixed_closure
	carry >/dev/null
	for command in info list verify "import --store $T/root"; do
		# shellcheck disable=SC2086
		fails 4 "signed by 'carrier-1', which is not a trusted key; a forged bundle would show the forger's key: trust this one only if the bundle's maker gave it to you: --trusted-public-key ${CARRIER//+/[+]}" \
			nixferry $command "$T/b.bundle"
		# shellcheck disable=SC2086
		fails 4 "trust this one only if the bundle's maker gave it to you: --trusted-public-key ${CARRIER//+/[+]}" nixferry $command - <"$T/b.bundle"
	done
	# Nobody trusts the keys that it lists.
	assert_nothing_valid "$T/root"
	# Another signature with the same name: the listed key did not make it.
	mkcache keygen carrier-1 "$T/other.sec" "$T/other.pub"
	sig=$(nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool" --no-local-store \
		--sign-key "$T/other.sec" -o - --trusted-public-key "$PUBLIC_KEY" --trusted-public-key "$UP" \
		2>/dev/null | tar xO nixferry/manifest.sig)
	tar xOf "$T/b.bundle" nixferry/manifest.sig >"$T/sig"
	offset=$(grep -abo -F "$(cat "$T/sig")" "$T/b.bundle" | head -n 1 | cut -d: -f1)
	printf '%s' "$sig" | dd of="$T/b.bundle" bs=1 seek="$offset" conv=notrunc status=none
	fails 4 "to trust it, with the KEY that the bundle's maker gave you: --trusted-public-key carrier-1:KEY$" \
		nixferry info "$T/b.bundle"
}

@test "with --sign-all one trusted key suffices, and the bytes are the same each time" {
	make_mixed_closure
	carry --sign-all >"$T/out"
	[ "$(options_of "$T/out")" = "$CARRIER" ]
	repack --sign-all >/dev/null
	cmp "$T/b.bundle" "$T/p.bundle"
	into_root --trusted-public-key "$CARRIER"
	[ "$(valid_paths "$T/root" | wc -l)" -eq 4 ]
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" "select sigs from ValidPaths where path = '$MID'" >"$T/sigs"
	grep -q "carrier-1:" "$T/sigs"
	grep -q "up-1:" "$T/sigs"
	have_nix || skip "no Nix here"
	nix_on "$T/root" store verify -r --trusted-public-keys "$CARRIER" "$TOP"
}

@test "keys unknown to the packer are named without their text" {
	make_mixed_closure
	carry >/dev/null
	repack >"$T/out"
	[ "$(options_of "$T/out")" = "$(printf '%s\n' "$CARRIER" lab-1:KEY up-1:KEY)" ]
	fails 4 "signed by 'up-1', which is not trusted; .*: --trusted-public-key up-1:KEY$" \
		nixferry verify "$T/p.bundle" --trusted-public-key "$CARRIER"
}

@test "real Nix copies from the unpacked bundle, with the keys that it lists" {
	have_nix || skip "no Nix here"
	make_mixed_closure
	carry >/dev/null
	mkdir "$T/tree"
	tar xf "$T/b.bundle" -C "$T/tree"
	nix --store "$T/root" copy --from "file://$T/tree" "$TOP" \
		--option trusted-public-keys "$(sed -n 's/^Nixferry-Key: //p' "$T/tree/nix-cache-info" | xargs)"
	[ "$(valid_paths "$T/root" | wc -l)" -eq 4 ]
}

@test "trusted keys come from files too, in every command" {
	make_mixed_closure
	printf '# of the lab\n%s\n\n%s\n' "$PUBLIC_KEY" "$UP" >"$T/keys"
	nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool" --no-local-store \
		--sign-key "$T/carrier-1.sec" -o "$T/b.bundle" --trusted-public-key "$T/keys"
	for command in verify list info "import --store $T/root"; do
		# shellcheck disable=SC2086
		nixferry $command "$T/b.bundle" --trusted-public-key "$T/keys" \
			--trusted-public-key "$T/carrier-1.pub"
	done
	nixferry plan "$TOP" --substituter "file://$T/cache" --pool "$T/pool2" --no-local-store \
		--trusted-public-key "$T/keys"
	fails 2 "carrier-1.sec': line 1: this is a secret key" nixferry info "$T/b.bundle" \
		--trusted-public-key "$T/carrier-1.sec"
	! grep -qF "$(cut -d: -f2 "$T/carrier-1.sec" | cut -c1-20)" <<<"$stderr"
	fails 2 "this is a secret key" nixferry info "$T/b.bundle" \
		--trusted-public-key "$(cat "$T/carrier-1.sec")"
	! grep -qF "$(cut -d: -f2 "$T/carrier-1.sec" | cut -c1-20)" <<<"$stderr"
}

@test "caches: the key of an untrusted path is named with the option that trusts it" {
	make_mixed_closure
	fails 4 "signed by 'lab-1', which is not a trusted key; to trust it: --trusted-public-key lab-1:KEY" \
		nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool" --no-local-store
	fails 4 "to trust it: --trusted-public-key lab-1:KEY" \
		nixferry plan "$TOP" --substituter "file://$T/cache" --pool "$T/pool" --no-local-store
	carry >/dev/null
	fails 4 "signed by 'carrier-1', which is not a trusted key" \
		nixferry prefetch "$TOP" --substituter "$T/b.bundle" --pool "$T/pool2" --no-local-store \
		--trusted-public-key "$PUBLIC_KEY" --trusted-public-key "$UP"
}

@test "key names are safe in options that are pasted" {
	make_mixed_closure
	mkcache keygen 'a;touch-x$(id)'"'" "$T/odd.sec" "$T/odd.pub"
	nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool" --no-local-store \
		--sign-key "$T/odd.sec" -o "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY" \
		--trusted-public-key "$UP" >"$T/out"
	args=()
	eval "args=($(grep '^  --trusted' "$T/out" | tr '\n' ' '))"
	[ "${args[1]}" = "$(cat "$T/odd.pub")" ]
	into_root "${args[@]}"
}

# sigs_in_root: for each path, the number of signers and whether it counts as built here.
sigs_in_root() {
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" \
		"select coalesce(sigs, ''), coalesce(ultimate, 0) from ValidPaths order by path" | sed 's/:[^ |]*//g'
}

@test "--no-check-sigs imports what only the bundle's signer vouches for, and says so" {
	make_mixed_closure
	carry
	local only=(--trusted-public-key "$CARRIER")
	fails 4 "no signature by a trusted key" nixferry verify "$T/b.bundle" "${only[@]}"
	run -0 --separate-stderr nixferry verify "$T/b.bundle" "${only[@]}" --no-check-sigs --quiet
	grep -q "warning: --no-check-sigs: paths need no signature" <<<"$stderr"
	grep -q "warning: 3 paths have no signature by a trusted key" <<<"$stderr"
	run -0 --separate-stderr into_root "${only[@]}" --no-check-sigs --json
	[ "$(jq .unchecked <<<"$output")" -eq 3 ]
	# The bundle's signatures are kept; no row claims that the path was verified or built here.
	[ "$(sigs_in_root | LC_ALL=C sort | xargs)" = "carrier-1|0 lab-1|0 up-1|0 up-1|0" ] || fail "$(sigs_in_root)"
	# The next run does not remember it.
	rm -rf "$T/root"
	mkdir "$T/root"
	fails 4 "no signature by a trusted key" into_root "${only[@]}"
	[ ! -e "$T/root/nix/store" ]
}

@test "--no-check-sigs still needs a trusted signature of the bundle, and everything intact" {
	make_mixed_closure
	carry
	fails 4 "carrier-1" into_root --no-check-sigs --trusted-public-key "$UP"
	[ ! -e "$T/root/nix" ]
	printf 'x' | dd of="$T/b.bundle" bs=1 seek=$(($(stat -c %s "$T/b.bundle") - 3000)) conv=notrunc status=none
	fails 5 "block|digest|corrupt" into_root --no-check-sigs --trusted-public-key "$CARRIER"
}

@test "prefetch --no-check-sigs trusts caches once, and packs under one's own name" {
	make_mixed_closure
	local fetch=(nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool" --no-local-store)
	fails 4 "not a trusted key" "${fetch[@]}"
	run -0 --separate-stderr "${fetch[@]}" --no-check-sigs --sign-key "$T/carrier-1.sec" -o "$T/b.bundle"
	grep -q "warning: --no-check-sigs: paths need no signature; everybody who controls a cache" <<<"$stderr"
	into_root --trusted-public-key "$CARRIER"
	fails 4 "not a trusted key" "${fetch[@]}"
}

@test "a bundle and its paths need signatures by as many different keys as are demanded" {
	local trust=(--trusted-public-key "$PUBLIC_KEY" --trusted-public-key "$CARRIER")
	make_signed_path
	carry --sign-all >"$T/out"
	cp "$T/b.bundle" "$T/once.bundle"
	# the carrier's key again, with another name
	sed 's/^carrier-1/other-9/' "$T/carrier-1.pub" >"$T/other-9.pub"
	sed 's/^carrier-1/other-9/' "$T/carrier-1.sec" >"$T/other-9.sec"
	chmod 600 "$T/other-9.sec"
	nixferry sign "$T/b.bundle" --sign-key "$T/other-9.sec" "${trust[@]}" >"$T/out"
	fails 4 "1 of the 2 different trusted keys that are needed has signed it: 'carrier-1'" \
		into_root "${trust[@]}" --trusted-public-key "$T/other-9.pub" --signatures-needed 2
	assert_nothing_valid "$T/root"

	fails 4 "which is not a trusted key" nixferry sign "$T/once.bundle" --sign-key "$T/lab.sec"
	fails 2 "only 2 are trusted" nixferry verify "$T/once.bundle" --signatures-needed 3 \
		--trusted-public-key "$CARRIER"
	fails 2 "a signature is added to a file" nixferry sign - --sign-key "$T/lab.sec"
	ln -s once.bundle "$T/link.bundle"
	[ "$(nixferry sign "$T/link.bundle" --sign-key "$T/lab.sec" --json "${trust[@]}" |
		jq -c '[.signers, .added]')" = '[["carrier-1","lab-1"],true]' ]
	[ -L "$T/link.bundle" ]
	[ "$(nixferry sign "$T/once.bundle" --sign-key "$T/lab.sec" --json |
		jq -c '[.signers, .added]')" = '[["carrier-1","lab-1"],false]' ]
	[ "$(nixferry info "$T/once.bundle" --json "${trust[@]}" | jq '.trustedKeys | length')" -eq 2 ]
	tar -tf "$T/once.bundle" | grep -q '^nix-cache-info$'

	fails 4 "2 of the 3 different trusted keys that are needed have signed it" \
		"$BUILD/nixferry-import" import "$T/once.bundle" --store "$T/root" "${trust[@]}" \
		--sigs-needed 3 --trusted-public-key "$UP"
	assert_nothing_valid "$T/root"
	"$BUILD/nixferry-import" import - --store "$T/root" "${trust[@]}" \
		--signatures-needed 2 --sigs-needed 2 <"$T/once.bundle" >"$T/out"
	[ "$(valid_paths "$T/root")" = "$TOP" ]

	# Without --sign-all, the path has only the upstream signature, and pack says so.
	fails 4 "1 of the 2 different trusted keys .*: 'lab-1'" repack --sigs-needed 2 "${trust[@]}"
	[ ! -e "$T/p.bundle" ]
	rm -r "$T/pool"
	fails 4 "1 of the 2 different trusted keys .*: 'lab-1'" carry --sigs-needed 2
	assert_no_temp_files "$T"
}
