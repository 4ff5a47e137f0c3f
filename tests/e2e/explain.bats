#!/usr/bin/env bats
# What a build copied, compiled and waited for, from its log.

load helper

setup() {
	setup_lab
	old=$repo/tests/e2e/expected/explain-nix-2.8.log
	new=$repo/tests/e2e/expected/explain-nix-2.34.log
}

teardown() {
	teardown_lab
}

@test "a log of each Nix is explained" {
	run nixferry explain "$old"
	[ "$status" -eq 0 ]
	a_line_matches '  2 from http://127.0.0.1:8001: 276 B, [0-9]+ ms' "$output"
	a_line_matches 'built: 4 derivations, [0-9]+ ms' "$output"
	a_line_matches ' +[0-9]+ ms  own: no cache was asked .*' "$output"
	a_line_matches ' +[0-9]+ ms  top: no cache that was asked had it' "$output"
	a_line_matches "failed: 2 downloads from http://127.0.0.1:8002, [0-9]+ ms: Couldn't connect to server \(7\)" "$output"
	a_line_matches 'a prefetch would have saved [0-9]+ ms: the time in which only copies ran' "$output"
	run nixferry explain - <"$new"
	[ "$status" -eq 0 ]
	a_line_matches '  2 from http://127.0.0.1:8001: 276 B, [0-9]+ ms' "$output"
	a_line_matches ' +[0-9]+ ms  own, failed: .*' "$output"
	a_line_matches 'failed: 2 downloads from http://127.0.0.1:8002, .*' "$output"
	run nixferry explain --compare "$old" "$new"
	a_line_matches 'derivations built +4 +2' "$output"
	a_line_matches 'downloaded +276 B +276 B' "$output"
	# Without times, and as plain lines.
	sed '1d; s/^[0-9.]* //' "$old" >"$T/untimed"
	run nixferry explain "$T/untimed"
	a_line_matches '  2 from http://127.0.0.1:8001: 276 B' "$output"
	[[ $output == *"the lines have no times"* && $output != *"would have saved"* ]]
	printf '%s\n' "copying path '/nix/store/a-b' from 'https://c'..." "building '/nix/store/a-c.drv'..." >"$T/plain"
	run nixferry explain "$T/plain"
	a_line_matches '  1 from https://c: size not known' "$output"
	[[ $output == *"plain lines do not say how long"* ]]
}

@test "a command is run, its output passed through, its log kept and its failure reported" {
	printf '%s\n' 'echo result; echo note >&2' "sed '1d; s/^[0-9.]* //' '$old' >&2" 'exit "$1"' >"$T/command"
	run --separate-stderr nixferry explain --save "$T/log" -- sh "$T/command" 0
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = result ]
	[ "${stderr%%$'\n'*}" = note ]
	[[ $output == *"built: 4 derivations"* ]]
	[ "$(sed 's/^[0-9.]* //' "$T/log")" = "$(echo "nixferry-log 1"; echo note; sed '1d; s/^[0-9.]* //' "$old")" ] || fail "$(head -n 3 "$T/log")"
	run nixferry explain "$T/log"
	[[ $output == *"would have saved"* ]]
	run --separate-stderr nixferry explain --json -- sh "$T/command" 3
	[ "$status" -eq 1 ]
	[ "$(jq '.logs[0].builds | length' <<<"$output")" -eq 4 ]
	[ "${stderr%%$'\n'*}" = result ]
	[[ $stderr == *"sh: exit status 3"* ]]
	run nixferry explain -- "$T/none"
	[ "$status" -eq 3 ]
	[[ $output == *"is not on PATH"* ]]
	# A process that stays behind does not keep it waiting.
	run timeout 10 "$BUILD/nixferry" explain -- sh -c 'sleep 30 >/dev/null & echo $! >"$0"; echo end >&2' "$T/pid"
	kill "$(<"$T/pid")"
	[ "$status" -eq 0 ]
}

@test "what a log contains reaches no terminal" {
	printf '@nix {"action":"start","id":1,"type":100,"fields":["/nix/store/a-b","http://\\u001b]0;x\\u0007\\u202ec"]}\n' >"$T/log"
	printf "copying path '/nix/store/a-\x01b' from 'http://\x9b\x02d'...\n" >>"$T/log"
	run nixferry explain "$T/log"
	[ "$status" -eq 0 ]
	[[ $output == *"from http://?]0;x??c"* ]] || fail "$output"
	[ "$(LC_ALL=C tr -d '\n -~' <<<"$output" | wc -c)" -eq 0 ]
}

@test "wrong usage is explained" {
	local row
	while IFS='|' read -r arguments text; do
		# shellcheck disable=SC2086
		run nixferry explain $arguments
		[ "$status" -eq 2 ] || fail "$arguments: $output"
		[[ $output == *"$text"* ]] || fail "$arguments: $output"
	done <<-EOF
		a b|expected one log or a command
		--compare a|expected two logs to compare
		a -- b|expected one log or a command
		--|missing COMMAND
		--save x a|'--save' is for
	EOF
}

@test "the installed Nix is explained as it builds" {
	have_nix || skip "no Nix here"
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	dead_port
	export NIX_CONFIG="$NIX_CONFIG
substituters = http://127.0.0.1:$DEAD_PORT $URL
trusted-public-keys = $PUBLIC_KEY
download-attempts = 2"
	run --separate-stderr nixferry explain --save "$T/log" -- \
		nix-store --store "$T/store" --realise "$TOP" --log-format internal-json
	[ "$status" -eq 0 ] || fail "$stderr"
	a_line_matches "  ${#ALL_PATHS[@]} from $URL: .*, .*s" "$output" || fail "$output"
	a_line_matches "failed: 2 downloads from http://127.0.0.1:$DEAD_PORT, .*" "$output"
}
