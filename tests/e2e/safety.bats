#!/usr/bin/env bats
# What is already on the disk may be foreign: owned by another user, of another type, a mount
# point, a lock file that is not a file.

load helper

setup() {
	setup_lab
}

teardown() {
	umount "$T/root$APP" 2>/dev/null || true
	teardown_lab
}

needs_root() {
	[ "$(id -u)" -eq 0 ] || skip "only root can give files away"
}

# A bundle of the small closure, and a store in $T/root that was made by an import of $DATA.
prepare() {
	make_small_closure "$T/cache"
	make_bundle "$DATA"
	import_bundle >/dev/null
	mv "$T/b.bundle" "$T/data.bundle"
	make_bundle "$TOP"
}

import_again() {
	timeout 30 "$BUILD/nixferry" import "$T/b.bundle" --store "$T/root" --profile system \
		--trusted-public-key "$PUBLIC_KEY"
}

# Each of $@ below $T/root makes the import fail when another user owns it.
refused_if_foreign() {
	local name
	for name in "$@"; do
		chown -h 12345 "$T/root/$name"
		fails 1 "'$T/root/$name' belongs to user 12345" import_again || return 1
		chown -h 0 "$T/root/$name"
	done
}

@test "a directory of the store that another user owns is refused" {
	needs_root
	prepare
	refused_if_foreign nix nix/store nix/var nix/var/nix nix/var/nix/db nix/var/nix/gcroots \
		nix/var/nix/profiles nix/var/nix/temproots
	mkdir "$T/root/nix/store/$UNPACK_DIR"
	refused_if_foreign "nix/store/$UNPACK_DIR"
	import_again
	assert_closure_in "$T/root"
	refused_if_foreign nix/var/nix/gcroots/nixferry
}

@test "a directory of the store that others can write to is refused" {
	needs_root
	prepare
	for name in nix nix/store nix/var/nix nix/var/nix/db nix/var/nix/gcroots/nixferry; do
		mode=$(stat -c %a "$T/root/$name")
		chmod 777 "$T/root/$name"
		fails 1 "'$T/root/$name' can be written by other users" import_again
		chmod "$mode" "$T/root/$name"
	done
	chown 0:12345 "$T/root/nix/store"
	chmod 1775 "$T/root/nix/store"
	import_again
	assert_closure_in "$T/root"
}

@test "a lock or database with another owner or type is refused" {
	needs_root
	prepare
	for name in nix/var/nix/gc.lock nix/var/nix/db/big-lock nix/var/nix/db/db.sqlite; do
		refused_if_foreign "$name"
		mv "$T/root/$name" "$T/kept"
		mkfifo "$T/root/$name"
		fails 1 "'$T/root/$name'.* is a FIFO, not a regular file" import_again
		rm "$T/root/$name"
		ln -s "$T/kept" "$T/root/$name"
		fails 1 "'$T/root/$name'.* is a symbolic link, not a regular file" import_again
		rm "$T/root/$name"
		ln "$T/kept" "$T/root/$name"
		fails 1 "'$T/root/$name' has 2 hard links" import_again
		rm "$T/kept"
	done
	for suffix in -wal -shm -journal; do
		mkfifo "$T/root/nix/var/nix/db/db.sqlite$suffix"
		fails 1 "db.sqlite$suffix' is a FIFO" import_again
		fails 1 "db.sqlite$suffix' is a FIFO" timeout 30 "$BUILD/nixferry" prefetch "$TOP" \
			--from-store "$T/root" --pool "$T/other-pool"
		rm "$T/root/nix/var/nix/db/db.sqlite$suffix"
	done
	import_again
	assert_closure_in "$T/root"
}

