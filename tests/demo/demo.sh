#!/bin/sh
# demo.sh BUILD: the main job on files of this machine, without Nix and without the internet. A small
# "system" is made of some programs and the libraries that they load, each a store path of its own; a cache
# on loopback serves it; nixferry carries it over.
set -eu

build=$(realpath "$1")
cd "$(dirname "$0")/../.."
PATH=$build:$PATH
demo=build/demo
cache=$demo/cache
programs='ls sort bash'
server=
fetching=
started=$(date +%s)

# What is learned of caches stays here, and this machine's own configuration does not count.
export XDG_STATE_HOME=$demo/state XDG_CACHE_HOME=$demo/xdg-cache NIX_CONF_DIR=$demo/nix-conf
export NIX_USER_CONF_FILES=

title() {
	printf '\n== %s\n' "$*"
}

# Shows a command as one would type it, then runs it.
run() {
	printf '\n$ %s\n' "$1"
	eval "$1"
}

# run_with_status STATUS MEANING COMMAND: as run, of what does not succeed.
run_with_status() {
	status=0
	run "$3" || status=$?
	[ "$status" -eq "$1" ] || die "exit status $status instead of $1"
	echo "(exit status $1: $2)"
}

# wait_for COMMAND...: until it succeeds, for ten seconds.
wait_for() {
	tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ "$tries" -le 100 ] || die "gave up waiting for: $*"
		sleep 0.1
	done
}

die() {
	echo "demo: $*" >&2
	exit 1
}

stop_server() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	server=
}

clean_up() {
	[ -z "$fetching" ] || kill "$fetching" 2>/dev/null || true
	stop_server
}

start_over() {
	# What was imported is read-only, as in any store.
	[ ! -d "$demo" ] || chmod -R u+w "$demo"
	rm -rf "$demo"
	mkdir -p "$demo/made" "$demo/trees"
}

# ---- the system: one store path for each file, references as ldd tells them ----

loaded_by() {
	ldd "$1" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }'
}

made() {
	[ -e "$demo/made/$(basename "$1")" ]
}

path_of() {
	cat "$demo/made/$(basename "$1")"
}

# add FILE DIR: puts FILE into the cache as HASH-NAME/DIR/NAME, if all that it loads is there.
add() {
	file=$1
	dir=$2
	name=$(basename "$file")
	set -- --cache "$cache" --name "$name" --tree "$demo/trees/$name"
	for needed in $(loaded_by "$file"); do
		made "$needed" || return 1
		set -- "$@" --ref "$(path_of "$needed")"
	done
	mkdir -p "$demo/trees/$name/$dir"
	cp -L "$file" "$demo/trees/$name/$dir/$name"
	mkcache add "$@" >"$demo/path" || die "cannot add $name"
	mv "$demo/path" "$demo/made/$name"
	echo "$file $(path_of "$name")/$dir/$name" >>"$demo/originals"
	echo "  $(path_of "$name")"
}

make_system() {
	files=
	libraries=
	for program in $programs; do
		file=$(command -v "$program") || continue
		files="$files $file"
		libraries="$libraries $(loaded_by "$file")"
	done
	[ -n "$libraries" ] || die "no program of '$programs' loads a library"
	# shellcheck disable=SC2086
	libraries=$(printf '%s\n' $libraries | sort -u)
	while [ -n "$libraries" ]; do
		later=
		for library in $libraries; do
			made "$library" || add "$library" lib || later="$later $library"
		done
		[ "$later" != "$libraries" ] || die "libraries that need each other: $later"
		libraries=$later
	done
	for file in $files; do
		add "$file" bin || die "$file loads what ldd did not name"
	done
	make_toplevel
}

make_toplevel() {
	mkdir -p "$demo/trees/system/sw/bin"
	set --
	for file in $files; do
		name=$(basename "$file")
		ln -s "$(path_of "$name")/bin/$name" "$demo/trees/system/sw/bin/$name"
		set -- "$@" --ref "$(path_of "$name")"
	done
	top=$(mkcache add --cache "$cache" --name demo-system-1 --tree "$demo/trees/system" "$@")
	echo "  $top"
}

# start_server: sets url. The faults in $demo/faults make it slow.
start_server() {
	rm -f "$demo/port"
	cached --with-parent --root "$cache" --port-file "$demo/port" --log "$demo/cache.log" \
		--fault-file "$demo/faults" 2>"$demo/cache.err" &
	server=$!
	wait_for test -s "$demo/port"
	url=http://127.0.0.1:$(cat "$demo/port")
}

# A server that was there and is off: sets off.
make_off() {
	start_server
	off=$url
	stop_server
}

# ---- an interruption ----

