#!/usr/bin/env bats
# nixferry check: what is on the disk, compared with what the database says; and --repair.

load helper

setup() {
	setup_lab
	mkdir "$T/root"
}

teardown() {
	teardown_lab
}

check() {
	nixferry check --store "$T/root" "$@"
}

sql() {
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" "$1"
}

# changed FILE COMMAND...: makes the directory of FILE, in $T/root, writable for the command; only FILE changes.
changed() {
	local dir
	dir=$(dirname "$T/root$1")
	chmod u+w "$dir"
	"${@:2}"
	[[ $dir == */nix/store ]] || {
		chmod u-w "$dir"
		touch -h -d @1 "$dir"
	}
}

# The changes to a path's contents or type that the tests make, by name.
damage() {
	local file=$T/root$APP/share/noise below=$APP/share/noise
	case $1 in
	flipped)
		chmod u+w "$file"
		printf '\377' | dd of="$file" bs=1 seek=5000 conv=notrunc status=none
		chmod 444 "$file"
		touch -d @1 "$file"
		;;
	cut)
		chmod u+w "$file"
		truncate -s 99999 "$file"
		chmod 444 "$file"
		touch -d @1 "$file"
		;;
	file-missing) changed "$below" rm -f "$file" ;;
	file-extra)
		changed "$below" sh -c "echo more >'$file.more' && chmod 444 '$file.more' && touch -d @1 '$file.more'"
		;;
	executable) chmod 555 "$file" ;;
	link-instead) changed "$below" sh -c "rm -f '$file' && ln -s x '$file' && touch -h -d @1 '$file'" ;;
	fifo-inside) changed "$below" sh -c "rm -f '$file' && mkfifo '$file' && touch -d @1 '$file'" ;;
	file-instead)
		chmod -R u+w "$T/root$APP" && rm -rf "$T/root$APP"
		echo file >"$T/root$APP" && chmod 444 "$T/root$APP" && touch -d @1 "$T/root$APP"
		;;
	fifo-instead)
		chmod -R u+w "$T/root$APP" && rm -rf "$T/root$APP"
		mkfifo "$T/root$APP"
		;;
	link-to-it)
		mv "$T/root$APP" "$T/app"
		ln -s "$T/app" "$T/root$APP" && touch -h -d @1 "$T/root$APP"
		;;
	esac
}

KINDS="flipped cut file-missing file-extra executable link-instead fifo-inside file-instead fifo-instead
	link-to-it"

@test "an imported store is good, and checking it changes nothing" {
	make_imported_closure
	find "$T/root" -printf '%p %T@ %m %i\n' | LC_ALL=C sort >"$T/before"
	check >"$T/out"
	grep -qx 'checked 5 paths (.*): good' "$T/out" || fail "$(cat "$T/out")"
	check --json | jq -e '.paths == 5 and .narSize > 100000 and .findings == [] and .notInDatabase == []'
	"$BUILD/nixferry-import" check --store "$T/root" "$APP" "$(basename "$LIB")" | grep -q '^checked 2 paths'
	find "$T/root" -printf '%p %T@ %m %i\n' | LC_ALL=C sort | diff "$T/before" -
	nix_is_content "$T/root"
}

@test "other contents are found, whatever they are instead, and in no other path" {
	make_imported_closure
	cp -a "$T/root" "$T/whole"
	for kind in $KINDS; do
		damage "$kind"
		fails 5 "store '$T/root' is damaged: 1 corrupt.*import BUNDLE --repair --store $T/root" \
			timeout 20 "$BUILD/nixferry" check --store "$T/root" || fail "$kind"
		grep -q "^$APP: corrupt: " <<<"$output" || fail "$kind: $output"
		[ "$(grep -c '^/nix/store/' <<<"$output")" -eq 1 ] || fail "$kind: $output"
		check "$LIB" "$TOP" || fail "$kind"
		fails 5 "1 corrupt" check "$APP" "$LIB"
		chmod -R u+w "$T/root" && rm -rf "$T/root"
		cp -a "$T/whole" "$T/root"
	done
}