@test "a schema file with another owner or type is refused, unless only read as a file" {
	needs_root
	prepare
	schema=$T/root/nix/var/nix/db/schema
	refused_if_foreign nix/var/nix/db/schema
	chmod 666 "$schema"
	fails 1 "'$schema' can be written by other users" import_again
	chmod 644 "$schema"
	ln "$schema" "$T/kept"
	fails 1 "'$schema' has 2 hard links" import_again
	rm "$schema"
	ln -s "$T/kept" "$schema"
	fails 5 "'$schema' is a symbolic link, not a regular file" import_again
	from_store=(timeout 30 "$BUILD/nixferry" prefetch "$DATA" --from-store "$T/root" -n
		--pool "$T/other-pool" --substituter "file://$T/cache" --trusted-public-key "$PUBLIC_KEY")
	"${from_store[@]}"
	rm "$schema"
	mkfifo "$schema"
	fails 5 "'$schema' is a FIFO, not a regular file" import_again
	fails 5 "'$schema' is a FIFO, not a regular file" "${from_store[@]}"
	rm "$schema"
	ln -s /dev/tty "$schema"
	fails 5 "'$schema' is a (device|symbolic link)|'$schema'.*No such device" "${from_store[@]}"
	rm "$schema"
	mv "$T/kept" "$schema"
	import_again
	assert_closure_in "$T/root"
}

@test "a path's lock that is not a lock file is reported, not waited for" {
	prepare
	lock=$T/root$APP.lock
	printf d >"$lock"
	fails 1 "'$lock' is not a lock, because it is not empty: remove it" import_again
	rm "$lock"
	mkdir "$lock"
	fails 1 "cannot lock '$lock': .* is a directory" import_again
	rmdir "$lock"
	ln -s "$T/elsewhere" "$lock"
	fails 1 "cannot lock '$lock': .* is a symbolic link" import_again
	[ ! -e "$T/elsewhere" ]
	rm "$lock"
	mkfifo "$lock"
	fails 1 "cannot lock '$lock': .* is a FIFO" import_again
	rm "$lock"
	import_again
	assert_closure_in "$T/root"
}

@test "a path named like another path's lock is not mistaken for it" {
	make_small_closure "$T/cache"
	mkdir "$T/forged"
	name=$(basename "$DATA")
	# Input-addressed: a signer may give a path any name.
	sed "s|^StorePath:.*|StorePath: $DATA.lock|; /^Sig:/d" \
		"$(narinfo_of "$T/cache" "$DATA")" >"$T/forged/$(hash_part "$DATA").narinfo"
	cp -r "$T/cache/nar" "$T/cache/nix-cache-info" "$T/forged"
	make_bundle "$DATA"
	mv "$T/b.bundle" "$T/1.bundle"
	nixferry prefetch "$DATA.lock" --substituter "file://$T/forged?trusted=1" --pool "$T/p2" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/2.bundle"
	import_bundle "$T/1.bundle"
	fails 5 "/$name.lock' has the hash part of '$DATA', which is valid" \
		import_bundle "$T/2.bundle"
	[ "$(valid_paths "$T/root")" = "$DATA" ]
	assert_store_whole "$T/root"
	# The other way round.
	import_bundle "$T/2.bundle" "$T/root2"
	fails 5 "one of them is forged" import_bundle "$T/1.bundle" "$T/root2"
	[ -f "$T/root2$DATA.lock" ]
	[ "$(valid_paths "$T/root2")" = "$DATA.lock" ]
}

@test "FIFOs and links in a pool never block a command" {
	make_small_closure "$T/cache"
	URL=file://$T/cache
	run -0 nixferry prefetch "$TOP" --substituter "$URL" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY"
	nar=$T/pool/$(nar_of "$T/pool" "$APP")
	info=$(narinfo_of "$T/pool" "$LIB")
	rm "$nar" "$info" "$(narinfo_of "$T/pool" "$DATA")"
	mkfifo "$nar" "$info" "$T/pool/tmp/1.tmp" "$T/pool/tmp/x.part" "$T/pool/tmp/x.state"
	ln -s /etc/passwd "$(narinfo_of "$T/pool" "$DATA")"
	timeout 30 "$BUILD/nixferry" pool list --pool "$T/pool"
	timeout 30 "$BUILD/nixferry" prefetch "$TOP" --substituter "$URL" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/b.bundle"
	timeout 30 "$BUILD/nixferry" pool check --pool "$T/pool"
	timeout 30 "$BUILD/nixferry" pool gc --pool "$T/pool"
	[ -f "$nar" ] && [ -f "$info" ]
	rm "$T/pool/nix-cache-info"
	mkfifo "$T/pool/nix-cache-info"
	fails 5 "nix-cache-info' is a FIFO" timeout 30 "$BUILD/nixferry" pool list --pool "$T/pool"
}

