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
logq -D "$store" --cursor-file "$cursor" -n 5 >/dev/null
is "-n is 2" $? 2

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
is "no temporary file is left" "$(ls -A "$scratch" | grep -c '^\.*cursor')" 1

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
