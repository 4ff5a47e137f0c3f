#!/bin/sh
# reproducible.sh DIR: builds and installs the last commit twice, in directories below DIR with different names,
# times of files, locales and order of work. What is installed must have the same bytes.
set -eu
rm -rf "$1"
mkdir -p "$1"
dir=$(realpath "$1")
commit=$(git rev-parse HEAD)

# Not what a make above this one was asked for.
unset MAKEFLAGS MAKELEVEL MFLAGS

# build NAME UMASK VARIABLE=VALUE... [OPTION...]: into DIR/NAME-installed.
build() {
	name=$1
	mask=$2
	shift 2
	mkdir "$dir/$name"
	git archive "$commit" | tar -x -m -C "$dir/$name"
	echo "building in $dir/$name"
	(umask "$mask" && env "$@" -C "$dir/$name" install DESTDIR="$dir/$name-installed") >"$dir/$name.log" 2>&1 || {
		cat "$dir/$name.log" >&2
		exit 1
	}
	# Not the directories: their modes are those of the umask.
	(cd "$dir/$name-installed" && find . ! -type d -printf '%p %m %l\n' | sort) >"$dir/$name.list"
}

build one 022 LC_ALL=C TZ=UTC make -j "$(nproc)"
build the-other-one 077 LC_ALL=C.UTF-8 TZ=Pacific/Kiritimati HOME=/ make

diff "$dir/one.list" "$dir/the-other-one.list"
diff -r "$dir/one-installed" "$dir/the-other-one-installed"
echo "$(wc -l <"$dir/one.list") files with the same bytes"