@test "parts of a pool that others own or can change are refused" {
	needs_root
	make_small_closure "$T/cache"
	make_bundle "$DATA"
	for name in nar tmp; do
		chown 12345 "$T/pool/$name"
		fails 1 "'$T/pool/$name' belongs to user 12345" make_bundle "$TOP"
		chown 0 "$T/pool/$name"
		chmod 1777 "$T/pool/$name"
		fails 1 "'$T/pool/$name' can be written by other users" make_bundle "$TOP"
		chmod 755 "$T/pool/$name"
	done
	mkdir -m 1777 "$T/shared"
	mv "$T/pool" "$T/shared/pool"
	chown -R 12345 "$T/shared/pool"
	fails 1 "belongs to user 12345 and is in a directory where every user can create files" \
		nixferry pool gc --pool "$T/shared/pool"
}

@test "queries check the owner of a pool, too" {
	needs_root
	make_small_closure "$T/cache"
	make_bundle "$DATA"
	ask=(nixferry plan "$DATA" --pool "$T/pool" --substituter "file://$T/cache" --no-local-store
		--trusted-public-key "$PUBLIC_KEY")
	for name in . nar tmp; do
		chmod 777 "$T/pool/$name"
		fails 1 "'$T/pool.*' can be written by other users" nixferry pool list --pool "$T/pool"
		fails 1 "'$T/pool.*' can be written by other users" nixferry pool check --pool "$T/pool"
		fails 1 "'$T/pool.*' can be written by other users" "${ask[@]}"
		chmod 755 "$T/pool/$name"
	done
	mv "$T/pool/nar" "$T/nar"
	ln -s "$T/nar" "$T/pool/nar"
	fails 1 "cannot open directory 'nar'" nixferry pool list --pool "$T/pool"
	rm "$T/pool/nar"
	mv "$T/nar" "$T/pool/nar"
	mkdir -m 1777 "$T/shared"
	mv "$T/pool" "$T/shared/pool"
	chown -R 12345 "$T/shared/pool"
	fails 1 "belongs to user 12345 and is in a directory where every user can create files" \
		nixferry pool list --pool "$T/shared/pool"
	ln -s "$T/shared/pool" "$T/shared/link"
	chown -R 0 "$T/shared/pool"
	chown -h 12345 "$T/shared/link"
	fails 1 "'$T/shared/link' is a symbolic link of user 12345" \
		nixferry pool check --pool "$T/shared/link"
	nixferry pool list --pool "$T/shared/pool" | grep -qF "$(basename "$DATA")"
}

@test "files in a pool that others can change are fetched again" {
	needs_root
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	chown 12345 "$(narinfo_of "$T/pool" "$DATA")"
	chmod 666 "$T/pool/$(nar_of "$T/pool" "$LIB")"
	! nixferry pool list --pool "$T/pool" | grep -qE -e "-(lib|data)"
	make_bundle "$TOP"
	[ "$(stat -c %u "$(narinfo_of "$T/pool" "$DATA")")" -eq 0 ]
	[ "$(stat -c %a "$T/pool/$(nar_of "$T/pool" "$LIB")")" -eq 644 ]
	# A backup with hard links is not a reason to refuse.
	cp -al "$T/pool" "$T/backup"
	[ "$(nixferry pool list --pool "$T/pool" | grep -cF -e -lib -e -data)" -eq 2 ]
}

