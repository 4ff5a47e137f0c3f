#!/bin/sh
# check-deb.sh DEBS ROOT: installs the packages below DEBS in a fresh Debian below ROOT, uses them, and removes them.
set -eu
debs=$1
root=$2

rm -rf "$root"
debootstrap --variant=minbase bookworm "$root" >"$root.log" || {
	tail "$root.log" >&2
	exit 1
}
cp "$debs"/*.deb "$root/tmp"

inside() {
	chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"
}
names=$(cd "$debs" && for deb in *.deb; do echo "${deb%%_*}"; done)
# shellcheck disable=SC2086
echo installing $names
inside sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends /tmp/*.deb gcc libc6-dev pkg-config' \
	>"$root.log" 2>&1 || {
	tail "$root.log" >&2
	exit 1
}

echo "using them"
# shellcheck disable=SC2016
inside sh -euc '
	cd /tmp
	nixferry --version
	nixferry-import --version
	nixferry keygen carrier-1 carrier.sec carrier.pub
	test -e /lib/systemd/system/nixferry-prefetch.timer
	printf "#include <nixferry/version.h>\n#include <nixferry/import.h>\nint main(void) { return 0; }\n" >a.c
	gcc a.c $(pkg-config --cflags --libs libnixferry)
	./a.out
'

echo "removing them"
# shellcheck disable=SC2086
inside dpkg --purge $names >>"$root.log"
inside find / -name '*nixferry*' ! -path '/tmp/*' ! -path '/proc/*' ! -path '/var/cache/apt/*' >"$root.left"
[ ! -s "$root.left" ] || {
	cat "$root.left" >&2
	exit 1
}
rm -rf "$root"
# shellcheck disable=SC2086
echo installed, used and removed: $names
