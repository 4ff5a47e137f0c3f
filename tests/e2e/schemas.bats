#!/usr/bin/env bats
# What commands print as JSON follows the schemas in docs/schemas.

load helper

setup() {
	setup_lab
}

teardown() {
	teardown_lab
}

# follows SCHEMA FILE
follows() {
	jq -r --slurpfile schema "$repo/docs/schemas/$1.json" -f "$repo/tests/e2e/schema.jq" "$2" >"$T/wrong"
	[ -s "$2" ] && [ ! -s "$T/wrong" ] || fail "$1: $(head -n 5 "$T/wrong")" "$(head -c 2000 "$2")"
}

# result SCHEMA COMMAND [ARGUMENT]...: whatever its status.
result() {
	"$BUILD/nixferry" "${@:2}" --json >"$T/json" 2>"$T/messages" || true
	follows "$1" "$T/json"
}

@test "a value that does not follow its schema is found" {
	local value
	for value in '{}' '{"event":"message","level":"loud","text":""}' '{"event":"none"}' \
		'{"event":"message","level":"note","text":1}' \
		'{"event":"message","level":"note","text":"","more":1}'; do
		echo "$value" >"$T/json"
		run follows event "$T/json"
		[ "$status" -ne 0 ]
	done
	echo '{"event":"message","level":"note","text":""}' >"$T/json"
	follows event "$T/json"
}

@test "results and events of each command follow their schemas" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault '/nar/*=slow:60000'
	caches=(--substituter "$URL" --substituter http://127.0.0.1:1)
	net=("${caches[@]}" --pool "$T/pool" --trusted-public-key "$PUBLIC_KEY" --no-local-store)
	trust=(--trusted-public-key "$PUBLIC_KEY")
	none=/nix/store/00000000000000000000000000000000-none
	result plan plan "$TOP" "$none" "${net[@]}"
	result caches caches "$URL" http://127.0.0.1:1 "${trust[@]}" --sample "$DATA"
	result prefetch prefetch "$TOP" "${net[@]}" --sign-key "$T/lab.sec" -o "$T/b" --log-format json
	follows event "$T/messages"
	[ "$(jq -s 'map(select(.event == "progress" and (.caches | length) == 2)) | length' "$T/messages")" -ge 1 ]
	result prefetch prefetch "$none" "${net[@]}" --log-format json
	follows event "$T/messages"
	result pack pack "$TOP" --pool "$T/pool" --sign-key "$T/lab.sec" -o "$T/b2" --no-local-store
	result info info "$T/b" "${trust[@]}"
	result info info "$T/b"
	result list list "$T/b" "${trust[@]}"
	result verify verify "$T/b" "${trust[@]}"
	mkdir "$T/root"
	result import import "$T/b" --store "$T/root" "${trust[@]}"
	result check check --store "$T/root"
	result roots-list roots list --store "$T/root"
	result roots-rm roots rm "$(jq -r '.roots[0].name' "$T/json")" --store "$T/root"
	result pool-list pool list --pool "$T/pool"
	result pool-check pool check --pool "$T/pool"
	result pool-gc pool gc --pool "$T/pool"
	result pool-path pool path --pool "$T/pool"
	result keygen keygen k-1 "$T/k.sec" "$T/k.pub"
	result sign sign "$T/b2" --sign-key "$T/k.sec" "${trust[@]}"
	result diff diff "$T/b" "$T/b2" "${trust[@]}"
	result diff diff "$T/root" "$T/b" "${trust[@]}"
	result explain explain "$repo/tests/e2e/expected/explain-nix-2.8.log"
	result doctor doctor "${caches[@]}" --pool "$T/pool"
}

@test "each command with --json has a schema that the documentation names" {
	local command name
	for command in $(nixferry --help | sed -n 's/^  \([a-z-]*\)  .*/\1/p'); do
		[[ $(nixferry "$command" --help) == *--json* ]] || continue
		name=$command
		[ "$command" != pool ] && [ "$command" != roots ] || name=$command-list
		[ -s "$repo/docs/schemas/$name.json" ] || fail "no schema of $command"
	done
	for name in "$repo"/docs/schemas/*.json; do
		grep -qF "$(basename "$name")" "$repo/docs/output.md" || fail "not in docs/output.md: $name"
		jq -e '.title' "$name"
	done
}
