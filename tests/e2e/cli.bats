#!/usr/bin/env bats
# The command line: usage, help, keys, completions. Exit statuses of the work itself are
# tested where the work is.

load helper

setup() {
	T=$BATS_TEST_TMPDIR
	export HOME=$T/home XDG_CACHE_HOME=$T/home/.cache
	mkdir -p "$HOME"
	# shellcheck disable=SC2154
	expected=$repo/tests/e2e/expected
}

@test "help comes from the tables, on stdout, with status 0" {
	nixferry --help | diff "$expected/help.txt" -
	nixferry help | diff "$expected/help.txt" -
	for command in import pack pool keygen; do
		nixferry help "$command" | diff "$expected/help-$command.txt" -
		nixferry "$command" --help | diff "$expected/help-$command.txt" -
		nixferry "$command" -h | diff "$expected/help-$command.txt" -
	done
	"$BUILD/nixferry-import" --help | diff "$expected/help-nixferry-import.txt" -
}

@test "--version prints the version" {
	version=$(sed -n 's/^#define NF_VERSION "\(.*\)"/\1/p' "$repo/include/nixferry/version.h")
	[ "$(nixferry --version)" = "nixferry $version" ]
	[ "$("$BUILD/nixferry-import" --version)" = "nixferry-import $version" ]
}

@test "wrong usage is status 2, with nothing on stdout" {
	while IFS='|' read -r text args; do
		read -ra argv <<<"$args"
		fails 2 "$text" nixferry "${argv[@]}"
		[ -z "$output" ]
	done <<-'EOF'
		no command given|
		unknown command 'imprt' \(did you mean 'import'\?\)|imprt
		option '--quiet' before the command|--quiet list
		nixferry: import: unknown option '--stroe' \(did you mean '--store'\?\)|import x --stroe y
		option '--store' needs a value: ROOT|import x --store
		missing --store ROOT|import x
		missing argument: expected BUNDLE|verify
		unexpected argument 'b'|verify a b
		option '--jobs': '0' is not a number from 1 to 1024|verify x --jobs 0
		option '--color': 'blue' is not one of: auto always never|list --color blue x
		'down' is not one of: path list stats check gc|pool down
		list: option '--trusted-public-key': 'nonsense' is neither a public key|list x --trusted-public-key nonsense
		missing --output BUNDLE|pack x
		a bundle must be signed: give --sign-key FILE|pack x -o y
		neither zstd, zstd:1 to zstd:19 nor keep|pack x -o y --compress zstd:20
		neither zstd, zstd:1 to zstd:19 nor keep|pack x -o y --compress xz
		unknown command 'no'|help no
		unknown command 'prefech' \(did you mean 'prefetch'\?\)|help prefech
		'chekc' \(did you mean 'check'\?\) is not one of: path list stats check|pool chekc
	EOF
}

