#!/usr/bin/env bash
# completion.sh - what the completions of logq propose.
#
# What may come next in a query is asked of logq, with its three kinds of sources.
# The shells' files are called as the shell would, and then typed at: each shell
# that is installed runs on a terminal, gets some keys and a tab, and must show
# what is expected.  Of all three we look whether they know each flag of --help.
set -u
export LC_ALL=C.UTF-8
O=${O:-build/release}
case $O in /*) ;; *) O=$PWD/$O ;; esac
bin=$O/bin
completion=$PWD/packaging/completion
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sluice-completion.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
unset "${!LOGQ_@}"
export LOGQ_PATIENCE=20s # a machine may be busy
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

# What bash proposes behind these words, sorted, on one line; `=` and `:` touch what is around.
bash_proposes() {
	local COMP_WORDS=("$bin/logq" "$@") COMPREPLY=() COMP_LINE="$bin/logq $*"
	COMP_LINE=${COMP_LINE// = /=} COMP_LINE=${COMP_LINE// : /:}
	local COMP_CWORD=$# COMP_POINT=${#COMP_LINE}
	_logq "$bin/logq" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	printf '%s\n' "${COMPREPLY[@]%% }" | sort -u | paste -sd' '
}

# What logq says may come next, without the piece that it replaces.
completes() { # QUERY [SOURCE…]
	"$bin/logq" --complete ".$1" "${@:2}" 2>&1 | sed 1d | sort | paste -sd' '
}

# types SHELL KEYS SEEN: a tab behind these keys makes it that.
types() {
	local seen
	seen=$(
		cd "$scratch" || exit
		printf 'expect READY\nsend %s\\t\nexpect %s\nshow\nsend \\x15exit\\r\n' "$2" "$3" |
			PATH=$bin:$PATH "$O/tools/ptyrun" -s 120x30 -t 20 "${shell_of[@]}" 2>&1 |
			sed '/^=====/,$d' | grep .
	)
	if [[ $seen = *"$3"* && $seen != *rror:* && $seen != *ptyrun:* ]]; then
		is "$1: $2⇥" "$3" "$3"
	else
		is "$1: $2⇥" "$seen" "$3"
	fi
}

try_shell() { # SHELL
	types "$1" "logq --no-pa" "logq --no-pager"
	types "$1" "logq 'error | sta" "logq 'error | stats"
	types "$1" "logq 'error | stats by (x) count_uniq_" "logq 'error | stats by (x) count_uniq_hash("
	types "$1" "logq app.ndjson 'x | stats by (order" "logq app.ndjson 'x | stats by (order_id"
	types "$1" "logq -D index 'x | sort by (order" "logq -D index 'x | sort by (order_id"
	types "$1" "logq -D index service:pay" "logq -D index service:payment"
	types "$1" "logq -D index 'service:in(pay" "logq -D index 'service:in(payment"
	types "$1" "logq app.ndjson -u pay" "logq app.ndjson -u payment"
	types "$1" "logq app.ndjson -F order" "logq app.ndjson -F order_id"
	types "$1" "logq --multiline py" "logq --multiline python"
	types "$1" "logq ./app" "logq ./app.ndjson"
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
# Inside a query, by logq itself.
pipes=$(sed -n 's/.*\.names = "\([a-z_]*\).*/\1/p' aggregator/query/pipes/*.c | sort -u)
is "all pipes" "$(comm -23 <(echo "$pipes") <("$bin/logq" --complete '.x | ' | sort))" ""
is "functions behind stats" "$(completes 'x | stats count_' -D "$scratch/none")" "count_empty( count_uniq( count_uniq_hash("
for source in "-D $scratch/index" "$scratch/app.ndjson" "-D $scratch/index --since=1h"; do
	is "fields behind by ($source)" "$(completes 'x | stats by (ho, o' $source)" "order_id"
	is "… at the begin of a filter" "$(completes 'x or se' $source)" "seq( service:"
	is "… values behind :" "$(completes 'service:pa' $source)" \
		"pattern_match( pattern_match_full( pattern_match_prefix( pattern_match_suffix( payment"
	is "… in a list, and quoted" "$(completes 'service:in(payment, ' $source)" '"web shop" payment'
	is "… behind a quote" "$(completes 'service:"we' $source)" '"web shop"'
done
is "no values out of the time" "$(completes 'service:=' -D "$scratch/index" -S 2200-01-01)" ""
is "no source, no message" "$(completes 'service:=' -D "$scratch/none")$(completes 'x | by (' "$scratch/none.log")" ""
is "… no server" "$(completes 'service:=' --server "unix:$scratch/none")" ""
is "times" "$(completes '_time:1' -D "$scratch/none")" "15m 1d 1h"
is "what can't be completed" "$(completes 'x "wor' "$scratch/app.ndjson")" ""
yes '{"msg":"x","service":"payment","nr":"1"}' | head -n 500000 >"$scratch/large.ndjson"
export LOGQ_PATIENCE=60ms
start=$(date +%s%N)
completes "service:=" "$scratch/large.ndjson" >/dev/null
ms=$((($(date +%s%N) - start) / 1000000))
is "a large file does not take long ($ms ms)" "$((ms < 1000))" 1
export LOGQ_PATIENCE=20s

# In a quoted query, as the line has it while its quote is open.
is "pipes behind |" "$(bash_proposes "'error | sta")" "error | stats"
is "fields and values of a file" "$(bash_proposes "$scratch/app.ndjson" "'x | sort by (ord")" "x | sort by (order_id"
is "… behind a colon that is a break" "$(bash_proposes "$scratch/app.ndjson" service : pay)" "payment"
is "… with quotes in quotes" "$(bash_proposes "$scratch/app.ndjson" '"service:=we')" 'service:=\"web shop\"'
is "… with quotes without" "$(bash_proposes "$scratch/app.ndjson" 'service:=we')" 'service:=\"web\ shop\"'
is "pipes behind the second |" "$(bash_proposes "'error | stats count() | so")" "error | stats count() | sort"
is "pipes after a word |" "$(bash_proposes error '|' fie)" "field_names field_values fields"
is "no pipe where none begins" "$(bash_proposes -D "$scratch/none" "'error | stats by (")" ""
is "a number is nobody's to guess" "$(bash_proposes -n '')" ""

cat >"$scratch/bashrc" <<END
. $completion/logq.bash
PS1='READY> '
END
mkdir "$scratch/zsh" "$scratch/functions"
cp "$completion/logq.zsh" "$scratch/functions/_logq"
cat >"$scratch/zsh/.zshrc" <<END
fpath=($scratch/functions \$fpath)
autoload -Uz compinit && compinit -u -D
PS1='READY> '
END
cat >"$scratch/config.fish" <<END
source $completion/logq.fish
function fish_prompt; echo -n 'READY> '; end
END
export TERM=xterm HOME=$scratch ZDOTDIR=$scratch/zsh
shell_of=(bash --noprofile --rcfile "$scratch/bashrc" -i)
try_shell bash
for shell in zsh fish; do
	shell_of=(zsh -i)
	[ $shell = zsh ] || shell_of=(fish --no-config -C "source $scratch/config.fish")
	if command -v $shell >/dev/null; then
		try_shell $shell
	else
		skip "$shell proposes the same" "$shell is not installed"
	fi
done
echo "1..$n"
