#!/usr/bin/env bats
# What keeps imported paths alive: GC roots with names and profiles, with real Nix's
# collector as the judge where there is one.

load helper

setup() {
	setup_lab
	mkdir "$T/root"
	ROOTS=$T/root/nix/var/nix/gcroots/nixferry
}

teardown() {
	teardown_lab
}

# add NAME [REF]...: a signed path of the cache; prints it.
add() {
	local name=$1 refs=() ref
	shift
	for ref; do refs+=(--ref "$ref"); done
	echo "$name $RANDOM" >"$T/content"
	mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name "$name" --tree "$T/content" \
		--input-addressed "${refs[@]}"
}

# into PATH... [OPTION]...: prefetch --store.
into() {
	nixferry prefetch --store "$T/root" --substituter "file://$T/cache" --pool "$T/pool" \
		--no-local-store --trusted-public-key "$PUBLIC_KEY" "$@"
}

# bundle_into PATH... [-- OPTION]...: imports them from a bundle.
bundle_into() {
	local paths=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		paths+=("$1")
		shift
	done
	nixferry prefetch "${paths[@]}" --substituter "file://$T/cache" --pool "$T/pool" \
		--no-local-store --trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" \
		-o "$T/b.bundle" >/dev/null
	import_bundle "$T/b.bundle" "$T/root" "${@:2}"
}

roots() {
	nixferry roots "$1" --store "$T/root" "${@:2}"
}

dead() {
	nix-store --store "$T/root" --gc --print-dead 2>/dev/null | LC_ALL=C sort
}

@test "a later import under the same name replaces the root, and the old closure is dead" {
	lib=$(add lib-1.0)
	one=$(add nixos-system-lab-1 "$lib")
	two=$(add nixos-system-lab-2)
	bundle_into "$one" -- >"$T/out"
	grep -qx "GC root: nixos-system-lab" "$T/out"
	[ "$(readlink "$ROOTS/nixos-system-lab")" = "$one" ]
	bundle_into "$two" --
	[ "$(readlink "$ROOTS/nixos-system-lab")" = "$two" ]
	[ "$(ls "$ROOTS")" = nixos-system-lab ]
	have_nix || skip "no Nix here"
	[ "$(dead)" = "$(printf '%s\n' "$one" "$lib" | LC_ALL=C sort)" ]
	nix-store --store "$T/root" --gc
	[ "$(valid_paths "$T/root")" = "$two" ]
}

@test "a named root keeps its paths whatever else is imported" {
	one=$(add thing-1)
	two=$(add thing-2)
	into "$one" --gc-root mine --json | jq -e '.import.gcRoots == ["mine"]'
	bundle_into "$two" -- --gc-root other
	[ "$(ls "$ROOTS" | xargs)" = "mine other" ]
	bundle_into "$two" -- --gc-root mine
	[ "$(readlink "$ROOTS/mine")" = "$two" ]
	have_nix || skip "no Nix here"
	[ "$(dead)" = "$one" ]
}

@test "the roots of one import are replaced as a whole" {
	a=$(add a-1) b=$(add b-1) c=$(add c-1)
	into "$a" "$b" --gc-root set
	[ "$(ls "$ROOTS" | wc -l)" -eq 2 ]
	[ "$(roots list --json | jq -r '.roots[] | select(.exists) | .path' | LC_ALL=C sort)" = \
		"$(printf '%s\n' "$a" "$b" | LC_ALL=C sort)" ]
	! have_nix || [ -z "$(dead)" ]
	bundle_into "$c" "$b" -- --gc-root set
	[ "$(ls "$ROOTS" | wc -l)" -eq 2 ]
	! have_nix || [ "$(dead)" = "$a" ]
	# Without a name each has its own.
	into "$a" "$c" >"$T/out"
	grep -qx "GC roots: a c" "$T/out"
	into "$c" --gc-root set
	! have_nix || [ "$(dead)" = "$b" ]
}

