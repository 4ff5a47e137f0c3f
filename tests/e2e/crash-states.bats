#!/usr/bin/env bats
# States that a killed process or a power cut can leave: each is created, then each command
# must do its work as usual and clean up.

load helper

setup() {
	setup_lab
	make_small_closure "$T/cache"
	start_cache "$T/cache"
	STORE_DB=$T/root/nix/var/nix/db
	KEY=(--trusted-public-key "$PUBLIC_KEY")
	# A partial download of APP in the pool, without its suffix.
	PARTIAL=$T/pool/tmp/$(partial_name_of "$T/cache" "$APP")
	APP_NAR=$T/cache/$(nar_of "$T/cache" "$APP")
}

teardown() {
	teardown_lab
}

prefetch() {
	nixferry prefetch "$TOP" --substituter "$URL" --pool "$T/pool" --no-local-store "${KEY[@]}" "$@"
}

fresh() {
	[ "$EUID" -eq 0 ] || [ ! -e "$T/root" ] || chmod -R u+w "$T/root"
	rm -rf "$T/root" "$T/pool" "$T/out.bundle"
	mkdir -p "$T/root/nix/store" "$T/root/nix/var/nix/db" "$T/pool/tmp" "$T/pool/nar"
}

# ---- the states of a pool ----


pool_states=(
	empty_directory empty_cache_info half_partial whole_partial too_long_partial empty_partial
	garbage_state state_alone empty_state holes_beyond_the_end other_etag two_temps
	nar_without_narinfo narinfo_without_nar empty_narinfo partial_of_what_is_there
	old_partial_of_nothing_known
)

pool_empty_directory() {
	rmdir "$T/pool/tmp" "$T/pool/nar"
}
pool_empty_cache_info() {
	: >"$T/pool/nix-cache-info"
}
pool_half_partial() {
	head -c 30000 "$APP_NAR" >"$PARTIAL.part"
}
pool_whole_partial() {
	cp "$APP_NAR" "$PARTIAL.part"
}
pool_too_long_partial() {
	cat "$APP_NAR" "$APP_NAR" >"$PARTIAL.part"
}
pool_empty_partial() {
	: >"$PARTIAL.part"
}
pool_garbage_state() {
	pool_half_partial
	head -c 3000 /dev/urandom >"$PARTIAL.state"
}
pool_state_alone() {
	printf 'Run: 0-100\nPath: %s\n' "${APP##*/}" >"$PARTIAL.state"
}
pool_empty_state() {
	pool_half_partial
	: >"$PARTIAL.state"
}
pool_holes_beyond_the_end() {
	pool_half_partial
	printf 'Run: 0-1000\nRun: 20000-99999999\n' >"$PARTIAL.state"
}
pool_other_etag() {
	pool_half_partial
	printf 'ETag: %052d "other"\nSomething: new\n' 0 >"$PARTIAL.state"
}
pool_two_temps() {
	: >"$T/pool/tmp/1.0.tmp"
	echo half >"$T/pool/tmp/99999.7.tmp"
}
pool_nar_without_narinfo() {
	prefetch >/dev/null
	rm "$T/pool/$(hash_part "$APP").narinfo"
}
pool_narinfo_without_nar() {
	prefetch >/dev/null
	rm "$T/pool/$(nar_of "$T/pool" "$APP")"
}
pool_empty_narinfo() {
	prefetch >/dev/null
	: >"$T/pool/$(hash_part "$APP").narinfo"
}
pool_partial_of_what_is_there() {
	prefetch >/dev/null
	cp "$APP_NAR" "$T/pool/tmp/u-old.part"
	printf 'Path: %s\n' "${APP##*/}" >"$T/pool/tmp/u-old.state"
}

pool_old_partial_of_nothing_known() {
	echo few >"$T/pool/tmp/u-0ld.part"
	touch -d '2 days ago' "$T/pool/tmp/u-0ld.part"
}

