#!/usr/bin/env bats
# Read-only commands change nothing: they create no directories and no files, and they work on
# read-only file systems. No option is accepted and then ignored.

load helper

setup() {
	setup_lab
	make_small_closure "$T/cache"
	make_bundle "$TOP" >/dev/null
	import_bundle >/dev/null
	mv "$T/pool" "$T/full-pool"
	mkdir "$T/empty"
	printf '%s\n' "$TOP" >"$T/list-of-targets"
	export NIX_CONFIG="$NIX_CONFIG
substituters = file://$T/cache
trusted-public-keys = $PUBLIC_KEY"
}

teardown() {
	teardown_lab
}

# Everything below the directories that a read-only command examines, with modification times.
snapshot() {
	find "$T/home" "$T/root" "$T/cache" "$T/full-pool" "$T/empty" "$T/b.bundle" "$T/pools" \
		-printf '%p %y %m %U %s %T@ %C@ %l\n' 2>/dev/null | LC_ALL=C sort
}

# Pools in states in which a run, or a user, may leave one.
make_pools() {
	mkdir -p "$T/pools/bare" "$T/pools/no-nar" "$T/pools/no-info"
	cp "$T/full-pool/nix-cache-info" "$T/pools/no-nar"
	cp -r "$T/full-pool/." "$T/pools/no-info"
	rm "$T/pools/no-info/nix-cache-info"
	touch "$T/full-pool/tmp/99999999.0.tmp"
	ln -s "$T/nowhere/at/all" "$T/pools/dangling"
	ln -s "$T/full-pool" "$T/pools/link"
	POOLS=("$T/full-pool" "$T/pools/bare" "$T/pools/no-nar" "$T/pools/no-info" "$T/pools/dangling" "$T/pools/link"
		"$T/pools/none")
}

# ask COMMAND...: runs each, given as one word; prints a line for each that fails.
ask() {
	local command rc
	for command; do
		rc=0
		# shellcheck disable=SC2086
		"$BUILD/nixferry" $command >"$OUT/stdout" 2>"$OUT/stderr" || rc=$?
		[ "$rc" -eq 0 ] || echo "$rc: $command: $(<"$OUT/stderr")"
	done
}

# ask_pool POOL: every read-only command that uses a pool.
ask_pool() {
	local pool=$1
	local commands=(
		"plan $TOP --no-local-store --pool $pool"
		"plan $TOP --from-store $T/root --pool $pool"
		"plan $TOP --no-local-store --pool $pool --json"
		"prefetch -n $TOP --no-local-store --pool $pool"
		"prefetch -n $TOP --from-store $T/root --pool $pool"
		"prefetch -n $TOP --no-local-store --pool $pool --store $T/empty"
		"prefetch -n $TOP --no-local-store --pool $pool --store $T/root"
		"prefetch -n $TOP --no-local-store --pool $pool -o $T/out.bundle --sign-key $T/lab.sec"
		"pool path --pool $pool"
		"caches --pool $pool"
	)
	# These would take it for a mistyped name.
	[ ! -e "$pool" ] || commands+=("pool list --pool $pool" "pool stats --pool $pool" "pool check --pool $pool")
	ask "${commands[@]}"
}

ask_others() {
	ask "verify $T/b.bundle" "list $T/b.bundle" "info $T/b.bundle" "roots list --store $T/root" "help plan" \
		"completions fish"
}

@test "queries change nothing in a pool of any state" {
	make_pools
	export OUT=$T/output XDG_STATE_HOME=$T/state
	mkdir "$OUT"
	local pool
	snapshot >"$T/before"
	for pool in "${POOLS[@]}"; do
		ask_pool "$pool" >>"$T/failures"
	done
	ask_others >>"$T/failures"
	[ ! -s "$T/failures" ] || fail "$(cat "$T/failures")"
	snapshot | diff "$T/before" - || fail "something was changed"
	[ ! -e "$T/out.bundle" ]
	[ ! -e "$T/nowhere" ]
}

