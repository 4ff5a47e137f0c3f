#!/usr/bin/env bats
# Managing the pool: listing and removing entries.

load helper

setup() {
	setup_lab
	make_small_closure "$T/cache"
	fetch "$TOP"
}

teardown() {
	teardown_lab
}

fetch() {
	nixferry prefetch "$@" --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --no-local-store
}

pool() {
	nixferry pool "$@" --pool "$T/pool"
}

# The names of the pool's entries: "app-2.0 data.txt ..."
entries() {
	pool list --quiet | sed 's/.*[a-z0-9]\{32\}-//' | LC_ALL=C sort | tr '\n' ' '
}

# used AGE PATH...: as if a command had used them AGE ago and no later.
used() {
	local path
	for path in "${@:2}"; do
		touch -d "-$1" "$(narinfo_of "$T/pool" "$path")"
	done
}

nar_files() {
	find "$T/pool/nar" -type f | wc -l
}

@test "list ends with totals" {
	: >"$T/pool/tmp/f-x.part"
	pool list >"$T/out" 2>"$T/err"
	[ "$(wc -l <"$T/out")" -eq 5 ]
	grep -qE '5 entries, [0-9.]+ KiB unpacked, [0-9.]+ KiB in the pool; 1 partial download, 0 B$' "$T/err"
	pool list --json >"$T/json"
	[ "$(jq '[.paths[].narSize] | add' "$T/json")" = "$(jq .narSize "$T/json")" ]
	[ "$(jq .fileSize "$T/json")" = "$(find "$T/pool/nar" -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')" ]
	[ "$(jq -c '[.entries, .partials]' "$T/json")" = '[5,1]' ]
	# The same totals, and what they consist of.
	pool stats --json >"$T/stats"
	diff <(jq -S '{entries, narSize, fileSize, partials, partialSize}' "$T/json") \
		<(jq -S '{entries, narSize, fileSize, partials, partialSize}' "$T/stats")
	jq -e '(.compressions | map(.entries) | add) == .entries and .freeSize > 0' "$T/stats" >/dev/null ||
		fail "$(<"$T/stats")"
	pool stats | grep -qx 'entries  *5' || fail "$(pool stats)"
}

@test "gc alone leaves every entry" {
	used "100 days" "${ALL_PATHS[@]}"
	[[ $(pool gc) == "freed 0 B: 0 entries removed, 5 left ("* ]]
	[ "$(nar_files)" -eq 5 ]
}

@test "gc removes entries not used for the given age" {
	used "3 days" "$APP" "$LIB"
	used "40 hours" "$DATA"
	[[ $(pool gc --older-than 49h) == freed\ *": 2 entries removed, 3 left ("* ]]
	[ "$(entries)" = "data.txt link nixos-system-lab-1 " ]
	[ "$(nar_files)" -eq 3 ]
	pool gc --older-than 1
	[ "$(entries)" = "link nixos-system-lab-1 " ]
	pool check
}

@test "use by a later prefetch or pack counts as use" {
	used "9 days" "${ALL_PATHS[@]}"
	fetch "$APP"
	nixferry pack "$LINK" --pool "$T/pool" --no-local-store --sign-key "$T/lab.sec" \
		-o "$T/b.bundle"
	pool gc --older-than 8d
	[ "$(entries)" = "app-2.0 data.txt lib-1.0 link " ]
}

@test "a query does not count as use" {
	used "9 days" "${ALL_PATHS[@]}"
	nixferry plan "$TOP" --substituter "file://$T/cache" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --no-local-store
	fetch -n "$TOP"
	pool list
	pool check
	pool gc --older-than 8d
	[ "$(entries)" = "" ]
}

@test "gc removes the least recently used entries until the pool is small enough" {
	used "1 day" "$TOP" "$APP"
	used "2 days" "$LIB"
	size=$(pool list --json | jq --arg lib "$LIB" '.fileSize - (.paths[] | select(.path == $lib).fileSize)')
	pool gc --max-size "$size"
	[ "$(entries)" = "app-2.0 data.txt link nixos-system-lab-1 " ]
	pool gc --max-size 1T
	[ "$(entries)" = "app-2.0 data.txt link nixos-system-lab-1 " ]
	pool gc --max-size 0
	[ "$(entries)" = "" ]
	[ "$(nar_files)" -eq 0 ]
	fetch "$TOP"
	[ "$(nar_files)" -eq 5 ]
}

@test "gc --keep keeps closures, and without other options removes everything else" {
	[[ $(pool gc --keep "$LINK" --json | jq -c '[.removed, .left]') == '[3,2]' ]]
	[ "$(entries)" = "data.txt link " ]
	fetch "$TOP"
	used "9 days" "${ALL_PATHS[@]}"
	ln -s "$APP" "$T/result"
	pool gc --keep "$T/result" --keep "$DATA" --older-than 8d
	[ "$(entries)" = "app-2.0 data.txt lib-1.0 " ]
	run --separate-stderr pool gc --keep "$APP" --max-size 1
	[ "$status" -eq 0 ]
	[[ $stderr == *"the pool is still larger than --max-size"* ]]
	[ "$(entries)" = "app-2.0 lib-1.0 " ]
}

@test "gc removes nothing if a path to keep is missing from the pool" {
	fails 3 "option '--keep'|is not|pool entry" nixferry pool gc --pool "$T/pool" \
		--keep /nix/store/0123456789abcdfghijklmnpqrsvwxyz-other
	fails 2 "'/etc'" nixferry pool gc --pool "$T/pool" --keep /etc
	[ "$(nar_files)" -eq 5 ]
}

@test "a NAR that two entries share is kept for the other entry" {
	echo same >"$T/a"
	one=$(mkcache add --cache "$T/cache" --name one --tree "$T/a" --sign "$T/lab.sec" --input-addressed)
	two=$(mkcache add --cache "$T/cache" --name two --tree "$T/a" --sign "$T/lab.sec" --input-addressed)
	fetch "$one" "$two"
	[ "$(nar_files)" -eq 6 ]
	used "9 days" "$one"
	pool gc --older-than 8d
	[ "$(nar_files)" -eq 6 ]
	pool check
	used "9 days" "$two"
	pool gc --older-than 8d
	[ "$(nar_files)" -eq 5 ]
}

@test "a mistyped pool is reported and not created" {
	for what in list check gc; do
		fails 2 "pool '$T/typo' does not exist" nixferry pool "$what" --pool "$T/typo"
		[ ! -e "$T/typo" ]
		nixferry pool "$what"
		[ ! -e "$XDG_CACHE_HOME/nixferry" ]
	done
}

@test "invalid ages and sizes, and gc's options elsewhere, are refused" {
	for age in '' -1 3w 1.5d 99999999999d; do
		fails 2 "option '--older-than'" nixferry pool gc --pool "$T/pool" "--older-than=$age"
	done
	for size in '' -1 20GB x; do
		fails 2 "option '--max-size'" nixferry pool gc --pool "$T/pool" "--max-size=$size"
	done
	for option in --older-than=3 --max-size=3 --keep=/etc; do
		for what in list check path; do
			fails 2 "is for 'pool gc', not for 'pool $what'" \
				nixferry pool "$what" --pool "$T/pool" "$option"
		done
	done
	[ "$(nar_files)" -eq 5 ]
}
