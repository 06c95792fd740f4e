# logq.fish - completion of logq's command line in fish.
#
# What may come next in a query is said by logq itself (--complete).  Services,
# hosts, names and values of fields are asked for, at the source that the line
# names so far (-D, --server, a file) or the local aggregator; without an answer
# within a second there are no proposals, and no message.

# What may come next in a query: the piece of it that is replaced, then what by.
# The query is that of the line, or the one that is given.
function __logq_complete
    set -l line (commandline -opc)
    set -l from
    set -l query
    set -l flag
    for word in $line[2..]
        if test -n "$flag"
            contains -- $flag -S --since -U --until -D --dir --server --parse --multiline
            and set -a from $flag $word
            set flag
        else if string match -qr -- '^(-[SUnmpuHtgABCFDo]|--(since|until|lines|max-count|priority|service|host|trace|grep|after-context|before-context|context|field|dir|server|bus|parse|multiline|cursor-file|output|color|window|timeout|config))$' $word
            set flag $word
        else if string match -q -- '-*' $word
            string match -qr -- '^--(since|until|dir|server|parse|multiline)=' $word
            and set -a from $word
        else if string match -qr '[./]' -- $word; and test -f $word
            set -a from $word
        else
            set -a query $word
        end
    end
    set -q argv[1]; and set query $argv[1]; or set -a query (__logq_word)
    timeout 1 $line[1] --complete ".$query" $from </dev/null 2>/dev/null
end

# The word at the cursor without its quotes, of which the last may be to come.
function __logq_word
    set -l word (commandline -ct)
    if string match -qr '^[\'"]' -- $word
        string sub -s 2 -- $word
    else
        string replace -ar '\\\\(.)' '$1' -- $word
    end
end

# Proposals are whole words, which fish quotes as the line does.
function __logq_words
    set -l word (__logq_word)
    string match -q '*/*' -- $word; and return
    set -l lines (__logq_complete)
    set -l length (math (string length -- "$word") - (string length -- "$lines[1]"))
    # With one proposal alone, the quote would be closed, and so the query end.
    test (count $lines) = 2; and string match -qr '^[\'"]' -- (commandline -ct)
    and set -a lines "$lines[2] "
    for line in $lines[2..]
        echo -- (string sub -l $length -- "$word")$line
    end
end

# The values of a field, of which the line has the beginning.
function __logq_values --argument-names field
    set -l start (string replace -r '^--[a-z]+=' '' -- (__logq_word))
    set -l lines (__logq_complete "$field:=\"$start")
    string replace -r '^"(.*)"$' '$1' -- $lines[2..]
end

function __logq_fields
    set -l lines (__logq_complete '* | fields ')
    printf '%s\n' $lines[2..]
end

set -l times '10m 1h 1d 7d today yesterday'
set -l levels 'emerg alert crit err warning notice info debug trace fatal'
set -l outputs 'auto short short-iso pretty verbose json logfmt csv cat table'

complete -c logq -a '(__logq_words)'
complete -c logq -s S -l since -x -a "$times" -d 'from then on'
complete -c logq -s U -l until -x -a "$times" -d 'up to then'
complete -c logq -s n -l lines -x -d 'the last N'
complete -c logq -s m -l max-count -x -d 'stop after N'
complete -c logq -s f -l follow -d 'new rows as they come'
complete -c logq -s r -l reverse -d 'newest first'
complete -c logq -s p -l priority -x -a "$levels" -d 'this level and worse'
complete -c logq -s u -l service -x -a '(__logq_values service)' -d 'of this service'
complete -c logq -s H -l host -x -a '(__logq_values host)' -d 'of this host'
complete -c logq -s t -l trace -x -d 'of this trace'
complete -c logq -s g -l grep -x -d 'whose message matches'
complete -c logq -s i -l ignore-case -d 'in any case'
complete -c logq -s v -l invert-match -d 'does not match'
complete -c logq -s A -l after-context -x -d 'and N rows after each'
complete -c logq -s B -l before-context -x -d 'and N rows before each'
complete -c logq -s C -l context -x -d 'and N rows around each'
complete -c logq -s c -l count -d 'how many'
complete -c logq -s F -l field -x -a '(__logq_fields)' -d 'the values of a field'
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
