#!/usr/bin/env bats
# Sources on this machine (its store, other stores, bundles and pools), and the ways to name
# installables in them.

load helper

setup() {
	setup_lab
	mkcache keygen me-1 "$T/me.sec" "$T/me.pub"
	MY_KEY=$(cat "$T/me.pub")
	dead_port
	NOWHERE=http://127.0.0.1:$DEAD_PORT
}

teardown() {
	teardown_lab
}

# A store with the small closure, signed by lab-1, which is not trusted here.
make_store() {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	import_bundle
	rm -r "$T/pool" "$T/b.bundle"
}

# from_store TARGET... [OPTION]...: out of $T/root, without any cache, into $T/s.bundle.
from_store() {
	nixferry prefetch --from-store "$T/root" --substituter "$NOWHERE" --pool "$T/pool" \
		--sign-key "$T/me.sec" -o "$T/s.bundle" "$@"
}

# Trusts the bundle's key alone.
import_mine() {
	mkdir -p "$T/root2"
	nixferry import "${1:-$T/s.bundle}" --store "$T/root2" --trusted-public-key "$MY_KEY"
}

# The names in a directory and the contents of its files.
describe_state() {
	(cd "$1" && find . -type f -exec sha256sum {} + && find . -printf '%p %y %m %s %T@\n') |
		LC_ALL=C sort
}

# ---- a store ----

@test "a store's closure becomes a bundle signed with the bundle's key" {
	make_store
	from_store "$TOP" --json | jq -e '.complete and .inStore == 5 and .dumped == 5 and
		.fetched == 0 and .downloadSize == 0'
	import_mine
	assert_closure_in "$T/root2"
	local db=$T/root2/nix/var/nix/db/db.sqlite
	[ "$(sqlite3 "$db" "select count(*) from ValidPaths where sigs like '%lab-1:%'")" -eq 5 ]
	# A content-addressed path needs no signature.
	[ "$(sqlite3 "$db" "select count(*) from ValidPaths where sigs like '%me-1:%'")" -ge 4 ]
	diff <(sqlite3 "$T/root/nix/var/nix/db/db.sqlite" "select path, hash, narSize, deriver, ca from ValidPaths order by path") \
		<(sqlite3 "$db" "select path, hash, narSize, deriver, ca from ValidPaths order by path")
}

# A rollback journal has the earlier state of the database: it must be rolled back before reading.
@test "a killed writer's transaction is rolled back before a database is read" {
	make_store
	local db=$T/root/nix/var/nix/db/db.sqlite
	sqlite3 "$db" 'pragma journal_mode = delete' 'pragma cache_size = 1' 'begin' \
		"update ValidPaths set hash = 'sha256:' || printf('%064d', 7)" \
		"with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000)
			insert into ValidPaths(path, hash, registrationTime)
			select printf('/nix/store/%032d-x', i), 'sha256:' || printf('%064d', 0), 1 from n" \
		'.shell kill -9 $PPID' >/dev/null 2>&1 || :
	[ -s "$db-journal" ]
	from_store "$TOP" --json | jq -e '.complete and .inStore == 5'
	import_mine
	assert_closure_in "$T/root2"
}

@test "paths signed by a trusted key get no other signature" {
	make_store
	from_store "$TOP" --trusted-public-key "$PUBLIC_KEY"
	mkdir "$T/root2"
	fails 4 "signed by 'lab-1'" import_mine
	import_bundle "$T/s.bundle" "$T/root3" --trusted-public-key "$MY_KEY"
	assert_closure_in "$T/root3"
}

@test "the second run copies nothing from the store" {
	make_store
	from_store "$TOP"
	cp "$T/s.bundle" "$T/before"
	from_store "$TOP" --json | jq -e '.inPool == 5 and .dumped == 0'
	cmp "$T/s.bundle" "$T/before"
}

@test "the store is only read, even while another process is about to write" {
	make_store
	describe_state "$T/root" >"$T/before"
	from_store "$TOP"
	describe_state "$T/root" | diff "$T/before" -
	rm -r "$T/pool"
	local db=$T/root/nix/var/nix/db/db.sqlite
	mkfifo "$T/go"
	sqlite3 "$db" <"$T/go" >"$T/sqlite.out" 2>&1 3>&- &
	local pid=$!
	exec 4>"$T/go"
	echo "begin immediate; update ValidPaths set registrationTime = 5; select 'locked';" >&4
	wait_for 10 grep -q locked "$T/sqlite.out"
	timeout "$(patience 15)" "$BUILD/nixferry" prefetch --from-store "$T/root" --substituter "$NOWHERE" \
		--pool "$T/pool" --sign-key "$T/me.sec" -o "$T/t.bundle" "$TOP"
	cmp "$T/s.bundle" "$T/t.bundle"
	echo "commit;" >&4
	exec 4>&-
	wait "$pid"
	[ "$(sqlite3 "$db" "select distinct registrationTime from ValidPaths")" = 5 ]
}

