# What the end-to-end tests share. Every test has its own directory $T, its own home and
# Nix configuration, and the keys $T/lab.sec, $T/lab.pub ("lab-1"). Starting processes takes most of the
# tests' time: functions that many tests call start few of them, and made_once reuses what a test made.
bats_require_minimum_version 1.5.0

repo=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
: "${BUILD:=$repo/build/release}"
# The directory into which the first import into a store unpacks.
UNPACK_DIR=00000000000000000000000000000000-nixferry-0.tmp
SELF_PLACEHOLDER=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
: "${PROCESSORS:=$(nproc)}"
export PROCESSORS

setup_lab() {
	trace_failures_only
	T=$BATS_TEST_TMPDIR
	CACHE_PIDS=()
	FETCH=
	export HOME=$T/home XDG_CACHE_HOME=$T/home/.cache NIX_CONF_DIR=$T/nix-conf
	export NIX_CONFIG="experimental-features = nix-command
sandbox = false
build-users-group ="
	# Ignore this machine's own configuration.
	export XDG_CONFIG_HOME=$T/home/.config XDG_CONFIG_DIRS=$T/xdg
	unset NIX_REMOTE NIX_STORE_DIR NIX_STATE_DIR NIX_PATH NIX_USER_CONF_FILES
	unset NIX_SSL_CERT_FILE SSL_CERT_FILE XDG_STATE_HOME
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
	umask 022
	mkdir -p "$HOME" "$NIX_CONF_DIR"
	[ -e "$BATS_FILE_TMPDIR/lab.pub" ] ||
		mkcache keygen lab-1 "$BATS_FILE_TMPDIR/lab.sec" "$BATS_FILE_TMPDIR/lab.pub"
	umask 077
	printf %s "$(<"$BATS_FILE_TMPDIR/lab.sec")" >"$T/lab.sec"
	umask 022
	PUBLIC_KEY=$(<"$BATS_FILE_TMPDIR/lab.pub")
	printf %s "$PUBLIC_KEY" >"$T/lab.pub"
}

# Bats notes the line of each command before it runs, which costs more than most commands here. A test
# needs only the line of the command that failed, and the ERR trap knows that. (Where this version of
# bats has other functions, nothing changes.)
trace_failures_only() {
	declare -F bats_debug_trap bats_capture_stack_trace bats_error_trap >/dev/null || return 0
	trap - DEBUG
	trap 'note_failure' ERR
}

note_failure() {
	local failed_with=$?
	[ -n "${BATS_TEST_COMPLETED:-}" ] || : "${BATS_ERROR_STATUS:=$failed_with}"
	[ -n "${BATS_DEBUG_LAST_STACK_TRACE_IS_VALID:-}" ] || bats_capture_stack_trace
	bats_error_trap
}

teardown_lab() {
	[ -z "$FETCH" ] || has_ended "$FETCH" || kill -KILL "$FETCH"
	stop_caches
	# Imported trees are read-only: bats could not remove them.
	[ "$EUID" -eq 0 ] || chmod -R u+w "$T"
}

# is_empty DIR: it has no entries. This starts no process, unlike ls.
is_empty() {
	local entry
	for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
		[ ! -e "$entry" ] && [ ! -L "$entry" ] || return 1
	done
}