@test "roots in directories that others can change are neither shown nor removed" {
	needs_root
	prepare
	import_bundle >/dev/null
	gcroots=nix/var/nix/gcroots
	[ -n "$(nixferry roots list --store "$T/root")" ]
	name=$(nixferry roots list --store "$T/root" --json | jq -r '.roots[0].name')
	for dir in nix nix/var nix/var/nix "$gcroots" "$gcroots/nixferry"; do
		chown 12345 "$T/root/$dir"
		fails 1 "'$T/root/$dir' belongs to user 12345" nixferry roots list --store "$T/root"
		fails 1 "'$T/root/$dir' belongs to user 12345" nixferry roots rm "$name" --store "$T/root"
		chown 0 "$T/root/$dir"
		chmod 777 "$T/root/$dir"
		fails 1 "'$T/root/$dir' can be written by other users" \
			nixferry roots rm "$name" --store "$T/root"
		chmod 755 "$T/root/$dir"
	done
	mv "$T/root/$gcroots/nixferry" "$T/elsewhere"
	ln -s "$T/elsewhere" "$T/root/$gcroots/nixferry"
	fails 1 "cannot open the directory '$T/root/$gcroots/nixferry'" \
		nixferry roots rm "$name" --store "$T/root"
	rm "$T/root/$gcroots/nixferry"
	mkfifo "$T/root/$gcroots/nixferry"
	fails 1 "cannot open the directory '$T/root/$gcroots/nixferry'" \
		timeout 30 "$BUILD/nixferry" roots list --store "$T/root"
	rm "$T/root/$gcroots/nixferry"
	mv "$T/elsewhere" "$T/root/$gcroots/nixferry"
	# A store of another user, by its own root directory, is that user's.
	chown -Rh 12345 "$T/root"
	nixferry roots list --store "$T/root" | grep -qF "  $name  "
	nixferry roots rm "$name" --store "$T/root"
}

# The process has installed its signal handlers.
catches_signals() {
	local mask
	mask=$(sed -n 's/^SigCgt:\s*//p' "/proc/$1/status" 2>/dev/null)
	((0x${mask:-0} & 2))
}

# The process $1 blocks until it is interrupted.
waits_until_interrupted() {
	wait_for 20 catches_signals "$1" && sleep 0.2 && end_by INT "$1"
	[ "$ENDED" -eq 130 ] || fail "$2: $ENDED: $(cat "$T/out")"
}

@test "a bundle and a list can be read from a FIFO, interruptibly" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	mkdir "$T/root"
	mkfifo -m 600 "$T/fifo"
	(sleep 0.2; cat "$T/b.bundle" >"$T/fifo") 3>&- &
	import_bundle "$T/fifo"
	assert_closure_in "$T/root"
	for how in "import $T/fifo --store $T/root" "plan --from-file $T/fifo --pool $T/pool" \
		"verify $T/fifo" "pack $TOP -o $T/x --sign-key $T/fifo --pool $T/pool"; do
		# shellcheck disable=SC2086
		interruptible "$BUILD/nixferry" $how 3>&- >"$T/out" 2>&1 &
		waits_until_interrupted $! "$how"
	done
	# A list on a standard input that never sends anything.
	exec {writer}<>"$T/fifo"
	interruptible "$BUILD/nixferry" plan --from-file - --pool "$T/pool" 3>&- <"$T/fifo" \
		>"$T/out" 2>&1 &
	waits_until_interrupted $! list
	exec {writer}>&-
}