@test "only paths missing from the store are fetched" {
	make_small_closure "$T/cache"
	make_bundle "$APP"
	import_bundle
	rm -r "$T/pool"
	start_cache "$T/cache"
	nixferry prefetch "$TOP" --from-store "$T/root" --substituter "$URL" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --json | jq -e '.dumped == 2 and .fetched == 3'
	[ "$(log_count '^GET /nar/')" -eq 3 ]
	[ "$(log_count '^GET /.*narinfo')" -eq 3 ]
}

@test "the live store is not read with --no-local-store" {
	make_small_closure "$T/cache"
	nixferry prefetch "$TOP" --no-local-store --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --json | jq -e '.fetched == 5 and .inStore == 0'
}

@test "bytes that differ from the database are named" {
	make_store
	chmod u+w "$T/root$APP/bin" "$T/root$APP/bin/hello"
	printf x | dd of="$T/root$APP/bin/hello" conv=notrunc status=none
	fails 5 "'$(basename "$APP")'.*NAR hash: expected sha256:.*, got" from_store "$TOP"
	[ ! -e "$T/s.bundle" ]
}

@test "paths damaged or lost in a store are fetched from a cache instead" {
	make_store
	chmod -R u+w "$T/root/nix/store"
	echo more >>"$T/root$APP/bin/hello"
	rm -r "$T/root$LIB"
	start_cache "$T/cache"
	nixferry prefetch "$TOP" --from-store "$T/root" --substituter "$URL" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --json | jq -e '.dumped == 3 and .fetched == 2'
	[ "$(log_count '^GET /nar/')" -eq 2 ]
}

@test "a valid path that is missing on the disk is named" {
	make_store
	chmod -R u+w "$T/root/nix/store"
	rm -r "$T/root$LIB"
	fails 5 "'$LIB' is valid in '$T/root', but missing on the disk" \
		from_store "$TOP"
}

@test "unreadable stores are refused with the reason" {
	make_store
	local db=$T/root/nix/var/nix/db
	fails 3 "option '--from-store': there is no store in '$T/nothing'" \
		nixferry prefetch "$TOP" --from-store "$T/nothing" --pool "$T/pool"
	printf 11 >"$db/schema"
	fails 5 "option '--from-store': '$T/root/nix/var/nix' has database schema 11, only 10 is supported" \
		from_store "$TOP"
	printf 10 >"$db/schema"
	mv "$db/db.sqlite" "$db/away"
	fails 3 "option '--from-store': '$T/root/nix/var/nix' has no store database" from_store "$TOP"
	mkdir "$db/db.sqlite"
	fails 1 "option '--from-store': '$db/db.sqlite' is a directory, not a regular file" \
		from_store "$TOP"
	rmdir "$db/db.sqlite"
	head -c 5000 /dev/urandom >"$db/db.sqlite"
	fails 5 "database '$db/db.sqlite': file is not a database" from_store "$TOP"
}

@test "a store with unreadable files is refused by name" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to become somebody else"
	make_store
	chmod 711 "$T" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR/../.." 2>/dev/null || true
	chmod 600 "$T/root/nix/var/nix/db/db.sqlite"
	mkdir -m 777 "$T/free"
	cp "$BUILD/nixferry" "$T/me.sec" "$T/free"
	chmod 755 "$T/free/nixferry"
	fails 1 "database '.*/db.sqlite': unable to open database file" \
		setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$T/free" \
		XDG_CACHE_HOME="$T/free/cache" "$T/free/nixferry" prefetch "$TOP" --from-store "$T/root" \
		--substituter "$NOWHERE"
}

@test "pack takes paths missing from the pool from the store" {
	make_store
	fails 3 "is not in the pool" nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/me.sec" \
		-o "$T/s.bundle" --no-local-store
	nixferry pack "$TOP" --from-store "$T/root" --pool "$T/pool" --sign-key "$T/me.sec" \
		-o "$T/s.bundle"
	import_mine
	assert_closure_in "$T/root2"
	from_store "$TOP" -o "$T/t.bundle"
	cmp "$T/s.bundle" "$T/t.bundle"
	nixferry pack "$TOP" --pool "$T/pool" --sign-key "$T/me.sec" -o "$T/u.bundle" --no-local-store
	cmp "$T/s.bundle" "$T/u.bundle"
}