pool_has() {
	[ "$(find "$demo/pool" -name '*.narinfo' 2>/dev/null | wc -l)" -ge "$1" ]
}

# interrupted COMMAND: as run, but Ctrl-C comes when three paths are there.
interrupted() {
	printf '\n$ %s\n' "$1"
	echo '/nar/*=slow:100000' >"$demo/faults"
	eval "env --default-signal=INT $1 &"
	fetching=$!
	wait_for pool_has 3
	echo "^C"
	kill -INT "$fetching"
	status=0
	wait "$fetching" || status=$?
	fetching=
	rm "$demo/faults"
	[ "$status" -eq 130 ] || die "exit status $status instead of 130"
	echo "(exit status 130: interrupted)"
}

# ---- what came over ----

compare_with_originals() {
	while read -r file inside; do
		cmp "$file" "$demo/root$inside"
		echo "  $file = $inside"
	done <"$demo/originals"
}

# The imported programs, by the imported loader, with the imported libraries alone.
run_imported() {
	ls=$(command -v ls)
	loader=
	library_path=
	for library in $(loaded_by "$ls"); do
		dir=$demo/root$(path_of "$library")/lib
		library_path=$library_path:$dir
		case $library in
		*/ld-*) loader=$dir/$(basename "$library") ;;
		esac
	done
	[ -n "$loader" ] || die "no dynamic loader in: $library_path"
	run "$loader \\
    --library-path ${library_path#:} \\
    $demo/root$(path_of ls)/bin/ls --version >$demo/version"
	head -n 1 "$demo/version"
}

damage() {
	cp "$1" "$2"
	printf 'damaged!' | dd of="$2" bs=1 seek=$(($(stat -c %s "$1") / 2)) conv=notrunc 2>/dev/null
}

trap clean_up EXIT
trap 'exit 130' INT TERM
start_over

title "A small system of this machine's files ($programs), as store paths in a binary cache"
echo "  (all of this takes some seconds)"
make_system
make_off
start_server
echo "  served on $url"

title '1. Before starting: which caches work, and what would be fetched or built?'
caches="--substituter $url --substituter $off"
echo "Two caches are configured, and the second one is off."
run "nixferry caches $url $off"
run "nixferry plan $top \\
    $caches --pool $demo/pool"
lost=/nix/store/00000000000000000000000000000000-built-nowhere
echo
echo "What no cache has would have to be built:"
run_with_status 3 incomplete "nixferry plan $lost \\
    --substituter $url --pool $demo/pool"

title '2. On the fast host: a key of your own, once'
run "nixferry keygen demo-1 $demo/demo.sec $demo/demo.pub"

title '3. Fetch the closure, verify it, pack it into one signed file'
fetch="nixferry prefetch $top \\
    $caches --pool $demo/pool \\
    --sign-key $demo/demo.sec -o $demo/system.bundle"
echo "Interrupted after the first paths:"
interrupted "$fetch"
echo
echo "The same command goes on: what the pool has is not fetched again, and the cache that is off stops nothing."
run "$fetch"

title '4. What is in it'
trust="--trusted-public-key \"\$(cat $demo/demo.pub)\""
run "nixferry info $demo/system.bundle $trust"
run "nixferry list $demo/system.bundle $trust"

title '5. On the slow or offline machine: the bundle and the public key are all it needs'
stop_server
run "nixferry verify $demo/system.bundle $trust"
damage "$demo/system.bundle" "$demo/damaged.bundle"
echo
echo "A copy with a few wrong bytes in the middle is refused:"
run_with_status 5 corrupt "nixferry verify $demo/damaged.bundle $trust"

mkdir "$demo/root"
title '6. Import it into a target root, and make it that system'
run "nixferry import $demo/system.bundle --store $demo/root --profile system \\
    $trust"
run "ls -l $demo/root/nix/var/nix/profiles"

title '7. It is what it was, and it runs'
compare_with_originals
run_imported

cat <<'END'

== Your own system
Where a NixOS closure and a network are:

    nixferry keygen my-key-1 my.sec my.pub
    nixferry prefetch /run/current-system --sign-key my.sec -o system.bundle
    nixferry prefetch ./result            --sign-key my.sec -o system.bundle   (after nix build)

On the machine to be installed, with its file systems mounted on /mnt, as root:

    nixferry import system.bundle --store /mnt --profile system \
        --trusted-public-key "$(cat my.pub)"
    nixos-install --root /mnt --system TOPLEVEL --no-channel-copy --substituters ""

import prints the last line with the right TOPLEVEL. No network is used on that machine.
END

echo
echo "The demo took $(($(date +%s) - started)) s. Its files are in $demo."
