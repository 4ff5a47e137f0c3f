#!/bin/sh
# Enforces the layers of docs/architecture.md in includes and in the link graph.
set -eu
fail=0

complain() {
	echo "check-layers: $*" >&2
	fail=1
}

# The rooms, and which others each may use: in its includes and, by the symbols of the
# objects, in its calls. "cmd" is the room of that name on the same side.
rooms='
bundle/base
bundle/format   base
bundle/input    base format
bundle/delta    base format
bundle/pool     base format delta
bundle/store    base format delta
bundle/cmd      base format input delta pool store
prefetch/config base format
prefetch/plan   base format config
prefetch/http   base format config
prefetch/dispatch base
prefetch/caches base format store config plan http
prefetch/fetch  base format pool store config plan http dispatch caches
prefetch/cmd    base format input pool store cmd config plan http dispatch caches fetch
'
may=$(echo "$rooms" | awk 'NF { r = $1; sub(".*/", "", r); for (i = 2; i <= NF; i++) print $1, $i; print $1, r }')

# Reads "FILE FILE symbol ..." or "FILE ROOM/header": reports what is not in the table.
hold() {
	awk -v may="$may" -v what="$1" '
	BEGIN { n = split(may, w); for (i = 1; i < n; i += 2) ok[w[i], w[i + 1]] = 1 }
	{
		split($1, from, "/"); m = split($2, to, "/")
		if (!((from[1] "/" from[2], to[m - 1]) in ok)) { print $1, what, $2, $3; bad = 1 }
	}
	END { exit bad }' >&2
}

git grep -nE '^#include "' -- 'bundle/*.[ch]' 'prefetch/*.[ch]' |
	sed -E 's|^([^:]*):[0-9]+:#include "(.*)"|\1 \2|' | hold includes || complain "an include points up"

sh tests/run/link-graph.sh "$B/obj" >"$B/link-graph"
[ -s "$B/link-graph" ] || complain "the link graph is empty"
hold calls <"$B/link-graph" || complain "a call points up"
cut -d' ' -f1,2 "$B/link-graph" | tsort >/dev/null || complain "files call each other in a circle"

# A name means one thing in the whole tree.
dup=$(git grep -hoE '^(struct|enum|union) [a-z0-9_]+ \{' -- '*.[ch]' |
	LC_ALL=C sort | uniq -d)
[ -z "$dup" ] || complain "defined twice: $(echo "$dup" | tr '\n' ' ')"
dup=$(cut -d' ' -f2 "$B/link-graph.defined" | LC_ALL=C sort | uniq -d | grep -vx main) || :
[ -z "$dup" ] || complain "external names of two files: $(echo "$dup" | tr '\n' ' ')"

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
owner 'zstd' bundle/base/codec.c bundle/base/prefix_codec.c
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