@test "queries work on a read-only file system" {
	[ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null || skip "no mount namespace here"
	make_pools
	export OUT=$BATS_FILE_TMPDIR/output T BUILD TOP POOLS_LIST="${POOLS[*]}"
	mkdir -p "$OUT"
	export -f ask ask_pool ask_others
	unshare -m bash -c '
		mount --make-rprivate / && mount --bind "$T" "$T" && mount -o remount,bind,ro "$T" || exit 99
		! touch "$T/file" 2>/dev/null || exit 98
		for pool in $POOLS_LIST; do
			ask_pool "$pool"
		done
		ask_others
	' >"$OUT/failures" || fail "status $?"
	[ ! -s "$OUT/failures" ] || fail "$(cat "$OUT/failures")"
}

@test "damage that cannot be removed from a pool is still reported" {
	[ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null || skip "no mount namespace here"
	local nar=$T/full-pool/$(nar_of "$T/full-pool" "$APP")
	chmod u+w "$nar"
	printf X | dd of="$nar" bs=1 seek=50000 conv=notrunc status=none
	export T BUILD
	run unshare -m bash -c 'mount --make-rprivate / && mount --bind "$T" "$T" && mount -o remount,bind,ro "$T" &&
		"$BUILD/nixferry" pool check --pool "$T/full-pool"'
	[ "$status" -eq 5 ] || fail "$output"
	[[ $output == *"cannot remove '$APP'"* ]] || fail "$output"
	[[ $output == *"1 damaged entry was found, 1 could not be removed"* ]] || fail "$output"
}

@test "a query of a new, empty pool does not hinder the next fetch" {
	nixferry plan "$TOP" --no-local-store --pool "$T/pools/new" >/dev/null
	[ ! -e "$T/pools" ]
	nixferry prefetch "$TOP" --no-local-store --pool "$T/pools/new" >/dev/null
	[ "$(nixferry pool list --pool "$T/pools/new" | wc -l)" -eq 5 ]
}

# ---- options ----

# value_for OPTION: appends a value to words.
value_for() {
	case $1 in
	pool) words+=" $T/full-pool" ;;
	store) words+=" $T/target" ;;
	from-store) words+=" $T/root" ;;
	from-file) words+=" $T/list-of-targets" ;;
	output) words+=" $T/out.bundle" ;;
	sign-key) words+=" $T/lab.sec" ;;
	compress) words+=" zstd:1" ;;
	substituter | extra-substituter | not-in) words+=" file://$T/cache" ;;
	connections | connections-per-cache | jobs) words+=" 2" ;;
	limit-rate) words+=" none" ;;
	retry-for) words+=" 1s" ;;
	netrc-file) words+=" $T/netrc" ;;
	trusted-public-key) words+=" $PUBLIC_KEY" ;;
	sample | why-build) words+=" $TOP" ;;
	profile) words+=" system" ;;
	gc-root) words+=" some-root" ;;
	older-than) words+=" 3" ;;
	max-size) words+=" 20G" ;;
	keep) words+=" $TOP" ;;
	have | have-all | delta-from) words+=" $T/b.bundle" ;;
	series) words+=" some-series" ;;
	serial) words+=" 2" ;;
	expires) words+=" 2099-12-31" ;;
	color) words+=" never" ;;
	save) words+=" $T/saved" ;;
	word) words+=" https" ;;
	sigs-needed | signatures-needed) words+=" 1" ;;
	log-format) words+=" json" ;;
	*) return 1 ;;
	esac
}

# arguments_for COMMAND [SUBCOMMAND]: sets words to arguments with which the command succeeds.
arguments_for() {
	case $1 in
	plan | prefetch | pack) words="$1 $TOP" ;;
	import) words="import $T/b.bundle" ;;
	verify | list | info) words="$1 $T/b.bundle" ;;
	pool) words="pool $2" ;;
	keygen) words="keygen a-$RANDOM-1 $T/key.$RANDOM$RANDOM $T/pub.$RANDOM$RANDOM" ;;
	caches) words="caches" ;;
	roots) words="roots list" ;;
	check | inventory) words="$1" ;;
	completions) words="completions bash" ;;
	sign) words="sign $T/b.bundle" ;;
	diff) words="diff $T/b.bundle $TOP" ;;
	explain) words="explain $T/log" ;;
	doctor) words="doctor" ;;
	help) words="help" ;;
	*) return 1 ;;
	esac
}

# companions_for COMMAND OPTION HELP: appends the other arguments that the option needs.
companions_for() {
	local command=$1 option=$2 help=$3
	[[ $command != import ]] || [ "$option" = store ] || words+=" --store $T/target"
	[[ ! $command =~ ^(roots|check|inventory)$ ]] || [ "$option" = store ] || words+=" --store $T/root"
	[[ $command != pack ]] || [ "$option" = output ] || words+=" --output $T/out.bundle"
	[[ ! "$command $option" =~ ^prefetch\ (not-in|delta-from|have.*)$ ]] || words+=" --output $T/out.bundle"
	[[ ! $command =~ ^(pack|sign)$ && "$words" != *" --output"* && "$command $option" != "prefetch output" ]] ||
		[ "$option" = sign-key ] || words+=" --sign-key $T/lab.sec"
	[[ $help != *--no-local-store* ]] || [ "$option" = from-store ] || words+=" --no-local-store"
	[[ $command != pack || ! $option =~ ^(connections.*|limit-rate|netrc-file)$ ]] ||
		words+=" --not-in file://$T/cache"
	[[ $command != import ||
		! $option =~ ^(.*substituter|connections.*|limit-rate|netrc-file|retry-for|no-race|pool)$ ]] ||
		words+=" --fetch-rest"
	[[ $command != explain || $option != compare ]] || words+=" $T/log"
	[[ $help != *--pool* ]] || [ "$option" = pool ] || [ "$command $option" = "caches sample" ] ||
		[[ $command == import && $words != *--fetch-rest* && $option != fetch-rest ]] ||
		words+=" --pool $T/full-pool"
}

# The options in a command's help: lines "NAME" or "NAME VALUE".
options_of() {
	nixferry help "$1" | sed -nE 's/^ +(-[a-zA-Z], )?--([a-z-]+)( ([A-Z][^ ]*))?( .*|$)/\2 \4/p'
}