@test "pack names paths missing from pool and store, and damaged ones" {
	make_store
	local other=00000000000000000000000000000000-x
	fails 3 "'$other' is not in the pool: .* is not valid in '$T/root" \
		nixferry pack "$other" --from-store "$T/root" --pool "$T/pool" \
		--sign-key "$T/me.sec" -o "$T/s.bundle"
	chmod u+w "$T/root$DATA"
	echo more >>"$T/root$DATA"
	fails 5 "path '$(basename "$DATA")': NAR" nixferry pack "$TOP" --from-store "$T/root" \
		--pool "$T/pool" --sign-key "$T/me.sec" -o "$T/s.bundle"
	[ ! -e "$T/s.bundle" ]
}

@test "a NAR without a compressed form to keep is encoded" {
	make_store
	from_store "$TOP" --compress keep
	[ "$(tar tf "$T/s.bundle" | grep -c '\.nar\.zst$')" -eq 5 ]
	import_mine
	assert_closure_in "$T/root2"
}

# ---- real Nix ----

# Builds in a store of its own: sets SYSTEM, whose closure has two more paths.
build_with_nix() {
	needs_nix_builds
	[ "$EUID" -eq 0 ] || skip "Nix builds in another store as root only"
	export NIX_CONFIG="$NIX_CONFIG
sandbox-paths = /bin /lib /lib64 /usr"
	cat >"$T/system.nix" <<-'END'
		let
		  mk = name: text: derivation {
		    inherit name;
		    system = builtins.currentSystem;
		    builder = "/bin/sh";
		    args = [ "-c" text ];
		  };
		  source = builtins.toFile "source" "a source\n";
		  a = mk "a" "/bin/mkdir -p $out/bin; echo hello >$out/bin/a; /bin/cp ${source} $out/s";
		in mk "system" "/bin/mkdir $out; /bin/ln -s ${a} $out/sw; echo $out ${source} >$out/self"
	END
	SYSTEM=$(nix-build --store "$T/built" "$T/system.nix" --no-out-link) ||
		skip "this Nix cannot build here"
}

@test "a path that Nix built goes to another store" {
	build_with_nix
	[ "$(sqlite3 "$T/built/nix/var/nix/db/db.sqlite" \
		"select ultimate from ValidPaths where path = '$SYSTEM'")" = 1 ]
	nixferry prefetch "$SYSTEM" --from-store "$T/built" --substituter "$NOWHERE" --pool "$T/pool" \
		--sign-key "$T/me.sec" -o "$T/s.bundle"
	import_mine
	nix-store --store "$T/root2" --verify --check-contents
	nix_on "$T/root2" store verify -r --trusted-public-keys "$MY_KEY" "$SYSTEM"
	[ "$(valid_paths "$T/root2" | wc -l)" -eq 3 ]
	nix_on "$T/built" path-info -r "$SYSTEM" | LC_ALL=C sort | diff - <(valid_paths "$T/root2")
	for path in $(valid_paths "$T/root2"); do
		assert_tree_equal "$T/built$path" "$T/root2$path"
	done
	nix-store --store "$T/built" --verify --check-contents
}

@test "Nix reads and writes a store that is being read" {
	build_with_nix
	nixferry prefetch "$SYSTEM" --from-store "$T/built" --pool "$T/pool" --substituter "$NOWHERE"
	echo more >"$T/more"
	nix-store --store "$T/built" --add "$T/more"
	nix-store --store "$T/built" --verify --check-contents
}

# ---- other sources on this machine ----

@test "a bundle can be a source" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	for url in "file://$T/b.bundle" "$T/b.bundle"; do
		nixferry prefetch "$TOP" --substituter "$url" --pool "$T/pool2" --sign-key "$T/lab.sec" \
			--trusted-public-key "$PUBLIC_KEY" -o "$T/c.bundle" --json | jq -e '.fetched == 5'
		cmp "$T/b.bundle" "$T/c.bundle"
		rm -r "$T/pool2"
	done
}

@test "a bundle whose signer is not trusted cannot be a source" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	fails 4 "no signature by a trusted key|signed by" \
		nixferry prefetch "$TOP" --substituter "$T/b.bundle" --pool "$T/pool2"
	[ "$(find "$T/pool2" -name '*.narinfo' | wc -l)" -eq 0 ]
}

