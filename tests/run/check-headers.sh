#!/bin/sh
# check-headers.sh HEADER...: every header compiles alone, the public ones as C++ too. A header that a .c
# file of the tree includes first needs no compiler here: building that file has shown it.
set -eu
jobs=$(nproc)

# The first include of each .c file, as the path of a header.
shown_by_build() {
	git ls-files -co --exclude-standard 'bundle/*.c' 'prefetch/*.c' |
		xargs grep -m 1 -H '^#include' |
		sed -nE -e 's|^(bundle\|prefetch)/[^:]*:#include "(.*)"|\1/\2|p' \
			-e 's|^[^:]*:#include <(nixferry/.*)>|include/\1|p'
}

list=$(mktemp)
trap 'rm -f "$list"' EXIT
shown_by_build >"$list"
# shellcheck disable=SC2086
printf '%s\n' "$@" | grep -vxF -f "$list" | xargs -P "$jobs" -I{} \
	${CC:-cc} $CPPFLAGS -std=gnu11 -Wall -Wextra -fsyntax-only -x c -include {} /dev/null
# shellcheck disable=SC2086
printf '%s\n' "$@" | grep '^include/' | xargs -P "$jobs" -I{} \
	${CXX:-c++} -Iinclude -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c++ -include {} /dev/null
echo "headers: $# compile alone"
