#!/usr/bin/env bats
# What the commands print about a bundle, an import and a pool.

load helper

setup() {
	setup_lab
	make_small_closure "$T/cache"
	make_bundle "$TOP" >/dev/null
}

teardown() {
	teardown_lab
}

look() {
	nixferry "$@" --trusted-public-key "$PUBLIC_KEY"
}

@test "list shows sizes and paths" {
	look list "$T/b.bundle" >"$T/list"
	[ "$(wc -l <"$T/list")" -eq 5 ]
	[ "$(awk '{ print $NF }' "$T/list" | sort)" = "$(printf '%s\n' "${ALL_PATHS[@]}" | sort)" ]
	[ "$(look list - <"$T/b.bundle")" = "$(cat "$T/list")" ]
	look list --json "$T/b.bundle" >"$T/json"
	[ "$(jq -r '.paths[].path' "$T/json")" = "$(awk '{ print $NF }' "$T/list")" ]
	[ "$(jq -r --arg p "$LINK" '.paths[] | select(.path == $p).references[]' "$T/json")" = "$DATA" ]
	[ "$(jq -r --arg p "$APP" '.paths[] | select(.path == $p).narSize' "$T/json")" = \
		"$(sed -n 's/^NarSize: //p' "$(narinfo_of "$T/cache" "$APP")")" ]
}

@test "info shows signers, roots and sizes" {
	look info "$T/b.bundle" >"$T/info"
	grep -q '^trusted  *yes, lab-1$' "$T/info"
	grep -q '^format  *2$' "$T/info"
	grep -q "^root  *$TOP\$" "$T/info"
	grep -q '^paths  *5$' "$T/info"
	look info --json - <"$T/b.bundle" >"$T/json"
	[ "$(jq -c '[.trusted, .signedBy, .signers, .paths, .bundleSize]' "$T/json")" = \
		"[true,\"lab-1\",[\"lab-1\"],5,$(stat -c %s "$T/b.bundle")]" ]
	[ "$(jq -r '.roots[]' "$T/json")" = "$TOP" ]
}

@test "for an untrusted bundle, only the signers are shown" {
	fails 4 "signed by 'lab-1', which is not a trusted key" nixferry info "$T/b.bundle"
	[[ $output == *"signer      lab-1"* ]]
	[[ $output == *"trusted     no"* ]]
	[[ $output != *"$TOP"* ]]
	fails 4 "not a trusted key" nixferry info --json "$T/b.bundle"
	[ "$(jq -c '[.trusted, .signers]' <<<"$output")" = '[false,["lab-1"]]' ]
	fails 4 "not a trusted key" nixferry list "$T/b.bundle"
	[ -z "$output" ]
}

@test "import ends with the command that installs" {
	mkdir "$T/my root"
	import_bundle "$T/b.bundle" "$T/my root" --profile system >"$T/out"
	grep -q '^imported 5 paths (.*), 0 were there already$' "$T/out"
	grep -q '^profile: /nix/var/nix/profiles/system-1-link$' "$T/out"
	[ "$(tail -n 1 "$T/out")" = \
		"  nixos-install --root '$T/my root' --system $TOP --no-channel-copy --substituters \"\"" ]
	import_bundle - "$T/my root" --json <"$T/b.bundle" >"$T/json"
	[ "$(jq -c '[.imported, .present]' "$T/json")" = '[0,5]' ]
	fails 2 "is not a directory" nixferry import "$T/b.bundle" --store "$T/b.bundle"
	fails 1 "store root '.*/none': No such file" nixferry import "$T/b.bundle" --store "$T/none"
}

@test "a bundle of several systems cannot become a profile" {
	nixferry pack "$TOP" "$APP" --pool "$T/pool" --sign-key "$T/lab.sec" -o "$T/two.bundle"
	mkdir "$T/root"
	fails 2 "needs a bundle with one root, but this one has 2" \
		import_bundle "$T/two.bundle" "$T/root" --profile system
	[ -z "$(ls "$T/root")" ]
	import_bundle "$T/two.bundle" "$T/root" >"$T/out"
	run ! grep nixos-install "$T/out"
}

@test "verify reports what it verified" {
	[[ $(look verify "$T/b.bundle") == "good: 5 paths ("*" unpacked), signed by lab-1" ]]
	[ "$(look verify --json - <"$T/b.bundle" | jq -c '[.signedBy, .paths]')" = '["lab-1",5]' ]
}

@test "the pool is listed, and damaged entries are removed" {
	[ "$(nixferry pool list --pool "$T/pool" | awk '{ print $NF }' | sort)" = \
		"$(printf '%s\n' "${ALL_PATHS[@]}" | sort)" ]
	[ "$(nixferry pool check --pool "$T/pool")" = "checked 5 entries, 0 were damaged" ]
	nar=$T/pool/$(nar_of "$T/pool" "$APP")
	chmod u+w "$nar"
	printf X | dd of="$nar" bs=1 seek=50000 conv=notrunc status=none
	fails 5 "1 damaged entry was removed" nixferry pool check --pool "$T/pool" --json
	[ "$(jq -c '[.checked, .removed]' <<<"$output")" = "[5,[\"$APP\"]]" ]
	[[ $stderr == *"warning: removed '$APP'"* ]]
	fails 3 "not in the pool" nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" \
		-o "$T/c.bundle"
}

@test "messages use the singular for one path" {
	local pool=$T/pool2
	nixferry prefetch "$DATA" --substituter "file://$T/cache" --pool "$pool" \
		--trusted-public-key "$PUBLIC_KEY" >"$T/out"
	grep -q '^1 path (.*): 0 were in the pool, 1 fetched (' "$T/out"
	nixferry pack "$DATA" --pool "$pool" --sign-key "$T/lab.sec" -o "$T/one.bundle" >"$T/out"
	grep -q '^packed 1 path (' "$T/out"
	[ "$(nixferry pool check --pool "$pool")" = "checked 1 entry, 0 were damaged" ]
	[[ $(look verify "$T/one.bundle") == "good: 1 path ("*" unpacked), signed by lab-1" ]]
	import_bundle "$T/one.bundle" >"$T/out"
	grep -q '^imported 1 path (.*), 0 were there already$' "$T/out"
	import_bundle "$T/one.bundle" >"$T/out"
	grep -q '^imported 0 paths (.*), 1 was there already$' "$T/out"
}

@test "pack writes to a pipe but not to a terminal" {
	nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" -o - 2>"$T/err" | cat >"$T/c"
	cmp "$T/b.bundle" "$T/c"
	grep -q "^nixferry: pack: packed 5 paths" "$T/err"
	fails 2 "both want standard output" nixferry pack "$TOP" --json -o - --sign-key "$T/lab.sec"
	if script -qec true /dev/null >/dev/null 2>&1; then # there are pseudo-terminals
		run script -qec "'$BUILD/nixferry' pack '$TOP' -o - --sign-key '$T/lab.sec'" /dev/null
		[ "$status" -eq 2 ]
		[[ $output == *"standard output is a terminal"* ]]
	fi
}