# made_once COMMAND...: gives each test a copy of the files that the command makes in $T, and the variables
# that it sets. The command runs only in the first test of a file that asks for it.
made_once() {
	local made=$BATS_FILE_TMPDIR/${*//[^a-zA-Z0-9.:]/-}
	if [ ! -e "$made/variables" ]; then
		mkdir -p "$made"
		cp -p "$T"/lab.{sec,pub} "$made"
		(
			T=$made
			"$@"
			declare -p TOP APP LIB DATA LINK ALL_PATHS PATHS DRV OUT 2>/dev/null |
				sed 's/^declare -/declare -g -/' >"$made/variables"
		)
	fi
	cp -a "$made/." "$T"
	# shellcheck disable=SC1091
	source "$T/variables"
}

nixferry() {
	"$BUILD/nixferry" "$@"
}

mkcache() {
	"$BUILD/mkcache" "$@"
}

have_nix() {
	command -v nix >/dev/null && command -v nix-store >/dev/null
}

# Skips where Nix cannot build in a store that is not /nix: it does so in namespaces of its own.
needs_nix_builds() {
	have_nix || skip "no Nix here"
	unshare --user --mount true 2>/dev/null || skip "no user namespaces here, Nix cannot build"
}

# mount_tmpfs DIR OPTIONS: skips where nothing can be mounted.
mount_tmpfs() {
	[ "$EUID" -eq 0 ] || skip "needs root, to mount"
	mount -t tmpfs -o "$2" tmpfs "$1" 2>/dev/null || skip "nothing can be mounted here"
}

# Real Nix on the root store $1.
nix_on() {
	local root=$1
	shift
	nix --store "$root" --option substituters "" "$@"
}

# ---- caches ----

# start_cache DIR [OPTION OF cached]...: sets URL and CACHE_LOG. DIR may be filled later.
start_cache() {
	local n=${#CACHE_PIDS[@]} port_file
	port_file=$T/port.$n
	[ ! -e "$port_file" ] || rm "$port_file" # of one that was stopped
	CACHE_LOG=$T/cache.$n.log
	: >"$CACHE_LOG"
	[ -d "$1" ] || mkdir -p "$1"
	"$BUILD/cached" --with-parent --root "$1" --port-file "$port_file" --log "$CACHE_LOG" \
		"${@:2}" 3>&- &
	CACHE_PIDS+=($!)
	wait_for 10 test -s "$port_file"
	PORT=$(<"$port_file")
	URL=http://127.0.0.1:$PORT
}

# start_raw MODE: a rawserver; sets PORT, URL and CACHE_LOG.
start_raw() {
	local n=${#CACHE_PIDS[@]} port_file
	port_file=$T/port.$n
	rm -f "$port_file" # of one that was stopped
	CACHE_LOG=$T/cache.$n.log
	: >"$CACHE_LOG"
	"$BUILD/rawserver" "$1" "$port_file" "$CACHE_LOG" 3>&- &
	CACHE_PIDS+=($!)
	wait_for 10 test -s "$port_file"
	PORT=$(<"$port_file")
	URL=http://127.0.0.1:$PORT
}

# make_certificate NAME [SUBJECT ALTERNATIVE NAME] [DAYS]: $T/NAME.crt, which vouches for
# itself, and $T/NAME.key. With negative days, it has expired.
make_certificate() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
		-keyout "$T/$1.key" -out "$T/$1.csr" 2>/dev/null
	openssl x509 -req -in "$T/$1.csr" -signkey "$T/$1.key" -days "${3:-2}" \
		-out "$T/$1.crt" -extfile <(echo "subjectAltName=${2:-IP:127.0.0.1}") 2>/dev/null
}

stop_caches() {
	local pid
	for pid in "${CACHE_PIDS[@]}"; do
		kill "$pid" 2>/dev/null || continue
		kill -CONT "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	CACHE_PIDS=()
}

# patience N: N, or more while this machine is overloaded. Limits of time in tests, and timeouts, would
# otherwise depend on the load.
patience() {
	local load running
	read -r load _ _ running _ </proc/loadavg
	load=${load%.*} running=${running%/*}
	echo $(($1 * (PROCESSORS + (running > load ? running : load)) / PROCESSORS))
}

# late MS: a delay for a response that must follow another event; clients still wait that long.
late() {
	local ms
	ms=$(patience "$1")
	echo $((ms < 10000 ? ms : 10000))
}

# wait_for SECONDS COMMAND...: until it succeeds. Waiting itself starts no process.
wait_for() {
	local seconds=$1 never=$BATS_FILE_TMPDIR/never end
	shift
	until "$@"; do
		: "${end:=$((SECONDS + $(patience "$seconds")))}"
		((SECONDS <= end)) || {
			echo "gave up waiting for: $*" >&2
			return 1
		}
		[ -p "$never" ] || mkfifo "$never"
		read -rt 0.02 <>"$never" || true
	done
}

# A port of this machine on which no process listens.
dead_port() {
	local before=$URL before_log=$CACHE_LOG
	mkdir -p "$T/nothing"
	start_cache "$T/nothing"
	DEAD_PORT=$PORT
	kill "${CACHE_PIDS[-1]}"
	wait "${CACHE_PIDS[-1]}" 2>/dev/null || true
	URL=$before CACHE_LOG=$before_log
}

# log_count PATTERN [LOG]: the requests whose line matches.
log_count() {
	grep -cE -- "$1" "${2:-$CACHE_LOG}" || true
}

# The NAR's URL path of a store path, from the narinfo in the cache directory $1.
nar_of() {
	local name=${2##*/}
	url_in "$1/${name::32}.narinfo"
}

# url_in NARINFO: reading it here is cheaper than a process.
url_in() {
	local key value
	while read -r key value; do
		[ "$key" != URL: ] || echo "$value"
	done <"$1"
}

hash_part() {
	local name=${1##*/}
	echo "${name::32}"
}

narinfo_of() {
	local name=${2##*/}
	echo "$1/${name::32}.narinfo"
}

# The name in a pool's tmp/, without its suffix, of a partial download of a path.
partial_name_of() {
	awk '/^FileHash: sha256:/ { hash = substr($2, 8) }
		/^Compression: / { encoding = $2 }
		END { print "f-" hash "-" encoding }' "$(narinfo_of "$1" "$2")"
}

# ---- closures ----

make_tree() {
	local dir=$1
	mkdir -p "$dir/bin" "$dir/share/doc" "$dir/empty-dir"
	printf '#!/bin/sh\necho hello\n' >"$dir/bin/hello"
	chmod 755 "$dir/bin/hello"
	: >"$dir/empty"
	head -c 100000 /dev/urandom >"$dir/share/noise"
	yes 'a line of text' | head -n 2000 >"$dir/share/doc/text"
	printf 'eightchr' >"$dir/share/aligned"
	ln -s ../share/noise "$dir/bin/noise"
	ln -s /nowhere/at/all "$dir/broken"
	printf x >"$dir/name with spaces and \"quotes\" äöü"
}

# One path, input-addressed, signed: $TOP.
make_signed_path() {
	made_once signed_path "$@"
}

signed_path() {
	make_tree "$T/tree"
	TOP=$(mkcache add --cache "$T/cache" --name thing --tree "$T/tree" --sign "$T/lab.sec" \
		--input-addressed "$@")
}

# make_small_closure CACHE [OPTION OF mkcache]...: in a directory below $T, signed; sets TOP APP LIB DATA LINK
# and keeps the trees in $T/trees/BASENAME.
#   TOP -> APP -> LIB (content-addressed); APP -> APP; TOP -> DATA (a file), LINK (a link)
make_small_closure() {
	made_once small_closure "${1#"$T/"}" "${@:2}"
}

small_closure() {
	local cache=$T/$1 trees=$T/trees path
	shift
	local put=(mkcache add --cache "$cache" --sign "$T/lab.sec" "$@")
	mkdir -p "$trees"
	make_tree "$trees/lib"
	LIB=$("${put[@]}" --name lib-1.0 --tree "$trees/lib")
	make_tree "$trees/app"
	echo "$LIB /nix/store/$SELF_PLACEHOLDER-app-2.0/bin" >"$trees/app/bin/refers"
	APP=$("${put[@]}" --name app-2.0 --tree "$trees/app" --input-addressed --self-ref \
		--ref "$LIB" --deriver 00000000000000000000000000000000-app-2.0.drv)
	sed -i "s/$SELF_PLACEHOLDER/$(hash_part "$APP")/" "$trees/app/bin/refers"
	echo data >"$trees/data"
	DATA=$("${put[@]}" --name data.txt --tree "$trees/data" --input-addressed)
	ln -sf "$DATA" "$trees/link"
	LINK=$("${put[@]}" --name link --tree "$trees/link" --input-addressed --ref "$DATA")
	mkdir -p "$trees/top"
	ln -s "$APP" "$trees/top/sw"
	TOP=$("${put[@]}" --name nixos-system-lab-1 --tree "$trees/top" --input-addressed \
		--ref "$APP" --ref "$DATA" --ref "$LINK")
	for path in lib:"$LIB" app:"$APP" data:"$DATA" link:"$LINK" top:"$TOP"; do
		mv "$trees/${path%%:*}" "$trees/${path##*/}"
	done
	ALL_PATHS=("$TOP" "$APP" "$LIB" "$DATA" "$LINK")
}

# make_codecs_closure CODEC...: TOP refers to a path for each, whose NAR is encoded so. ALL_PATHS and
# $T/trees as for the small closure.
make_codecs_closure() {
	local trees=$T/trees codec path refs=()
	mkdir -p "$trees"
	ALL_PATHS=()
	for codec; do
		make_tree "$trees/$codec"
		path=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name "in-$codec" \
			--tree "$trees/$codec" --compress "$codec")
		mv "$trees/$codec" "$trees/${path##*/}"
		ALL_PATHS+=("$path")
		refs+=(--ref "$path")
	done
	mkdir "$trees/top"
	TOP=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --name top --tree "$trees/top" "${refs[@]}")
	mv "$trees/top" "$trees/${TOP##*/}"
	ALL_PATHS+=("$TOP")
}

# put_in_cache PATH REF...: puts a signed path with some bytes into $T/cache.
put_in_cache() {
	local path=$1 ref model refs=
	shift
	rm -rf "$T/some"
	make_tree "$T/some"
	model=$(mkcache add --cache "$T/cache" --name some --tree "$T/some" --input-addressed \
		--sign "$T/lab.sec")
	for ref in "$@"; do refs+=" $(basename "$ref")"; done
	sed -e "s|^StorePath: .*|StorePath: $path|" -e "s|^References:.*|References:${refs:- }|" \
		-e '/^Sig:/d' "$T/cache/$(hash_part "$model").narinfo" \
		>"$T/cache/$(hash_part "$path").narinfo"
	mkcache sign --cache "$T/cache" --sign "$T/lab.sec" "$path" >/dev/null
}

# TOP is a content-addressed path whose narinfo is, but for the address, another path's.
make_lie() {
	local other key line
	make_tree "$T/tree"
	TOP=$(mkcache add --cache "$T/cache" --name thing --tree "$T/tree" --self-ref)
	echo other >"$T/other"
	other=$(mkcache add --cache "$T/cache" --name other --tree "$T/other")
	for key in URL Compression FileHash FileSize NarHash NarSize; do
		line=$(grep "^$key:" "$(narinfo_of "$T/cache" "$other")")
		sed -i "s|^$key:.*|$line|" "$(narinfo_of "$T/cache" "$TOP")"
	done
}

# make_random_closure PATHS SEED MAX_SIZE: signed; sets TOP, $T/paths has all of them.
make_random_closure() {
	made_once random_closure "$@"
}

random_closure() {
	mkcache generate --cache "$T/cache" --paths "$1" --seed "$2" --max-size "$3" \
		--sign "$T/lab.sec" --input-addressed >"$T/paths"
	TOP=$(tail -n 1 "$T/paths")
}

# make_bundle TARGET [CACHE]: fetches and packs into $T/b.bundle, with its own pool.
make_bundle() {
	nixferry prefetch "$1" --substituter "file://${2:-$T/cache}" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" --sign-key "$T/lab.sec" -o "$T/b.bundle"
}

# fetch_top [OPTION]...: $TOP from $URL into $T/pool.
fetch_top() {
	nixferry prefetch "$TOP" --pool "$T/pool" --substituter "$URL" \
		--trusted-public-key "$PUBLIC_KEY" "$@"
}

# The small closure in $T/root, and a bundle of it in $T/b.bundle.
make_imported_closure() {
	make_small_closure "$T/cache"
	make_bundle "$TOP" >"$T/out"
	import_bundle >"$T/out"
}

import_bundle() {
	mkdir -p "${2:-$T/root}"
	nixferry import "${1:-$T/b.bundle}" --store "${2:-$T/root}" \
		--trusted-public-key "$PUBLIC_KEY" "${@:3}"
}

# ---- in the background ----

# Shells let background commands ignore SIGINT.
interruptible() {
	exec env --default-signal=INT "$@"
}

# start_prefetch TARGET... [OPTION]...: from $URL, in the background; FETCH is its process,
# and $T/fetch.out has what it says.
start_prefetch() {
	interruptible "$BUILD/nixferry" prefetch --substituter "$URL" --pool "$T/pool" \
		--trusted-public-key "$PUBLIC_KEY" "$@" 3>&- >"$T/fetch.out" 2>&1 &
	FETCH=$!
}

# A child that has ended, perhaps a zombie.
has_ended() {
	! grep -q "^State:.[^Z]" "/proc/$1/status" 2>/dev/null
}

# end_by SIGNAL PID: sets ENDED to its exit status. It must not take long.
end_by() {
	kill "-$1" "$2" 2>/dev/null || true
	wait_for 30 has_ended "$2" || kill -KILL "$2"
	ENDED=0
	wait "$2" 2>/dev/null || ENDED=$?
}

# ---- assertions: they also work where "set -e" does not, as in "run" ----

fail() {
	echo "$*" >&2
	return 1
}

# run [!|-N] [--separate-stderr] COMMAND...: as bats' own, which starts up to six processes. The command runs
# in this shell: what it sets stays set.
run() {
	local wanted= separate= rc=0 said=$T/.said$((RUN_DEPTH += 1))
	while [[ $1 == -* || $1 == '!' ]]; do
		case $1 in
		--separate-stderr) separate=$said.stderr ;;
		*) wanted=${1#-} ;;
		esac
		shift
	done
	if [ -n "$separate" ]; then
		"$@" >"$said" 2>"$separate" || rc=$?
		stderr=$(<"$separate")
	else
		"$@" >"$said" 2>&1 || rc=$?
	fi
	status=$rc
	output=$(<"$said")
	IFS=$'\n' read -rd '' -a lines <<<"$output" || true
	((RUN_DEPTH -= 1)) || true
	case $wanted in
	'') ;;
	'!') [ "$status" -ne 0 ] || fail "status 0: $*: $output" ;;
	*) [ "$status" -eq "$wanted" ] || fail "status $status instead of $wanted: $*: $output" ;;
	esac
}