@test "a damaged bundle supplies its good paths, the rest is fetched elsewhere" {
	mkcache generate --cache "$T/cache" --paths 20 --seed 3 --max-size 700000 \
		--sign "$T/lab.sec" >"$T/paths"
	TOP=$(tail -n 1 "$T/paths")
	make_bundle "$TOP"
	local size
	size=$(stat -c %s "$T/b.bundle")
	[ "$size" -gt 1500000 ]
	printf 'XXXXXXXX' | dd of="$T/b.bundle" bs=1 seek=$((size - 100000)) conv=notrunc status=none
	fails 5 "block" nixferry prefetch "$TOP" --substituter "$T/b.bundle" --pool "$T/pool2" \
		--trusted-public-key "$PUBLIC_KEY"
	start_cache "$T/cache"
	nixferry prefetch "$TOP" --substituter "$T/b.bundle" --substituter "$URL" --pool "$T/pool2" \
		--trusted-public-key "$PUBLIC_KEY"
	[ "$(log_count '^GET /nar/')" -lt 10 ]
}

@test "paths in a bundle are not fetched from a cache" {
	make_small_closure "$T/cache"
	make_bundle "$APP"
	start_cache "$T/cache"
	nixferry prefetch "$TOP" --substituter "$URL" --substituter "$T/b.bundle" --pool "$T/pool2" \
		--trusted-public-key "$PUBLIC_KEY"
	[ "$(log_count '^GET /nar/')" -eq 3 ]
}

@test "another pool can be a source" {
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	for url in "file://$T/pool" "$T/pool"; do
		nixferry prefetch "$TOP" --substituter "$url" --pool "$T/pool2" \
			--trusted-public-key "$PUBLIC_KEY" --json | jq -e '.fetched == 5'
		rm -r "$T/pool2"
	done
}

@test "a store as a substituter needs signatures, unless it is trusted" {
	make_store
	for url in "$T/root" "local?root=$T/root"; do
		fails 4 "signed by 'lab-1'" \
			nixferry prefetch "$TOP" --substituter "$url" --pool "$T/pool2"
		nixferry prefetch "$TOP" --substituter "$url" --pool "$T/pool3" \
			--trusted-public-key "$PUBLIC_KEY" --json | jq -e '.fetched == 5'
		rm -r "$T/pool2" "$T/pool3"
	done
	nixferry prefetch "$TOP" --substituter "local?root=$T/root&trusted=1" --pool "$T/pool2"
}

@test "missing sources are reported" {
	make_small_closure "$T/cache"
	fails 6 "cannot open '$T/no.bundle': No such file" \
		nixferry prefetch "$TOP" --substituter "$T/no.bundle" --pool "$T/pool"
	echo "no bundle" >"$T/x.bundle"
	fails 5 "'$T/x.bundle': not a nixferry bundle" \
		nixferry prefetch "$TOP" --substituter "file://$T/x.bundle" --pool "$T/pool"
	mkdir "$T/empty"
	fails 6 "there is no store in '$T/empty'" \
		nixferry prefetch "$TOP" --substituter "$T/empty" --pool "$T/pool"
}

@test "paths that refer to each other cannot be packed, and are named" {
	make_small_closure "$T/cache"
	local info
	info=$(narinfo_of "$T/cache" "$DATA")
	sed -i "s|^References:.*|References: $(basename "$LINK")|" "$info"
	mkcache sign --cache "$T/cache" --sign "$T/lab.sec" "$DATA"
	fails 5 "'[^']*-(link|data.txt)' and '[^']*-(link|data.txt)' refer to each other" \
		nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/c.bundle"
	[ ! -e "$T/c.bundle" ]
}

# ---- targets ----

@test "installables: links, profiles, lists, all at once" {
	make_store
	ln -s "$APP/bin" "$T/link"
	ln -s link "$T/link2"
	import_bundle "$(from_store "$TOP" >/dev/null && echo "$T/s.bundle")" "$T/root" \
		--trusted-public-key "$MY_KEY" --profile system
	for target in "$TOP" "$(basename "$TOP")" "$TOP/sw" "$T/root/nix/var/nix/profiles/system" \
		"$T/root/nix/var/nix/profiles/system-1-link"; do
		from_store "$target" --dry-run --json | jq -e '.paths == 5'
	done
	from_store "$T/link2" --dry-run --json | jq -e '.paths == 2'
	printf '# some\n\n  %s\t\n%s\r\n' "$DATA" "$LINK" >"$T/list"
	from_store --from-file "$T/list" --dry-run --json | jq -e '.paths == 2'
	from_store --from-file "$T/list" "$LIB" --dry-run --json | jq -e '.paths == 3'
	from_store - --dry-run --json <"$T/list" | jq -e '.paths == 2'
	xz -k "$T/list"
	from_store --from-file "$T/list.xz" --dry-run --json | jq -e '.paths == 2'
	from_store - --dry-run --json <"$T/list.xz" | jq -e '.paths == 2'
}

