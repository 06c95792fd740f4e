#!/usr/bin/env bash
# logq -f: files that grow, are rotated or cut, stdin, a bus, an index, servers that
# go and come back; each streaming pipe, windows of stats, and what is refused.
. "$(dirname "$0")/lib.sh"
need jq

logq() { timeout 60 "$bin/logq" "$@" 2>"$scratch/logq.err"; }
err() { cat "$scratch/logq.err"; }
line() { printf '{"level":"%s","msg":"%s","n":%d}\n' "${2:-info}" "$1" "${3:-1}"; }
has() { grep -q -- "$2" "$scratch/$1.out"; }
says() { grep -q -- "$2" "$scratch/$1.err"; }
interrupt() {
	kill -INT "$(pid_of "$1")"
	reap "$1"
}
# put FILE WORD: append lines until the follower `NAME` shows one of them.
touch_until() { # NAME FILE WORD
	line "$3" >>"$2"
	has "$1" "$3"
}

# Files: appended to, renamed and made anew, cut to nothing.
line old >"$scratch/a.log"
line old >"$scratch/b.log"
start files "$bin/logq" -f -o cat "$scratch/a.log" "$scratch/b.log"
wait_for 10 "a file grows" touch_until files "$scratch/a.log" grown
wait_for 10 "so does another" touch_until files "$scratch/b.log" other
mv "$scratch/a.log" "$scratch/a.log.1"
line "after rotation" >"$scratch/a.log"
wait_for 10 "a file is renamed and made anew" has files "after rotation"
: >"$scratch/b.log"
wait_for 10 "a file is cut and written again" touch_until files "$scratch/b.log" cut
start timed "$bin/logq" -f --timeout 1ms -o cat "$scratch/b.log"
wait_for 10 "a limit of time is not about following" touch_until timed "$scratch/b.log" limited
interrupt timed
is "which goes on" "$status" 130
interrupt files
is "Ctrl-C is 130" "$status" 130
is "nothing of before is shown" "$(grep -c old "$scratch/files.out")" 0
is "a rotated file is shown once" "$(grep -c 'after rotation' "$scratch/files.out")" 1

# The last rows first, and no row lost or twice between them and what comes: a writer
# doesn't wait for the follower.
numbers() { sed -n 's/.*row \([0-9]*\).*/\1/p' "$1"; }
in_a_row() { # NAME FIRST: each number from FIRST on, once
	is "$1: each row once, in order" "$(numbers "$scratch/$1.out" | tr '\n' ' ')" \
		"$(seq "$2" "$(numbers "$scratch/$1.out" | tail -n 1)" | tr '\n' ' ')"
}
row() { printf '{"time":"2026-03-01T12:00:%02d.%03dZ","level":"info","msg":"row %d"}\n' $(($1 / 1000)) $(($1 % 1000)) "$1"; }
for ((i = 1; i <= 3000; i++)); do row $i; done >"$scratch/n.log"
growing() { [ "$(wc -l <"$scratch/n.log")" -gt 3500 ]; }
{ for ((i = 3001; i <= 20000; i++)); do row $i; done >>"$scratch/n.log"; } &
writer=$!
poll_until 10 growing
start seam "$bin/logq" -f -n 5 -o cat "$scratch/n.log"
wait_for 20 "-f -n: rows that are written meanwhile" has seam "row 20000\$"
wait $writer
seam_begin=$(numbers "$scratch/seam.out" | head -n 1)
check "-f -n 5 begins with the last five of then" test "$seam_begin" -ge 2996
in_a_row seam "$seam_begin"
printf '{"time":"2026-03-01T12:00:30Z","msg":"row ' >>"$scratch/n.log"
start cut "$bin/logq" -f -n 2 -o cat "$scratch/n.log"
wait_for 10 "a line that is being written is none yet" has cut "row 20000"
echo '20001"}' >>"$scratch/n.log"
for name in seam cut; do wait_for 10 "and one when it is: $name" has $name "row 20001\$"; done
mv "$scratch/n.log" "$scratch/n.log.1"
row 20002 >>"$scratch/n.log.1"
row 20003 >"$scratch/n.log"
for name in seam cut; do wait_for 10 "renamed and made anew: $name" has $name "row 20003\$"; done
row 20004 >>"$scratch/n.log.1" # its writer has not noticed yet
for name in seam cut; do wait_for 10 "rows that still go to the renamed file: $name" has $name "row 20004\$"; done
for ((i = 20005; i < 20010; i++)); do row $i; done >"$scratch/n.log" # longer than it was
for name in seam cut; do wait_for 10 "cut and written anew, and longer: $name" has $name "row 20009\$"; done
interrupt seam
interrupt cut
in_a_row seam "$seam_begin"
in_a_row cut 19999
# Matches count, not lines, however far behind they are; of several files by time.
{
	echo '{"time":"2026-03-01T11:00:00Z","level":"error","msg":"row 1"}'
	for ((i = 2; i < 30000; i++)); do row 0; done
	echo '{"time":"2026-03-01T13:00:00Z","level":"error","msg":"row 3"}'
} >"$scratch/far.log"
for time in 10:30 12:30; do
	echo "{\"time\":\"2026-03-01T$time:00Z\",\"level\":\"error\",\"msg\":\"row 2\"}"
