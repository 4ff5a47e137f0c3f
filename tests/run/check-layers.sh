#!/bin/sh
# The layers of docs/architecture.md, held: what links with what, and who includes whom.
set -eu
fail=0

complain() {
	echo "check-layers: $*" >&2
	fail=1
}

# No file matching the glob list may include something of the given rooms.
forbid() {
	rooms=$1
	shift
	for dir in "$@"; do
		if grep -nE "^#include \"($rooms)/" "$dir"/*.[ch] 2>/dev/null; then
			complain "$dir must not include $rooms"
		fi
	done
}

net='http|dispatch|caches|fetch'
forbid "format|pool|store|cmd|config|plan|$net" bundle/base
forbid "pool|store|cmd|config|plan|$net" bundle/format
forbid "store|cmd|config|plan|$net" bundle/pool
forbid "pool|cmd|config|plan|$net" bundle/store
forbid "config|plan|$net" bundle/cmd
forbid "cmd|plan|$net" prefetch/config
forbid "cmd|$net" prefetch/plan
forbid 'format|pool|store|cmd|config|plan|http|caches|fetch' prefetch/dispatch
forbid 'pool|store|cmd|plan|dispatch|caches|fetch' prefetch/http
forbid 'cmd|dispatch|fetch' prefetch/caches
forbid 'cmd' prefetch/fetch

# One third-party API, one file.
owner() {
	header=$1
	shift
	for file in $(git grep -lE "^#include <$header" -- 'bundle/*.[ch]' 'prefetch/*.[ch]' 'include/*.h'); do
		case " $* " in
		*" $file "*) ;;
		*) complain "$file includes <$header>; only $* may" ;;
		esac
	done
}

owner 'sqlite3' bundle/store/store_sql.c
owner 'curl/' prefetch/http/transfer_private.h prefetch/config/url.c
owner 'sodium' bundle/base/hash.c bundle/format/key.c
owner 'openssl/' bundle/base/hash.c
owner 'zstd' bundle/base/codec.c
owner 'archive' bundle/base/codec.c
owner 'brotli/' bundle/base/codec.c
owner 'xxhash' bundle/base/hash.c
owner 'jansson' bundle/cmd/json.c bundle/base/json_read.c

# What is printed for people is cleaned in one place; help and completions are our own text.
for file in $(git grep -lE '(^|[^a-z_])(v?printf|puts|putchar)\(|fwrite\(.*stdout' -- 'bundle/*.c' 'prefetch/*.c'); do
	case $file in
	bundle/cmd/say.c | bundle/cmd/command.c | bundle/cmd/cmd_help.c | bundle/cmd/cmd_completions.c) ;;
	*) complain "$file prints; only bundle/cmd/say.c may" ;;
	esac
done

# All of bundle/ links without libcurl.
printf 'int main(void)\n{\n\treturn 0;\n}\n' >"$B/layers.c"
# shellcheck disable=SC2086
$CC $LDFLAGS -o "$B/layers" "$B/layers.c" -Wl,--whole-archive "$B/libcmd.a" "$B/libbundle.a" \
	-Wl,--no-whole-archive $LIBS || complain "bundle/ does not link by itself"
if ldd "$B/layers" 2>/dev/null | grep -q libcurl; then
	complain "bundle/ pulls in libcurl"
fi
[ "$fail" -eq 0 ] && echo "layers: hold"
exit "$fail"
