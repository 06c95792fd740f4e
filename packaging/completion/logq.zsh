#compdef logq
# logq.zsh - completion of logq's command line in zsh; installed as _logq.
#
# Services, hosts and fields are asked for, at the source that the line names so
# far (-D, --server) or the local aggregator; without an answer within a second
# there are no proposals, and no message.

# The values that the rows of a query have in their only field.
_logq_ask() { # MESSAGE QUERY
	local -a from values
	local flag
	from=(-S 1d)
	for flag in -D --dir --server -S --since; do
		[[ -n ${opt_args[$flag]} ]] && from+=($flag ${(Q)${opt_args[$flag]}})
	done
	values=(${(f)"$(timeout 2 ${words[1]} $from --timeout 1s --no-pager -o cat -- $2 \
		</dev/null 2>/dev/null)"})
	(( $#values )) && _wanted values expl $1 compadd -a values
}

_logq_services() { _logq_ask service '* | uniq by (service) limit 200' }
_logq_hosts() { _logq_ask host '* | uniq by (host) limit 200' }
_logq_fields() { _logq_ask field '* | field_names | fields name' }
_logq_words() {
	if [[ $words[CURRENT] = *\|* ]] && compset -P '*\|[[:space:]]#'; then
		_wanted pipes expl pipe compadd block_stats blocks_count collapse_nums copy decolorize delete diff drop_empty_fields extract extract_regexp facets field_names field_values fields filter first format generate_sequence hash join last len limit math offset pack_json pack_logfmt patterns query_stats rename replace replace_regexp running_stats sample set_stream_fields sort split stats stream_context time_add top total_stats trace union uniq unpack_json unpack_logfmt unpack_syslog unpack_words unroll
	else
		_files
	fi
}
_logq_times() { _wanted times expl time compadd 10m 1h 1d 7d today yesterday }
_logq_levels() {
	compset -P '*..'
	_wanted levels expl level compadd emerg alert crit err warning notice info debug trace fatal
}

_arguments -s -S \
	'(-S --since)'{-S+,--since=}'[from then on]:time:_logq_times' \
	'(-U --until)'{-U+,--until=}'[up to then]:time:_logq_times' \
	'(-n --lines)'{-n+,--lines=}'[the last N]:number' \
	'(-m --max-count)'{-m+,--max-count=}'[stop after N]:number' \
	'(-f --follow)'{-f,--follow}'[new rows as they come]' \
	'(-r --reverse)'{-r,--reverse}'[newest first]' \
	'(-p --priority)'{-p+,--priority=}'[this level and worse]:level:_logq_levels' \
	'*'{-u+,--service=}'[of this service]:service:_logq_services' \
	'*'{-H+,--host=}'[of this host]:host:_logq_hosts' \
	'*'{-t+,--trace=}'[of this trace]:trace id' \
	'(-g --grep)'{-g+,--grep=}'[whose message matches]:regular expression' \
	'(-i --ignore-case)'{-i,--ignore-case}'[in any case]' \
	'(-v --invert-match)'{-v,--invert-match}'[does not match]' \
	'(-A --after-context)'{-A+,--after-context=}'[and N rows after each]:number' \
	'(-B --before-context)'{-B+,--before-context=}'[and N rows before each]:number' \
	'(-C --context)'{-C+,--context=}'[and N rows around each]:number' \
	'(-c --count)'{-c,--count}'[how many]' \
	'(-F --field)'{-F+,--field=}'[the values of a field]:field:_logq_fields' \
	'(-N --fields)'{-N,--fields}'[the names of all fields]' \
	'--patterns[messages without their numbers, counted]' \
	'--histogram=-[how many over time]::step:(10s 1m 5m 1h 1d)' \
	'(-D --dir)'{-D+,--dir=}'[an index on disk]:directory:_files -/' \
	'--server=[an aggregator]:URL:(http\:// unix\:)' \
	'--bus=[what is on a bus now]:URI:(kafka\:// dir\://)' \
	'--parse=[format of the lines of files]:format:(auto json logfmt plain cri syslog access klog regex\:)' \
	'--multiline=[which lines are one row]:mode:(none auto java python go indent start\:)' \
	'--cursor-file=[go on where the run before ended]:file:_files' \
	'(-o --output)'{-o+,--output=}'[format]:format:(auto short short-iso pretty verbose json logfmt csv cat table)' \
	'(-z --utc)'{-z,--utc}'[times in UTC]' \
	'--color=[colors]:when:(auto always never)' \
	'--highlight[paint what matched]' \
	'--no-pager[never through a pager]' \
	'--window=[time an answer of -f with stats is about]:time' \
	'--timeout=[give up after this time]:time' \
	'--explain[say what would be done]' \
	'--stats[say what it cost]' \
	'--check-query[only check the query]' \
	'--print-query[print the query as it is understood]' \
	'--config=[the configuration file]:file:_files' \
	'--print-config[print what is in force]' \
	'--json-schema[print the schema of the configuration]' \
	'(-h --help)'{-h,--help}'[print a summary]' \
	'(-V --version)'{-V,--version}'[print the version]' \
	'*:query or file:_logq_words'
