#!/bin/sh
# valgrind.sh BUILD: prefetch, pack, verify, list and import of a small closure under valgrind; any
# error or definite leak fails.
set -eu
build=$(realpath "$1")
work=$(mktemp -d)
server=
passed=0

cleanup() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	chmod -R u+w "$work"
	rm -rf "$work"
}
trap cleanup EXIT

# Suppresses nothing: libcrypto and libcurl are clean at exit.
check() {
	echo "valgrind: nixferry $1"
	valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
		"$build/nixferry" "$@" >"$work/log" 2>&1 || {
		cat "$work/log"
		echo "$passed passed, 1 failed"
		exit 1
	}
	passed=$((passed + 1))
}

export HOME="$work" XDG_CACHE_HOME="$work/xdg" NIX_CONF_DIR="$work"
"$build/nixferry" keygen test-1 "$work/sec" "$work/pub"
key=$(cat "$work/pub")
top=$("$build/mkcache" generate --cache "$work/cache" --paths 12 --seed 1 --max-size 200000 \
	--sign "$work/sec" | tail -n 1)
"$build/cached" --root "$work/cache" --port-file "$work/port" --log "$work/cached.log" &
server=$!
while [ ! -s "$work/port" ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat "$work/port")
mkdir "$work/root"

check prefetch "$top" --substituter "$url" --trusted-public-key "$key" --pool "$work/pool" \
	--sign-key "$work/sec" -o "$work/b"
check prefetch "$top" --substituter "file://$work/cache" --trusted-public-key "$key" \
	--pool "$work/pool2" --json
check pack "$top" --pool "$work/pool" --sign-key "$work/sec" --compress zstd:1 -o "$work/b1"
check verify "$work/b" --trusted-public-key "$key"
check list "$work/b" --trusted-public-key "$key"
check info "$work/b" --trusted-public-key "$key"
check import "$work/b" --store "$work/root" --profile system --trusted-public-key "$key"
check import "$work/b" --store "$work/root" --trusted-public-key "$key"
check pool check --pool "$work/pool"
echo "$passed passed, 0 failed"
