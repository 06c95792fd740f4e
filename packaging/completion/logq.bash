# logq.bash - completion of logq's command line in bash.
#
# Flags are listed here.  What may come next in a query is said by logq itself
# (--complete).  Services, hosts, names and values of fields are asked for, at the
# source that the line names so far (-D, --server, a file) or the local aggregator;
# without an answer within a second there are no proposals, and no message.

_logq_flags='-S --since -U --until -n --lines -m --max-count -f --follow -r --reverse
	-p --priority -u --service -H --host -t --trace -g --grep -i --ignore-case
	-v --invert-match -A --after-context -B --before-context -C --context -c --count
	-F --field -N --fields --patterns --histogram -D --dir --server --bus --parse --multiline --cursor-file -o
	--output
	-z --utc --color --highlight --no-pager --window --timeout --explain --stats --check-query --print-query
	--config --print-config --json-schema -h --help -V --version'
_logq_outputs='auto short short-iso pretty verbose json logfmt csv cat table'
_logq_formats='auto json logfmt plain cri syslog access klog regex:'
_logq_modes='none auto java python go indent start:'
_logq_levels='emerg alert crit err warning notice info debug trace fatal'
# Flags with a value, and those of them that say where from.
_logq_valued='-S --since -U --until -n --lines -m --max-count -p --priority -u --service -H --host
	-t --trace -g --grep -A --after-context -B --before-context -C --context -F --field -D --dir
	--server --bus --parse --multiline --cursor-file -o --output --color --window --timeout --config'