@test "Nix finds the same damage" {
	have_nix || skip "no Nix here"
	make_imported_closure
	for kind in flipped executable; do
		damage "$kind"
		run nix_is_content "$T/root"
		[[ $output == *"'$APP' was modified"* ]] || [[ $output == *"$APP"*modified* ]] || fail "$kind: $output"
	done
}

@test "what is missing is status 3, and 5 if something else is damaged as well" {
	make_imported_closure
	chmod -R u+w "$T/root$LIB" && rm -rf "$T/root$LIB"
	fails 3 "damaged: 1 missing" check
	grep -qx "$LIB: missing: it is not on the disk" <<<"$output"
	fails 3 "damaged: 2 missing" check "$LIB" /nix/store/00000000000000000000000000000000-x
	grep -qx "/nix/store/00000000000000000000000000000000-x: missing: it is not valid" <<<"$output"
	damage flipped
	fails 5 "damaged: 1 missing, 1 corrupt" check
	fails 5 "" check --json
	jq -e --arg app "$APP" '[.findings[] | select(.path == $app)] |
		length == 1 and .[0].fault == "corrupt" and (.[0].remedy | startswith("nixferry import"))' <<<"$output"
	fails 3 "there is no store in '$T/none'" nixferry check --store "$T/none"
	fails 2 "missing --store" nixferry check
}

@test "metadata that Nix does not make is found" {
	make_imported_closure
	local file=$T/root$APP/share/noise
	chmod 644 "$file"
	fails 5 "damaged: 1 metadata" check
	grep -q "^$APP: metadata: '.*/share/noise' has mode 0644" <<<"$output" || fail "$output"
	chmod 444 "$file"
	touch -d @7 "$file"
	fails 5 "damaged: 1 metadata" check
	grep -q "has modification time 7, not 1" <<<"$output" || fail "$output"
	touch -d @1 "$file"
	chmod 755 "$T/root$APP/share"
	fails 5 "damaged: 1 metadata" check
	chmod 555 "$T/root$APP/share"
	check
	[ "$EUID" -eq 0 ] || return 0
	chown -h 12345 "$T/root$LINK"
	fails 5 "damaged: 1 metadata" check
	grep -q "^$LINK: metadata: .* belongs to user 12345" <<<"$output" || fail "$output"
}

@test "texts in the database that Nix cannot read are found" {
	make_imported_closure
	local id
	id=$(sql "select id from ValidPaths where path = '$DATA'")
	for bad in "sigs = 'x:%%%'" "sigs = sigs || ' nonsense'" "deriver = '/nix/store/short.drv'" "deriver = ''" \
		"ca = 'fixed:r:sha256:zz'" "ca = 'nothing'" "hash = 'sha256:12'" "narSize = -1" "narSize = 7"; do
		sql "create table kept as select * from ValidPaths where id = $id;
			update ValidPaths set $bad where id = $id"
		fails 5 "damaged: 1 database" check || fail "$bad"
		grep -q "^$DATA: database: " <<<"$output" || fail "$bad: $output"
		sql "update ValidPaths set (hash, sigs, deriver, ca, narSize) =
			(select hash, sigs, deriver, ca, narSize from kept) where id = $id; drop table kept"
		check >"$T/out" || fail "$bad"
	done
	sql "insert into Refs values ($id, 4711)"
	fails 5 "damaged: 1 database" check
	grep -q "^$DATA: database: it refers to path number 4711, which does not exist" <<<"$output"
	sql "delete from Refs where reference = 4711;
		insert into ValidPaths (path, hash, registrationTime) values ('nonsense', 'sha256:12', 1)"
	fails 5 "damaged: 1 database" check
	grep -q "^nonsense: database: it is not a store path" <<<"$output"
}