done >"$scratch/near.log"
start far "$bin/logq" -f -n 3 -o cat level:ERROR "$scratch/far.log" "$scratch/near.log"
wait_for 20 "the last matches of two files" has far "row 3"
echo '{"level":"error","msg":"row 4"}' >>"$scratch/near.log"
wait_for 10 "and what comes" has far "row 4"
interrupt far
in_a_row far 1
# Pipes have what is there and what comes in one run; -m ends it; sums have windows.
start piped "$bin/logq" -f -n 2 -o cat '* | limit 3 | fields _msg' "$scratch/near.log"
wait_for 10 "the last rows through pipes" has piped "row 4"
for i in 5 6; do echo "{\"level\":\"error\",\"msg\":\"row $i\"}" >>"$scratch/near.log"; done
reap piped
is "limit counts both" "$(numbers "$scratch/piped.out" | tr '\n' ' ')" "2 4 5 "
is "-m, too" "$(logq -f -n 2 -m 1 -o cat "$scratch/near.log")" "row 5"
logq -f -n 3 '* | stats count()' "$scratch/near.log" >/dev/null
like "-f -n of a sum is 2" "$? $(err)" "^2 .*stats.*-S"
# -S: what is there since then, of all files in order of time.
line "row 7" >"$scratch/since.log"
echo "{\"time\":\"$(date -u -d -2hours +%FT%TZ)\",\"msg\":\"row 0\"}" >>"$scratch/since.log"
echo "{\"time\":\"$(date -u -d -5minutes +%FT%TZ)\",\"msg\":\"row 6\"}" >"$scratch/since2.log"
start since "$bin/logq" -f -S 1h -o cat "$scratch/since.log" "$scratch/since2.log"
wait_for 10 "-f -S on files" has since "row 7"
wait_for 10 "and what comes" touch_until since "$scratch/since2.log" "row 8"
interrupt since
is "by time" "$(numbers "$scratch/since.out" | uniq | tr '\n' ' ')" "6 7 8 "
# One file that isn't there yet, and standard input beside a file.
start absent "$bin/logq" -f -n 9 -o cat "$scratch/absent.log" "$scratch/since2.log"
wait_for 10 "a file that isn't there is said" says absent "absent.log.*waiting for it"
line "row 9" >"$scratch/absent.log"
wait_for 10 "and shown from its beginning" has absent "row 9"
interrupt absent
mkfifo "$scratch/two"
"$bin/logq" -f -o cat "$scratch/near.log" - <"$scratch/two" >"$scratch/two.out" 2>/dev/null &
pids[two]=$!
exec 8>"$scratch/two"
line "row 1" >&8
wait_for 10 "standard input beside a file" has two "row 1"
wait_for 10 "and the file beside it" touch_until two "$scratch/near.log" "row 2"
exec 8>&-
interrupt two
# Standard input: what comes until it falls silent is what is there.
mkfifo "$scratch/silent"
"$bin/logq" -f -n 2 -o cat - <"$scratch/silent" >"$scratch/silent.out" 2>/dev/null &
pids[silent]=$!
exec 8>"$scratch/silent"
for i in 1 2 3 4; do row $i; done >&8
printf '{"msg":"row' >&8
wait_for 10 "a pipe that falls silent" has silent "row 4"
echo ' 5"}' >&8
wait_for 10 "and goes on" has silent "row 5"
exec 8>&-
reap silent
is "its end is the end" "$status $(numbers "$scratch/silent.out" | tr '\n' ' ')" "0 3 4 5 "
is "a whole input at once" "$(logq -f -n 1 -o cat - <"$scratch/near.log" | tail -n 1)" "row 2"
logq -f -n 1 - </dev/null
is "nothing in it is 1" $? 1

