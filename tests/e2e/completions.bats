#!/usr/bin/env bats
# What the shells offer on Tab, asked of the shells themselves.

load helper

# A table of command lines and of the words that complete their last one.
setup() {
	T=$BATS_TEST_TMPDIR
	export HOME=$T/home NIX_CONF_DIR=$T/etc PATH=$T/bin:$BUILD:$PATH
	mkdir -p "$HOME" "$T/etc" "$T/bin" "$T/work/flake"
	cd "$T/work" || return
	touch lab.sec lab.pub day.bundle flake/flake.nix
	# shellcheck disable=SC2016
	echo 'substituters = https://a.example https://ab.example http://box:5000 https://$(touch${IFS}bad)' \
		>"$NIX_CONF_DIR/nix.conf"
	fake_nix "printf 'lab\nlamp\nweb-1\nla\$(touch bad)'"
	cat >"$T/table" <<-'END'
		nixferry prefetch --substituter h|https://a.example https://ab.example http://box:5000
		nixferry prefetch --substituter https://ab|https://ab.example
		nixferry prefetch --not-in=https://a.|https://a.example
		nixferry plan --extra-substituter=http:|http://box:5000
		nixferry caches http://box:5|http://box:5000
		nixferry prefetch ./flake#la|./flake#lab ./flake#lamp
		nixferry plan ./flake#w|./flake#web-1
		nixferry pack --have ./flake#w|./flake#web-1
		nixferry plan ./none#w|./none#w
		nixferry pack --sign-key ./lab.s|./lab.sec
		nixferry import --trusted-public-key ./lab.p|./lab.pub
		nixferry verify ./d|./day.bundle
		nixferry pack --comp|--compress
	END
	add_store_path
}

# fake_nix COMMAND
fake_nix() {
	printf '#!/bin/sh\n%s\n' "$1" >"$T/bin/nix"
	chmod +x "$T/bin/nix"
}

# Adds rows for a path of the live store, if there is one.
add_store_path() {
	local path
	path=$(nixferry completions store-paths | grep -E '^[a-zA-Z0-9/._-]+$' | head -1)
	[ -n "$path" ] || return 0
	echo "nixferry check ${path:0:43}|$path" >>"$T/table"
	echo "nixferry plan --why-build ${path:0:43}|$path" >>"$T/table"
}

# common_start WORD...: what all of them begin with.
common_start() {
	local start=$1 word
	for word; do
		while [[ $word != "$start"* ]]; do start=${start%?}; done
	done
	echo "$start"
}

# The table's lines after Tab: the last word is as long as all candidates agree.
lines_after_tab() {
	local line words last
	while IFS='|' read -r line words; do
		last=${line##*[ ]}
		[[ $last != --*=* ]] || last=${last#*=}
		# shellcheck disable=SC2086
		echo "${line%"$last"}$(common_start $words)"
	done <"$T/table"
}

# press_tab SHELL-COMMAND: types each line and Tab into an interactive shell in a terminal,
# whose key Ctrl-G appends the line to $T/typed and empties it.
press_tab() {
	while IFS='|' read -r line _; do
		printf '%s\t\a' "$line"
	done <"$T/table" >"$T/keys"
	printf 'exit\r' >>"$T/keys"
	TERM=dumb timeout 60 script -qec "$1" /dev/null <"$T/keys" >"$T/screen"
	# A shell quotes '#', and puts a space or '=' after a whole word.
	sed 's/\\//g; s/[ =]*$//' "$T/typed" | diff <(lines_after_tab) -
	[ ! -e bad ]
}

@test "bash completes caches, configurations, keys, bundles and store paths" {
	# shellcheck disable=SC2154
	cat >"$T/bashrc" <<-END
		source '$repo/completions/nixferry.bash'
		typed() { echo "\$READLINE_LINE" >>'$T/typed'; READLINE_LINE=; }
		bind -x '"\C-g": typed'
	END
	press_tab "bash --rcfile '$T/bashrc' --noprofile -i"
}

@test "zsh completes caches, configurations, keys, bundles and store paths" {
	command -v zsh >/dev/null || skip "no zsh"
	cat >"$HOME/.zshrc" <<-END
		fpath=('$repo/completions' \$fpath)
		autoload -U compinit && compinit -u -D
		setopt no_auto_list no_beep
		typed() { print -r -- "\$BUFFER" >>'$T/typed'; BUFFER= }
		zle -N typed
		bindkey '^G' typed
		bindkey '^I' complete-word
	END
	ZDOTDIR=$HOME press_tab "zsh -d -i"
}

@test "fish completes caches, configurations, keys, bundles and store paths" {
	command -v fish >/dev/null || skip "no fish"
	cat >"$T/ask.fish" <<-'END'
		source $argv[1]
		while read -d '|' -l line words
			echo (complete -C $line | string replace -r '\t.*' '' | \
				string replace -r -- '^--[a-z-]*=' '' | sort)
		end
	END
	fish --no-config "$T/ask.fish" "$repo/completions/nixferry.fish" <"$T/table" |
		diff <(while IFS='|' read -r line words; do
			[[ $line != *./none* ]] || words=
			# shellcheck disable=SC2086
			printf '%s\n' $words | sort | paste -sd ' '
		done <"$T/table") -
	[ ! -e bad ]
}

@test "a slow or failing nix does not block the shell" {
	fake_nix 'sleep 60'
	SECONDS=0
	[ -z "$(nixferry completions flake-names --word ./flake#)" ]
	[ "$SECONDS" -lt 30 ]
	fake_nix 'echo lab; exit 1'
	[ -z "$(nixferry completions flake-names --word ./flake#)" ]
}

@test "the real nix names configurations and writes nothing" {
	have_nix || skip "no Nix here"
	rm "$T/bin/nix"
	echo '{ outputs = { self }: { nixosConfigurations = { lab = 1; web = 2; }; }; }' >flake/flake.nix
	[ "$(nixferry completions flake-names --word ./flake#l)" = ./flake#lab ]
	[ "$(ls flake)" = flake.nix ]
}
