#!/usr/bin/env bats
# What comes with the programs: systemd units, the version, the archive of a release.

load helper

setup() {
	setup_lab
}

teardown() {
	teardown_lab
}

@test "the systemd units are valid, hardened, and start a command that works" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze here"
	mkdir -p "$T/prefix/bin"
	ln -s "$BUILD/nixferry" "$T/prefix/bin/nixferry"
	sed "s|@PREFIX@|$T/prefix|" "$repo/docs/systemd/nixferry-prefetch.service.in" >"$T/nixferry-prefetch.service"
	cp "$repo/docs/systemd/nixferry-prefetch.timer" "$T"
	run systemd-analyze verify --man=no "$T/nixferry-prefetch.service" "$T/nixferry-prefetch.timer"
	[ "$status" -eq 0 ] && [ -z "$output" ] || fail "$output"
	if systemd-analyze security --help | grep -q -e --threshold; then
		systemd-analyze security --no-pager --offline=true --threshold=20 "$T/nixferry-prefetch.service" >"$T/out" ||
			fail "$(<"$T/out")"
	fi
	local command
	make_signed_path
	echo "$TOP" >"$T/installables"
	command=$(sed -n 's/^ExecStart=//p' "$T/nixferry-prefetch.service")
	command=${command/"/etc/nixferry/installables"/"$T/installables"}
	CACHE_DIRECTORY=$T/pool NIXFERRY_OPTIONS="--no-local-store --substituter file://$T/cache
		--trusted-public-key $PUBLIC_KEY" eval "$command" >"$T/out"
	[ -e "$(narinfo_of "$T/pool" "$TOP")" ]
}

@test "the version stands in one place, and the changelog has it" {
	local version
	version=$(nixferry --version)
	version=${version#nixferry }
	grep -q "^## $version " "$repo/CHANGELOG.md"
	[ "$(make -s -C "$repo" --eval 'v: ; @echo $(VERSION)' v)" = "$version" ]
	[ ! -e "$repo/.git" ] || [ -z "$(git -C "$repo" grep -lF "\"$version\"" -- '*.[ch]' '*.in' Makefile ':!include/nixferry/version.h' ':!tests')" ]
}
