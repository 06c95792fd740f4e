#!/usr/bin/env bash
# completion.sh - what the completions of logq propose.
#
# The bash one is called as bash would, the fish one through fish where it is
# installed; of all three we look whether they know each flag of --help.
set -u
O=${O:-build/release}
case $O in /*) ;; *) O=$PWD/$O ;; esac
bin=$O/bin
completion=$PWD/packaging/completion
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sluice-completion.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
unset "${!LOGQ_@}"
n=0

is() { # NAME SEEN EXPECTED
	n=$((n + 1))
	if [ "$2" = "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '# seen:     %s\n# expected: %s\n' "$2" "$3"
	fi
}

skip() { # NAME REASON
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# An index with rows of now: two services, one of them with a space in its name.
fill_index() {
	local now
	now=$(date -u +%FT%TZ)
	for service in payment 'web shop'; do
		printf '{"time":"%s","msg":"ok","service":"%s","host":"a-1","order_id":"7"}\n' \
			"$now" "$service"
	done >"$scratch/app.ndjson"
	mkdir "$scratch/bus"
	"$bin/shipper" --state "$scratch/state" --to "dir://$scratch/bus" --once \
		"$scratch/app.ndjson" && "$bin/aggregator" --from "dir://$scratch/bus" \
		--store "$scratch/index" --once
}

# What bash proposes behind these words, sorted, on one line.
bash_proposes() {
	local COMP_WORDS=("$bin/logq" "$@") COMPREPLY=()
	local COMP_CWORD=$#
	_logq "$bin/logq" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd' '
}

fish_proposes() { # LINE
	fish --no-config -c "source $completion/logq.fish; complete -C '$1'" | cut -f1 | sort |
		paste -sd' '
}

# Flags of --help that a file does not have.
flags() {
	"$bin/logq" --help | grep -oE '^ {2,6}(-[A-Za-z0-9], )?--[a-z-]+' |
		grep -oE -- '--?[A-Za-z0-9][a-z-]*'
}
missing_in_bash() { flags | while read -r f; do [[ " ${_logq_flags//[$'\n\t']/ } " = *" $f "* ]] || echo "$f"; done; }
missing_in_zsh() { flags | while read -r f; do grep -qE -- "(^|[{,'])$f[]+=},[]" "$completion/logq.zsh" || echo "$f"; done; }
missing_in_fish() {
	flags | while read -r f; do
		case $f in
		--*) grep -qE -- " -l ${f#--} " "$completion/logq.fish" || echo "$f" ;;
		*) grep -qE -- " -s ${f#-} " "$completion/logq.fish" || echo "$f" ;;
		esac
	done
}

. "$completion/logq.bash"
fill_index >"$scratch/out" 2>&1
is "there is an index to ask" $? 0

is "bash knows all flags" "$(missing_in_bash)" ""
is "zsh knows all flags" "$(missing_in_zsh)" ""
is "fish knows all flags" "$(missing_in_fish)" ""

is "flags that begin so" "$(bash_proposes --no)" "--no-pager"
is "formats" "$(bash_proposes -o s)" "short short-iso"
is "formats behind =" "$(bash_proposes --output = js)" "json"
is "formats behind = and nothing" "$(bash_proposes --color =)" "always auto never"
is "formats where = is no word break" "$(bash_proposes --output=lo)" "--output=logfmt"
is "levels" "$(bash_proposes -p e)" "emerg err"
is "the end of a range of levels" "$(bash_proposes -p info..w)" "info..warning"
is "services of an index" "$(bash_proposes -D "$scratch/index" -u '')" 'payment web\ shop'
is "services that begin so" "$(bash_proposes --dir = "$scratch/index" --service = pa)" "payment"
is "hosts" "$(bash_proposes -D "$scratch/index" -H '')" "a-1"
is "fields" "$(bash_proposes -D "$scratch/index" -F ord)" "order_id"
is "fields since when the line says" \
	"$(bash_proposes -D "$scratch/index" -S 2999-01-01 -F ord)" ""
is "nothing where nobody answers" \
	"$(bash_proposes --server "unix:$scratch/none" -u '' 2>&1)" ""
is "directories" "$(bash_proposes -D "$scratch/ind")" "$scratch/index"
is "files" "$(bash_proposes error "$scratch/app")" "$scratch/app.ndjson"
is "trace comes first" "$(bash_proposes tr)" "trace"
# Pipes, in a quoted query, as the line has it while its quote is open.
pipes=$(sed -n 's/.*\.names = "\([a-z_]*\).*/\1/p' aggregator/query/pipes/*.c | sort -u)
missing_pipes() { for p in $pipes; do grep -qwE "$p" "$1" || echo "$p"; done; }
for shell in bash zsh fish; do
	is "$shell knows all pipes" "$(missing_pipes "$completion/logq.$shell")" ""
done
is "pipes behind |" "$(bash_proposes "'error | sta")" "error | stats"
is "pipes behind the second |" "$(bash_proposes "'error | stats count() | so")" "error | stats count() | sort"
is "pipes after a word |" "$(bash_proposes error '|' fie)" "field_names field_values fields"
is "no pipe where none begins" "$(bash_proposes "'error | stats by (")" ""
is "a number is nobody's to guess" "$(bash_proposes -n '')" ""

if command -v fish >/dev/null; then
	is "fish: formats" "$(fish_proposes 'logq -o sh')" "short short-iso"
	is "fish: pipes behind |" "$(fish_proposes 'logq "error | sta')" '"error | stats'
	is "fish: services of an index" \
		"$(PATH=$bin:$PATH fish_proposes "logq -D $scratch/index -u ")" "payment web shop"
	is "fish: fields" \
		"$(PATH=$bin:$PATH fish_proposes "logq --dir=$scratch/index -F ord")" "order_id"
else
	skip "fish proposes the same" "fish is not installed"
fi
if command -v zsh >/dev/null; then
	is "zsh takes its completion" "$(zsh -n "$completion/logq.zsh" 2>&1)" ""
else
	skip "zsh takes its completion" "zsh is not installed"
fi
echo "1..$n"
