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
interrupt files
is "Ctrl-C is 130" "$status" 130
is "nothing of before is shown" "$(grep -c old "$scratch/files.out")" 0
is "a rotated file is shown once" "$(grep -c 'after rotation' "$scratch/files.out")" 1

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
logq -f -n 3 - </dev/null >/dev/null
like "-f -n says what to do" "$? $(err)" "^2 .*-S 5m"
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
start index "$bin/logq" -f -o cat -D "$scratch/store.a"
start tail "$bin/logq" -f -o cat --server "unix:$scratch/store.a/aggregator.sock"
start limited "$bin/logq" -f -o cat --server "unix:$scratch/store.a/aggregator.sock" '* | limit 2'
start both "$bin/logq" -f -o cat --server "unix:$scratch/store.a/aggregator.sock" --server "unix:$scratch/store.b/aggregator.sock"
wait_for 20 "one of two servers that is not there is said" says both "store.b.*trying again"
for name in bus index tail both; do
	wait_for 20 "a new row: $name" touch_until $name "$scratch/logs/a.log" "row $name"
done
reap limited
is "limit ends a tail" "$status $(wc -l <"$scratch/limited.out")" "0 2"
# The last two rows, then what comes; rows of one time come together, so they differ in it.
mark() { echo "{\"time\":\"$(date -u +%FT%T.%NZ)\",\"level\":\"info\",\"msg\":\"$1\"}" >>"$scratch/logs/a.log"; }
for i in 1 2 3; do mark "mark $i"; done
marks() { answers a '"mark 3"'; }
wait_for 20 "three rows are there" marks
start last "$bin/logq" -f -n 2 -o cat --server "unix:$scratch/store.a/aggregator.sock" 'mark | fields _msg'
wait_for 20 "-f -n begins with the last rows" has last "^mark 3\$"
mark "mark 4"
wait_for 20 "and goes on" has last "^mark 4\$"
interrupt last
is "no more of them than asked for" "$(tr '\n' ' ' <"$scratch/last.out")" "mark 2 mark 3 mark 4 "
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
for name in bus index both; do interrupt $name; done
stop shipper
logq -f --server "unix:$scratch/nobody" >/dev/null
is "a server that was never there is 2" $? 2
done_testing
