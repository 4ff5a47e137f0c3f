#!/usr/bin/env bats
# What an attacker who controls a parser can still do. exploit.so takes over the real commands: at
# the first bytes of a bundle, and in a worker that decodes.

load helper

setup() {
	setup_lab
	[ -e "$BUILD/exploit.so" ] || fail "build the test tools first: make check-e2e"
	mkdir "$T/elsewhere"
	echo secret >"$T/elsewhere/secret"
	chmod 600 "$T/elsewhere/secret"
}

teardown() {
	teardown_lab
}

# needs_sandbox: sets the bundle $T/b.bundle and the root $T/root, for the commands.
needs_sandbox() {
	made_once make_bundle
	nixferry list "$T/b.bundle" --trusted-public-key "$PUBLIC_KEY" 2>&1 >/dev/null |
		grep 'the sandbox is incomplete' >"$T/lacks" || return 0
	skip "$(<"$T/lacks")"
}

make_bundle() {
	mkdir "$T/tree" "$T/root"
	echo contents >"$T/tree/file"
	TOP=$(mkcache add --cache "$T/cache" --sign "$T/lab.sec" --input-addressed --name top --tree "$T/tree")
	nixferry prefetch "$TOP" --substituter "file://$T/cache" --trusted-public-key "$PUBLIC_KEY" \
		--no-local-store --pool "$T/pool" --sign-key "$T/lab.sec" -o "$T/b.bundle"
}

needs_preload() {
	[[ $BUILD != *asan* ]] || skip "the sanitizer's library must be loaded first"
}

# exploited FUNCTION COMMAND...: the attempts that were not refused, a line each.
exploited() {
	[ -n "${PORT-}" ] || start_cache "$T/elsewhere"
	EXPLOIT_AT=$1 EXPLOIT_DIR=$T/elsewhere EXPLOIT_PORT=$PORT LD_PRELOAD=$BUILD/exploit.so \
		"${@:2}" >"$T/out" 2>"$T/err" || fail "status $?: $(<"$T/err")"
	[ "$(grep -c '^exploit: ' "$T/err")" -eq 21 ] || fail "played were: $(<"$T/err")"
	grep '^exploit: .*: DONE' "$T/err" || true
}

trusting() {
	nixferry "$@" --trusted-public-key "$PUBLIC_KEY"
}

import() {
	trusting import "$T/b.bundle" --store "$T/root"
}

@test "a parser that is taken over can do nothing but its work" {
	needs_preload
	needs_sandbox
	for at in crypto_sign_verify_detached ZSTD_decompressStream; do
		[ -z "$(exploited "$at" trusting verify "$T/b.bundle")" ] || fail "verify: $(<"$T/err")"
		rm -rf "$T/root"
		mkdir "$T/root"
		[ -z "$(exploited "$at" import)" ] || fail "import: $(<"$T/err")"
	done
	for command in list info; do
		[ -z "$(exploited crypto_sign_verify_detached trusting "$command" "$T/b.bundle")" ] ||
			fail "$command: $(<"$T/err")"
	done
	[ -z "$(exploited crypto_sign_verify_detached trusting diff "$T/b.bundle" "$T/root")" ] ||
		fail "diff: $(<"$T/err")"
	mkdir "$T/alone"
	cp "$T/b.bundle" "$T/alone"
	mkcache keygen other-1 "$T/other.sec" "$T/other.pub"
	[ -z "$(exploited crypto_sign_verify_detached trusting sign "$T/alone/b.bundle" --sign-key "$T/other.sec")" ] ||
		fail "sign: $(<"$T/err")"
	[ "$(ls -A "$T/elsewhere")" = secret ]
	[ "$(stat -c %a:%u "$T/elsewhere/secret")" = "600:$EUID" ]
}

# Fetches from another cache than the bundle's, with --store and --output.
prefetch_anew() {
	rm -rf "$T/pool" "$T/root" "$T/made"
	mkdir "$T/root" "$T/made"
	nixferry prefetch "$TOP" --substituter "$URL" --trusted-public-key "$PUBLIC_KEY" --no-local-store \
		--pool "$T/pool" --store "$T/root" --sign-key "$T/lab.sec" -o "$T/made/b"
}

@test "a parser of what caches answer reaches the network, and nothing else" {
	needs_preload
	needs_sandbox
	start_cache "$T/cache"
	for at in crypto_sign_verify_detached ZSTD_decompressStream; do
		[ "$(exploited "$at" prefetch_anew)" = "exploit: connect: DONE" ] || fail "prefetch: $(<"$T/err")"
		[ -e "$T/made/b" ] && [ -e "$T/root$TOP" ]
	done
	for command in plan caches; do
		[ "$command" = plan ] && named=("$TOP" --substituter "$URL" --no-local-store) || named=("$URL" --sample "$TOP")
		[ "$(exploited crypto_sign_verify_detached trusting "$command" "${named[@]}" --json)" = "exploit: connect: DONE" ] ||
			fail "$command: $(<"$T/err")"
	done
	[ -z "$(exploited crypto_sign_verify_detached trusting pack "$TOP" --pool "$T/pool" --no-local-store \
		--sign-key "$T/lab.sec" -o "$T/made/b2")" ] || fail "pack: $(<"$T/err")"
	[ "$(ls -A "$T/elsewhere")" = secret ]
}

@test "commands that look at a store or a pool can do nothing else" {
	needs_preload
	needs_sandbox
	rm -rf "$T/root"
	mkdir "$T/root"
	import
	local commands=("check --store $T/root" "roots list --store $T/root" "roots rm top --store $T/root"
		"pool list --pool $T/pool" "pool check --pool $T/pool" "pool gc --pool $T/pool --older-than 1d") command
	for command in "${commands[@]}"; do
		[ -z "$(exploited readdir64 nixferry $command)" ] || fail "$command: $(<"$T/err")"
	done
	run ! grep -q top <(nixferry roots list --store "$T/root")
	[ "$(ls -A "$T/elsewhere")" = secret ]
}

@test "without the sandbox it can do all of that" {
	needs_preload
	needs_sandbox
	[ "$(exploited ZSTD_decompressStream trusting verify "$T/b.bundle" --no-sandbox | wc -l)" -ge 12 ]
	grep -q 'warning: --no-sandbox: ' "$T/err"
}

# status_of COMMAND...: its /proc/PID/status while it waits for its bundle.
status_of() {
	local pid
	rm -f "$T/pipe"
	mkfifo "$T/pipe"
	"$@" <"$T/pipe" >"$T/out" 2>&1 3>&- &
	pid=$!
	exec 9>"$T/pipe"
	wait_for 10 grep -qE 'Seccomp:\s*2' "/proc/$pid/status" || true
	cat "/proc/$pid/status"
	exec 9>&-
	wait "$pid" || true
}

@test "the kernel confirms that it is in force" {
	needs_sandbox
	for program in nixferry nixferry-import; do
		status_of "$BUILD/$program" verify - --trusted-public-key "$PUBLIC_KEY" >"$T/status"
		grep -qE '^Seccomp:\s*2$' "$T/status"
		grep -qE '^NoNewPrivs:\s*1$' "$T/status"
		grep -qE '^CapEff:\s*0{16}$' "$T/status"
		status_of "$BUILD/$program" import - --store "$T/root" --trusted-public-key "$PUBLIC_KEY" >"$T/status"
		grep -qE '^Seccomp:\s*2$' "$T/status"
		[ "$EUID" -ne 0 ] || grep -qE '^CapEff:\s*0*b$' "$T/status" # chown, dac_override, fowner
	done
}
