#!/usr/bin/env bash
# Queries while records come in: by HTTP and by logq, rows at once, errors with
# their position, limits, clients that go away, live tail, reload, signals.
. "$(dirname "$0")/lib.sh"
need jq curl

bus=dir://$scratch/bus
store=$scratch/store
api() { curl -s --max-time 20 --unix-socket "$store/aggregator.sock" "http://localhost$1" "${@:2}"; }
live() { "$bin/logq" --server "unix:$store/aggregator.sock" "$@" 2>"$scratch/logq.err"; }
ready() { api /readyz -f; }
count() { live -S @0 -c '*'; }
more() { [ "$(count)" -gt "$before" ]; }
metric() { api /metrics | sed -n "s/^$1 //p"; }

cat >"$scratch/config.yaml" <<YAML
source: {from: $bus}
store: {path: $store, commit_age: 60s}
limits: {queries: 2, tails: 2, query_time: 5s}
YAML
mkdir "$scratch/logs"
start aggregator "$bin/aggregator" --config "$scratch/config.yaml" --listen 127.0.0.1:0
start loggen "$tools/loggen" --dir "$scratch/logs" --rate 4000 --seed 3
start shipper "$bin/shipper" --state "$scratch/state" --to "$bus" "$scratch/logs/*.log"
wait_for 10 "it is ready" ready
before=0
wait_for 10 "rows that are not committed yet are found" more
for i in 1 2 3 4 5; do
	before=$(count)
	wait_for 10 "round $i: more of them" more
done
is "there was no commit yet" "$(metric aggregator_commits_total)" 0

# The API.
is "a query answers NDJSON" "$(api /api/v1/query --data-urlencode 'query=* | stats count() n' | jq -r 'has("n")')" true
is "the limit holds" "$(api /api/v1/query -d 'query=*' -d limit=7 | wc -l)" 7
is "the trailer says what it cost" "$(api /api/v1/query -d 'query=*' -d limit=2 -d trailer=1 | tail -n 1 | jq -c '[._end.rows, ._end.partial]')" '[2,false]'
api /api/v1/query --data-urlencode 'query=level:error | limit x' -o "$scratch/error" -w '%{http_code}' >"$scratch/code"
is "a bad query is 400" "$(cat "$scratch/code")" 400
is "with the byte of the error" "$(jq .position "$scratch/error")" 20
is "no query is 400" "$(api /api/v1/query -o /dev/null -w '%{http_code}')" 400
is "a wrong time is 400" "$(api '/api/v1/query?query=*&start=sometimes' -o /dev/null -w '%{http_code}')" 400
is "field names" "$(api '/api/v1/field_names?query=*' | jq -r .name | grep -cx service)" 1
is "field values" "$(api '/api/v1/field_values?query=*&field=service' | jq -r .service | grep -cx payment)" 1
check "hits" bash -c "[ \$(curl -s --unix-socket '$store/aggregator.sock' 'http://localhost/api/v1/hits?query=*&step=1m' | jq -s 'map(.hits | tonumber) | add') -gt 0 ]"
is "status" "$(api /api/v1/status | jq '.ingest.records > 0')" true
is "an unknown path is 404" "$(api /etc/passwd -o /dev/null -w '%{http_code}')" 404
check "alive" api /livez -f
like "ready says why" "$(api /readyz)" "ok +lag"

# logq shows the same errors and tells by its exit status.
live 'level:error | limit x'
is "logq: a bad query is 2" $? 2
live -S @0 'no-such-word-anywhere' >/dev/null
is "logq: none is 1" $? 1
live -S @0 -n 1 >/dev/null
is "logq: found is 0" $? 0

# Slow and gone clients.
tailing() { [ "$(wc -l <"$scratch/$1.out")" -gt 20 ]; }
start tail1 curl -sN --unix-socket "$store/aggregator.sock" 'http://localhost/api/v1/tail?query=*'
start tail2 "$bin/logq" --server "unix:$store/aggregator.sock" -f -o json 'service:payment'
wait_for 15 "tail hands out new rows" tailing tail1
wait_for 15 "logq -f shows them" tailing tail2
is "and only what it was asked for" "$(jq -r .service "$scratch/tail2.out" 2>/dev/null | sort -u)" payment
is "a third tail is one too many" "$(api '/api/v1/tail?query=*' -o /dev/null -w '%{http_code}')" 429
is "queries go on beside tails" "$(api /api/v1/query -d 'query=*' -d limit=1 -o /dev/null -w '%{http_code}')" 200
for i in 1 2; do
	start "slow$i" curl -sN --limit-rate 1k --unix-socket "$store/aggregator.sock" 'http://localhost/api/v1/query?query=*'
	has_begun() { [ -s "$scratch/slow$i.out" ]; }
	wait_for 10 "a reader that takes its time, $i" has_begun
done
is "a third query is one too many" "$(api /api/v1/query -d 'query=*' -o /dev/null -w '%{http_code}')" 429
kill9 slow1
kill9 slow2
kill9 tail1
kill -INT "$(pid_of tail2)"
reap tail2
is "logq: Ctrl-C is 130" "$status" 130
free_again() { [ "$(api /api/v1/query -d 'query=*' -d limit=1 | wc -l)" = 1 ]; }
wait_for 10 "clients that went away give their places back" free_again

# Reload: the good is taken, the bad is not.
echo 'nonsense: 1' >>"$scratch/config.yaml"
kill -HUP "$(pid_of aggregator)"
refused() { [ "$(metric aggregator_reload_failures_total)" = 1 ]; }
wait_for 10 "a bad configuration is refused" refused
sed -i '/nonsense/d' "$scratch/config.yaml"
echo 'filters: [{type: grep, field: service, drop: .}]' >>"$scratch/config.yaml"
kill -HUP "$(pid_of aggregator)"
filtering() { [ "$(metric aggregator_filtered_total)" -gt 0 ]; }
wait_for 10 "a good one is taken" filtering
like "each filter is counted" "$(api /metrics)" 'aggregator_filter_dropped_total\{position="1",filter="grep"\} [1-9]'

stop loggen
stop shipper
rows=$(count)
stop aggregator
is "SIGTERM ends it well" "$status" 0
is "and everything that was seen is durable" "$("$bin/logq" -D "$store" -S @0 -c '*' 2>/dev/null)" "$rows"
done_testing
