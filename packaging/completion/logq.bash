# logq.bash - completion of logq's command line in bash.
#
# Flags are listed here.  Services, hosts, levels and fields are asked for, at
# the source that the line names so far (-D, --server) or the local aggregator;
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
_logq_pipes='block_stats blocks_count collapse_nums copy decolorize delete diff drop_empty_fields
	extract extract_regexp facets field_names field_values fields filter first format
	generate_sequence hash join last len limit math offset pack_json pack_logfmt patterns
	query_stats rename replace replace_regexp running_stats sample set_stream_fields sort
	split stats stream_context time_add top total_stats trace union uniq unpack_json
	unpack_logfmt unpack_syslog unpack_words unroll'
_logq_times='10m 1h 1d 7d today yesterday'

# The arguments of the line that say where from and since when.
_logq_source() {
	local i word
	from=(-S 1d)
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-D | --dir | --server | -S | --since)
			# --dir=PATH comes as three words.
			[[ ${COMP_WORDS[i + 1]-} = "=" ]] && ((i++))
			((++i < COMP_CWORD)) && from+=("$word" "${COMP_WORDS[i]/#\~\//$HOME/}")
			;;
		esac
	done
}

# The values that the rows of a query have in their only field, a line each.
_logq_ask() { # LOGQ QUERY
	local from
	_logq_source
	timeout 2 "$1" "${from[@]}" --timeout 1s --no-pager -o cat -- "$2" </dev/null 2>/dev/null
}

# Inside of a quoted query: the pipe behind the last `|`, or nothing is proposed.
_logq_in_query() { # START
	local before=${1%|*} start=${1##*|}
	[[ $start =~ ^[[:space:]]*[a-z_]*$ ]] || return
	local space=${start%%[a-z_]*} name
	for name in $_logq_pipes; do
		[[ $name = "${start#"$space"}"* ]] && COMPREPLY+=("$before|$space$name")
	done
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
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen "$1" -- "$2")
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
	-u | --service)
		_logq_propose "$before" "$cur" < <(_logq_ask "$logq" '* | uniq by (service) limit 200')
		;;
	-H | --host)
		_logq_propose "$before" "$cur" < <(_logq_ask "$logq" '* | uniq by (host) limit 200')
		;;
	-F | --field)
		_logq_propose "$before" "$cur" < <(_logq_ask "$logq" '* | field_names | fields name')
		;;
	--server) _logq_words "$before" "$cur" 'http:// unix:' ;;
	--cursor-file | --config) _logq_files -f "$cur" ;;
	--bus) _logq_words "$before" "$cur" 'kafka:// dir://' ;;
	--parse) _logq_words "$before" "$cur" "$_logq_formats" ;;
	--multiline) _logq_words "$before" "$cur" "$_logq_modes" ;;
	-D | --dir) _logq_files -d "$cur" ;;
	-[ntgmABC] | --lines | --max-count | --trace | --grep | --window | --timeout | --*-context | --context) ;;
	*)
		if [[ $cur = [\'\"]*\|* ]]; then
			_logq_in_query "${cur:1}"
		elif [[ $flag = '|' || $flag = "'|'" || $flag = '"|"' ]]; then
			_logq_words '' "$cur" "$_logq_pipes"
		elif [[ $cur = -* ]]; then
			_logq_words '' "$cur" "$_logq_flags"
		else
			_logq_files -f "$cur"
			[[ $COMP_CWORD = 1 && trace = "$cur"* ]] && COMPREPLY+=(trace)
		fi
		;;
	esac
	return 0
}

complete -F _logq logq
