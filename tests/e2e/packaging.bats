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

	# On a metered link the condition fails, and systemd skips the service.
	command=$(sed -n "s/^ExecCondition=//p" "$T/nixferry-prefetch.service")
	command=${command//\$\$/\$}
	mkdir "$T/bin"
	printf '#!/bin/sh\necho "$METERED"\n[ -n "$METERED" ]\n' >"$T/bin/busctl"
	chmod +x "$T/bin/busctl"
	for metered in "u 1" "u 3"; do
		! PATH=$T/bin:$PATH METERED=$metered eval "$command" || fail "$metered"
	done
	for metered in "u 0" "u 2" "u 4" ""; do
		PATH=$T/bin:$PATH METERED=$metered eval "$command" || fail "$metered"
	done
}

version() {
	local version
	version=$(nixferry --version)
	echo "${version#nixferry }"
}

# evaluate EXPRESSION: with Nix, and with nixpkgs replaced by what our files use of it.
evaluate() {
	nix-instantiate --eval --strict --json --store "$T/store" -E "
		let
			pkgs = import $repo/tests/tools/nixpkgs { };
			nixferry = import $repo { inherit pkgs; };
			module = settings: pkgs.lib.evalModule pkgs $repo/nixos/module.nix
				{ services.nixferry.prefetch = { enable = true; installables = [ \"f#web\" ]; } // settings; };
		in $1"
}

@test "flake.nix and default.nix have the package, the static importer, an overlay and a shell" {
	have_nix || skip "no Nix here"
	mkdir "$T/flake"
	cp -r "$repo"/{flake.nix,default.nix,nixos,include} "$T/flake"
	NIX_CONFIG="experimental-features = nix-command flakes" nix flake show --json --store "$T/store" \
		--no-write-lock-file --override-input nixpkgs "path:$repo/tests/tools/nixpkgs" "path:$T/flake" \
		>"$T/flake.json"
	[ "$(jq -c '[(.packages["x86_64-linux"][].name), .devShells["x86_64-linux"].default.name,
		.overlays.default.type, .nixosModules.default.type]' "$T/flake.json")" = "$(printf '["%s","%s","%s","shell","%s","%s"]' \
		"nixferry-$(version)" "nixferry-$(version)" "nixferry-import-$(version)" nixpkgs-overlay nixos-module)" ] ||
		fail "$(<"$T/flake.json")"
	evaluate "[ nixferry.name nixferry.makeFlags nixferry.nixferry-import.makeFlags ]" >"$T/out"
	jq -e '.[1][3] == "IMPORT=shared" and .[2][3] == "IMPORT=static"' "$T/out" || fail "$(<"$T/out")"
}

@test "the NixOS module gives the units their installables, options and secrets" {
	have_nix || skip "no Nix here"
	evaluate 'let m = module {
		substituters = [ "https://a.example" ];
		limitRate = [ "none" "2M@07:00-23:00" ];
		bundle = { name = "web.bundle"; signKeyFile = "/etc/carrier.sec"; };
		startAt = "03:00";
	}; in {
		inherit (m) systemd;
		etc = m.environment.etc;
		met = map (a: a.assertion) m.assertions;
		refused = map (settings: map (a: a.assertion) (module settings).assertions) [
			{ netrcFile = "/nix/store/netrc"; }
			{ bundle.name = "web.bundle"; }
		];
		wrong = map (settings: (builtins.tryEval (builtins.deepSeq (module settings) true)).success) [
			{ limitRate = [ "2M@7-23" ]; }
			{ substituters = [ "https://a.example --no-check-sigs" ]; }
			{ bundle.name = "../web.bundle"; }
		];
	}' >"$T/out"
	local keys=/run/credentials/nixferry-prefetch.service
	[ "$(jq -r '.etc["nixferry/prefetch.env"].text' "$T/out")" = "NIXFERRY_OPTIONS=\"--substituter https://a.example \
--limit-rate none --limit-rate 2M@07:00-23:00 --output /var/lib/nixferry/web.bundle --sign-key $keys/sign-key\"" ] ||
		fail "$(<"$T/out")"
	jq -e '.etc["nixferry/installables"].text == "f#web\n" and .met == [true, true] and
		.systemd.services["nixferry-prefetch"].serviceConfig.LoadCredential == ["sign-key:/etc/carrier.sec"] and
		.systemd.timers["nixferry-prefetch"].timerConfig.OnCalendar == ["", "03:00"] and
		.refused == [[false, true], [true, false]] and .wrong == [false, false, false]' "$T/out" || fail "$(<"$T/out")"
	# The files that it writes are those that the units read.
	grep -q -e "--from-file /etc/nixferry/installables " "$repo/docs/systemd/nixferry-prefetch.service.in"
	grep -qx "EnvironmentFile=-/etc/nixferry/prefetch.env" "$repo/docs/systemd/nixferry-prefetch.service.in"
}

@test "the version stands in one place, and the changelog has it" {
	local version
	version=$(version)
	grep -q "^## $version " "$repo/CHANGELOG.md"
	[ "$(make -s -C "$repo" --eval 'v: ; @echo $(VERSION)' v)" = "$version" ]
	[ ! -e "$repo/.git" ] || [ -z "$(git -C "$repo" grep -lF "\"$version\"" -- '*.[ch]' '*.in' Makefile ':!include/nixferry/version.h' ':!tests')" ]
}
