#!/bin/sh
# Installs what building, testing and the demo need and this machine lacks (Debian 12).
set -eu

packages="gcc make pkg-config libc6-dev libcurl4-openssl-dev libarchive-dev libzstd-dev
libsodium-dev libssl-dev libxxhash-dev libsqlite3-dev libbrotli-dev libjansson-dev
liblz4-dev libbz2-dev liblzma-dev zlib1g-dev
libmicrohttpd-dev libcmocka-dev bats nix-bin sqlite3 xz-utils zstd bzip2 lz4 lzip brotli jq
curl openssl procps util-linux python3 nginx-light"

missing=
for package in $packages "$@"; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
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
echo "deps: installing$missing"
$run apt-get update -q
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $run apt-get install -y -q --no-install-recommends $missing
