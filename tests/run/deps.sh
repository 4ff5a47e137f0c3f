#!/bin/sh
# deps.sh build|demo|check [PACKAGE]...: installs what building, the demo or the tests need, the PACKAGEs
# too, where this machine lacks it (Debian 12).
set -eu
set_name=$1
shift

build="gcc make pkg-config libc6-dev libcurl4-openssl-dev libarchive-dev libzstd-dev libsodium-dev
libssl-dev libxxhash-dev libsqlite3-dev libbrotli-dev libjansson-dev liblz4-dev libbz2-dev liblzma-dev
zlib1g-dev"
demo="$build libmicrohttpd-dev"
check="$demo g++ libcmocka-dev bats nix-bin sqlite3 xz-utils zstd bzip2 lz4 lzip brotli jq curl openssl
procps util-linux python3 nginx-light man-db mandoc tmux"

case $set_name in
build) packages=$build ;;
demo) packages=$demo ;;
check) packages=$check ;;
*)
	echo "deps: no set '$set_name'" >&2
	exit 2
	;;
esac

count=0
missing=
for package in $packages "$@"; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" != installed ] || continue
	missing="$missing $package"
	count=$((count + 1))
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
	run=
elif command -v sudo >/dev/null; then
	run=sudo
else
	echo "deps: as root, or with sudo: apt-get install$missing" >&2
	exit 1
fi

# Of what apt says: how many packages there are, and how far it is.
progress() {
	awk '/newly installed/ { total = $3; print "deps: " total " packages with what they need themselves" }
		/^Get:/ && ++fetched % 20 == 0 { print "deps: fetched " fetched " of " total }
		/^Setting up/ && ++done % 20 == 0 { print "deps: installed " done " of " total }
		{ fflush() }'
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "deps: installing $count packages, which takes one to three minutes:"
printf '%s\n' "$missing" | fold -s -w 90
$run apt-get update -qq >"$log" 2>&1 || {
	cat "$log" >&2
	exit 1
}
# shellcheck disable=SC2086
{ DEBIAN_FRONTEND=noninteractive $run apt-get install -y -q --no-install-recommends $missing 2>&1 ||
	echo "deps: apt-get failed"; } | tee "$log" | progress
if grep -q '^deps: apt-get failed$' "$log"; then
	cat "$log" >&2
	exit 1
fi
