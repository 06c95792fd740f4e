#!/usr/bin/env bash
# logq --cursor-file: run after run, each row once and none left out, whatever is
# asked, also among rows of one instant; and -f that shows answers by windows.
. "$(dirname "$0")/lib.sh"
need jq

cursor=$scratch/cursor
bus=dir://$scratch/bus
store=$scratch/store
mkdir "$scratch/logs"
printf 'source: {from: %s}\nstore: {path: %s, commit_age: 100ms}\n' "$bus" "$store" >"$scratch/aggregator.yaml"
start aggregator "$bin/aggregator" --config "$scratch/aggregator.yaml" --listen 127.0.0.1:0
start shipper "$bin/shipper" --state "$scratch/state" --to "$bus" "$scratch/logs/*.log"
logq() { timeout 60 "$bin/logq" "$@" 2>"$scratch/logq.err"; }
err() { cat "$scratch/logq.err"; }
server=(--server "unix:$store/aggregator.sock")

# Three rows of one instant at a time, two of them equal.
written=0
write() { # N [TIME]
	local n
	for ((n = 0; n < $1; n++)); do
		printf '{"time":"%s","level":"info","msg":"row %d"}\n' \
			"${2:-2026-03-01T12:00:$((written / 3 + 10))Z}" $((written - written % 3 / 2))
		written=$((written + 1))
	done >>"$scratch/logs/app.log"
}
write_now() { write "$1" "$(date -u +%FT%TZ)"; }
indexed() {
	[ "$(logq "${server[@]}" -S @0 -c '*')" = "$written" ] && [ "$(logq -D "$store" -S @0 -c '*')" = "$written" ]
}
next() { logq -S @0 --cursor-file "$cursor" -o json "$@"; }
write 10
wait_for 20 "rows are indexed" indexed
next "${server[@]}" >"$scratch/seen"
is "the first run shows what is there" "$(wc -l <"$scratch/seen")" 10
next "${server[@]}" >"$scratch/again"
is "the second: nothing new is 1" $? 1
is "and shows nothing" "$(cat "$scratch/again")" ""
logq --cursor-file "$cursor" "${server[@]}"
is "without -S, the cursor says since when, not the last hour" "$(err)" ""
write 7
wait_for 20 "more rows are indexed" indexed
next "${server[@]}" -m 2 >>"$scratch/seen"
is "-m stops, also within an instant" "$(wc -l <"$scratch/seen")" 12
next -D "$store" -m 1 >>"$scratch/seen"
is "the same cursor goes on with -D" "$(wc -l <"$scratch/seen")" 13
next "${server[@]}" >>"$scratch/seen"
is "and with the server again" "$(wc -l <"$scratch/seen")" 17
is "each row was shown once" "$(jq -r ._msg "$scratch/seen" | sort | tr '\n' ' ')" \
	"$(logq -D "$store" -S @0 -o json '*' | jq -r ._msg | sort | tr '\n' ' ')"

# A row that comes late, from between those that were shown.
echo '{"time":"2026-03-01T12:00:11.5Z","level":"info","msg":"late"}' >>"$scratch/logs/app.log"
written=$((written + 1))
wait_for 20 "a late row is indexed" indexed
is "it is not missed" "$(next "${server[@]}" | jq -r ._msg)" late

# However late: hours behind, and from before the beginning of the log.
for late in 2026-03-01T09:00:00Z 2026-01-01T00:00:00Z 1999-01-01T00:00:00Z; do
	write 1 $late
	wait_for 20 "a row of $late is indexed" indexed
	is "it is shown, and nothing else" "$(next "${server[@]}" | jq -r '._time[:19] + "Z"')" $late
done
is "then there is nothing new" "$(next -D "$store" | wc -l)" 0

# Pipes work on what is new.
write 5
wait_for 20 "five more" indexed
is "stats of what is new" "$(next -D "$store" '* | stats count() n' | jq -r .n)" 5
is "then of nothing" "$(next -D "$store" '* | stats count() n' | jq -r .n)" 0
write 2
wait_for 20 "two more" indexed
is "fields" "$(next "${server[@]}" '* | fields level' | jq -r .level | tr '\n' ' ')" "INFO INFO "

