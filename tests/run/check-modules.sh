#!/bin/sh
# Checks that each module has a unit test of its own name or a line in tests/README.md, and that
# each line there names modules and tests that exist.
set -eu
readme=${1:-tests/README.md}
fail=0

complain() {
	echo "check-modules: $*" >&2
	fail=1
}

has_test() {
	case $1 in
	test_*) [ -e "tests/unit/$1.c" ] ;;
	fuzz_*) [ -e "tests/fuzz/$1.c" ] ;;
	*.bats) [ -e "tests/e2e/$1" ] ;;
	simfetch) [ -d "tests/$1" ] ;;
	*) false ;;
	esac
}

# The table below each "### ROOM" as lines "ROOM COLUMN NAME REASON?"; names are in backquotes.
rows=$(awk -F'|' '
	/^### / { room = substr($0, 5) }
	room != "" && /^\| `/ {
		for (column = 2; column <= 3; column++) {
			n = split($column, part, "`")
			for (i = 2; i <= n; i += 2)
				print room, column == 2 ? "module" : "test", part[i]
		}
		gsub(/ /, "", $4)
		if ($3 !~ /`/ || $4 == "")
			print room, "incomplete", $2
	}' "$readme")

covered=
while read -r room what name; do
	case $what in
	module)
		found=
		for file in "$room"/$name.c; do
			[ -e "$file" ] || continue
			found=yes
			covered="$covered $file"
			[ "$name" != "$(basename "$file" .c)" ] || [ ! -e "tests/unit/test_$name.c" ] ||
				complain "$readme: $file has a test of its own; remove it from the table"
		done
		[ -n "$found" ] || complain "$readme: there is no module $room/$name.c"
		;;
	test) has_test "$name" || complain "$readme: $room: there is no test '$name'" ;;
	incomplete) complain "$readme: $room: the line of $name lacks a test or a reason" ;;
	esac
done <<END
$rows
END

for file in $(git ls-files -co --exclude-standard 'bundle/*.c' 'prefetch/*.c'); do
	case "$covered " in
	*" $file "*) continue ;;
	esac
	name=$(basename "$file" .c)
	[ -e "tests/unit/test_$name.c" ] || [ ! -e "$file" ] ||
		complain "$file has no tests/unit/test_$name.c and no line in $readme"
done
[ "$fail" -eq 0 ] && echo "modules: each has its test"
exit "$fail"