@test "a mount point in the place of a path is not emptied" {
	prepare
	mkdir -p "$T/precious/deep" "$T/root$APP/bin/mounted"
	echo keep >"$T/precious/deep/file"
	mount --bind "$T/precious" "$T/root$APP/bin/mounted" 2>/dev/null || skip "cannot mount"
	echo also >"$T/root$APP/rest"
	run import_again
	ls -R "$T/root$APP" >"$T/left"
	umount "$T/root$APP/bin/mounted"
	[ "$status" -eq 1 ] || fail "$status: $output"
	[[ $output == *"'mounted' cannot be removed because it is a mount point: unmount it"* ]]
	[ "$(cat "$T/precious/deep/file")" = keep ]
	[ -e "$T/root$APP/rest" ] || fail "something was removed before it was looked at"
	# The path itself, from another file system.
	rm -r "$T/root$APP"
	mkdir "$T/root$APP"
	mount -t tmpfs tmpfs "$T/root$APP"
	echo keep >"$T/root$APP/file"
	run import_again
	[ "$status" -eq 1 ] || fail "$status: $output"
	[ "$(cat "$T/root$APP/file")" = keep ]
	umount "$T/root$APP"
	import_again
	assert_closure_in "$T/root"
}

@test "a strict umask leaves store and database readable" {
	make_small_closure "$T/cache"
	umask 077
	make_bundle "$TOP"
	import_bundle "$T/b.bundle" "$T/root" --profile system
	for name in nix nix/store nix/var/nix/db nix/var/nix/gcroots nix/var/nix/gcroots/nixferry \
		nix/var/nix/profiles; do
		[ "$(($(stat -c 0%a "$T/root/$name") & 0555))" -eq "$((0555))" ] || fail "$name"
	done
	for name in db.sqlite schema; do
		[ "$(stat -c %a "$T/root/nix/var/nix/db/$name")" = 644 ] || fail "$name"
	done
	assert_closure_in "$T/root"
}

@test "a database with triggers or views that rewrite rows is refused" {
	prepare
	db=$T/root/nix/var/nix/db/db.sqlite
	cp "$db" "$T/db"
	for sql in \
		"create trigger t before insert on ValidPaths begin select raise(ignore); end" \
		"create trigger t after insert on Refs begin delete from Refs; end" \
		"create trigger t after update on ValidPaths begin select 1; end" \
		"create view v as select * from ValidPaths" \
		"drop trigger DeleteSelfRefs; create trigger DeleteSelfRefs before insert on ValidPaths
			begin select raise(ignore); end" \
		"create table p(x); create trigger t after insert on ValidPaths
			begin insert into p with recursive r(n) as (select 1 union all select n from r)
			select n from r; end"; do
		cp "$T/db" "$db"
		sqlite3 "$db" "$sql"
		fails 5 "db.sqlite' has the (trigger|view) '.*', which Nix does not create" import_again
		fails 5 "which Nix does not create" timeout 30 "$BUILD/nixferry" prefetch "$TOP" \
			--from-store "$T/root" --pool "$T/other-pool"
	done
	# Rows that disappear are counted.
	cp "$T/db" "$db"
	sqlite3 "$db" "pragma writable_schema = 1; update sqlite_master
		set sql = replace(sql, 'unique not null', 'unique on conflict ignore not null check (0)
		on conflict ignore') where name = 'ValidPaths'" 2>/dev/null
	run import_again
	[ "$status" -ne 0 ] || fail "$output"
	# What Nix writes for derivations without fixed outputs, and tables that are ten years old.
	cp "$T/db" "$db"
	sqlite3 "$db" "create table Realisations(id integer primary key, outputPath integer);
		create table RealisationsRefs(referrer integer, realisationReference integer);
		create trigger DeleteSelfRefsViaRealisations before delete on ValidPaths
		begin delete from RealisationsRefs where realisationReference in
		(select id from Realisations where outputPath = old.id); end;
		create table FailedPaths(path text primary key not null, time integer not null)"
	import_again
	assert_closure_in "$T/root"
}

@test "a disk without inodes for the database counts as full" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	mkdir "$T/root"
	for inodes in 9 10 11 12 13 14 15; do
		mount -t tmpfs -o "size=20m,nr_inodes=$inodes" tmpfs "$T/root" 2>/dev/null ||
			skip "cannot mount"
		run import_bundle
		umount "$T/root"
		[ "$status" -eq 7 ] || fail "$inodes inodes: status $status: $output"
	done
}