# What is left alone: an answer that isn't whole, and a run that failed.
write 1
wait_for 20 "one more" indexed
cp "$cursor" "$scratch/before"
next "${server[@]}" --server "unix:$scratch/nobody" >/dev/null
is "partial is 3" $? 3
check "and the cursor stays" cmp "$cursor" "$scratch/before"
like "which is said" "$(err)" "cursor stays"
next --server "unix:$scratch/nobody" >/dev/null
is "no server is 2" $? 2
check "and the cursor stays" cmp "$cursor" "$scratch/before"
is "so that nothing is lost" "$(next "${server[@]}" | wc -l)" 1

# Mistakes.
next -D "$store" level:WARN >/dev/null
is "the cursor of another query is 2" $? 2
like "and said" "$(err)" "belongs to another query"
echo nonsense >"$scratch/bad"
logq -S @0 -D "$store" --cursor-file "$scratch/bad" >/dev/null
is "what is no cursor is 2" $? 2
like "and said" "$(err)" "is no cursor"
for wrong in '-n 5' '-r' '-C 1' '-U now' "--bus $bus" '-' "$scratch/logs/app.log"; do
	# shellcheck disable=SC2086
	logq --cursor-file "$cursor" $wrong </dev/null >/dev/null
	is "$wrong is 2" $? 2
	like "and said" "$(err)" "cursor-file"
done
logq -D "$store" --cursor-file "$cursor" -m 5 '* | fields _msg' >/dev/null
is "-m with pipes is 2" $? 2
mkdir "$scratch/other"
next --server "unix:$scratch/other.sock" >/dev/null
is "another index is 2" $? 2
like "and said" "$(err)" "knows nothing of unix:$scratch/other.sock"
head -c 60 "$cursor" >"$scratch/bad"
logq -S @0 -D "$store" --cursor-file "$scratch/bad" >/dev/null
is "a cut cursor is 2" $? 2

# A reader that leaves, and a run that is killed, leave the cursor as it was.
seq -f "%05g" 20000 | sed 's/.*/{"time":"2026-03-02T00:00:00Z","level":"info","msg":"many &"}/' >>"$scratch/logs/app.log"
written=$((written + 20000))
wait_for 30 "many rows are indexed" indexed
cp "$cursor" "$scratch/before"
"$bin/logq" -S @0 --cursor-file "$cursor" -D "$store" -o json 2>"$scratch/logq.err" | head -n 1 >/dev/null
is "a reader that leaves is no error" "${PIPESTATUS[0]}" 0
check "and the cursor stays" cmp "$cursor" "$scratch/before"
mkfifo "$scratch/fifo"
exec 9<>"$scratch/fifo"
"$bin/logq" -S @0 --cursor-file "$cursor" -D "$store" -o json >"$scratch/fifo" 2>/dev/null &
killed=$!
is "a run whose reader is slow has written something" "$(head -c 1000 <&9 | wc -c)" 1000
kill -9 $killed
wait $killed 2>/dev/null
check "killed: the cursor stays" cmp "$cursor" "$scratch/before"
exec 9>&-
"$bin/logq" -S @0 --cursor-file "$cursor" -D "$store" -o json >"$scratch/one" 2>/dev/null -m 7000
is "-m 7000" "$(wc -l <"$scratch/one")" 7000
next "${server[@]}" >"$scratch/two"
is "and the others" "$(wc -l <"$scratch/two")" 13000
is "each once" "$(cat "$scratch/one" "$scratch/two" | jq -r ._msg | sort -u | wc -l)" 20000

# Run after run while rows come, parts are merged and the aggregator starts anew.
rm "$cursor"
next "${server[@]}" >/dev/null
mkdir "$scratch/more"
: >"$scratch/runs"
start more "$bin/shipper" --state "$scratch/state2" --to "$bus" "$scratch/more/*.log"
for round in {1..12}; do
	for i in {1..50}; do
		printf '{"time":"2026-02-%02dT%02d:00:00Z","level":"info","msg":"r%d"}\n' $((RANDOM % 28 + 1)) $((RANDOM % 24)) $((round * 100 + i))
	done >>"$scratch/more/a.log"
	written=$((written + 50))
	if [ $((round % 2)) = 0 ]; then from=(-D "$store"); else from=("${server[@]}"); fi
	next "${from[@]}" >>"$scratch/runs"
	[ $round != 5 ] || wait_for 20 "rows of five rounds are indexed" indexed
	if [ $round = 6 ]; then
		kill -9 "$(pid_of aggregator)"
		reap aggregator
		start aggregator "$bin/aggregator" --config "$scratch/aggregator.yaml" --listen 127.0.0.1:0
		answers() { logq "${server[@]}" -S @0 -c >/dev/null; }
		wait_for 20 "the aggregator is back" answers
	fi