@test "a file below a link into the live store stands for its store path" {
	local some
	some=$(find /nix/store -mindepth 2 -maxdepth 3 -type f ! -path '*/.links/*' 2>/dev/null |
		head -n 1)
	[ -n "$some" ] || skip "no live store"
	ln -s "$(dirname "$some")" "$T/result"
	fails 6 "$(cut -d/ -f4 <<<"$some")|path" nixferry prefetch "$T/result/$(basename "$some")" \
		--no-local-store --substituter "$NOWHERE" --pool "$T/pool"
}

@test "invalid installables are named, in lists with their line" {
	fails 2 "installable '$T/missing': '$T/missing': No such file or directory" from_nothing "$T/missing"
	fails 2 "installable '/etc': '/etc' is neither in /nix/store nor a symbolic link" from_nothing /etc
	fails 2 "'/nix/store/nothing'" from_nothing /nix/store/nothing
	fails 2 "is not a list of outputs" from_nothing "00000000000000000000000000000000-x.drv!a b"
	fails 2 "is not a derivation" from_nothing "00000000000000000000000000000000-x!out"
	ln -s loop "$T/loop"
	fails 2 "too many symbolic links" from_nothing "$T/loop"
	printf '00000000000000000000000000000000-x\n\nhello\n' >"$T/list"
	fails 2 "$T/list: line 3: installable 'hello'" from_nothing --from-file "$T/list"
	fails 2 "standard input: line 3: installable 'hello'" from_nothing - <"$T/list"
	xz -c "$T/list" | head -c 60 >"$T/cut.xz"
	fails 5 "$T/cut.xz: " from_nothing --from-file "$T/cut.xz"
	fails 2 "no-list" from_nothing --from-file "$T/no-list"
}

from_nothing() {
	nixferry prefetch --substituter "$NOWHERE" --pool "$T/pool" "$@"
}

@test "flakes need nix, and its errors are shown" {
	mkdir "$T/bin"
	fails 2 "installable 'x#y': evaluating a flake needs nix, which is not on PATH" \
		env PATH="$T/bin" "$BUILD/nixferry" prefetch "x#y"
	have_nix || skip "no Nix here"
	export NIX_REMOTE=$T/store
	mkdir "$T/flake"
	cat >"$T/flake/flake.nix" <<-'END'
		{
		  outputs = { self }: {
		    thing = derivation { name = "thing"; system = "x"; builder = "/b"; };
		    text = "no derivation";
		    own = self.thing;
		    nixosConfigurations = builtins.mapAttrs
		      (name: _: { config.system.build.toplevel = derivation {
		        name = "nixos-system-${name}"; system = "x"; builder = "/b"; }; })
		      { lab = 1; own = 1; "web.1" = 1; HOST = 1; };
		  };
		}
	END
	fails 2 "installable 'path:$T/flake#nothing': flake 'path:$T/flake' has no NixOS configuration 'nothing'; it has: " \
		from_nothing "path:$T/flake#nothing"
	fails 2 "installable 'path:$T/flake#text': nix: error: " from_nothing "path:$T/flake#text"
	fails 3 "-thing.drv' is not in the local store" from_nothing "path:$T/flake#thing"

	# nix runs before the sandbox forbids it.
	nixferry plan "path:$T/flake#own" --no-local-store --substituter "$NOWHERE" --pool "$T/pool" \
		--why-build "path:$T/flake#thing" | grep -q -- '-thing.drv'

	# Names as for nixos-rebuild --flake; an attribute of that name comes first.
	sed -i "s/HOST/$(uname -n)/" "$T/flake/flake.nix"
	fails 3 "-nixos-system-lab.drv' is not in" from_nothing "path:$T/flake#lab"
	fails 3 "-nixos-system-web.1.drv' is not in" from_nothing "path:$T/flake#web.1"
	fails 3 "-thing.drv' is not in" from_nothing "path:$T/flake#own"
	cd "$T/flake"
	fails 3 "-nixos-system-lab.drv' is not in" from_nothing .#nixosConfigurations.lab
	fails 3 "-nixos-system-$(uname -n).drv' is not in" from_nothing .
	fails 2 "flake 'path:$T/flake' has no NixOS configuration 'lba' .did you mean 'lab'.*; it has: .*lab, own, " \
		from_nothing "path:$T/flake#lba"
}
