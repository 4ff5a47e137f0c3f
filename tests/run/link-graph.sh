#!/bin/sh
# link-graph.sh OBJECTS: lists which file of bundle/ and prefetch/ uses symbols of which other,
# as "FILE FILE symbol..."; what each defines goes to OBJECTS/../link-graph.defined.
set -eu
cd "$1"
git -C "$OLDPWD" ls-files 'bundle/*.c' 'prefetch/*.c' | while read -r c; do
	o=${c%.c}.o
	[ ! -e "$o" ] || nm "$o" | awk -v file="${c%.c}" '
		NF == 3 && $2 ~ /^[A-TV-Z]$/ { print "D", file, $3 }
		NF == 2 && $1 == "U" { print "U", file, $2 }'
done >../link-graph.symbols
sed -n 's/^D //p' ../link-graph.symbols >../link-graph.defined
awk '
	$1 == "D" { in_file[$3] = $2; next }
	{ user[++n] = $2; used[n] = $3 }
	END {
		for (i = 1; i <= n; i++)
			if (used[i] in in_file && in_file[used[i]] != user[i])
				edge[user[i] " " in_file[used[i]]] = edge[user[i] " " in_file[used[i]]] " " used[i]
		for (e in edge)
			print e edge[e]
	}' ../link-graph.symbols | LC_ALL=C sort
