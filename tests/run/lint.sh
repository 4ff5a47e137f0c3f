#!/bin/sh
# Sizes of functions and files, names, shell scripts, clang-tidy. FILES="a.c b.c" narrows clang-tidy.
set -u
fail=0
sources=$(git ls-files 'bundle/*.c' 'prefetch/*.c' 'tests/server/*.c' 'tests/sim/*.c' 'tests/simfetch/*.c' 'tests/tools/*.c')

# shellcheck disable=SC2086
long=$(ctags -x --kinds-C=f --fields=+ne --_xformat='%{end} %{line} %{input} %{name}' $sources |
	awk '$1 - $2 + 1 > 50 { print $3 ": " $4 " has " $1 - $2 + 1 " lines; the limit is 50" }')
if [ -n "$long" ]; then
	echo "$long"
	fail=1
fi

# shellcheck disable=SC2086
wc -l $sources | awk '$2 != "total" && $1 > 600 { print $2 " has " $1 " lines; the limit is 600"; bad = 1 }
	END { exit bad }' || fail=1

# A static function whose name is one word ("find") says too little: at most three files may use
# the same. setup and teardown are cmocka's words.
# shellcheck disable=SC2046
ctags -x --kinds-C=f --_xformat='%{file} %{name} %{input}' $(git ls-files '*.[ch]') |
	awk '$1 == "file" && $2 !~ /_|^(setup|teardown)$/ && !seen[$2, $3]++ { files[$2] = files[$2] " " $3; count[$2]++ }
	END {
		for (name in count)
			if (count[name] > 3) {
				print "the static name " name " stands in more than three files:" files[name]
				bad = 1
			}
		exit bad
	}' || fail=1

# A variable that is released at the end of its scope needs an initial value.
# shellcheck disable=SC2086
if grep -nE '^\s+AUTO(_BUF|_FREE|_FD|\()[^=]*;' $sources; then
	echo "declared for cleanup without a first value"
	fail=1
fi

# shellcheck disable=SC2046
shellcheck $(git ls-files '*.sh' .ci/run) || fail=1

# shellcheck disable=SC2086
printf '%s\n' ${FILES:-$sources} | xargs -P "$(nproc)" -n 4 sh -c '
	clang-tidy --quiet "$@" -- -std=gnu11 -D_GNU_SOURCE -Iinclude -Ibundle -Iprefetch 2>/dev/null
' sh || fail=1

[ "$fail" -eq 0 ] && echo "lint: clean"
exit "$fail"
