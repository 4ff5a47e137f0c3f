#!/usr/bin/env bats
# libnixferry, as others use it: the copy that "make stage" has installed, found by pkg-config.

load helper

setup() {
	[ -d "$BUILD/stage" ] || skip "no installed copy: make stage"
	setup_lab
	STAGE=$BUILD/stage LIB_DIR=$BUILD/stage/usr/local/lib
	export PKG_CONFIG_PATH=$LIB_DIR/pkgconfig
	WARN=(-Wall -Wextra -Werror)
}

teardown() {
	[ ! -d "$BUILD/stage" ] || teardown_lab
}

# Where pkg-config finds the installed copy, as if it were not in a directory of ours.
config() {
	PKG_CONFIG_SYSROOT_DIR=$STAGE pkg-config "$@" libnixferry
}

# What a program that links libnixferry.a needs beside it.
private_libs() {
	local names
	names=$(config --print-requires-private)
	# shellcheck disable=SC2086
	pkg-config --libs $names
}

# build_shared COMPILER OUTPUT SOURCE; the same with libnixferry.a.
build_shared() {
	# shellcheck disable=SC2046,SC2086
	$1 "${WARN[@]}" -o "$2" $3 $(config --cflags --libs) -Wl,-rpath,"$LIB_DIR"
}

build_static() {
	# shellcheck disable=SC2046,SC2086
	$1 "${WARN[@]}" -o "$2" $3 -x none $(config --cflags) "$LIB_DIR/libnixferry.a" $(private_libs) -pthread
}

# all_headers FILE: includes each of the installed headers.
all_headers() {
	local header
	for header in "$STAGE"/usr/local/include/nixferry/*.h; do
		echo "#include <nixferry/${header##*/}>"
	done >"$1"
	echo "int nothing;" >>"$1"
}

# The functions that they declare, by the compiler's own list.
declared() {
	all_headers "$T/all.c"
	# shellcheck disable=SC2046
	gcc -fsyntax-only -aux-info "$T/declared" $(config --cflags) "$T/all.c"
	sed -n 's|^/\* .*/nixferry/[a-z_]*\.h:.* \*/ extern .*[ *]\(nf_[a-z0-9_]*\) (.*|\1|p' "$T/declared" |
		LC_ALL=C sort -u
}

@test "the libraries export what the headers declare, and nothing else" {
	declared >"$T/public"
	grep -qx nf_import "$T/public"
	nm -D --defined-only "$LIB_DIR/libnixferry.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
		LC_ALL=C sort | diff "$T/public" -
	nm -g --defined-only "$LIB_DIR/libnixferry.a" | awk 'NF == 3 { print $3 }' | LC_ALL=C sort |
		diff "$T/public" -
}

@test "the shared library has the expected soname" {
	run readelf -d "$LIB_DIR/libnixferry.so"
	[[ $output == *"soname: [libnixferry.so.0]"* ]]
	[ "$LIB_DIR/libnixferry.so" -ef "$LIB_DIR/libnixferry.so.0" ]
}

@test "a program links with the library alone" {
	read -ra libs <<<"$(config --libs)"
	[ "${libs[*]}" = "-L$LIB_DIR -lnixferry" ]
}

@test "the installed headers compile as C and as C++, with every warning" {
	all_headers "$T/all.c"
	# shellcheck disable=SC2046
	gcc -std=c11 "${WARN[@]}" -Wpedantic -fsyntax-only $(config --cflags) "$T/all.c"
	# shellcheck disable=SC2046
	g++ -std=c++11 "${WARN[@]}" -Wpedantic -fsyntax-only $(config --cflags) -x c++ "$T/all.c"
}

# imports_with PROGRAM
imports_with() {
	rm -rf "$T/root"
	mkdir "$T/root"
	"$1" "$T/b.bundle" "$T/root" "$PUBLIC_KEY"
	assert_closure_in "$T/root"
	fails 4 "not trusted" "$1" "$T/b.bundle" "$T/root" "other-1:${PUBLIC_KEY#*:}"
}

@test "the example that imports works in C and C++, with either library" {
	local source=$repo/docs/examples/import-bundle.c
	make_small_closure "$T/cache"
	make_bundle "$TOP"
	build_shared gcc "$T/c" "$source"
	build_shared "g++ -x c++" "$T/c++" "$source"
	build_static gcc "$T/c-static" "$source"
	build_static "g++ -x c++" "$T/c++-static" "$source"
	for program in c c++ c-static c++-static; do imports_with "$T/$program"; done
	ldd "$T/c" | grep -q libnixferry.so.0
	[ "$(ldd "$T/c-static" "$T/c++-static" | grep -c libnixferry)" -eq 0 ]
}

# fetches_with PROGRAM: into a bundle, then into a store, from a pool of its own.
fetches_with() {
	rm -rf "$T/pool" "$T/root" "$T/b.bundle"
	mkdir "$T/root"
	"$1" "$URL" "$PUBLIC_KEY" "$T/pool" "$TOP" "$T/b.bundle" "$T/lab.sec"
	import_bundle "$T/b.bundle" "$T/root"
	assert_closure_in "$T/root"
	rm -rf "$T/pool" "$T/root"
	mkdir "$T/root"
	"$1" "$URL" "$PUBLIC_KEY" "$T/pool" "$TOP" "$T/root"
	assert_closure_in "$T/root"
}