# ends_with STATUS COMMAND...: also sets output and stderr.
ends_with() {
	local status_wanted=$1
	shift
	run --separate-stderr "$@"
	[ "$status" -eq "$status_wanted" ] ||
		fail "status $status instead of $status_wanted: $* :: $output :: $stderr"
}

succeeds() {
	ends_with 0 "$@"
}

# fails STATUS PATTERN COMMAND...: it ends with that status and says so on a line of stderr. A crash or a
# sanitizer's report never counts.
fails() {
	local pattern=$2
	ends_with "$1" "${@:3}" || return 1
	a_line_matches "$pattern" "$stderr" || fail "no '$pattern' in: $stderr" || return 1
	[[ $stderr != *Sanitizer* && $stderr != *"runtime error"* ]] || fail "$stderr"
}

# a_line_matches PATTERN TEXT: as "grep -qiE" says, without a process.
a_line_matches() {
	local line found=1
	shopt -s nocasematch
	while IFS= read -r line; do
		[[ ! $line =~ $1 ]] || {
			found=0
			break
		}
	done <<<"$2"
	shopt -u nocasematch
	return "$found"
}

# assert_tree_equal A B [OPTION OF diff]...: kinds, targets, contents and executable bits are the same.
assert_tree_equal() {
	diff -r --no-dereference "$@" || fail "$1 and $2 differ" || return 1
	diff <(executables "$1") <(executables "$2") || fail "of $1 and $2 other files are executable"
}

