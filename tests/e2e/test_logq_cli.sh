#!/usr/bin/env bash
# logq as a command: sources, formats, exit codes, errors, flags; the same answer
# from an index, from the raw files, packed or not, from stdin and from the bus.
. "$(dirname "$0")/lib.sh"
need jq gzip zstd

bus=dir://$scratch/bus
store=$scratch/store
app=$scratch/logs/cart.log
logq() { "$bin/logq" "$@" 2>"$scratch/logq.err"; }
err() { cat "$scratch/logq.err"; }

"$tools/loggen" --dir "$scratch/logs" --records 8000 --seed 5 >/dev/null
"$bin/shipper" --once --state "$scratch/state" --to "$bus" "$scratch/logs/*.log" >/dev/null
"$bin/aggregator" --from "$bus" --store "$store" --once >/dev/null

# One engine, five sources.
query='level:WARN | stats by (_msg) count() as n | sort by (_msg)'
logq "$query" "$app" -o json >"$scratch/plain"
check "a raw file answers" test -s "$scratch/plain"
gzip -k "$app"
zstd -q "$app"
head -c 20000 "$app" | gzip >"$scratch/two.log.gz"
tail -c +20001 "$app" | gzip >>"$scratch/two.log.gz"
for packed in "$app.gz" "$app.zst" "$scratch/two.log.gz"; do
	logq "$query" "$packed" -o json >"$scratch/packed"
	check "the same from ${packed##*/}" cmp "$scratch/plain" "$scratch/packed"
