# bash completion for nixferry; written by 'nixferry completions bash'

_nixferry_words() {
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_nixferry_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
}

# Adds what nixferry prints for the word. Readline replaces only what follows
# the word's last colon.
_nixferry_values() {
	local value
	while IFS= read -r value; do
		COMPREPLY+=("${value#"$cut"}")
	done < <(command nixferry completions "$1" --word="$cur" 2>/dev/null)
}

_nixferry_installables() {
	_nixferry_files -f
	[[ $cur != *'#'* ]] || _nixferry_values flake-names
}

_nixferry() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev= cut= first=$COMP_CWORD
	COMPREPLY=()
	# "https://host" comes as three words.
	while ((first > 2)); do
		if [[ ${COMP_WORDS[first]} == : ]]; then
			((first -= 1))
		elif [[ ${COMP_WORDS[first - 1]} == : ]]; then
			((first -= 2))
		else
			break
		fi
	done
	if ((first < COMP_CWORD)); then
		printf -v cur %s "${COMP_WORDS[@]:first:COMP_CWORD - first + 1}"
		cut=${cur%"${cur##*:}"}
	fi
	((first > 1)) && prev=${COMP_WORDS[first - 1]}
	# "--name=value" comes as three words.
	if [[ $cur == '=' ]]; then
		cur=
	elif [[ $prev == '=' ]]; then
		prev=${COMP_WORDS[first - 2]}
	fi
	if ((COMP_CWORD == 1)); then
		_nixferry_words 'plan prefetch pack import verify check list info sign diff roots inventory explain caches doctor pool keygen completions help --help --version'
		return
	fi
	case "${COMP_WORDS[1]} $prev" in
	'plan --why-build')
		_nixferry_values store-paths
		return
		;;
	'plan --from-store')
		_nixferry_files -d
		return
		;;
	'plan --substituter')
		_nixferry_values caches
		return
		;;
	'plan --extra-substituter')
		_nixferry_values caches
		return
		;;
	'plan --connections')
		COMPREPLY=()
		return
		;;
	'plan --connections-per-cache')
		COMPREPLY=()
		return
		;;
	'plan --limit-rate')
		COMPREPLY=()
		return
		;;
	'plan --netrc-file')
		_nixferry_files -f
		return
		;;
	'plan --trusted-public-key')
		_nixferry_files -f
		return
		;;
	'plan --signatures-needed')
		COMPREPLY=()
		return
		;;
	'plan --sigs-needed')
		COMPREPLY=()
		return
		;;
	'plan --from-file')
		_nixferry_files -f
		return
		;;
	'plan --pool')
		_nixferry_files -d
		return
		;;
	'plan --color')
		_nixferry_words 'auto always never'
		return
		;;
	'plan --log-format')
		_nixferry_words 'text json'
		return
		;;
	'prefetch --output' | 'prefetch -o')
		_nixferry_files -f
		return
		;;
	'prefetch --store')
		_nixferry_files -d
		return
		;;
	'prefetch --profile')
		COMPREPLY=()
		return
		;;
	'prefetch --gc-root')
		COMPREPLY=()
		return
		;;
	'prefetch --sign-key')
		_nixferry_files -f
		return
		;;
	'prefetch --series')
		COMPREPLY=()
		return
		;;
	'prefetch --serial')
		COMPREPLY=()
		return
		;;
	'prefetch --expires')
		COMPREPLY=()
		return
		;;
	'prefetch --compress')
		COMPREPLY=()
		return
		;;
	'prefetch --have')
		_nixferry_installables
		return
		;;
	'prefetch --have-all')
		_nixferry_installables
		return
		;;
	'prefetch --delta-from')
		_nixferry_installables
		return
		;;
	'prefetch --not-in')
		_nixferry_values caches
		return
		;;
	'prefetch --substituter')
		_nixferry_values caches
		return
		;;
	'prefetch --extra-substituter')
		_nixferry_values caches
		return
		;;
	'prefetch --connections')
		COMPREPLY=()
		return
		;;
	'prefetch --connections-per-cache')
		COMPREPLY=()
		return
		;;
	'prefetch --limit-rate')
		COMPREPLY=()
		return
		;;
	'prefetch --netrc-file')
		_nixferry_files -f
		return
		;;
	'prefetch --retry-for')
		COMPREPLY=()
		return
		;;
	'prefetch --trusted-public-key')
		_nixferry_files -f
		return
		;;
	'prefetch --signatures-needed')
		COMPREPLY=()
		return
		;;
	'prefetch --sigs-needed')
		COMPREPLY=()
		return
		;;
	'prefetch --from-store')
		_nixferry_files -d
		return
		;;
	'prefetch --from-file')
		_nixferry_files -f
		return
		;;
	'prefetch --pool')
		_nixferry_files -d
		return
		;;
	'prefetch --jobs' | 'prefetch -j')
		COMPREPLY=()
		return
		;;
	'prefetch --color')
		_nixferry_words 'auto always never'
		return
		;;
	'prefetch --log-format')
		_nixferry_words 'text json'
		return
		;;
	'pack --output' | 'pack -o')
		_nixferry_files -f
		return
		;;
	'pack --sign-key')
		_nixferry_files -f
		return
		;;
	'pack --series')
		COMPREPLY=()
		return
		;;
	'pack --serial')
		COMPREPLY=()
		return
		;;
	'pack --expires')
		COMPREPLY=()
		return
		;;
	'pack --compress')
		COMPREPLY=()
		return
		;;
	'pack --have')
		_nixferry_installables
		return
		;;
	'pack --have-all')
		_nixferry_installables
		return
		;;
	'pack --delta-from')
		_nixferry_installables
		return
		;;
	'pack --not-in')
		_nixferry_values caches
		return
		;;
	'pack --connections')
		COMPREPLY=()
		return
		;;
	'pack --connections-per-cache')
		COMPREPLY=()
		return
		;;
	'pack --limit-rate')
		COMPREPLY=()
		return
		;;
	'pack --netrc-file')
		_nixferry_files -f
		return
		;;
	'pack --trusted-public-key')
		_nixferry_files -f
		return
		;;
	'pack --signatures-needed')
		COMPREPLY=()
		return
		;;
	'pack --sigs-needed')
		COMPREPLY=()
		return
		;;
	'pack --from-store')
		_nixferry_files -d
		return
		;;
	'pack --from-file')
		_nixferry_files -f
		return
		;;
	'pack --pool')
		_nixferry_files -d
		return
		;;
	'pack --jobs' | 'pack -j')
		COMPREPLY=()
		return
		;;
	'pack --color')
		_nixferry_words 'auto always never'
		return
		;;
	'pack --log-format')
		_nixferry_words 'text json'
		return
		;;
	'import --substituter')
		_nixferry_values caches
		return
		;;
	'import --extra-substituter')
		_nixferry_values caches
		return
		;;
	'import --connections')
		COMPREPLY=()
		return
		;;
	'import --connections-per-cache')
		COMPREPLY=()
		return
		;;
	'import --limit-rate')
		COMPREPLY=()
		return
		;;
	'import --netrc-file')
		_nixferry_files -f
		return
		;;
	'import --retry-for')
		COMPREPLY=()
		return
		;;
	'import --pool')
		_nixferry_files -d
		return
		;;
	'import --store')
		_nixferry_files -d
		return
		;;
	'import --profile')
		COMPREPLY=()
		return
		;;
	'import --gc-root')
		COMPREPLY=()
		return
		;;
	'import --trusted-public-key')
		_nixferry_files -f
		return
		;;
	'import --signatures-needed')
		COMPREPLY=()
		return
		;;
	'import --sigs-needed')
		COMPREPLY=()
		return
		;;
	'import --jobs' | 'import -j')
		COMPREPLY=()
		return
		;;
	'import --color')
		_nixferry_words 'auto always never'
		return
		;;
	'import --log-format')
		_nixferry_words 'text json'
		return
		;;
	'verify --trusted-public-key')
		_nixferry_files -f
		return
		;;
	'verify --signatures-needed')
		COMPREPLY=()
		return
		;;
	'verify --sigs-needed')
		COMPREPLY=()
		return
		;;
	'verify --have')
		_nixferry_installables
		return
		;;
	'verify --jobs' | 'verify -j')
		COMPREPLY=()
		return
		;;
	'verify --color')
		_nixferry_words 'auto always never'
		return
		;;
	'verify --log-format')
		_nixferry_words 'text json'
		return
		;;
	'check --store')
		_nixferry_files -d
		return
		;;
	'check --jobs' | 'check -j')
		COMPREPLY=()
		return
		;;
	'check --color')
		_nixferry_words 'auto always never'
		return
		;;
	'check --log-format')
		_nixferry_words 'text json'
		return
		;;
	'list --trusted-public-key')
		_nixferry_files -f
		return
		;;
	'list --signatures-needed')
		COMPREPLY=()
		return
		;;
	'list --sigs-needed')
		COMPREPLY=()
		return
		;;
	'list --color')
		_nixferry_words 'auto always never'
		return
		;;
	'list --log-format')
		_nixferry_words 'text json'
		return
		;;
	'info --trusted-public-key')
		_nixferry_files -f
		return
		;;
	'info --signatures-needed')
		COMPREPLY=()
		return
		;;
	'info --sigs-needed')
		COMPREPLY=()
		return
		;;
	'info --color')
		_nixferry_words 'auto always never'
		return
		;;
	'info --log-format')
		_nixferry_words 'text json'
		return
		;;
	'sign --sign-key')
		_nixferry_files -f
		return
		;;
	'sign --trusted-public-key')
		_nixferry_files -f
		return
		;;
	'sign --signatures-needed')
		COMPREPLY=()
		return
		;;
	'sign --sigs-needed')
		COMPREPLY=()
		return
		;;
	'sign --color')
		_nixferry_words 'auto always never'
		return
		;;
	'sign --log-format')
		_nixferry_words 'text json'
		return
		;;
	'diff --trusted-public-key')
		_nixferry_files -f
		return
		;;
	'diff --signatures-needed')
		COMPREPLY=()
		return
		;;
	'diff --sigs-needed')
		COMPREPLY=()
		return
		;;
	'diff --from-store')
		_nixferry_files -d
		return
		;;
	'diff --pool')
		_nixferry_files -d
		return
		;;
	'diff --color')
		_nixferry_words 'auto always never'
		return
		;;
	'diff --log-format')
		_nixferry_words 'text json'
		return
		;;
	'roots --store')
		_nixferry_files -d
		return
		;;
	'roots --color')
		_nixferry_words 'auto always never'
		return
		;;
	'roots --log-format')
		_nixferry_words 'text json'
		return
		;;
	'inventory --store')
		_nixferry_files -d
		return
		;;
	'inventory --output' | 'inventory -o')
		_nixferry_files -f
		return
		;;
	'inventory --sign-key')
		_nixferry_files -f
		return
		;;
	'inventory --color')
		_nixferry_words 'auto always never'
		return
		;;
	'inventory --log-format')
		_nixferry_words 'text json'
		return
		;;
	'explain --save')
		_nixferry_files -f
		return
		;;
	'explain --color')
		_nixferry_words 'auto always never'
		return
		;;
	'explain --log-format')
		_nixferry_words 'text json'
		return
		;;
	'caches --sample')
		_nixferry_installables
		return
		;;
	'caches --substituter')
		_nixferry_values caches
		return
		;;
	'caches --extra-substituter')
		_nixferry_values caches
		return
		;;
	'caches --connections')
		COMPREPLY=()
		return
		;;
	'caches --connections-per-cache')
		COMPREPLY=()
		return
		;;
	'caches --limit-rate')
		COMPREPLY=()
		return
		;;
	'caches --netrc-file')
		_nixferry_files -f
		return
		;;
	'caches --trusted-public-key')
		_nixferry_files -f
		return
		;;
	'caches --signatures-needed')
		COMPREPLY=()
		return
		;;
	'caches --sigs-needed')
		COMPREPLY=()
		return
		;;
	'caches --pool')
		_nixferry_files -d
		return
		;;
	'caches --color')
		_nixferry_words 'auto always never'
		return
		;;
	'caches --log-format')
		_nixferry_words 'text json'
		return
		;;
	'doctor --substituter')
		_nixferry_values caches
		return
		;;
	'doctor --extra-substituter')
		_nixferry_values caches
		return
		;;
	'doctor --connections')
		COMPREPLY=()
		return
		;;
	'doctor --connections-per-cache')
		COMPREPLY=()
		return
		;;
	'doctor --limit-rate')
		COMPREPLY=()
		return
		;;
	'doctor --netrc-file')
		_nixferry_files -f
		return
		;;
	'doctor --trusted-public-key')
		_nixferry_files -f
		return
		;;
	'doctor --signatures-needed')
		COMPREPLY=()
		return
		;;
	'doctor --sigs-needed')
		COMPREPLY=()
		return
		;;
	'doctor --pool')
		_nixferry_files -d
		return
		;;
	'doctor --color')
		_nixferry_words 'auto always never'
		return
		;;
	'doctor --log-format')
		_nixferry_words 'text json'
		return
		;;
	'pool --older-than')
		COMPREPLY=()
		return
		;;
	'pool --max-size')
		COMPREPLY=()
		return
		;;
	'pool --keep')
		_nixferry_installables
		return
		;;
	'pool --pool')
		_nixferry_files -d
		return
		;;
	'pool --color')
		_nixferry_words 'auto always never'
		return
		;;
	'pool --log-format')
		_nixferry_words 'text json'
		return
		;;
	'keygen --color')
		_nixferry_words 'auto always never'
		return
		;;
	'keygen --log-format')
		_nixferry_words 'text json'
		return
		;;
	'completions --word')
		COMPREPLY=()
		return
		;;
	'completions --color')
		_nixferry_words 'auto always never'
		return
		;;
	'completions --log-format')
		_nixferry_words 'text json'
		return
		;;
	'help --color')
		_nixferry_words 'auto always never'
		return
		;;
	'help --log-format')
		_nixferry_words 'text json'
		return
		;;
	esac
	case ${COMP_WORDS[1]} in
	plan)
		if [[ $cur == -* ]]; then
			_nixferry_words '--why-build --no-race --from-store --no-local-store --substituter --extra-substituter --connections --connections-per-cache --limit-rate --netrc-file --trusted-public-key --signatures-needed --sigs-needed --from-file --pool --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_installables
		fi
		;;
	prefetch)
		if [[ $cur == -* ]]; then
			_nixferry_words '--output -o --keep-going -k --dry-run -n --store --profile --gc-root --repair --optimise --write-nix-conf --print-nix-conf --print-nix-module --with-build-inputs --sign-key --sign-all --series --serial --expires --compress --have --have-all --delta-from --not-in --substituter --extra-substituter --connections --connections-per-cache --limit-rate --netrc-file --no-race --retry-for --no-check-sigs --trusted-public-key --signatures-needed --sigs-needed --from-store --no-local-store --from-file --pool --jobs -j --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_installables
		fi
		;;
	pack)
		if [[ $cur == -* ]]; then
			_nixferry_words '--output -o --with-build-inputs --sign-key --sign-all --series --serial --expires --compress --have --have-all --delta-from --not-in --connections --connections-per-cache --limit-rate --netrc-file --trusted-public-key --signatures-needed --sigs-needed --from-store --no-local-store --from-file --pool --jobs -j --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_installables
		fi
		;;
	import)
		if [[ $cur == -* ]]; then
			_nixferry_words '--fetch-rest --substituter --extra-substituter --connections --connections-per-cache --limit-rate --netrc-file --no-race --retry-for --pool --store --profile --gc-root --repair --optimise --allow-older --write-nix-conf --print-nix-conf --print-nix-module --no-check-sigs --trusted-public-key --signatures-needed --sigs-needed --jobs -j --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_files -f
		fi
		;;
	verify)
		if [[ $cur == -* ]]; then
			_nixferry_words '--no-check-sigs --trusted-public-key --signatures-needed --sigs-needed --have --jobs -j --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_files -f
		fi
		;;
	check)
		if [[ $cur == -* ]]; then
			_nixferry_words '--store --jobs -j --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_values store-paths
		fi
		;;
	list)
		if [[ $cur == -* ]]; then
			_nixferry_words '--trusted-public-key --signatures-needed --sigs-needed --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_files -f
		fi
		;;
	info)
		if [[ $cur == -* ]]; then
			_nixferry_words '--trusted-public-key --signatures-needed --sigs-needed --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_files -f
		fi
		;;
	sign)
		if [[ $cur == -* ]]; then
			_nixferry_words '--sign-key --trusted-public-key --signatures-needed --sigs-needed --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_files -f
		fi
		;;
	diff)
		if [[ $cur == -* ]]; then
			_nixferry_words '--all --trusted-public-key --signatures-needed --sigs-needed --from-store --no-local-store --pool --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_installables
		fi
		;;
	roots)
		if [[ $cur == -* ]]; then
			_nixferry_words '--store --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			COMPREPLY=()
		fi
		;;
	inventory)
		if [[ $cur == -* ]]; then
			_nixferry_words '--store --output -o --sign-key --no-sandbox --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			COMPREPLY=()
		fi
		;;
	explain)
		if [[ $cur == -* ]]; then
			_nixferry_words '--compare --save --all --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_files -f
		fi
		;;
	caches)
		if [[ $cur == -* ]]; then
			_nixferry_words '--sample --substituter --extra-substituter --connections --connections-per-cache --limit-rate --netrc-file --trusted-public-key --signatures-needed --sigs-needed --pool --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_values caches
		fi
		;;
	doctor)
		if [[ $cur == -* ]]; then
			_nixferry_words '--offline --substituter --extra-substituter --connections --connections-per-cache --limit-rate --netrc-file --trusted-public-key --signatures-needed --sigs-needed --pool --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			COMPREPLY=()
		fi
		;;
	pool)
		if [[ $cur == -* ]]; then
			_nixferry_words '--older-than --max-size --keep --pool --no-sandbox --json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_words 'path list stats check gc'
		fi
		;;
	keygen)
		if [[ $cur == -* ]]; then
			_nixferry_words '--json --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_files -f
		fi
		;;
	completions)
		if [[ $cur == -* ]]; then
			_nixferry_words '--word --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_words 'bash zsh fish caches flake-names store-paths'
		fi
		;;
	help)
		if [[ $cur == -* ]]; then
			_nixferry_words '--man --quiet -q --verbose -v --no-progress --color --log-format --help -h'
		else
			_nixferry_words 'plan prefetch pack import verify check list info sign diff roots inventory explain caches doctor pool keygen completions help'
		fi
		;;
	esac
}

complete -F _nixferry nixferry