@test "with a profile no other root keeps the closure alive" {
	one=$(add nixos-system-lab-1)
	two=$(add nixos-system-lab-2)
	bundle_into "$one" -- --profile system
	into "$two" --profile system --json | jq -e '.import.gcRoots == []'
	[ -z "$(find "$ROOTS" -type l 2>/dev/null)" ]
	have_nix || skip "no Nix here"
	[ -z "$(dead)" ]
	nix-env --store "$T/root" -p "$T/root/nix/var/nix/profiles/system" --delete-generations 1
	[ "$(dead)" = "$one" ]
	rm "$T/root/nix/var/nix/profiles/system"*
	[ "$(dead)" = "$(printf '%s\n' "$one" "$two" | LC_ALL=C sort)" ]
}

@test "a profile replaces the roots of imports without one" {
	one=$(add nixos-system-lab-1)
	two=$(add nixos-system-lab-2)
	other=$(add tool-1)
	into "$one"
	into "$other"
	into "$one" --gc-root kept
	ln -s "$two" "$ROOTS/$(basename "$two")"
	bundle_into "$two" -- --profile system
	[ "$(ls "$ROOTS" | xargs)" = "kept tool" ]
}

@test "roots are listed and removed, including those of earlier versions" {
	one=$(add thing-1)
	two=$(add thing-2)
	into "$one" "$two" --gc-root both
	into "$one" --gc-root alone
	ln -s "$two" "$ROOTS/$(basename "$two")"
	ln -s "/nix/store/$SELF_PLACEHOLDER-none" "$ROOTS/gone"
	[ "$(roots list | wc -l)" -eq 5 ]
	roots list | grep -qE "^20..-..-..T..:..:..Z  alone  $one$"
	roots list | grep -qE "  gone  /nix/store/$SELF_PLACEHOLDER-none  \(missing\)$"
	[ "$(roots list --json | jq -c '[.roots[] | select(.name == "gone") | .exists]')" = "[false]" ]
	[ "$(roots rm both)" = "removed both (2 paths)" ]
	[ "$(roots rm gone "$(basename "$two")" --json | jq -c '.removed | length')" = 2 ]
	[ "$(ls "$ROOTS")" = alone ]
	fails 2 "no root 'both' in" roots rm alone both
	[ "$(ls "$ROOTS")" = alone ]
	"$BUILD/nixferry-import" roots rm alone --store "$T/root"
	[ -z "$(roots list)" ]
	have_nix || skip "no Nix here"
	[ "$(dead)" = "$(printf '%s\n' "$one" "$two" | LC_ALL=C sort)" ]
}

@test "listing roots writes nothing, and wrong usage is reported" {
	[ -z "$(roots list)" ]
	[ "$(roots list --json | jq -c .roots)" = "[]" ]
	[ -z "$(ls -A "$T/root")" ]
	nixferry roots list --store / >/dev/null
	fails 2 "missing --store" nixferry roots list
	fails 2 "'/nowhere/at/all'" nixferry roots list --store /nowhere/at/all
	fails 2 "unknown roots command 'purge' \(list, rm\)" roots purge
	fails 2 "missing NAME" roots rm
	fails 2 "unexpected argument 'x'" roots list x
	fails 2 "no root '../x'" roots rm ../x
	for name in ../x .x a/b $'a\nb' "$SELF_PLACEHOLDER-x"; do
		fails 2 "cannot be the name of a root" into none --gc-root "$name"
	done
	fails 2 "exclude each other" into none --gc-root a --profile system
	fails 2 "needs --store" nixferry prefetch none --gc-root a
	[ -z "$(ls -A "$T/root")" ]
}

@test "file names made by others do not reach the terminal unescaped" {
	one=$(add thing-1)
	into "$one"
	ln -s "$one" "$ROOTS/"$'a\e[2J'
	run roots list
	[[ $output != *$'\e'* ]]
	[[ $output == *'a?[2J'* ]]
}

@test "a kill between making new links and removing old ones keeps both, and the next import fixes it" {
	one=$(add thing-1)
	two=$(add thing-2)
	into "$one"
	ln -s "$two" "$ROOTS/thing~~1"
	[ "$(roots list | wc -l)" -eq 2 ]
	into "$two"
	[ "$(ls "$ROOTS")" = thing ]
	[ "$(readlink "$ROOTS/thing")" = "$two" ]
}
