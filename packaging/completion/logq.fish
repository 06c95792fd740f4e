# logq.fish - completion of logq's command line in fish.
#
# Services, hosts and fields are asked for, at the source that the line names so
# far (-D, --server) or the local aggregator; without an answer within a second
# there are no proposals, and no message.

# The values that the rows of a query have in their only field, a line each.
function __logq_ask --argument-names query
    set -l line (commandline -opc)
    set -l from -S 1d
    for i in (seq 2 (count $line))
        switch $line[$i]
            case -D --dir --server -S --since
                set -q line[(math $i + 1)]; and set -a from $line[$i] $line[(math $i + 1)]
            case '--dir=*' '--server=*' '--since=*'
                set -a from $line[$i]
        end
    end
    timeout 2 $line[1] $from --timeout 1s --no-pager -o cat -- $query </dev/null 2>/dev/null
end

# Behind the last `|` of a quoted query: the names of pipes.
function __logq_pipes
    set -l start (commandline -ct)
    string match -q '*|*' -- $start; or return
    set -l before (string replace -r '[a-z_]*$' '' -- $start)
    for name in block_stats blocks_count collapse_nums copy decolorize delete diff drop_empty_fields extract extract_regexp facets field_names field_values fields filter first format generate_sequence hash join last len limit math offset pack_json pack_logfmt patterns query_stats rename replace replace_regexp running_stats sample set_stream_fields sort split stats stream_context time_add top total_stats trace union uniq unpack_json unpack_logfmt unpack_syslog unpack_words unroll
        echo $before$name
    end
end

set -l times '10m 1h 1d 7d today yesterday'
set -l levels 'emerg alert crit err warning notice info debug trace fatal'
set -l outputs 'auto short short-iso pretty verbose json logfmt csv cat table'

complete -c logq -a '(__logq_pipes)'
complete -c logq -s S -l since -x -a "$times" -d 'from then on'
complete -c logq -s U -l until -x -a "$times" -d 'up to then'
complete -c logq -s n -l lines -x -d 'the last N'
complete -c logq -s m -l max-count -x -d 'stop after N'
complete -c logq -s f -l follow -d 'new rows as they come'
complete -c logq -s r -l reverse -d 'newest first'
complete -c logq -s p -l priority -x -a "$levels" -d 'this level and worse'
complete -c logq -s u -l service -x -a "(__logq_ask '* | uniq by (service) limit 200')" -d 'of this service'
complete -c logq -s H -l host -x -a "(__logq_ask '* | uniq by (host) limit 200')" -d 'of this host'
complete -c logq -s t -l trace -x -d 'of this trace'
complete -c logq -s g -l grep -x -d 'whose message matches'
complete -c logq -s i -l ignore-case -d 'in any case'
complete -c logq -s v -l invert-match -d 'does not match'
complete -c logq -s A -l after-context -x -d 'and N rows after each'
complete -c logq -s B -l before-context -x -d 'and N rows before each'
complete -c logq -s C -l context -x -d 'and N rows around each'
complete -c logq -s c -l count -d 'how many'
complete -c logq -s F -l field -x -a "(__logq_ask '* | field_names | fields name')" -d 'the values of a field'
complete -c logq -s N -l fields -d 'the names of all fields'
complete -c logq -l patterns -d 'messages without their numbers, counted'
complete -c logq -l histogram -d 'how many over time'
complete -c logq -s D -l dir -x -a '(__fish_complete_directories)' -d 'an index on disk'
complete -c logq -l server -x -a 'http:// unix:' -d 'an aggregator'
complete -c logq -l bus -x -a 'kafka:// dir://' -d 'what is on a bus now'
complete -c logq -l parse -x -a 'auto json logfmt plain cri syslog access klog regex:' -d 'format of the lines of files'
complete -c logq -l multiline -x -a 'none auto java python go indent start:' -d 'which lines are one row'
complete -c logq -l cursor-file -r -d 'go on where the run before ended'
complete -c logq -s o -l output -x -a "$outputs" -d format
complete -c logq -s z -l utc -d 'times in UTC'
complete -c logq -l color -x -a 'auto always never' -d colors
complete -c logq -l highlight -d 'paint what matched'
complete -c logq -l no-pager -d 'never through a pager'
complete -c logq -l window -x -d 'time an answer of -f with stats is about'
complete -c logq -l timeout -x -d 'give up after this time'
complete -c logq -l explain -d 'say what would be done'
complete -c logq -l stats -d 'say what it cost'
complete -c logq -l check-query -d 'only check the query'
complete -c logq -l print-query -d 'print the query as it is understood'
complete -c logq -l config -r -d 'the configuration file'
complete -c logq -l print-config -d 'print what is in force'
complete -c logq -l json-schema -d 'print the schema of the configuration'
complete -c logq -s h -l help -d 'print a summary'
complete -c logq -s V -l version -d 'print the version'