over_pool_states() {
	local state
	for state in "${pool_states[@]}"; do
		fresh
		"pool_$state"
		"$@" >"$T/out" 2>&1 || fail "$state, $*: $(cat "$T/out")" || return 1
		is_empty "$T/pool/tmp" || fail "$state, $*: $(ls -A "$T/pool/tmp")" || return 1
	done
}

into_bundle() {
	prefetch -o "$T/out.bundle" --sign-key "$T/lab.sec" &&
		nixferry verify "$T/out.bundle" "${KEY[@]}" &&
		nixferry pool check --pool "$T/pool" && nixferry pool list --pool "$T/pool"
}

into_store() {
	prefetch --store "$T/root" --profile system && assert_closure_in "$T/root"
}

plan_and_fetch() {
	nixferry plan "$TOP" --substituter "$URL" --pool "$T/pool" --no-local-store "${KEY[@]}" &&
		nixferry pool list --pool "$T/pool" && nixferry pool gc --pool "$T/pool" && prefetch
}

@test "prefetch, pack and pool over each state of a pool" {
	over_pool_states into_bundle
}

@test "prefetch --store over each state of a pool" {
	over_pool_states into_store
}

@test "plan, pool list and pool gc over each state of a pool" {
	over_pool_states plan_and_fetch
}

# ---- the states of a store ----

store_states=(
	no_database empty_database database_without_tables tables_without_schema empty_schema
	schema_without_tables half_schema log_left trees_without_rows half_removed_tree rows_without_trees
	trees_in_temp read_only_trees_in_temp path_locks stale_path_lock nix_locks
	generation_alone temporary_links profile_to_nothing rooted_only
)

# Imports the closure into the root, as an earlier run would.
imported() {
	[ -e "$T/imported" ] || import_bundle "$T/b.bundle" "$T/imported" --profile system >/dev/null
	cp -a "$T/imported/." "$T/root"
}

store_no_database() {
	:
}
store_empty_database() {
	: >"$STORE_DB/db.sqlite"
	printf 10 >"$STORE_DB/schema"
}
store_database_without_tables() {
	sqlite3 "$STORE_DB/db.sqlite" 'pragma journal_mode = wal; pragma user_version = 0' >/dev/null
}
store_tables_without_schema() {
	imported
	rm "$STORE_DB/schema"
}
store_empty_schema() {
	imported
	: >"$STORE_DB/schema"
}
store_schema_without_tables() {
	store_database_without_tables
	printf 10 >"$STORE_DB/schema"
}
store_half_schema() {
	printf 1 >"$STORE_DB/.schema.nixferry.tmp"
}
# What SQLite leaves when it is killed: rows that exist only in the log.
store_log_left() {
	imported
	local db
	db=$STORE_DB/db.sqlite
	sqlite3 "$db" 'pragma journal_mode = wal' '.filectrl persist_wal 1' \
		"update ValidPaths set registrationTime = 7" '.shell cp '"$db-wal $T/wal" >/dev/null
	[ ! -s "$T/wal" ] || cp "$T/wal" "$db-wal"
}
store_trees_without_rows() {
	mkdir -p "$T/root$APP/bin" "$T/root$LIB"
	echo half >"$T/root$APP/bin/hello"
	echo file >"$T/root$TOP"
	chmod 555 "$T/root$APP/bin" "$T/root$APP" "$T/root$LIB"
}
store_half_removed_tree() {
	mkdir -p "$T/root$DATA/a/b"
	chmod 0 "$T/root$DATA/a/b"
	chmod 500 "$T/root$DATA/a"
}
store_rows_without_trees() {
	imported
	chmod -R u+w "$T/root$APP"
	rm -rf "$T/root$APP" "$T/root$DATA"
}
store_trees_in_temp() {
	mkdir -p "$T/root/nix/store/$UNPACK_DIR/${APP##*/}.0/bin"
	echo half >"$T/root/nix/store/$UNPACK_DIR/${LIB##*/}.1"
	chmod 700 "$T/root/nix/store/$UNPACK_DIR"
}
store_read_only_trees_in_temp() {
	store_trees_in_temp
	chmod -R a-w "$T/root/nix/store/$UNPACK_DIR/${APP##*/}.0"
}
store_path_locks() {
	: >"$T/root$APP.lock"
	: >"$T/root$TOP.lock"
}
store_stale_path_lock() {
	imported
	: >"$T/root$LIB.lock"
	mkdir -m 700 "$T/root/nix/store/$UNPACK_DIR"
}
store_nix_locks() {
	: >"$T/root/nix/var/nix/gc.lock"
	: >"$STORE_DB/big-lock"
}
store_generation_alone() {
	imported
	rm "$T/root/nix/var/nix/profiles/system"
}
store_temporary_links() {
	mkdir -p "$T/root/nix/var/nix/"{profiles,gcroots/nixferry}
	ln -s /nix/store/x "$T/root/nix/var/nix/profiles/.nixferry.tmp"
	ln -s /nix/store/x "$T/root/nix/var/nix/gcroots/nixferry/.nixferry.tmp"
}
store_profile_to_nothing() {
	imported
	rm "$T/root/nix/var/nix/profiles/system-1-link"
}
store_rooted_only() {
	imported
	rm "$T/root/nix/var/nix/profiles/"*
}