@test "the manual pages have no faults, and each command has one" {
	command -v man >/dev/null && command -v mandoc >/dev/null || skip "no man or mandoc here"
	[ -e "$BUILD/man/stamp" ] || skip "make man has not run"
	local pages=("$BUILD"/man/*.[15]) command
	[ -z "$(man --warnings -l "${pages[@]}" 2>&1 >/dev/null)" ]
	mandoc -T lint "${pages[@]}" || fail "mandoc -T lint"
	while read -r command; do
		[ -s "$BUILD/man/nixferry-$command.1" ] || fail "no page of '$command'"
	done < <(nixferry help | sed -nE 's/^  ([a-z]+)  .*/\1/p')
	nixferry help --man import | diff - "$BUILD/man/nixferry-import.1"
	MANWIDTH=200 man -l "$BUILD/man/nixferry-import.1" | grep -qE "^ +--trusted-public-key NAME:KEY\|FILE \.\.\."
	MANWIDTH=200 man -l "$BUILD/man/nixferry-bundle.5" | grep -qE "^ +148 +8 +chksum +6 digits"
}

@test "help COMMAND opens the manual page on a terminal where it is installed" {
	script -qec true /dev/null >/dev/null 2>&1 || skip "no pseudo-terminals here"
	mkdir "$T/bin"
	printf '#!/bin/sh\n[ "$*" = "-w 1 nixferry-pool" ] || [ "$*" = "1 nixferry-pool" ] && echo "page: $*"\n' >"$T/bin/man"
	chmod +x "$T/bin/man"
	export PATH=$T/bin:$PATH
	run script -qec "'$BUILD/nixferry' help pool" /dev/null
	[[ $output == "page: 1 nixferry-pool"* ]] || fail "$output"
	[[ $output != *usage:* ]] || fail "$output"
	run script -qec "'$BUILD/nixferry' help keygen" /dev/null
	[[ $output == "usage: nixferry keygen"* ]] || fail "$output"
	run script -qec "'$BUILD/nixferry' pool --help" /dev/null
	[[ $output == "usage: nixferry pool"* ]] || fail "$output"
	[[ $(nixferry help pool) == "usage: nixferry pool"* ]]
}

@test "a missing bundle is a system error" {
	fails 1 "bundle '.*/none': No such file or directory" nixferry list "$T/none"
}

@test "a file that is not a bundle is corrupt" {
	seq 100000 >"$T/seq"
	fails 5 "seq" nixferry info "$T/seq"
	fails 5 "." nixferry verify - <"$T/seq"
	fails 5 "." nixferry list - </dev/null
}

@test "a result that cannot be written is status 1" {
	[ -c /dev/full ] || skip "no /dev/full"
	run --separate-stderr bash -c '"$1" help >/dev/full' _ "$BUILD/nixferry"
	[ "$status" -eq 1 ]
	[[ $stderr == *"standard output: No space left on device"* ]]
	run bash -c '"$1" pool path >/dev/full' _ "$BUILD/nixferry"
	[ "$status" -eq 1 ]
}

@test "errors are one JSON object per line with --log-format json" {
	run --separate-stderr nixferry list "$T/none" --log-format json
	[ "$status" -eq 1 ]
	[ "$(jq -r '[.event, .level, .command, .class, .exit] | join(" ")' <<<"$stderr")" = \
		"message error list system error 1" ]
}

@test "control characters in names do not reach the terminal" {
	run --separate-stderr nixferry list $'/none\e[2J'
	[[ $stderr == *'/none?[2J'* ]]
	[[ $stderr != *$'\e'* ]]
}

@test "keygen makes keys that only the owner can read" {
	umask 022
	nixferry keygen example-1 "$T/secret" "$T/public" >"$T/out"
	[ "$(stat -c %a "$T/secret")" = 600 ]
	[ "$(stat -c %a "$T/public")" = 644 ]
	[ "$(cat "$T/out")" = "$(cat "$T/public")" ]
	[[ $(cat "$T/public") =~ ^example-1:[A-Za-z0-9+/]{43}=$ ]]
	[[ $(cat "$T/secret") =~ ^example-1:[A-Za-z0-9+/]{86}==$ ]]
	[ "$(nixferry keygen --json b-1 "$T/s2" "$T/p2" | jq -r .publicKey)" = "$(cat "$T/p2")" ]
}

@test "keygen replaces no file and leaves no incomplete one" {
	echo mine >"$T/file"
	fails 2 "'.*/file' exists and is not replaced" nixferry keygen a-1 "$T/file" "$T/public"
	[ ! -e "$T/public" ]
	fails 2 "'.*/file' exists and is not replaced" nixferry keygen a-1 "$T/secret" "$T/file"
	[ ! -e "$T/secret" ]
	[ "$(cat "$T/file")" = mine ]
	ln -s "$T/elsewhere" "$T/link"
	fails 2 "exists and is not replaced" nixferry keygen a-1 "$T/link" "$T/public"
	[ ! -e "$T/elsewhere" ]
	fails 2 "name" nixferry keygen 'a:b' "$T/secret" "$T/public"
	[ ! -e "$T/secret" ]
	fails 1 "create '.*/none/s': No such file" nixferry keygen a-1 "$T/none/s" "$T/public"
}

@test "Nix reads the keys" {
	have_nix || skip "no nix"
	export NIX_CONFIG="experimental-features = nix-command"
	nixferry keygen example-1 "$T/secret" "$T/public"
	[ "$(nix key convert-secret-to-public <"$T/secret")" = "$(cat "$T/public")" ]
}

@test "the pool is in the default or the given directory" {
	[ "$(nixferry pool path)" = "$XDG_CACHE_HOME/nixferry" ]
	[ "$(env -u XDG_CACHE_HOME "$BUILD/nixferry" pool path)" = "$HOME/.cache/nixferry" ]
	[ "$(nixferry pool path --pool /elsewhere)" = /elsewhere ]
	[ "$(nixferry pool path --json --pool /elsewhere | jq -r .pool)" = /elsewhere ]
	[ ! -e "$XDG_CACHE_HOME/nixferry" ]
}

@test "an empty pool lists, checks and collects nothing" {
	mkdir "$T/pool"
	[ -z "$(nixferry pool list --pool "$T/pool")" ]
	[ "$(nixferry pool list --pool "$T/pool" --json | jq -c .)" = \
		'{"paths":[],"entries":0,"narSize":0,"fileSize":0,"partials":0,"partialSize":0}' ]
	[ "$(nixferry pool stats --pool "$T/pool" --json | jq -c "del(.freeSize)")" = \
		"{\"pool\":\"$T/pool\",\"entries\":0,\"narSize\":0,\"fileSize\":0,\"partials\":0,\"partialSize\":0,\"compressions\":[]}" ]
	[ "$(nixferry pool check --pool "$T/pool")" = "checked 0 entries, 0 were damaged" ]
	[ "$(nixferry pool gc --pool "$T/pool")" = "freed 0 B" ]
}

@test "installables in a list are named with their line" {
	nixferry keygen a-1 "$T/secret" "$T/public"
	printf '# mine\n\n/etc\n' >"$T/list"
	fails 2 "list: line 3: installable '/etc'" nixferry pack --from-file "$T/list" -o "$T/b" \
		--sign-key "$T/secret" --pool "$T/pool"
	fails 2 "standard input: line 3: installable '/etc'" nixferry pack - -o "$T/b" \
		--sign-key "$T/secret" --pool "$T/pool" <"$T/list"
	fails 2 "no installable given" nixferry pack -o "$T/b" --sign-key "$T/secret"
	[ ! -e "$T/b" ]
}

# complete_bash WORD...: what bash offers for the last of them, on one line.
complete_bash() {
	bash -c '
		source "$0"
		COMP_WORDS=("$@")
		COMP_CWORD=$(($# - 1))
		_nixferry
		echo "${COMPREPLY[*]}"
	' "$repo/completions/nixferry.bash" "$@"
}

@test "bash completes commands, options and values" {
	[ "$(complete_bash nixferry im)" = import ]
	[ "$(complete_bash nixferry import --st)" = --store ]
	[ "$(complete_bash nixferry list --color '')" = "auto always never" ]
	[ "$(complete_bash nixferry list --color = al)" = always ]
	[ "$(complete_bash nixferry pool c)" = check ]
	[ "$(complete_bash nixferry completions f)" = "fish flake-names" ]
	[ "$(complete_bash nixferry help ver)" = verify ]
	[ -z "$(complete_bash nixferry verify --jobs '')" ]
	mkdir "$T/dir"
	touch "$T/file"
	[ "$(complete_bash nixferry import --store "$T/")" = "$T/dir $T/home" ]
	[ "$(complete_bash nixferry verify "$T/f")" = "$T/file" ]
	[ "$(bash -c 'source "$0"; complete -p nixferry' "$repo/completions/nixferry.bash")" = \
		"complete -F _nixferry nixferry" ]
}

@test "nixferry-import has only its four commands" {
	run "$BUILD/nixferry-import" pack x
	[ "$status" -eq 2 ]
	[[ $output == *"nixferry-import: unknown command 'pack'"* ]]
	run "$BUILD/nixferry-import" verify "$T/none"
	[ "$status" -eq 1 ]
	[[ $output == *"nixferry-import: verify: bundle "* ]]
}