# Streaming pipes, each on standard input that does not end.
mkfifo "$scratch/in"
follow_one() { # PIPE: the first row that comes out while the input is still open
	"$bin/logq" -f -o json - "* | $1" <"$scratch/in" >"$scratch/one.out" 2>"$scratch/one.err" &
	local pid=$!
	exec 7>"$scratch/in"
	line 'x=1 y=2 z=42' info 7 >&7
	line second warn 8 >&7
	poll_until 10 test -s "$scratch/one.out"
	exec 7>&-
	wait "$pid"
	head -n 1 "$scratch/one.out" | jq -r "$2"
}
is "fields" "$(follow_one 'fields n' 'keys[0] + .n')" n7
is "delete" "$(follow_one 'delete n' '.n')" null
is "rename" "$(follow_one 'rename n as m' .m)" 7
is "copy" "$(follow_one 'copy n as m' .m)" 7
is "filter" "$(follow_one 'filter n:>7' .n)" 8
is "limit" "$(follow_one 'limit 1' .n)" 7
is "offset" "$(follow_one 'offset 1' .n)" 8
is "math" "$(follow_one 'math n * 2 as m' .m)" 14
is "format" "$(follow_one 'format "<n>!" as m' .m)" '7!'
is "len" "$(follow_one 'len(level) as m' .m)" 4
is "extract" "$(follow_one 'extract "x=<x> " from _msg' .x)" 1
is "extract_regexp" "$(follow_one 'extract_regexp "y=(?P<y>[0-9])" from _msg' .y)" 2
is "replace" "$(follow_one 'replace ("42", "43") at _msg' ._msg)" 'x=1 y=2 z=43'
is "replace_regexp" "$(follow_one 'replace_regexp ("[0-9]", "N") at _msg' ._msg)" 'x=N y=N z=NN'
is "collapse_nums" "$(follow_one 'collapse_nums at _msg' ._msg)" 'x=<N> y=<N> z=<N>'
is "pack_json" "$(follow_one 'pack_json fields (n) as m' .m)" '{"n":"7"}'
is "pack_logfmt" "$(follow_one 'pack_logfmt fields (n) as m' .m)" 'n=7'
is "unpack_logfmt" "$(follow_one 'unpack_logfmt from _msg fields (y)' .y)" 2
is "time_add" "$(follow_one 'time_add 1h | fields n' .n)" 7
is "drop_empty_fields" "$(follow_one 'drop_empty_fields' .n)" 7
is "sample" "$(follow_one 'sample 1' .n)" 7

# What needs all rows is refused, with its name and a way out; sums have windows.
for pipe in 'sort by (n)' 'first 3 by (n)' 'total_stats count() c'; do
	logq -f - "* | $pipe" </dev/null >/dev/null
	is "${pipe%% *} with -f is 2" $? 2
	like "${pipe%% *} is named" "$(err)" "pipe .${pipe%% *}. needs all rows .* --window"
done
line one >"$scratch/w.log"
start window "$bin/logq" -f --window 1s -o json '* | stats by (level) count() n' "$scratch/w.log"
window_shows() {
	line x error >>"$scratch/w.log"
	[ "$(wc -l <"$scratch/window.out")" -ge 2 ]
}
wait_for 20 "each window has its answer" window_shows
interrupt window
is "with its begin" "$(jq -r ._time "$scratch/window.out" | sort -u | wc -l)" "$(wc -l <"$scratch/window.out")"

# A bus, and servers that are restarted.
mkdir "$scratch/logs"
line zero >"$scratch/logs/a.log"
bus=dir://$scratch/bus
start shipper "$bin/shipper" --state "$scratch/state" --to "$bus" "$scratch/logs/*.log"
for half in a b; do
	printf 'source: {from: %s}\nstore: {path: %s/store.%s}\n' "$bus" "$scratch" $half >"$scratch/$half.yaml"
done
server() { start "server.$1" "$bin/aggregator" --config "$scratch/$1.yaml" --listen 127.0.0.1:0; }
answers() { [ "$(logq -S @0 --server "unix:$scratch/store.$1/aggregator.sock" -c "${2:-*}")" -ge 1 ]; }
server a
wait_for 20 "a server has rows" answers a
start bus "$bin/logq" -f -o cat --bus "$bus"
start lastbus "$bin/logq" -f -n 1 -o cat --bus "$bus"
wait_for 20 "-f -n on a bus" has lastbus zero
start index "$bin/logq" -f -o cat -D "$scratch/store.a"
start tail "$bin/logq" -f -o cat --server "unix:$scratch/store.a/aggregator.sock"
start limited "$bin/logq" -f -o cat --server "unix:$scratch/store.a/aggregator.sock" '* | limit 2'
start both "$bin/logq" -f -o cat --server "unix:$scratch/store.a/aggregator.sock" --server "unix:$scratch/store.b/aggregator.sock"
wait_for 20 "one of two servers that is not there is said" says both "store.b.*trying again"
for name in bus lastbus index tail both; do
	wait_for 20 "a new row: $name" touch_until $name "$scratch/logs/a.log" "row $name"