@test "the example that fetches works in C and C++, with either library" {
	local source=$repo/docs/examples/fetch-closure.c
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	build_shared gcc "$T/c" "$source"
	build_shared "g++ -x c++" "$T/c++" "$source"
	build_static gcc "$T/c-static" "$source"
	build_static "g++ -x c++" "$T/c++-static" "$source"
	for program in c c++ c-static c++-static; do fetches_with "$T/$program"; done
}

@test "a refused call explains itself in its error" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	build_shared gcc "$T/fetch" "$repo/docs/examples/fetch-closure.c"
	fails 4 "not trusted: .*key" "$T/fetch" "$URL" "other-1:${PUBLIC_KEY#*:}" "$T/pool" "$TOP" "$T/root"
	fails 3 "not in any cache" "$T/fetch" "$URL" "$PUBLIC_KEY" "$T/pool" \
		"/nix/store/$SELF_PLACEHOLDER-gone" "$T/root"
	fails 2 "unknown parameters" "$T/fetch" "$URL?x=y" "$PUBLIC_KEY" "$T/pool" "$TOP" "$T/root"
	dead_port
	fails 6 "network" "$T/fetch" "http://127.0.0.1:$DEAD_PORT" "$PUBLIC_KEY" "$T/pool" "$TOP" "$T/root"
	assert_nothing_valid "$T/root"
}

@test "a program observes a call's progress and cancels it; the same call resumes" {
	make_small_closure "$T/cache"
	start_cache "$T/cache" --rate 20000
	build_shared gcc "$T/fetch" "$repo/docs/examples/fetch-closure.c"
	interruptible "$T/fetch" "$URL" "$PUBLIC_KEY" "$T/pool" "$TOP" "$T/root" 3>&- >"$T/out" 2>&1 &
	FETCH=$!
	wait_for 20 grep -q "fetching: . of 5 paths" "$T/out"
	end_by INT "$FETCH"
	[ "$ENDED" -eq 130 ]
	grep -q "interrupted" "$T/out"
	"$T/fetch" "file://$T/cache" "$PUBLIC_KEY" "$T/pool" "$TOP" "$T/root"
	assert_closure_in "$T/root"
}

@test "of two concurrent calls, one is cancelled and the other continues" {
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	cat >"$T/two.c" <<-'END'
		#include <nixferry/fetch.h>
		#include <pthread.h>
		#include <string.h>

		struct call {
			struct nf_fetch_options options;
			struct nf_watch watch;
			pthread_t thread;
			int rc;
		};

		static bool always(void *ctx)
		{
			(void)ctx;
			return true;
		}

		static void *run(void *arg)
		{
			struct call *c = arg;
			struct nf_fetch_result result;

			c->rc = nf_fetch(&c->options, &result, NULL);
			nf_fetch_result_release(&result);
			return NULL;
		}

		/* CACHE KEY PATH POOL POOL */
		int main(int argc, char **argv)
		{
			struct nf_keyring *keys = nf_keyring_new();
			struct nf_storepath path;
			struct call calls[2];
			int bad = argc != 6 || nf_keyring_add(keys, nf_slice_str(argv[2]), NULL) ||
				  nf_storepath_parse(&path, nf_slice_str(argv[3]), NULL);

			memset(calls, 0, sizeof(calls));
			for (int i = 0; !bad && i < 2; i++) {
				calls[i].options.paths = &path;
				calls[i].options.path_count = 1;
				calls[i].options.substituters = (const char *const *)&argv[1];
				calls[i].options.substituter_count = 1;
				calls[i].options.keys = keys;
				calls[i].options.pool_dir = argv[4 + i];
				calls[i].options.watch = &calls[i].watch;
			}
			calls[0].watch.is_cancelled = always;
			for (int i = 0; !bad && i < 2; i++)
				pthread_create(&calls[i].thread, NULL, run, &calls[i]);
			for (int i = 0; !bad && i < 2; i++)
				pthread_join(calls[i].thread, NULL);
			nf_keyring_free(keys);
			return bad || calls[0].rc != -NF_E_INTR || calls[1].rc != 0;
		}
	END
	build_shared gcc "$T/two" "$T/two.c"
	"$T/two" "$URL" "$PUBLIC_KEY" "$TOP" "$T/pool-1" "$T/pool-2"
	[ -z "$(find "$T/pool-1" -name '*.narinfo')" ]
	[ "$(find "$T/pool-2" -name '*.narinfo' | wc -l)" -eq 5 ]
}

@test "a program may define names that the library uses internally" {
	cat >"$T/own.c" <<-'END'
		#include <nixferry/key.h>
		#include <stdlib.h>
		/* Each is a function of the library's own. */
		int blake2b(void) { return 1; }
		int mem_alloc(void) { return 2; }
		int err_set(void) { return 3; }
		int main(void)
		{
			struct nf_keyring *keys = nf_keyring_new();
			struct nf_err err;
			int rc = nf_keyring_add(keys, nf_slice_str("wrong"), &err);

			nf_keyring_free(keys);
			return rc == -NF_E_FORMAT && blake2b() + mem_alloc() + err_set() == 6 ? 0 : 1;
		}
	END
	build_shared gcc "$T/own" "$T/own.c"
	"$T/own"
	build_static gcc "$T/own" "$T/own.c"
	"$T/own"
}