@test "what the database does not know is counted, and named on demand" {
	make_imported_closure
	chmod u+w "$T/root/nix/store"
	mkdir "$T/root/nix/store/.links" "$T/root/nix/store/tmp-1-2"
	touch "$T/root/nix/store/00000000000000000000000000000000-left" "$T/root/nix/store/$(basename "$APP").lock"
	check >"$T/out"
	grep -qx '1 entry in the store is not in the database; nix-collect-garbage removes it' "$T/out"
	! grep -q -e -left "$T/out"
	check --verbose | grep -qx '  00000000000000000000000000000000-left'
	check --json | jq -e '.notInDatabase == ["00000000000000000000000000000000-left"]'
}

@test "a link that shares damaged contents is named, with the paths that share it" {
	make_small_closure "$T/cache"
	make_bundle "$TOP" >"$T/out"
	import_bundle "$T/b.bundle" "$T/root" --optimise >"$T/out"
	check
	local store=$T/root/nix/store file=$T/root$APP/share/noise link
	link=$(find "$store/.links" -samefile "$file")
	damage flipped
	fails 5 "damaged: 1 corrupt, 1 link; .* --repair .*; remove the damaged links" check
	grep -q "^/nix/store/.links/${link##*/}: link: .* hash sha256:.*; '$(basename "$APP")/share/noise' shares it" <<<"$output" ||
		fail "$output"
	link=$(find "$store/.links" -samefile "$T/root$APP/share/doc/text")
	chmod u+w "$link" && printf X | dd of="$link" conv=notrunc status=none && chmod 444 "$link" && touch -d @1 "$link"
	fails 5 "damaged: 2 corrupt, 2 link" check
	grep -q "^/nix/store/.links/${link##*/}: link: .*/share/doc/text' and 1 more share it" <<<"$output" || fail "$output"
	import_bundle "$T/b.bundle" "$T/root" --repair
	fails 5 "damaged: 2 link; remove the damaged links" check
	grep -q "^/nix/store/.links/${link##*/}: link: .*, and no path shares it" <<<"$output" || fail "$output"
	check "$APP"
	check --json >"$T/json" || true
	jq -e '.findings[0].remedy == "remove this link"' "$T/json"
	if have_nix; then run nix_is_content "$T/root"; [[ $output == *"link"*"modified"* ]] || fail "$output"; fi
	rm -f "$store/.links/"*
	check
}

@test "a store that may only be read can be checked, and a database that is in use" {
	make_imported_closure
	sqlite3 "$T/root/nix/var/nix/db/db.sqlite" >"$T/sqlite.out" <<-EOF
		begin immediate;
		update ValidPaths set registrationTime = 7;
		.shell "$BUILD/nixferry" check --store "$T/root"
		rollback;
	EOF
	grep -q 'checked 5 paths.*good' "$T/sqlite.out" || fail "$(cat "$T/sqlite.out")"
	chmod -R a-w "$T/root"
	check
	chmod u+w "$T/root" "$T/root/nix" "$T/root/nix/var" "$T/root/nix/var/nix"
}

# ---- repair ----

rows() {
	sql "select id, path, hash, registrationTime, deriver, narSize, ultimate, sigs, ca from ValidPaths order by id;
		select referrer, reference from Refs order by 1, 2"
}

@test "import --repair restores every kind of damage" {
	make_imported_closure
	rows >"$T/rows"
	cp -a "$T/root" "$T/whole"
	for kind in $KINDS; do
		damage "$kind"
		import_bundle "$T/b.bundle" "$T/root" --repair >"$T/out" 2>"$T/err" || fail "$kind: $(cat "$T/err")"
		grep -q "^nixferry: import: '$APP' is damaged: " "$T/err" || fail "$kind: $(cat "$T/err")"
		grep -q '^1 of the imported was damaged and is restored' "$T/out" || fail "$kind: $(cat "$T/out")"
		assert_closure_in "$T/root" || fail "$kind"
		check >"$T/out" || fail "$kind: $(cat "$T/out")"
		rows | diff "$T/rows" - || fail "$kind"
		chmod -R u+w "$T/root" && rm -rf "$T/root"
		cp -a "$T/whole" "$T/root"
	done
	nix_is_content "$T/root"
}