done
logq "$query" - -o json <"$app" >"$scratch/stdin"
check "the same from stdin" cmp "$scratch/plain" "$scratch/stdin"
logq "$query" - -o json <"$app.gz" >"$scratch/stdin"
check "the same from packed stdin" cmp "$scratch/plain" "$scratch/stdin"
logq -D "$store" -S @0 -u cart "$query" -o json >"$scratch/index"
check "the same from the index" cmp "$scratch/plain" "$scratch/index"
logq --bus "$bus" -u cart "$query" -o json >"$scratch/bus.json"
check "the same from the bus" cmp "$scratch/plain" "$scratch/bus.json"
lines=$(cat "$scratch"/logs/*.log | wc -l)
is "several files" "$(logq -c '*' "$scratch"/logs/*.log)" "$(grep -c . < <(cat "$scratch"/logs/*.log))"
is "the index has the same" "$(logq -D "$store" -S @0 -c)" "$lines"

# A folder: what is below it, each file once; an index and a bus are known by what is in them.
folder=$scratch/folder
mkdir -p "$folder/pods/a" "$folder/containers" "$folder/empty"
cp "$scratch/logs/cart.log" "$folder/pods/a/0.log"
gzip -c "$scratch/logs/edge.log" >"$folder/pods/a/1.log.gz"
ln -s ../pods/a/0.log "$folder/containers/a.log"
ln -s .. "$folder/containers/loop"
cp "$folder/pods/a/0.log" "$folder/.hidden.log"
printf 'wtmp\0\0\0' >"$folder/pods/wtmp"
is "a folder is all that is in it, once" "$(logq -c "$folder"; err)" "$(cat "$scratch"/logs/{cart,edge}.log | wc -l)
logq: 1 binary file in '$folder' left out"
is "by a relative name" "$(cd "$folder" && logq -c ./pods)" "$(cat "$scratch"/logs/{cart,edge}.log | wc -l)"
printf '2026-03-01 12:00:00 ERROR it broke\n' | tee "$folder/pods/a/x.log" >"$folder/pods/a/y.log"
is "rows of several files say which" "$(logq -z --no-pager broke "$folder" | tr '\n' ',')" \
	"Mar 01 12:00:00.000 ERROR x.log: it broke,Mar 01 12:00:00.000 ERROR y.log: it broke,"
is "those of one don't" "$(logq -z broke "$folder/pods/a/x.log")" "Mar 01 12:00:00.000 ERROR it broke"
is "log.file and log.offset are fields" "$(logq -o json 'broke | stats by (log.file, log.offset) count() n | sort by (log.file) | limit 1' "$folder")" \
	"{\"log.file\":\"$folder/pods/a/x.log\",\"log.offset\":\"0\",\"n\":\"1\"}"
rm "$folder"/pods/a/[xy].log
logq '*' "$folder/empty"
is "a folder without files is 2" $? 2
like "and says so" "$(err)" "no log files in '$folder/empty'"
is "beside others it is none" "$(logq -c "$app" "$folder/empty")" "$(wc -l <"$app")"
is "a folder that is an index" "$(logq -c -S @0 -u cart "$store")" "$(wc -l <"$app")"
is "a folder that is a bus" "$(logq -c -u cart "$scratch/bus")" "$(wc -l <"$app")"
logq '*' "$store" "$scratch/bus"
is "two of them are 2" $? 2
logq '*' "$store" "$app"
is "one and a file are 2" $? 2
is "a word that is a file's name too is said" "$(cd "$folder" && logq -c pods ./containers; err | head -n 1)" "0
logq: 'pods' is a word of the query; to search the file of this name write ./pods"

# Exit codes.
logq level:WARN "$app" -n 1 >/dev/null
is "found is 0" $? 0
logq no-such-word-at-all "$app" >/dev/null
is "none is 1" $? 1
logq 'level:(' "$app" >/dev/null
is "a bad query is 2" $? 2
like "with a caret under the byte" "$(err)" $'level:\\(\n *\\^'
logq '*' "$scratch/nothing.log" >/dev/null
is "a file that is not there is 2" $? 2
logq -D "$scratch/nothing" '*' >/dev/null
is "an index that is not there is 2" $? 2
logq --server "unix:$scratch/nothing" '*' >/dev/null
is "a server that is not there is 2" $? 2
logq --no-such-flag >/dev/null
is "a wrong flag is 2" $? 2
head -c 5000 "$app.gz" >"$scratch/cut.log.gz"
logq -o json '*' "$scratch/cut.log.gz" >"$scratch/cut"
is "a cut file is 3: partial" $? 3
like "and it is said which" "$(err)" "cut.log.gz"
check "what could be read is printed" test -s "$scratch/cut"
logq '*' "$app" | head -n 1 >/dev/null
is "a reader that leaves is no error" "${PIPESTATUS[0]}" 0

# A pattern that runs away is no answer: it ends soon, and says so.
printf '{"time":"2024-05-01T10:00:00Z","msg":"%060d!"}\n' $(seq 1000) | tr 0 a >"$scratch/runaway.ndjson"
logq -c '~"^(a+)+$"' "$scratch/runaway.ndjson" >"$scratch/out"
is "a pattern that runs away is 3: partial" $? 3
like "and says why" "$(err)" "took more than 1000000 steps on at least 10"

# A time without a zone is local, or UTC with -z.
printf '{"time":"2024-05-01T%02d:30:00Z","msg":"x"}\n' 1 23 >"$scratch/day.ndjson"
is "a day is one of this host's zone" "$(TZ=CET-1CEST logq -c '_time:2024-05-02' "$scratch/day.ndjson")" 1
is "-z makes it one of UTC" "$(TZ=CET-1CEST logq -zc '_time:2024-05-02' "$scratch/day.ndjson")" 0

# Where nothing is found, what was likely not meant as it stands is said.
hint() {
	logq "$1" "$app" >/dev/null
	err
}
like "levels are in upper case" "$(hint 'level:error')" "try level:ERROR"
like "a bar is no or" "$(hint 'level:ERRORR|nothingness')" "ERRORR or nothingness"
like "a pipe that is none" "$(hint '* | feilds nothingness')" "did you mean \`fields\`?"
like "a pipe without its bar" "$(hint 'nothingness limit 10')" "pipes stand behind \`|\`"
like "a function without its field" "$(hint 'nothingness in (A, B)')" "it is nothingness:in"
like "a range by dots" "$(hint 'nothingness:500..599')" "a range is range"
is "else nothing is said" "$(hint 'nothingness | fields a | nothingness:x')" ""

# A field that no row has, when one of the source is near to it.
export LOGQ_PATIENCE=20s
said() { err | grep -v 'the last hour'; }
meant="logq: no row has a field \`skuu\`; did you mean \`sku\`?"
for from in "$app" "$app.gz" "-D $store -S @0" "-D $store"; do
	logq 'nothingness or skuu:x' $from >/dev/null
	is "a field in a filter: status ($from)" $? 1
	is "… what it may be" "$(said)" "$meant"
	logq -F skuu $from >/dev/null
	is "… of -F" "$(said)" "$meant"
done
logq 'status:1' "$scratch"/logs/*.log
is "… that is inside of an object" "$(said)" "logq: no row has a field \`status\`; did you mean \`http.status\`?"
logq 'sku:nothingness' "$app"
is "nothing of one that is there" "$(said)" ""
logq 'nothingness:x' "$app"
is "… or that is near to none" "$(said)" ""
logq 'skuu:x' - <"$app"
is "… or of what was read and is gone" "$(said)" ""
logq 'skuu:x' -D "$store" --cursor-file "$scratch/cursor"
is "… or with a cursor" "$(said)" ""
logq '!skuu:x' -m 1 "$app" >/dev/null
is "… or when there are rows" "$(said)" ""
logq -F sku -m 1 "$app" >/dev/null
is "… by -F too" "$(said)" ""

# Which rows.
is "-n is the last N, in order" "$(logq -n 3 -o json '*' "$app" | jq -r ._time | sort -c && echo ok)" ok
is "-n counts" "$(logq -n 3 -o json '*' "$app" | wc -l)" 3
is "-r is newest first" "$(logq -r -n 3 -o json '*' "$app" | jq -r ._time | sort -rc && echo ok)" ok
is "-n and -r agree" "$(logq -n 3 -o cat 'seq:*' "$app" | tac)" "$(logq -r -n 3 -o cat 'seq:*' "$app")"
is "the rows of a file are in its order" "$(logq -o json 'seq:*' "$scratch/logs/checkout.log" | jq -r .seq | sort -nc && echo ok)" ok
is "limit takes the first of them" "$(logq -o json 'seq:* | limit 700' "$scratch/logs/checkout.log" | jq -s 'map(.seq | tonumber) | max')" 700
is "-m stops" "$(logq -m 5 -o json '*' "$app" | wc -l)" 5
is "-p" "$(logq -p warning -o json '*' "$app" | jq -r .level | sort -u | tr '\n' ' ')" "$(logq -o json 'level:in(WARN,ERROR,FATAL)' "$app" | jq -r .level | sort -u | tr '\n' ' ')"
trace=$(logq -o json -m 1 'trace_id:*' "$app" | jq -r .trace_id)
check "-t follows a trace" test "$(logq -D "$store" -S @0 -t "$trace" -c)" -ge 1
is "-U in the past finds none" "$(logq -D "$store" -U 2000-01-01 -c)" 0
is "by default the last hour is searched, and said" "$(logq -D "$store" -c; err)" "$lines
logq: the last hour; -S says since when"
is "-v turns the query around" "$(($(logq -c level:WARN "$app") + $(logq -v -c level:WARN "$app")))" "$(grep -c . "$app")"

# Context: rows of the same stream around a match, in chunks, those that touch as one.
mkdir "$scratch/ctx"
for i in 1 2 3 4 5 6 7 8 9; do
	for service in web db; do
		echo "{\"time\":\"2026-03-01T12:00:0${i}Z\",\"level\":\"info\",\"msg\":\"$service $i\"}" >>"$scratch/ctx/$service.log"
	done
done
# Three rows of one second: only one of them is the match.
for i in a b c; do
	echo "{\"time\":\"2026-03-01T12:00:10Z\",\"level\":\"info\",\"msg\":\"web $i\"}" >>"$scratch/ctx/web.log"
done
"$bin/shipper" --once --state "$scratch/ctx/state" --to "dir://$scratch/ctx/bus" "$scratch/ctx/*.log" >/dev/null
"$bin/aggregator" --from "dir://$scratch/ctx/bus" --store "$scratch/ctx/store" --once >/dev/null
around() { logq -D "$scratch/ctx/store" -S @0 -o cat "$@" | tr '\n' ',' | sed 's/web //g'; }
is "-C is around each match, parted by --" "$(around -C 1 'web and ("2" or "6")')" "1,2,3,--,5,6,7,"
is "chunks that touch are one" "$(around -C 1 'web and ("2" or "4")')" "1,2,3,4,5,"
is "-A" "$(around -A 2 'web and "2"')" "2,3,4,"
is "-B" "$(around -B 2 'web and "5"')" "3,4,5,"
is "one of three rows of a second" "$(around -C 1 'web and b')" "a,b,c,"
is "… and not all of them" "$(around -A 1 'web and a')" "a,b,"
is "streams are apart, in order of time" "$(around -C 1 'msg:=none or _msg:="web 2" or _msg:="db 3"')" "1,2,3,--,db 2,db 3,db 4,"
is "-n is the last matches" "$(around -C 1 -n 1 'web and ("2" or "6")')" "5,6,7,"
is "-m is the first of them" "$(around -C 1 -m 1 'web and ("2" or "6")')" "1,2,3,"
is "-r is backwards" "$(around -C 1 -r 'web and ("2" or "6")')" "7,6,5,--,3,2,1,"
is "pipes are behind the context" "$(around -C 1 -m 1 'web and "2" | fields _msg')" "1,2,3,"
is "json parts them by a row" "$(logq -D "$scratch/ctx/store" -S @0 -A 1 -o json 'web and ("2" or "6")' | jq -r ._msg | tr '\n' ',')" "web 2,web 3,---,web 6,web 7,"
is "context in a file" "$(logq -C 1 -o cat '"2" or "6"' "$scratch/ctx/db.log" | tr '\n' ',')" "db 1,db 2,db 3,--,db 5,db 6,db 7,"
logq -f -C 1 "$app" >/dev/null
is "-f -C is refused" $? 2

# What of them.
is "-F counts values" "$(logq -F level -o json "$app" | jq -s 'map(.count | tonumber) | add')" "$(grep -c . "$app")"
like "-N lists fields" "$(logq -N -o cat "$app")" trace_id
check "--patterns groups messages" bash -c "[ \$('$bin/logq' --patterns -o json '*' '$app' | jq -s 'map(.count | tonumber) | add') -gt 0 ]"
like "trace ID shows the services" "$(logq -D "$store" -S @0 trace "$trace")" "^trace $trace .*service +offset +latency"
check "--histogram draws" bash -c "'$bin/logq' --histogram=1s '*' '$app' | grep -qE '[0-9]  (█|#)'"

# Formats.
like "short" "$(logq -n 1 '*' "$app")" '^[A-Z][a-z]{2} [0-9]{2} [0-9:]{8}\.[0-9]{3} '
like "short-iso in UTC" "$(logq -z -n 1 -o short-iso '*' "$app")" '^[0-9-]{10}T[0-9:]{8}\.[0-9]{3}Z '
check "json" bash -c "'$bin/logq' -n 5 -o json '*' '$app' | jq -e ._time"
like "csv has a header" "$(logq -n 2 -o csv '* | fields _time, level' "$app")" '^_time,level'
like "table" "$(logq "$query" "$app")" '^_msg +n'
is "colors only where asked for" "$(logq -n 1 '*' "$app" | grep -c $'\033')" 0
is "--color=always" "$(logq -n 1 --color=always '*' "$app" | grep -c $'\033')" 1
is "LOGQ_ variables are flags" "$(LOGQ_OUTPUT=cat logq '* | limit 1 | fields level' "$app" | wc -w)" 1

# Queries without rows.
is "--print-query" "$(logq --print-query -S 1h -u cart 'a or b' "$app")" 'service:=cart (a or b)'
logq --check-query 'a | stats count()' >/dev/null
is "--check-query: good" $? 0
logq --check-query 'a | stats count(' >/dev/null
is "--check-query: bad" $? 2
like "--explain" "$(logq --explain 'level:WARN | fields _msg' "$app")" level
logq --stats -c '*' "$app" >/dev/null
like "--stats" "$(err)" rows

# Follow.
echo '{"time":"2026-03-01T12:00:00Z","level":"info","msg":"old"}' >"$scratch/grow.log"
start follow "$bin/logq" -f -o cat '*' "$scratch/grow.log"
appended() {
	echo "{\"level\":\"info\",\"msg\":\"new $((++round))\"}" >>"$scratch/grow.log"
	grep -q '^new' "$scratch/follow.out"
}
round=0
wait_for 10 "-f FILE shows what is appended" appended
is "and nothing old" "$(grep -c old "$scratch/follow.out")" 0
kill -INT "$(pid_of follow)"
reap follow
is "Ctrl-C is 130" "$status" 130
done_testing
