#!/bin/bash
# live.sh BUILD SECONDS: imports and prefetches into one store for that long, while real Nix collects
# garbage, optimises, copies and verifies there. No run of nixferry may fail, and no path that it
# brought may be missing while a GC root protects it. Ends with "N passed, N failed".
set -u -o pipefail
BUILD=$(cd "$1" && pwd)
END=$((SECONDS + $2))

command -v nix-store >/dev/null || {
	echo "live: no Nix here"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
}
T=$(mktemp -d)
ROOT=$T/root
export HOME=$T/home XDG_CACHE_HOME=$T/home/.cache NIX_CONF_DIR=$T/nix-conf
export NIX_CONFIG="experimental-features = nix-command
substituters =
build-users-group ="
unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR NIX_PATH NIX_USER_CONF_FILES XDG_STATE_HOME
umask 022
mkdir -p "$HOME" "$NIX_CONF_DIR" "$ROOT"
trap 'kill $(jobs -p) 2>/dev/null; wait; chmod -R u+w "$T"; rm -rf "$T"' EXIT

goes_on() {
	((SECONDS < END)) && [ ! -e "$T/stop" ]
}

passed() {
	echo "$1" >>"$T/passed"
}

failed() {
	echo "FAILED: $*" | tee -a "$T/failed" >&2
}

# closure NAME PATHS SEED: $T/NAME is a cache with it, $T/NAME.paths lists it, $T/NAME.top is its last path.
closure() {
	"$BUILD/mkcache" generate --cache "$T/$1" --paths "$2" --seed "$3" --max-size 200000 \
		--sign "$T/lab.sec" --input-addressed >"$T/$1.paths"
	tail -n 1 "$T/$1.paths" >"$T/$1.top"
}

# is_whole NAME: every path of that closure is valid and on the disk.
is_whole() {
	local missing path
	missing=$(sqlite3 -cmd '.timeout 20000' "$ROOT/nix/var/nix/db/db.sqlite" \
		"select path from ValidPaths" | LC_ALL=C sort | LC_ALL=C comm -23 <(LC_ALL=C sort "$T/$1.paths") -)
	while read -r path; do
		[ -e "$ROOT$path" ] || [ -L "$ROOT$path" ] || missing+=" $path is not on the disk"
	done <"$T/$1.paths"
	[ -z "$missing" ] || {
		echo "$missing" >&2
		return 1
	}
}

stays_whole() {
	is_whole "$1" && sleep 0.$((RANDOM % 10)) && is_whole "$1"
}

# brings NAME GCROOT COMMAND...: again and again; what it brought stays until its root is removed.
brings() {
	local name=$1 root=$2 n=0
	shift 2
	while goes_on; do
		n=$((n + 1))
		if ! "$BUILD/nixferry" "$@" --store "$ROOT" --gc-root "$root" \
			--trusted-public-key "$T/lab.pub" >"$T/$root.out" 2>&1; then
			failed "run $n of $root: $(cat "$T/$root.out")"
			continue
		fi
		passed "$root"
		stays_whole "$name" || failed "run $n of $root: paths are missing"
		"$BUILD/nixferry" roots rm "$root" --store "$ROOT" >/dev/null || failed "$root: roots rm"
	done
}

# repeats COMMAND...: what Nix does may fail when two processes of Nix disturb one another.
repeats() {
	local n=0 refused=0
	while goes_on; do
		n=$((n + 1))
		"$@" >"$T/$2.out" 2>&1 || refused=$((refused + 1))
		sleep 0.$((RANDOM % 10))
	done
	echo "    $1 $2: $n times, $refused with an error, the last output: $(tail -n 1 "$T/$2.out")"
}

"$BUILD/mkcache" keygen lab-1 "$T/lab.sec" "$T/lab.pub"
closure a 60 1
closure b 60 2
closure c 20 3
"$BUILD/nixferry" prefetch "$(cat "$T/a.top")" --substituter "file://$T/a" --pool "$T/pool-a" \
	--trusted-public-key "$T/lab.pub" --sign-key "$T/lab.sec" -o "$T/a.bundle" >/dev/null 2>&1 ||
	failed "the bundle"
"$BUILD/cached" --root "$T/b" --port-file "$T/port" --log "$T/log" &
server=$!
until [ -s "$T/port" ]; do sleep 0.1; done
# The database exists before several processes would create it.
"$BUILD/nixferry" import "$T/a.bundle" --store "$ROOT" --trusted-public-key "$T/lab.pub" --gc-root a1 --quiet >/dev/null ||
	failed "the first import"

work=()
brings a a1 import "$T/a.bundle" &
work+=($!)
brings a a2 import "$T/a.bundle" &
work+=($!)
brings b b1 prefetch "$(cat "$T/b.top")" --substituter "http://127.0.0.1:$(cat "$T/port")" \
	--pool "$T/pool-b" --no-local-store &
work+=($!)
repeats nix-store --gc --store "$ROOT" &
work+=($!)
repeats nix-store --optimise --store "$ROOT" &
work+=($!)
repeats nix-store --verify --store "$ROOT" &
work+=($!)
repeats nix copy --from "file://$T/c" --no-check-sigs --to "$ROOT" "$(cat "$T/c.top")" &
work+=($!)
wait "${work[@]}"
kill "$server"

"$BUILD/nixferry" import "$T/a.bundle" --store "$ROOT" --trusted-public-key "$T/lab.pub" --quiet >/dev/null ||
	failed "the last import"
if nix-store --verify --check-contents --store "$ROOT" >"$T/verify.out" 2>&1 &&
	! grep -qE "disappeared|modified|error" "$T/verify.out"; then
	passed verify
else
	failed "Nix finds the store wrong: $(cat "$T/verify.out")"
fi
left=$(find "$ROOT/nix/store" "$ROOT/nix/var/nix/temproots" -mindepth 1 -maxdepth 1 \
	\( -name '*.lock' -o -name '*-nixferry-*.tmp' -o -path '*/temproots/*' \))
if [ -z "$left" ]; then passed left; else failed "left behind: $left"; fi
touch "$T/passed" "$T/failed"
for root in a1 a2 b1; do
	echo "    $root: $(grep -cx "$root" "$T/passed") runs of nixferry"
done
count=$(wc -l <"$T/passed")
bad=$(grep -c ^FAILED "$T/failed")
echo "$count passed, $bad failed"
[ "$bad" -eq 0 ]
