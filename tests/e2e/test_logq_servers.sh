#!/usr/bin/env bash
# logq over several servers: one answer in order of time, pipes over all of it,
# and what is said when one of them fails.
. "$(dirname "$0")/lib.sh"
need jq curl

# Two aggregators, each with half of the services, and one with everything.
"$tools/loggen" --dir "$scratch/logs" --records 6000 --seed 9 >/dev/null
mkdir "$scratch/logs.a" "$scratch/logs.b"
i=0
for file in "$scratch"/logs/*.log; do
	[ $((i++ % 2)) -eq 0 ] && half=a || half=b
	cp "$file" "$scratch/logs.$half/"
done
servers=()
for half in a b; do
	"$bin/shipper" --once --state "$scratch/state.$half" --to "dir://$scratch/bus.$half" "$scratch/logs.$half/*.log" >/dev/null
	printf 'source: {from: dir://%s/bus.%s}\nstore: {path: %s/store.%s}\n' "$scratch" $half "$scratch" $half >"$scratch/$half.yaml"
	start "server.$half" "$bin/aggregator" --config "$scratch/$half.yaml" --listen 127.0.0.1:0
	servers+=(--server "unix:$scratch/store.$half/aggregator.sock")
done
lines=$(cat "$scratch"/logs/*.log | wc -l)
logq() { timeout 60 "$bin/logq" "$@" 2>"$scratch/logq.err"; }
err() { cat "$scratch/logq.err"; }
both() { logq -S @0 "${servers[@]}" "$@"; }
counted() { [ "$(both -c)" = "$lines" ]; }
wait_for 30 "both have indexed what they were given" counted

both -o json >"$scratch/all"
is "all rows are there" "$(wc -l <"$scratch/all")" "$lines"
check "in order of time" bash -c "jq -r ._time '$scratch/all' | sort -c"
is "of both servers" "$(jq -r .service "$scratch/all" | sort -u | wc -l)" "$i"
both -n 20 -o json >"$scratch/last"
is "-n is the last of all" "$(cat "$scratch/last" | jq -r ._time)" "$(tail -n 20 "$scratch/all" | jq -r ._time)"
is "-r turns them around" "$(both -r -n 20 -o json | jq -r ._time)" "$(jq -r ._time "$scratch/last" | tac)"
is "-m stops" "$(both -m 7 -o json | wc -l)" 7
query='* | stats by (level) count() n | sort by (level)'
is "stats are over all of them" "$(both "$query" -o json)" "$(logq "$query" -o json "$scratch"/logs/*.log)"
LOGQ_PATIENCE=20s both 'nothingness or levl:x' >/dev/null
is "a field that none has: which one is near" "$?:$(err)" "1:logq: no row has a field \`levl\`; did you mean \`level\`?"
is "-F too" "$(both -F service -o json | jq -s 'map(.count | tonumber) | add')" "$lines"
is "pipes behind the merge" "$(both '* | fields _msg | limit 3' -o json | jq -c keys | sort -u)" '["_msg"]'
both -C 1 -o json 'level:ERROR' >"$scratch/context"
is "context comes from each server" "$(jq -r .service "$scratch/context" | sort -u | wc -l)" "$(both -o json 'level:ERROR' | jq -r .service | sort -u | sed '$a---' | wc -l)"
is "each chunk is of one stream" "$(jq -r '[._msg, ._stream] | @tsv' "$scratch/context" | awk -F'\t' '$1 == "---" { stream = ""; next } stream && stream != $2 { bad++ } { stream = $2 } END { print bad + 0 }')" 0
# The last matches of all, with what is around them: those of each server by itself are
# others, since one of them has the last of all.
matches() { jq -r 'select(.level == "ERROR") | ._time'; }
for n in 1 4 9; do
	for most in "-n $n" "-m $n" "-r -n $n" "-n 50 -m $n"; do
		# shellcheck disable=SC2086
		both $most -o json 'level:ERROR' | jq -r ._time | sort >"$scratch/wanted"
		# shellcheck disable=SC2086
		both $most -A 1 -o json 'level:ERROR' >"$scratch/context"
		is "$most with context is 0" "$? $(err)" "0 "
		is "and has these matches" "$(matches <"$scratch/context" | sort | comm -13 - "$scratch/wanted")" ""
		check "and what is behind them" test "$(wc -l <"$scratch/context")" -gt "$n"
		check "not more chunks" test "$(grep -c '"_msg":"---"' "$scratch/context")" -lt "$n"
	done
done
is "-n with context, of none" "$(both -n 3 -C 2 no-such-word-at-all; echo $?)" 1
logq -S @0 "${servers[@]}" --server "unix:$scratch/nobody" -n 3 -C 1 -o json 'level:ERROR' >/dev/null
is "one that is not there is 3, with context" $? 3
logq -S @0 "${servers[@]}" --server "unix:$scratch/nobody" -n 3 -o json >/dev/null
is "and with -n" $? 3
both no-such-word-at-all >/dev/null
is "none is 1" $? 1
both 'level:(' >/dev/null
is "a bad query is 2" $? 2

# Errors.
logq -S @0 "${servers[@]}" --server "unix:$scratch/nobody" -o json >"$scratch/partial"
is "one that is not there is 3: partial" $? 3
like "and named" "$(err)" "partial: unix:$scratch/nobody: "
check "the rows of the others are printed" cmp <(sort "$scratch/all") <(sort "$scratch/partial")
logq -S @0 --server "unix:$scratch/nobody" --server "unix:$scratch/nothing" >/dev/null
is "all of them is 2" $? 2
"$bin/logq" -S @0 "${servers[@]}" '*' 2>"$scratch/logq.err" | head -n 1 >/dev/null
is "a reader that leaves is no error" "${PIPESTATUS[0]}" 0

# One that is slow is waited for, and not longer than --timeout.
kill -STOP "$(pid_of server.b)"
start slow "$bin/logq" -S @0 "${servers[@]}" -o json
both --timeout 1s -o json >"$scratch/partial"
is "one that hangs is 3: partial" $? 3
like "and named" "$(err)" "partial: unix:$scratch/store.b/aggregator.sock: no answer within the time limit"
check "the rows of the other are printed" test -s "$scratch/partial"
check "the slow one is waited for" running slow
kill -CONT "$(pid_of server.b)"
reap slow
is "until it has answered" "$status" 0
check "in order of time all the same" cmp <(jq -r ._time "$scratch/all") <(jq -r ._time "$scratch/slow.out")

# Follow: of both, and it can be ended.
start follow "$bin/logq" -f -S @0 "${servers[@]}" -o json
followed() { [ "$(wc -l <"$scratch/follow.out")" -ge "$lines" ]; }
wait_for 20 "-f -S shows what is there already" followed
kill -INT "$(pid_of follow)"
reap follow
is "Ctrl-C is 130" "$status" 130
is "each row once" "$(wc -l <"$scratch/follow.out")" "$lines"
done_testing
