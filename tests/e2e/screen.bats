#!/usr/bin/env bats
# The live display in a real terminal (tmux): at several widths, while it is resized, and after Ctrl-Z and
# Ctrl-C. What single frames look like is in test_progress_frame.

load helper

setup() {
	command -v tmux >/dev/null || skip "no tmux here"
	setup_lab
	make_small_closure "$T/cache"
	start_cache "$T/cache" --fault '/nar/*=slow:8000'
	SLOW=$URL
	# One path is nowhere else.
	ONLY=$(mkcache add --cache "$T/other" --name stalls --tree "$T/trees/${LIB##*/}" --input-addressed \
		--sign "$T/lab.sec")
	start_cache "$T/other" --fault '/nar/*=stall:2000'
	dead_port
	cat >"$T/run" <<-END
		exec "$BUILD/nixferry" prefetch $TOP $ONLY --no-local-store --pool "$T/pool" --no-race \\
			--trusted-public-key $PUBLIC_KEY --substituter $SLOW --substituter $URL \\
			--substituter http://127.0.0.1:$DEAD_PORT
	END
}

teardown() {
	[ ! -S "$T/tmux" ] || screen kill-server
	teardown_lab
}

screen() {
	tmux -S "$T/tmux" "$@"
}

type_keys() {
	screen send-keys -t test "$@"
}

# shows PATTERN: a row of the screen matches it.
shows() {
	screen capture-pane -p -t test >"$T/screen"
	grep -qE -- "$1" "$T/screen"
}

shows_not() {
	! shows "$1"
}

# How many rows match.
count() {
	screen capture-pane -p -t test | grep -cE -- "$1"
}

cursor_is() {
	[ "$(screen display-message -p -t test '#{cursor_flag}')" = "$1" ]
}

# The last rows of a display that COLUMNS fit in.
is_as_wide_as() {
	shows '^fetching  .*[0-9]+%' && ! LC_ALL=C.UTF-8 grep -qE -- "^.{$1,}" <(sed -n '/^fetching/,$p' "$T/screen")
}

@test "the display keeps to its terminal while that is resized, and leaves it as it was" {
	export TERM=xterm-256color LC_ALL=C.UTF-8
	screen -f /dev/null new-session -d -s test -x 80 -y 24 \
		"exec env 'PS1=prompt> ' bash --norc --noprofile" 3>&-
	wait_for 10 shows '^prompt>'
	type_keys "sh '$T/run'" Enter
	wait_for 20 shows '^fetching  .*[0-9]+%.*/6 paths'
	wait_for 20 shows "^  127.0.0.1:${SLOW##*:} +(slow|fast) +[0-9.]+ KiB/s"
	wait_for 20 shows "^  127.0.0.1:${URL##*:} +stalled [0-9]+ s"
	shows "^  127.0.0.1:$DEAD_PORT +gone"
	shows '^  stalled stalls'
	cursor_is 0
	for width in 40 20 200 80; do
		screen resize-window -t test -x "$width" -y 24
		wait_for 10 is_as_wide_as "$width"
		[ "$(count '^fetching  ')" -eq 1 ]
	done
	# Stopped: nothing is left of it, and the shell has the terminal.
	type_keys C-z
	wait_for 10 shows 'Stopped'
	shows_not '^fetching  '
	cursor_is 1
	# In the background it draws nothing.
	type_keys bg Enter
	sleep 0.6
	shows_not '^fetching  '
	type_keys fg Enter
	wait_for 10 shows '^fetching  .*[0-9]+%'
	type_keys C-c
	wait_for 20 shows 'run the same command again to resume'
	wait_for 10 shows '^prompt>$'
	shows_not '^fetching  '
	cursor_is 1
}