done
wait_for 30 "all rounds are indexed" indexed
next -D "$store" >>"$scratch/runs"
is "each row was shown once" "$(jq -r ._msg "$scratch/runs" | sort | uniq -c | awk '{ print $1 }' | sort | uniq -c | tr -s ' ')" " 600 1"
merged() { [ "$(ls "$store/parts" | wc -l)" -lt 12 ]; }
wait_for 30 "parts were merged" merged
is "merges make nothing new" "$(next -D "$store" | wc -l)" 0
stop more

# Follow, end, follow again.
goes_on() { # NAME ROWS
	[ "$(wc -l <"$scratch/$1.out")" -ge "$2" ]
}
for kind in dir server; do
	if [ $kind = dir ]; then from=(-D "$store"); else from=("${server[@]}"); fi
	start "$kind.1" "$bin/logq" -f "${from[@]}" --cursor-file "$cursor" -o json
	write_now 4
	wait_for 20 "-f with a cursor, $kind: new rows" goes_on "$kind.1" 4
	kill -INT "$(pid_of "$kind.1")"
	reap "$kind.1"
	is "Ctrl-C is 130" "$status" 130
	write_now 3
	wait_for 20 "rows while nobody follows" indexed
	start "$kind.2" "$bin/logq" -f "${from[@]}" --cursor-file "$cursor" -o json
	write_now 2
	wait_for 20 "-f goes on, $kind" goes_on "$kind.2" 5
	stop "$kind.2"
	is "each row once" "$(cat "$scratch/$kind".[12].out | wc -l)" 9
done
# One at a time: rows that two runs show were shown twice.
start first "$bin/logq" -f -D "$store" --cursor-file "$cursor" -o json
write_now 1
wait_for 20 "a run has the cursor" goes_on first 1
next -D "$store" >"$scratch/two"
is "a second run with it is 2" "$?$(cat "$scratch/two")" 2
like "and is told by whom it is had" "$(err)" "another logq .*$cursor: wait"
kill -9 "$(pid_of first)"
reap first
next -D "$store" >/dev/null
like "after kill -9 it is free" "$?" '^[01]$'
is "no temporary file is left" "$(ls -A "$scratch" | grep -c '^\.*cursor')" 1

# -f outlives the server, and shows each row once.
start back "$bin/logq" -f "${server[@]}" --cursor-file "$cursor" -o json
write_now 3
wait_for 20 "-f begins" goes_on back 3
kill -9 "$(pid_of aggregator)"
reap aggregator
write_now 4
says_so() { grep -q 'trying again' "$scratch/back.err"; }
wait_for 20 "-f says that the server is gone" says_so
start aggregator "$bin/aggregator" --config "$scratch/aggregator.yaml" --listen 127.0.0.1:0
wait_for 20 "-f goes on when it is back" goes_on back 7
stop back
is "each row once" "$(wc -l <"$scratch/back.out")" 7

# Stats of what is followed, a window at a time.
start window "$bin/logq" -f --window 1s -o json "$scratch/logs/app.log" '* | stats by (level) count() n'
summed() {
	write_now 2
	[ "$(jq -s 'map(.n | tonumber) | add' "$scratch/window.out")" -ge 4 ] && [ "$(wc -l <"$scratch/window.out")" -ge 2 ]
}
reading() { [ "$(ls "/proc/$(pid_of window)/task" | wc -l)" -ge 3 ]; } # its thread that reads the file
wait_for 10 "-f with stats reads" reading
before=$written
wait_for 20 "-f with stats prints each window" summed
# What was written last has to be read before the end, or no window has it.
added_up() { [ "$(jq -s 'map(.n | tonumber) | add' "$scratch/window.out")" -ge $((written - before)) ]; }
wait_for 20 "every row is in a window" added_up
kill -INT "$(pid_of window)"
reap window
is "Ctrl-C is 130" "$status" 130
is "windows add up to what came" "$(jq -s 'map(.n | tonumber) | add' "$scratch/window.out")" $((written - before))
check "and say when they began" bash -c "jq -er ._time '$scratch/window.out' | sort -c"
logq -f -D "$store" '* | sort by (_msg)' >/dev/null
is "-f with a pipe that needs all rows is 2" $? 2
like "and it is named" "$(err)" '`sort`'
done_testing