@test "import --repair works where the file system cannot exchange two names" {
	make_imported_closure
	[ -e "$BUILD/faults.so" ] || fail "build the test tools first: make check-e2e"
	[[ $BUILD != *asan* ]] || skip "the sanitizer's library must be loaded first"
	cp -a "$T/root" "$T/whole"
	local kind
	for kind in flipped file-instead fifo-instead link-to-it; do
		damage "$kind"
		FAULT_CALLS=renameat2 FAULT_AT=1 FAULT_HOW=EINVAL FAULT_BELOW=$T/root FAULT_COUNT=$T/count \
			LD_PRELOAD=$BUILD/faults.so import_bundle "$T/b.bundle" "$T/root" --repair >"$T/out" 2>"$T/err" ||
			fail "$kind: $(cat "$T/err")"
		[ "$(cat "$T/count")" -ge 1 ] || fail "$kind: nothing failed"
		grep -q '^1 of the imported was damaged and is restored' "$T/out" || fail "$kind: $(cat "$T/out")"
		assert_closure_in "$T/root" || fail "$kind"
		check >"$T/out" || fail "$kind: $(cat "$T/out")"
		chmod -R u+w "$T/root" && rm -rf "$T/root"
		cp -a "$T/whole" "$T/root"
	done
	nix_is_content "$T/root"
}

@test "import --repair restores references that were signed" {
	make_imported_closure
	rows >"$T/rows"
	local app lib data change
	app=$(sql "select id from ValidPaths where path = '$APP'")
	lib=$(sql "select id from ValidPaths where path = '$LIB'")
	data=$(sql "select id from ValidPaths where path = '$DATA'")
	for change in "delete from Refs where referrer = $app and reference = $lib" \
		"delete from Refs where referrer = $app" "insert into Refs values ($app, $data)" \
		"update Refs set reference = $data where referrer = $app and reference = $lib"; do
		sql "$change"
		import_bundle "$T/b.bundle" "$T/root" --repair >"$T/out" 2>"$T/err" || fail "$change: $(cat "$T/err")"
		grep -q "'$APP' is damaged: the database has other references" "$T/err" || fail "$change: $(cat "$T/err")"
		rows | diff "$T/rows" - || fail "$change"
	done
	import_bundle "$T/b.bundle" "$T/root" --repair --json | jq -e '.repaired == 0'
	nix_is_content "$T/root"
}

@test "without --repair an import does not look at contents" {
	make_imported_closure
	damage flipped
	import_bundle >"$T/out"
	fails 5 "1 corrupt" check
	fails 2 "option '--repair' needs --store" nixferry import "$T/b.bundle" --repair
	fails 2 "'--repair' cannot be used with nix-daemon" nixferry import "$T/b.bundle" --store daemon --repair
}

@test "import --repair restores metadata and several paths at once, and leaves good ones alone" {
	make_imported_closure
	stat -c %i "$T/root$DATA" >"$T/inode"
	damage cut
	chmod 666 "$T/root$LIB/share/aligned"
	chmod -R u+w "$T/root$TOP" && rm -rf "$T/root$TOP"
	import_bundle "$T/b.bundle" "$T/root" --repair --json | jq -e '.repaired == 3 and .imported == 3 and .present == 2'
	assert_closure_in "$T/root"
	check >"$T/out"
	stat -c %i "$T/root$DATA" | diff "$T/inode" -
	import_bundle "$T/b.bundle" "$T/root" --repair --json | jq -e '.repaired == 0 and .imported == 0'
}

