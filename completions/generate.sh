#!/bin/sh
# completions.sh NIXFERRY DIR: the shells' completions, from the tables in the program.
set -eu
mkdir -p "$2"
"$1" completions bash >"$2/nixferry.bash"
"$1" completions zsh >"$2/_nixferry"
"$1" completions fish >"$2/nixferry.fish"