assert_finished() {
	local state=$T/root/nix/var/nix links
	assert_closure_in "$T/root" || return 1
	[ ! -e "$state/db/.schema.nixferry.tmp" ] || fail "half a schema is left" || return 1
	[ "$(<"$state/db/schema")" = 10 ] || fail "schema: $(<"$state/db/schema")" || return 1
	links=$(find "$state/profiles" -name 'system*' -printf '%f %l\n' | LC_ALL=C sort)
	[[ $links =~ ^"system "(system-[0-9]+-link)$'\n'(system-[0-9]+-link)" $TOP"$ &&
		${BASH_REMATCH[1]} = "${BASH_REMATCH[2]}" ]] || fail "profile: $links" || return 1
	nix_is_content "$T/root"
}

over_store_states() {
	local state
	make_bundle "$TOP" >/dev/null
	for state in "${store_states[@]}"; do
		fresh
		"store_$state"
		"$@" >"$T/out" 2>&1 || fail "$state, $*: $(cat "$T/out")" || return 1
		assert_finished || fail "$state, $*" || return 1
	done
}

import() {
	import_bundle "$T/b.bundle" "$T/root" --profile system
}

prefetch_into() {
	prefetch --store "$T/root" --profile system
}

@test "import over each state of a store" {
	over_store_states import
}

@test "prefetch --store over each state of a store" {
	over_store_states prefetch_into
}

# Read-only commands need only what is intact.
@test "each state of a store as a source" {
	local state
	make_bundle "$TOP" >/dev/null
	for state in "${store_states[@]}"; do
		fresh
		"store_$state"
		for command in plan prefetch; do
			nixferry "$command" "$TOP" --from-store "$T/root" --substituter "$URL" \
				--pool "$T/pool" "${KEY[@]}" >"$T/out" 2>&1 ||
				grep -qE "has no store database|no such table" "$T/out" || fail "$state, $command: $(cat "$T/out")"
		done
	done
}

# ---- other files ----

@test "leftovers of a killed run next to a bundle or the history do no harm" {
	fresh
	: >"$T/.out.bundle.99999.0.tmp"
	: >"$T/out.bundle"
	mkdir -p "$HOME/.local/state/nixferry" "$HOME/.cache/nixferry"
	into_bundle
	for file in $(find "$HOME" -type f -path '*nixferry*'); do
		: >"$file"
		prefetch
		echo garbage >"$file"
		prefetch
	done
}