@test "import --repair heals texts in the database that Nix cannot read" {
	make_imported_closure
	rows >"$T/rows"
	for bad in "sigs = 'x:%%%'" "sigs = sigs || ' nonsense'" "deriver = '/nix/store/short.drv'" "ca = 'nothing'" \
		"hash = 'sha256:12'" "narSize = -1" "narSize = 7" "hash = 'sha256:' || hex(zeroblob(32)), narSize = 9"; do
		sql "update ValidPaths set $bad where path = '$APP'"
		import_bundle "$T/b.bundle" "$T/root" --repair >"$T/out" 2>"$T/err" || fail "$bad: $(cat "$T/err")"
		check >"$T/out" || fail "$bad: $(cat "$T/out")"
		rows | diff "$T/rows" - || fail "$bad"
	done
	nix_is_content "$T/root"
	have_nix || skip "no Nix here"
	nix_on "$T/root" path-info -r --json "$TOP" >/dev/null
}

@test "what is damaged and not in the bundle is named: status 5, or 3 if it is only missing" {
	make_imported_closure
	local upper
	echo upper >"$T/upper"
	upper=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name upper --tree "$T/upper" \
		--input-addressed --ref "$APP")
	nixferry prefetch "$upper" --substituter "file://$T/cache" --pool "$T/pool" --from-store "$T/root" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/whole.bundle" >"$T/out"
	import_bundle "$T/whole.bundle" >"$T/out"
	damage flipped
	chmod -R u+w "$T/root$upper"
	echo more >>"$T/root$upper"
	chmod 444 "$T/root$upper"
	touch -d @1 "$T/root$upper"
	# An import restores the paths in its bundle and checks no others.
	import_bundle "$T/b.bundle" "$T/root" --repair >"$T/out"
	fails 5 "damaged: 1 corrupt" check
	damage flipped
	import_bundle "$T/whole.bundle" "$T/root" --repair --json | jq -e '.repaired == 2'
	check >"$T/out"
	damage flipped
	start_cache "$T/cache"
	local into=(--store "$T/root" --pool "$T/pool2" --no-local-store --trusted-public-key "$PUBLIC_KEY"
		--substituter "$URL" --repair)
	fails 5 "1 damaged path of '$T/root' could not be restored, first '$APP'" \
		nixferry prefetch "$DATA" "${into[@]}"
	nixferry prefetch "$upper" "${into[@]}" >"$T/out"
	grep -q '^1 of the imported was damaged and is restored' "$T/out" || fail "$(cat "$T/out")"
	check >"$T/out"
	chmod -R u+w "$T/root$TOP" && rm -rf "$T/root$TOP"
	fails 3 "1 damaged path of '$T/root' could not be restored, first '$TOP'" \
		nixferry prefetch "$DATA" "${into[@]}"
	nixferry prefetch "$TOP" "${into[@]}" >"$T/out"
	check >"$T/out"
	assert_store_whole "$T/root"
}

@test "a path that is repaired is never away, and a killed repair is completed" {
	make_random_closure 30 5 200000
	make_bundle "$TOP" >"$T/out"
	import_bundle >"$T/out"
	local path i
	while read -r path; do
		[ ! -f "$T/root$path" ] || continue
		chmod u+w "$T/root$path" && echo more >"$T/root$path/more"
	done <"$T/paths"
	for i in 1 2 3 4 5 6; do
		"$BUILD/nixferry" import "$T/b.bundle" --store "$T/root" --trusted-public-key "$PUBLIC_KEY" --repair \
			3>&- >"$T/out" 2>&1 &
		sleep "0.0$i"
		end_by KILL $!
		while read -r path; do
			[ -e "$T/root$path" ] || [ -L "$T/root$path" ] || fail "$path is gone"
		done <"$T/paths"
	done
	import_bundle "$T/b.bundle" "$T/root" --repair >"$T/out"
	assert_random_closure_in "$T/root"
	check >"$T/out"
}