executables() {
	find "$1" -name .links -prune -o -type f -perm -1 -printf '%P\n' | LC_ALL=C sort
}

# assert_canonical PATH...: Nix's canonical metadata everywhere below store paths' real directories.
assert_canonical() {
	local odd
	odd=$(find "$@" \( -type f ! -perm 444 ! -perm 555 -o -type d ! -perm 555 \
		-o ! -newermt @0 -o -newermt @1.5 \))
	[ -z "$odd" ] || fail "not canonical: $odd"
}

# The valid paths of a root store, sorted; none where there is no database.
valid_paths() {
	local db=$1/nix/var/nix/db/db.sqlite
	[ -e "$db" ] || return 0
	sqlite3 "$db" "select path from ValidPaths order by path"
}

assert_nothing_valid() {
	local valid
	valid=$(valid_paths "$1")
	[ -z "$valid" ] || fail "$1 has valid paths: $valid"
}

# The root store contains what its database says, and no leftovers.
assert_store_whole() {
	"$BUILD/storejudge" whole "$1" || fail "$1 is not whole"
}

# No process protects paths of the root store from collectors.
assert_nothing_protected() {
	local left
	left=$(ls -A "$1/nix/var/nix/temproots")
	[ -z "$left" ] || fail "left behind: temproots/$left"
}

assert_no_temp_files() {
	local left
	[ -e "$1" ] || return 0
	left=$(find "$1" \( -name '.*.tmp' -o -name '*.tmp' -o -name '.tmp*' -o -name 'tmp-*' \
		-o -name '*.part' -o -name '*.lock' ! -name gc.lock \))
	[ -z "$left" ] || fail "left behind: $left"
}

# The root store has every path of the small closure, unchanged, and nothing else.
assert_closure_in() {
	"$BUILD/storejudge" closure "$1" "$T/trees" "${ALL_PATHS[@]}" || fail "$1 is not the closure"
}

# Real Nix, where it is installed, finds the contents of each valid path to be right.
nix_is_content() {
	have_nix || return 0
	[ -e "$1/nix/var/nix/db/db.sqlite" ] || return 0
	nix-store --store "$1" --verify --check-contents
}

# The paths that make_random_closure made are in the root store, and nothing else.
assert_random_closure_in() {
	valid_paths "$1" | diff - <(LC_ALL=C sort "$T/paths") ||
		fail "$1 has other paths" || return 1
	assert_store_whole "$1" || return 1
	nix_is_content "$1"
}
