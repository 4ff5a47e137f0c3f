#!/usr/bin/env bats
# Fields that no signature covers (other signatures, deriver, content address) are passed on
# only in a form that every version of Nix can read.

load helper

setup() {
	setup_lab
}

teardown() {
	teardown_lab
}

DB=nix/var/nix/db/db.sqlite

make_signed_closure() {
	make_small_closure "$T/cache" --input-addressed
}

fake_sig() {
	head -c "${2:-64}" /dev/zero | base64 -w 0 | sed "s/^/$1:/"
}

# Lines that a cache adds to each narinfo; only the last has a signature that is kept.
hostile_lines() {
	local sig
	sig=$(fake_sig x)
	printf 'Sig: %s\n' 'evil-1:%%%' nocolon ':AAAA' 'evil-1:' "a:b:${sig#x:}" "two words:${sig#x:}" \
		$'tab\there:'"${sig#x:}" $'\xff\xfe:'"${sig#x:}" 'short-1:AAAA' \
		"$(fake_sig long-1 65)" "$(fake_sig huge-1 100000)" "$(fake_sig "${PUBLIC_KEY%%:*}" 2420)"
	printf 'Deriver: %s\n' "../$(hash_part "$TOP")-x.drv"
	printf 'CA: %s\n' "fixed:r:blake3:$(printf '0%.0s' {1..52})"
	printf 'Nixferry-Nodes: none\nNixferry-By-Store: 1\nFileHash: none\n'
	printf 'Sig: %s \n' "$(fake_sig kept-1)"
}

make_hostile() {
	local info
	make_signed_closure
	for info in "$T/cache"/*.narinfo; do
		hostile_lines >>"$info"
	done
}

assert_readable() {
	local odd
	odd=$(sqlite3 "$1/$DB" "select sigs from ValidPaths" | tr ' ' '\n' | sort -u |
		grep -vE '^[!-9;-~]+:[A-Za-z0-9+/]{86}==$' || true)
	[ -z "$odd" ] || fail "signatures that not every Nix reads: $odd" || return 1
	[ -z "$(sqlite3 "$1/$DB" "select 1 from ValidPaths where ca is not null or
		(deriver is not null and deriver not glob '/nix/store/*.drv')")" ] ||
		fail "derivers or content addresses: $(sqlite3 "$1/$DB" 'select deriver, ca from ValidPaths')" || return 1
	have_nix || return 0
	nix_on "$1" path-info --all --json >/dev/null || return 1
	nix_is_content "$1"
}

prefetch_into() {
	mkdir -p "$1"
	nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/$2" --store "$1" \
		--trusted-public-key "$PUBLIC_KEY"
}

@test "additions of a cache to narinfos reach no pool, bundle or store" {
	make_hostile
	run --separate-stderr make_bundle "$TOP"
	[ "$status" -eq 0 ] || fail "$stderr"
	grep -q "cache 'file://.*': [0-9]* signatures, derivers or content addresses are ignored" <<<"$stderr"
	! grep -hE '^(Deriver|CA|Sig: (evil|short|long|huge))' "$T"/pool/*.narinfo
	[ "$(grep -h '^Sig: kept-1' "$T"/pool/*.narinfo | wc -l)" -eq "${#ALL_PATHS[@]}" ]
	mkdir "$T/unpacked"
	tar xf "$T/b.bundle" -C "$T/unpacked"
	! grep -hE '^(Deriver|CA|Nixferry|Sig: (evil|short|long|huge))' "$T"/unpacked/*.narinfo
	nixferry verify "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
	import_bundle
	assert_closure_in "$T/root"
	assert_readable "$T/root"
	prefetch_into "$T/other" pool2
	assert_readable "$T/other"
	[ "$(sqlite3 "$T/other/$DB" "select count(*) from ValidPaths where sigs like '%kept-1%'")" -eq \
		"${#ALL_PATHS[@]}" ]
}

@test "signatures that a valid path gains are readable for Nix" {
	make_signed_closure
	prefetch_into "$T/root" pool
	sqlite3 "$T/root/$DB" "update ValidPaths set sigs = null"
	for info in "$T/cache"/*.narinfo; do
		hostile_lines >>"$info"
	done
	prefetch_into "$T/root" pool2
	assert_readable "$T/root"
	[ "$(sqlite3 "$T/root/$DB" "select count(*) from ValidPaths where sigs like '%lab-1%'")" -eq \
		"${#ALL_PATHS[@]}" ]
	make_bundle "$TOP"
	import_bundle
	assert_readable "$T/root"
}

@test "a store with rows that Nix cannot read can be a source and a target" {
	make_signed_closure
	prefetch_into "$T/root" pool
	sqlite3 "$T/root/$DB" "update ValidPaths set sigs = sigs || ' evil-1:%%%', deriver = 'unknown-deriver',
		ca = 'wild:x'"
	run --separate-stderr nixferry pack "$TOP" --from-store "$T/root" --pool "$T/pool3" \
		--sign-key "$T/lab.sec" -o "$T/p.bundle"
	[ "$status" -eq 0 ] || fail "$stderr"
	grep -q "are ignored" <<<"$stderr"
	import_bundle "$T/p.bundle" "$T/fresh"
	assert_readable "$T/fresh"
	run --separate-stderr import_bundle "$T/p.bundle" "$T/root"
	[ "$status" -eq 0 ] || fail "$stderr"
	grep -q "its database has [0-9]* signatures, derivers or content addresses that Nix may not" <<<"$stderr"
	prefetch_into "$T/root" pool4
	sqlite3 "$T/root/$DB" "update ValidPaths set hash = 'sha256:zz' where path = '$LIB'"
	run --separate-stderr import_bundle "$T/p.bundle" "$T/root"
	[ "$status" -eq 0 ] || fail "$stderr"
	grep -q "it stays as it is" <<<"$stderr"
	prefetch_into "$T/root" pool4
	assert_no_temp_files "$T/root"
}

@test "a bundle that verify accepts is imported, however much a cache adds" {
	local info
	make_signed_closure
	info=$(narinfo_of "$T/cache" "$LIB")
	{
		grep -v ^Sig "$info"
		seq 10000 | sed "s|.*|Sig: nobody-&:$(fake_sig x | cut -c 3-)|"
		grep ^Sig "$info"
	} >"$T/many"
	cp "$T/many" "$info"
	make_bundle "$TOP"
	nixferry verify "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY"
	import_bundle
	assert_closure_in "$T/root"
	assert_readable "$T/root"
	grep -q '^Sig: lab-1:' "$(narinfo_of "$T/pool" "$LIB")"
	[ "$(grep -c '^Sig:' "$(narinfo_of "$T/pool" "$LIB")")" -eq 64 ]
	[ "$(sqlite3 "$T/root/$DB" "select length(sigs) < 65536 and sigs like '%lab-1:%'
		from ValidPaths where path = '$LIB'")" = 1 ]
}

@test "a malformed pool field invalidates one pool entry, and is ignored elsewhere" {
	make_signed_closure
	make_bundle "$TOP"
	sed -i 's/^Nixferry-Nodes: .*/Nixferry-Nodes: many/' "$(narinfo_of "$T/pool" "$LIB")"
	nixferry prefetch "$TOP" --substituter "file://$T/pool" --pool "$T/second" \
		--trusted-public-key "$PUBLIC_KEY"
	run --separate-stderr nixferry prefetch "$TOP" --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --json
	[ "$status" -eq 0 ] || fail "$stderr"
	grep -q '^Nixferry-Nodes: [0-9]' "$(narinfo_of "$T/pool" "$LIB")"
}