# try_option OPTION VALUE COMMAND [SUBCOMMAND]: it takes effect or is refused by name; never ignored.
try_option() {
	local option=$1 value=$2 words
	shift 2
	arguments_for "$@" || fail "arguments_for does not know the command '$1'" || return 1
	companions_for "$1" "$option" "$HELP"
	words+=" --$option"
	if [ -n "$value" ]; then
		value_for "$option" || fail "value_for does not know '--$option'" || return 1
	fi
	[[ ! $1 =~ ^(roots|check|inventory)$ ]] || words=${words/"$T/target"/"$T/root"}
	rm -rf "$T/target" "$T/out.bundle"
	mkdir "$T/target"
	# shellcheck disable=SC2086
	run --separate-stderr nixferry $words
	[[ $stderr != *"had no effect"* ]] || fail "$words: $stderr" || return 1
	case $status in
	0) ;;
	2) [[ $stderr == *"--$option"* || $option == why-build ]] || fail "$words: $stderr" ;;
	*) fail "$words: status $status: $stderr" ;;
	esac
}

@test "every option of every command is obeyed or refused, never ignored" {
	: >"$T/netrc"
	echo 'copying 0 paths...' >"$T/log"
	chmod 600 "$T/netrc"
	local commands=() command sub option value
	mapfile -t commands < <(nixferry help | sed -nE 's/^  ([a-z]+)  .*/\1/p')
	[ "${#commands[@]}" -ge 12 ] || fail "${commands[*]}"
	for command in "${commands[@]}"; do
		HELP=$(nixferry help "$command")
		local subs=("")
		[ "$command" = pool ] && subs=(path list stats check gc)
		while read -r option value; do
			# These options come from one table for all commands and are not tried here.
			[[ ! $option =~ ^(quiet|verbose|no-progress|color|log-format|help)$ || $command = list ]] || continue
			for sub in "${subs[@]}"; do
				try_option "$option" "$value" "$command" "$sub" || return 1
			done
		done < <(options_of "$command")
	done
}

@test "options without effect are refused before anything is done" {
	while IFS='|' read -r text args; do
		args=${args//TOP/$TOP}
		read -ra argv <<<"${args//BUNDLE/$T/b.bundle}"
		fails 2 "$text" nixferry "${argv[@]}"
		[ -z "$output" ]
	done <<-'EOF'
		unknown option '--json'|completions bash --json
		unknown option '--json'|help plan --json
		option '--older-than' is for 'pool gc'|pool list --older-than 3
		option '--older-than' is for 'pool gc'|pool check --older-than=3
		option '--older-than' is for 'pool gc'|pool path --older-than 3
		option '--sign-key' needs --output BUNDLE|prefetch TOP --sign-key x
		option '--sign-key' needs --output BUNDLE|prefetch -n TOP --sign-key x
		option '--compress' is for the pool and bundles|prefetch TOP --store /tmp --compress keep
		option '--connections' needs --not-in|pack TOP -o /tmp/x --connections 3
		option '--extra-substituter' needs --fetch-rest|import x --store /tmp/x --extra-substituter file:///x
		option '--pool' needs --fetch-rest|import x --store /tmp/x --pool /tmp/x
		option '--from-store' needs an INSTALLABLE|diff BUNDLE BUNDLE --from-store /tmp
		option '--substituter': name the caches to query as arguments|caches file:///x --substituter file:///y
		option '--extra-substituter': name the caches to query|caches file:///x --extra-substituter file:///y
		options '--pool' and '--sample' exclude each other|caches --sample TOP --pool /tmp/x
	EOF
}

# Every line on stderr is a JSON object, and the first one reports wrong usage.
usage_in_json() {
	run --separate-stderr "$BUILD/nixferry" "$@"
	[ "$status" -eq 2 ] || fail "status $status: $*" || return 1
	[ -z "$output" ] || fail "$output" || return 1
	jq -es 'all(type == "object") and .[0].level == "error" and .[0].exit == 2' <<<"$stderr" >/dev/null ||
		fail "$*: $stderr"
}

@test "wrong usage is reported as JSON with --log-format json" {
	usage_in_json --log-format json
	usage_in_json plna --log-format json
	usage_in_json plan --log-format json
	usage_in_json plan --log-format=json --no-such
	usage_in_json plan --no-such --log-format text --log-format json
	usage_in_json plan x --jobs --log-format json
	usage_in_json verify a b --log-format json
	usage_in_json pool nonsense --log-format json
	usage_in_json import x --store "$T/root" --profile a/b --log-format=json
	usage_in_json plan --log-format json --color blue
	usage_in_json plan --log-format json $'--\xff\xfe\x80'
	usage_in_json plan --log-format json $'\xc0\x80\xed\xa0\x80 \e[2J\n"\\'
	run --separate-stderr nixferry plan --no-such --log-format json --log-format text
	[[ $stderr == "nixferry: plan: unknown option"* ]]
	run --separate-stderr nixferry plan --no-such -- --log-format json
	[[ $stderr == "nixferry: plan: unknown option"* ]]
}
