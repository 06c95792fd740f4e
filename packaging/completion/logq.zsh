#compdef logq
# logq.zsh - completion of logq's command line in zsh; installed as _logq.
#
# What may come next in a query is said by logq itself (--complete).  Services,
# hosts, names and values of fields are asked for, at the source that the line
# names so far (-D, --server, a file) or the local aggregator; without an answer
# within a second there are no proposals, and no message.

# The flags that say where from and since when, and the files of the line; its other words.
_logq_line() {
	local flag word
	from=() query=()
	for flag in -S --since -U --until -D --dir --server --parse --multiline; do
		[[ -n ${opt_args[$flag]} ]] && from+=($flag ${(Q)${opt_args[$flag]}})
	done
	for word in ${(Q)line}; do
		[[ $word = ${(Q)words[CURRENT]} ]] && continue
		if [[ $word = *[./]* && -f $word ]]; then from+=($word); else query+=($word); fi
	done
}

# What may come next in a query: the piece of it that is replaced, and what by.
_logq_complete() { # QUERY
	lines=("${(@f)$(timeout 1 ${(Q)words[1]} --complete .$1 $from </dev/null 2>/dev/null)}")
}

# The values of a field, of which the line has the beginning.
_logq_values() { # FIELD
	local -a from query lines
	_logq_line
	_logq_complete "$1:=\"$PREFIX"
	lines=(${${lines[2,-1]#\"}%\"})
	(( $#lines )) && _wanted values expl $1 compadd -a lines
}

# What may come next in the query, or a file.
_logq_words() {
	local -a from query lines
	local text piece quote=$compstate[quote] ret=1
	_logq_line
	text="${(j: :)query}${query:+ }$PREFIX"
	# Behind a whole word, a file is likelier than another filter.
	if [[ -n $quote$PREFIX || $text = *['|:(,=']* ]] && [[ -n $quote || $PREFIX != */* ]]; then
		_logq_complete $text
		piece=$lines[1]
		shift lines
	fi
	[[ -n $quote ]] || { _files && ret=0 }
	if (( $#lines )) && [[ $PREFIX = *$piece ]]; then
		compset -p $(( $#PREFIX - $#piece ))
		_wanted queries expl query compadd -S '' -a lines && ret=0
	fi
	return ret
}

_logq_services() { _logq_values service }
_logq_hosts() { _logq_values host }
_logq_fields() {
	local -a from query lines
	_logq_line
	_logq_complete '* | fields '
	lines=(${lines[2,-1]})
	(( $#lines )) && _wanted fields expl field compadd -a lines
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