done
reap limited
is "limit ends a tail" "$status $(wc -l <"$scratch/limited.out")" "0 2"
# The last two rows, then what comes; rows of one time come together, so they differ in it.
mark() { echo "{\"time\":\"$(date -u +%FT%T.%NZ)\",\"level\":\"info\",\"msg\":\"$1\"}" >>"$scratch/logs/a.log"; }
for i in 1 2 3; do mark "mark $i"; done
# Rows of one time, of which some are too many.
for i in 1 2 3; do echo "{\"time\":\"2026-03-01T00:00:00Z\",\"msg\":\"tie $i\"}"; done >>"$scratch/logs/a.log"
marks() { answers a '"mark 3"' && [ "$(logq -S @0 -D "$scratch/store.a" -c '"tie 3"')" = 1 ]; }
wait_for 20 "three rows are there" marks
start last "$bin/logq" -f -n 2 -o cat --server "unix:$scratch/store.a/aggregator.sock" 'mark | fields _msg'
wait_for 20 "-f -n begins with the last rows" has last "^mark 3\$"
mark "mark 4"
wait_for 20 "and goes on" has last "^mark 4\$"
interrupt last
is "no more of them than asked for" "$(tr '\n' ' ' <"$scratch/last.out")" "mark 2 mark 3 mark 4 "
for from in "-D $scratch/store.a" "--server unix:$scratch/store.a/aggregator.sock"; do
	name=ties${from:2:1}
	# shellcheck disable=SC2086
	start "$name" "$bin/logq" -f -S @0 -n 2 -o cat $from "tie or $name"
	wait_for 20 "the last of rows of one time" has "$name" "tie 3"
	wait_for 20 "and what comes" touch_until "$name" "$scratch/logs/a.log" "$name"
	interrupt "$name"
	is "not more" "$(head -n 3 "$scratch/$name.out" | tr '\n' ' ')" "tie 2 tie 3 $name "
done
logq -f -n 2 -D "$scratch/store.a" '* | stats count()' >/dev/null
is "-f -n of a sum is 2" "$?" 2
# Rows are seen whatever their time is: hours behind those that were shown, each once.
late() { echo "{\"time\":\"$(date -u -d "-$1" +%FT%TZ)\",\"level\":\"info\",\"msg\":\"late $2\"}" >>"$scratch/logs/a.log"; }
for hours in 1 5 30; do late "$hours hours" "$hours"; done
late "400 days" 9600
for name in tail index; do
	for hours in 1 5 30 9600; do
		wait_for 20 "a row $hours hours late: $name" has $name "^late $hours\$"
	done
done
shown() { # rows that the tail must have shown by then
	line "$1" >>"$scratch/logs/a.log"
	wait_for 20 "$2" has tail "^$1\$"
}
shown before "a row before"
stop server.a
wait_for 20 "a connection that breaks is said" says tail "trying again"
line between >>"$scratch/logs/a.log"
server a
wait_for 20 "and that it is back" says tail "connected again"
wait_for 20 "what came between is shown" has tail "^between\$"
shown after "and what comes"
kill9 server.a
server a
shown killed "also after it was killed"
interrupt tail
is "each row once" "$(grep -cE '^(before|between|after|killed)$' "$scratch/tail.out")" 4
is "late ones, too" "$(grep -c '^late' "$scratch/tail.out" "$scratch/index.out" | sed 's/.*://' | tr '\n' ' ')" "4 4 "
is "Ctrl-C is 130, always" "$status" 130
server b
wait_for 20 "the other of two servers comes" says both "connected again"
for name in bus lastbus index both; do interrupt $name; done
is "a bus, with -n and without" "$(sort "$scratch/bus.out")" "$(sort "$scratch/lastbus.out")"
start newest "$bin/logq" -f -n 3 -o cat --bus "$bus" '"mark"'
wait_for 20 "the last of a bus" has newest "^mark 4\$"
interrupt newest
is "in order of time" "$(tr '\n' ' ' <"$scratch/newest.out")" "mark 2 mark 3 mark 4 "
stop shipper
logq -f --server "unix:$scratch/nobody" >/dev/null
is "a server that was never there is 2" $? 2
done_testing
