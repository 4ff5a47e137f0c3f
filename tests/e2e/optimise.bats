#!/usr/bin/env bats
# --optimise: files with the same contents are hard links, as Nix makes them.

load helper

setup() {
	setup_lab
	mkdir "$T/root"
	STORE=$T/root/nix/store
}

teardown() {
	teardown_lab
}

make_closure() {
	make_small_closure "$T/cache"
	make_bundle "$TOP" >"$T/out"
}

# What Nix has in the directory of links of a store: names, link counts, modes and times.
links_of() {
	find "$1/nix/store/.links" -mindepth 1 -printf '%f %n %m %T@ %y\n' | LC_ALL=C sort
}

inode() {
	stat -c %i "$STORE/${1##*/nix/store/}"
}

# The entry in .links of a file below the store.
entry_of() {
	find "$STORE/.links" -samefile "$STORE/${1#/nix/store/}"
}

assert_all_shared() {
	assert_closure_in "$T/root" || return 1
	nix_is_content "$T/root" || return 1
	[ "$(inode "$APP/share/doc/text")" = "$(inode "$LIB/share/doc/text")" ] ||
		fail "two files have the same contents, but are not links" || return 1
	have_nix || return 0
	nix-store --store "$T/root" --optimise 2>&1 | tee "$T/optimise.out" |
		grep -q '^0.0* .*freed by hard-linking 0 files' || fail "$(cat "$T/optimise.out")"
}

@test "import --optimise makes the links that Nix makes, and Nix collects them" {
	make_closure
	import_bundle "$T/b.bundle" "$T/root" --optimise >"$T/out"
	links_of "$T/root" >"$T/links"
	grep -q '^[1-9][0-9]* files are links to others with the same contents (saves ' "$T/out" || fail "$(cat "$T/out")"
	assert_all_shared
	assert_no_temp_files "$STORE"
	[ "$(inode "$APP/broken")" = "$(inode "$LIB/broken")" ]
	[ "$(inode "$APP/bin/hello")" = "$(inode "$LIB/bin/hello")" ]
	have_nix || skip "no Nix here"
	mkdir "$T/plain"
	import_bundle "$T/b.bundle" "$T/plain"
	nix-store --store "$T/plain" --optimise
	links_of "$T/plain" | diff - "$T/links"
	rm -r "$T/root/nix/var/nix/gcroots"/*
	nix-store --store "$T/root" --gc
	[ -z "$(ls "$STORE/.links")" ]
}

@test "prefetch --store --optimise shares files with what the store has" {
	make_small_closure "$T/cache"
	local from=(--store "$T/root" --substituter "file://$T/cache" --pool "$T/pool" --no-local-store
		--trusted-public-key "$PUBLIC_KEY")
	nixferry prefetch "$LIB" "${from[@]}" --optimise
	nixferry prefetch "$TOP" "${from[@]}" --optimise --json | jq -e '.import.sharedFiles >= 4'
	assert_all_shared
}

# The changes to a link in STORE/.links that the tests make, by name.
spoil() {
	local link=$1
	case $2 in
	changed | cut)
		chmod u+w "$link"
		if [ "$2" = cut ]; then truncate -s 3 "$link"; else printf X | dd of="$link" conv=notrunc status=none; fi
		chmod 444 "$link"
		touch -d @1 "$link"
		;;
	writable) chmod 644 "$link" ;;
	executable) chmod 555 "$link" ;;
	newer) touch -d @7 "$link" ;;
	link) ln -sfn /etc/passwd "$link" ;;
	fifo) rm -f "$link" && mkfifo "$link" ;;
	directory) rm -f "$link" && mkdir -p "$link/x" ;;
	esac
}

@test "a damaged link is not used: it is replaced and named" {
	make_closure
	import_bundle "$T/b.bundle" "$T/root" --optimise >"$T/out"
	local link name kind
	link=$(entry_of "$APP/share/doc/text")
	name=${link##*/}
	mkdir "$T/links" "$T/whole"
	cp -a "$link" "$T/whole/text"
	for kind in changed cut writable executable newer link fifo directory; do
		chmod -R u+w "$T/root" && rm -rf "$T/root" && mkdir -p "$STORE/.links"
		cp -a "$T/whole/text" "$STORE/.links/$name"
		spoil "$STORE/.links/$name" "$kind"
		cp -a "$STORE/.links/$name" "$T/links/$kind"
		import_bundle "$T/b.bundle" "$T/root" --optimise >"$T/out" 2>&1 || fail "$kind: $(cat "$T/out")"
		grep -q "'$STORE/.links/$name' is damaged and " "$T/out" || fail "$kind: $(cat "$T/out")"
		assert_closure_in "$T/root" || fail "$kind"
		nixferry check --store "$T/root" || fail "$kind"
		[ "$kind" = directory ] || cmp "$STORE/.links/$name" "$T/whole/text" || fail "$kind"
	done
}