_logq_valued=${_logq_valued//[$'\n\t']/ }
_logq_from='-S --since -U --until -D --dir --server --parse --multiline'
_logq_times='10m 1h 1d 7d today yesterday'

# Of the line up to the cursor: `from`, the arguments that say where from and since
# when, files among them; `text`, the query that its other words are.
_logq_line() {
	local i word space flag= end= rest=${COMP_LINE:0:COMP_POINT}
	from=() text=
	for ((i = 0; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]} space=${rest%%[^[:space:]]*}
		rest=${rest#"$space"}
		((i < COMP_CWORD)) || word=$rest
		rest=${rest#"$word"}
		if ((i == 0)) || [[ $flag && $word = "=" ]]; then
			continue
		elif [[ $flag ]]; then
			[[ " $_logq_from " = *" $flag "* ]] && from+=("$flag" "${word/#\~\//$HOME/}")
			flag=
		elif [[ ! $end && $space && $word = -?* ]]; then
			[[ $word = -- ]] && end=1
			[[ " $_logq_valued " = *" $word "* ]] && flag=$word
			[[ " $_logq_from " = *" ${word%%=*} "* && $word = *=* ]] && from+=("$word")
		elif [[ $word = *[./]* && -f $word ]] && ((i < COMP_CWORD)); then
			from+=("$word")
		else
			_logq_unquote "$word"
			text+=${text:+${space:+ }}$REPLY
		fi
	done
}

# What a word is without its quotes, of which the last may be to come.
_logq_unquote() { # WORD
	REPLY=$1
	case $REPLY in
	\'*) REPLY=${REPLY#\'} REPLY=${REPLY%\'} ;;
	\"*) REPLY=${REPLY#\"} REPLY=${REPLY%\"} REPLY=${REPLY//\\/} ;;
	*) REPLY=${REPLY//\\/} ;;
	esac
}

# What may come next in a query: the piece of it that is replaced, then what by.
_logq_complete() { # LOGQ QUERY [ARGUMENTS THAT SAY WHERE FROM…]
	timeout 1 "$1" --complete ".$2" "${@:3}" </dev/null 2>/dev/null
}

# The values of a field, of which the line has the beginning.
_logq_values() { # LOGQ FIELD PREFIX START
	local from text
	_logq_line
	_logq_propose "$3" "$4" < <(_logq_complete "$1" "$2:=\"$4" "${from[@]}" | sed '1d; s/^"//; s/"$//')
}

_logq_fields() { # LOGQ PREFIX START
	local from text
	_logq_line
	_logq_propose "$2" "$3" < <(_logq_complete "$1" '* | fields ' "${from[@]}" | sed 1d)
}

# What may come next in the query.  In a word without quotes, quotes are added.
_logq_in_query() { # LOGQ WORD
	local from text lines piece line word=$2 quote=
	_logq_line
	[[ $word = [\'\"]* ]] && quote=${word:0:1} word=${word:1}
	[[ $quote || $word = *[!:=\(\|\<\>]* ]] || word= # breaks are words to bash
	# Behind a whole word, a file is likelier than another filter.
	[[ $quote || $word || $text = *['|:(,=']* ]] || return
	mapfile -t lines < <(_logq_complete "$1" "$text" "${from[@]}")
	piece=${lines[0]-}
	for line in "${lines[@]:1}"; do
		# Some characters of the piece may be breaks between words for bash.
		[[ $word = *"$piece" ]] || line=${line#"${piece%"$word"}"}
		case $quote in
		\") line=${line//\"/\\\"} ;;
		\') ;;
		*) printf -v line %q "$line" ;;
		esac
		COMPREPLY+=("${word%"$piece"}$line")
	done
	((${#COMPREPLY[@]})) && compopt -o nospace 2>/dev/null
	# With one proposal alone, readline would close the quote, and so end the query.
	[[ $quote && ${#COMPREPLY[@]} = 1 ]] && COMPREPLY+=("${COMPREPLY[0]} ")
}

# Propose those of the lines on standard input that begin with $2, behind $1.
_logq_propose() { # PREFIX START
	local line
	while IFS= read -r line; do
		[[ $line = "$2"* ]] && COMPREPLY+=("$1$(printf %q "$line")")
	done
}

_logq_words() { # PREFIX START WORDS
	local words
	read -r -d '' -a words <<<"$3"
	_logq_propose "$1" "$2" < <(printf '%s\n' "${words[@]}")
}

# File names, or with -d only directories.
_logq_files() { # -f|-d START
	local files
	mapfile -t files < <(compgen "$1" -- "$2")
	((${#files[@]})) || return
	compopt -o filenames +o nospace 2>/dev/null
	COMPREPLY+=("${files[@]}")
}

_logq() {
	local logq=$1 cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]} before=
	COMPREPLY=()
	if [[ $cur = "=" ]]; then
		cur=
	elif [[ $flag = "=" ]]; then
		flag=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $cur = --*=* ]]; then
		flag=${cur%%=*} before=${cur%%=*}= cur=${cur#*=}
	fi
	case $flag in
	-o | --output) _logq_words "$before" "$cur" "$_logq_outputs" ;;
	--color) _logq_words "$before" "$cur" 'auto always never' ;;
	-S | --since | -U | --until) _logq_words "$before" "$cur" "$_logq_times" ;;
	--histogram) _logq_words "$before" "$cur" '10s 1m 5m 1h 1d' ;;
	-p | --priority)
		[[ $cur = *..* ]] && before+=${cur%%..*}.. && cur=${cur#*..}
		_logq_words "$before" "$cur" "$_logq_levels"
		;;
	-u | --service) _logq_values "$logq" service "$before" "$cur" ;;
	-H | --host) _logq_values "$logq" host "$before" "$cur" ;;
	-F | --field) _logq_fields "$logq" "$before" "$cur" ;;
	--server) _logq_words "$before" "$cur" 'http:// unix:' ;;
	--cursor-file | --config) _logq_files -f "$cur" ;;
	--bus) _logq_words "$before" "$cur" 'kafka:// dir://' ;;
	--parse) _logq_words "$before" "$cur" "$_logq_formats" ;;
	--multiline) _logq_words "$before" "$cur" "$_logq_modes" ;;
	-D | --dir) _logq_files -d "$cur" ;;
	-[ntgmABC] | --lines | --max-count | --trace | --grep | --window | --timeout | --*-context | --context) ;;
	*)
		if [[ $cur = -* ]]; then
			_logq_words '' "$cur" "$_logq_flags"
		else
			[[ $cur = */* ]] || _logq_in_query "$logq" "$cur"
			[[ $cur = [\'\"\|:\(]* ]] || _logq_files -f "$cur"
			[[ $COMP_CWORD = 1 && trace = "$cur"* ]] && COMPREPLY+=(trace)
		fi
		;;
	esac
	return 0
}

complete -F _logq logq