@test "a secret key that others can read is refused" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	for mode in 644 640 604; do
		chmod "$mode" "$T/lab.sec"
		fails 2 "secret key '$T/lab.sec' can be read by other users \(mode 0$mode\)" \
			make_bundle "$TOP"
		fails 2 "change its mode to 0600" nixferry pack "$TOP" --pool "$T/pool" \
			--sign-key "$T/lab.sec" -o "$T/x"
	done
	chmod 400 "$T/lab.sec"
	make_bundle "$TOP"
}

@test "invalid profile names are refused before anything is written" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	mkdir "$T/root"
	for name in per-user system-3-link -7-link $'a\nb' $'\e[31m' 'a b' a/b .hidden; do
		fails 2 "is not the name of a profile" \
			import_bundle "$T/b.bundle" "$T/root" --profile "$name"
	done
	[ ! -e "$T/root/nix" ]
	import_bundle "$T/b.bundle" "$T/root" --profile "my_system-1.2+x"
	[ -L "$T/root/nix/var/nix/profiles/my_system-1.2+x-1-link" ]
}

@test "a message does not quote a name of 8 KiB" {
	long=$(head -c 8000 /dev/zero | tr '\0' x)
	fails 1 "'xxxx*\.\.\.xxxx*': File name too long" nixferry verify "$long"
	[ "$(wc -L <<<"$stderr")" -lt 500 ] || fail "$stderr"
}

# put KIND FILE: in place of what is there.
put() {
	rm -rf "$2"
	case $1 in
	link) ln -s "$T/outside" "$2" ;;
	dangling-link) ln -s "$T/outside/new" "$2" ;;
	loop) ln -s "$2" "$2" ;;
	fifo) mkfifo "$2" ;;
	device) mknod "$2" c 1 3 ;;
	directory) mkdir "$2" ;;
	file) echo "a file" >"$2" ;;
	esac
}

@test "import writes nothing outside the store, whatever stands in its parts' places" {
	needs_root
	prepare
	mkdir "$T/outside"
	echo kept >"$T/outside/file"
	mv "$T/root" "$T/kept"
	before=$(ls -lA --time-style=full-iso "$T/outside")
	kinds=(dangling-link loop fifo device directory file)
	n=0
	for place in nix nix/store nix/var nix/var/nix nix/var/nix/db nix/var/nix/db/db.sqlite \
		nix/var/nix/db/db.sqlite-wal nix/var/nix/db/big-lock nix/var/nix/gc.lock \
		nix/var/nix/gcroots nix/var/nix/gcroots/nixferry nix/var/nix/profiles \
		nix/var/nix/profiles/system-1-link "nix/store/$UNPACK_DIR" "${APP#/}" "${APP#/}.lock"; do
		for kind in link "${kinds[n++ % 6]}"; do
			cp -a "$T/kept" "$T/root"
			mkdir -p "$T/root/$(dirname "$place")"
			put "$kind" "$T/root/$place"
			run import_again
			[[ $status -le 7 ]] || fail "$kind at $place: $status: $output"
			[ "$status" -ne 0 ] || assert_closure_in "$T/root"
			[ "$before" = "$(ls -lA --time-style=full-iso "$T/outside")" ] ||
				fail "$kind at $place: $T/outside changed"
			rm -rf "$T/root"
		done
	done
}

@test "import says which file of the store is immutable" {
	needs_root
	prepare
	touch "$T/flag"
	chattr +i "$T/flag" 2>/dev/null || skip "no immutable files on this file system"
	chattr -i "$T/flag"
	for place in nix/store nix/var/nix/db/db.sqlite nix/var/nix/profiles; do
		chattr +i "$T/root/$place"
		run import_again
		chattr -i "$T/root/$place"
		[ "$status" -eq 1 ] || fail "$place: $status: $output"
		[[ $output == *"$T/root/$place"* ]] || fail "$place: $output"
		[[ $output == *"not permitted"* || $output == *readonly* ]] || fail "$place: $output"
	done
	import_again
	assert_closure_in "$T/root"
}