@test "files are not shared where an inode or a directory takes no more names" {
	make_closure
	[[ $BUILD != *asan* ]] || skip "the sanitizer's library must be loaded first"
	local how at
	for how in EMLINK full; do
		for at in 1 6 12; do
			chmod -R u+w "$T/root" && rm -rf "$T/root" && mkdir "$T/root"
			FAULT_CALLS=linkat FAULT_AT=$at FAULT_HOW=$how FAULT_BELOW=$T/root LD_PRELOAD=$BUILD/faults.so \
				import_bundle "$T/b.bundle" "$T/root" --optimise >"$T/out" 2>&1 || fail "$how: $(cat "$T/out")"
			[ "$how" = EMLINK ] || grep -q "takes no more links" "$T/out" || fail "$(cat "$T/out")"
			assert_closure_in "$T/root" || fail "$how $at"
			nixferry check --store "$T/root"
		done
	done
	nix_is_content "$T/root"
}

@test "a directory of links that is not Nix's is refused" {
	make_closure
	mkdir -p "$STORE" "$T/elsewhere"
	ln -s "$T/elsewhere" "$STORE/.links"
	fails 1 "'$STORE/.links' is a symbolic link" import_bundle "$T/b.bundle" "$T/root" --optimise
	rm "$STORE/.links"
	mkdir -m 777 "$STORE/.links"
	fails 1 "$STORE/.links" import_bundle "$T/b.bundle" "$T/root" --optimise
	[ -z "$(ls "$T/elsewhere")$(ls "$STORE/.links")" ]
	[ -z "$(valid_paths "$T/root")" ]
	fails 2 "option '--optimise' needs --store" nixferry prefetch "$TOP" --optimise
	fails 2 "auto-optimise-store" nixferry import "$T/b.bundle" --store daemon --optimise
}

@test "--repair does not write through a link, with --optimise or without" {
	make_closure
	import_bundle "$T/b.bundle" "$T/root" --optimise >"$T/out"
	cp -a "$T/root" "$T/shared"
	local how inode
	for how in "" --optimise; do
		chmod -R u+w "$T/root" && rm -rf "$T/root"
		cp -a "$T/shared" "$T/root"
		spoil "$(entry_of "$APP/share/doc/text")" changed
		ln "$STORE/$(basename "$APP")/share/doc/text" "$T/kept"
		inode=$(inode "$APP/share/doc/text")
		import_bundle "$T/b.bundle" "$T/root" --repair $how >"$T/out" 2>&1 || fail "$(cat "$T/out")"
		[ "$(head -c 1 "$T/kept")" = X ] || fail "the damaged file itself was written"
		[ "$(inode "$APP/share/doc/text")" != "$inode" ]
		assert_closure_in "$T/root"
		nixferry check --store "$T/root"
		rm -f "$T/kept"
	done
	grep -q "is damaged and was replaced" "$T/out"
	assert_all_shared
}
