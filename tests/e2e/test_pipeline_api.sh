#!/usr/bin/env bash
# The HTTP API in the shapes of others: VictoriaLogs' paths as its Grafana plugin
# reads them, Prometheus' JSON for stats, server-sent events; traces and patterns;
# and requests that nobody should send.
. "$(dirname "$0")/lib.sh"
need jq curl python3

bus=dir://$scratch/bus
store=$scratch/store
api() { curl -s --max-time 20 --unix-socket "$store/aggregator.sock" -G "http://localhost$1" "${@:2}"; }
code() { api "$@" -o /dev/null -w '%{http_code}'; }
q() { echo "query=$1"; }

mkdir "$scratch/logs"
for i in 0 1 2 3 4 5 6 7 8 9; do
	echo "{\"time\":\"2026-03-01T12:0$i:00Z\",\"level\":\"$([ $((i % 3)) = 0 ] && echo ERROR || echo INFO)\",\"msg\":\"order $i\",\"n\":$i,\"trace_id\":\"5d9dc9f81818e811892f902bd23f0824\",\"span_id\":\"0ed904759531985$i\"}"
done >"$scratch/logs/shop.log"
"$bin/shipper" --once --state "$scratch/state" --host h1 --to "$bus" "$scratch/logs/*.log" >/dev/null
start aggregator "$bin/aggregator" --from "$bus" --store "$store" --listen 127.0.0.1:0
ready() { [ "$(api /api/v1/query --data-urlencode "$(q '* | count() n')" | jq -r .n)" = 10 ]; }
wait_for 10 "ten rows are there" ready

# VictoriaLogs.
s=/select/logsql
is "query: limit is the latest" "$(api $s/query --data-urlencode "$(q '* | fields n, _time')" -d limit=2 | jq -s -c 'map(.n)')" '["9","8"]'
is "query: the page behind it" "$(api $s/query --data-urlencode "$(q '* | fields n, _time')" -d limit=2 -d offset=2 | jq -s -c 'map(.n)')" '["7","6"]'
is "query: … of rows in another order" "$(api $s/query --data-urlencode "$(q '* | sort by (n) | fields n')" -d limit=2 -d offset=1 | jq -s -c 'map(.n)')" '["1","2"]'
is "query: limit of other pipes' rows" "$(api $s/query --data-urlencode "$(q '* | stats by (level) count() c')" -d limit=1 | wc -l)" 1
is "field_names" "$(api $s/field_names --data-urlencode "$(q 'level:ERROR')" | jq -c '.values[] | select(.value=="n")')" '{"value":"n","hits":4}'
is "field_values" "$(api $s/field_values --data-urlencode "$(q '*')" -d field=level | jq -c .values)" '[{"value":"INFO","hits":6},{"value":"ERROR","hits":4}]'
is "field_values: limit" "$(api $s/field_values --data-urlencode "$(q '*')" -d field=level -d limit=1 | jq -c '.values | length')" 1
is "streams" "$(api $s/streams | jq -c .values)" '[{"value":"{host=\"h1\",service=\"shop\"}","hits":10}]'
is "stream_ids" "$(api $s/stream_ids | jq -c '.values | map(.hits)')" '[10]'
is "stream_field_names" "$(api $s/stream_field_names --data-urlencode "$(q 'level:ERROR')" | jq -c .values)" '[{"value":"host","hits":4},{"value":"service","hits":4}]'
is "stream_field_values" "$(api $s/stream_field_values -d field=service | jq -c .values)" '[{"value":"shop","hits":10}]'
is "… of what is no label" "$(api $s/stream_field_values -d field=level | jq -c .values)" '[]'
is "… of what" "$(code $s/stream_field_values)" 400
is "facets" "$(api $s/facets -d limit=1 | jq -c '.facets[] | select(.field_name=="level")')" '{"field_name":"level","values":[{"field_value":"INFO","hits":6}]}'
is "hits" "$(api $s/hits -d step=5m --data-urlencode "$(q '*')" | jq -c .hits)" '[{"fields":{},"timestamps":["2026-03-01T12:00:00Z","2026-03-01T12:05:00Z"],"values":[5,5],"total":10}]'
is "hits by a field" "$(api $s/hits -d step=1h -d field=level | jq -c '.hits | map([.fields.level, .total])')" '[["ERROR",4],["INFO",6]]'
is "hits of nothing" "$(api $s/hits -d step=1h --data-urlencode "$(q nothing)" | jq -c .)" '{"hits":[]}'
is "hits by two" "$(api $s/hits -d step=1h -d field=level -d field=host -d field=level | jq -c '.hits | map([.fields, .total])')" '[[{"level":"ERROR","host":"h1"},4],[{"level":"INFO","host":"h1"},6]]'
is "hits: the first groups by total, the rest is one" "$(api $s/hits -d step=5m -d field=n -d field=level -d fields_limit=2 --data-urlencode "$(q '* | format if (n:<3) 0 as n')" | jq -c '.hits | map([.fields, .values, .total])')" \
	'[[{"n":"0","level":"INFO"},[2],2],[{"n":"0","level":"ERROR"},[1],1],[{},[2,5],7]]'
is "hits by a field of that name" "$(api $s/hits -d field=hits -d fields_limit=1 --data-urlencode "$(q '* | rename level as hits')" | jq -c '.hits | map([.fields, .total])')" '[[{"hits":"INFO"},6],[{},4]]'
is "field_values of it" "$(api $s/field_values -d field=hits --data-urlencode "$(q '* | rename level as hits')" | jq -c .values)" '[{"value":"INFO","hits":6},{"value":"ERROR","hits":4}]'
for pipes in 'fields n' 'stats by (level) count() c' 'sort by (n) | limit 3' 'delete _time' 'format "x" as _time' 'rename _time as t' 'filter level:* | fields _time, level | top 1 by (level)'; do
	is "hits of the rows before | $pipes" "$(api $s/hits -d step=5m --data-urlencode "$(q "n:<8 | $pipes")" | jq -c '.hits | map(.values)')" '[[5,3]]'
done
is "hits: what only drops rows counts" "$(api $s/hits -d step=5m --data-urlencode "$(q '* | format "<n>" as k | filter k:<6 | fields n')" | jq -c '.hits | map(.values)')" '[[5,1]]'
is "hits: one step is a day" "$(api $s/hits | jq -c '.hits[0].timestamps')" '["2026-03-01T00:00:00Z"]'
is "hits: steps in seconds" "$(api $s/hits -d step=300 | jq -c '.hits[0].values')" '[5,5]'
for step in 0 -1h x; do
	is "hits: step $step" "$(code $s/hits -d "step=$step")" 400
done

# What goes with every query.
count() { api $s/query --data-urlencode "$(q "${1:-*} | count() n")" "${@:2}" | jq -r .n; }
is "end: a whole second has an end" "$(count '*' -d end=2026-03-01T12:04:00Z)" 5
is "end: a part of one is itself" "$(count '*' -d end=2026-03-01T12:03:59.999Z)" 4
is "start and end in seconds" "$(count '*' -d start=1772366460 -d end=1772366520)" 2
is "extra_filters" "$(count 'n:<4 or n:9' --data-urlencode 'extra_filters=level:ERROR')" 3
is "extra_filters: sub-queries too" "$(count 'n:in(level:INFO | fields n)' --data-urlencode 'extra_filters=level:ERROR')" 0
is "extra_filters: as JSON" "$(count '*' --data-urlencode 'extra_filters={"level":["ERROR","WARN"],"n":"3"}')" 1
is "extra_filters: several" "$(count '*' --data-urlencode 'extra_filters=level:ERROR' --data-urlencode 'extra_filters=n:>5')" 2
is "extra_filters: they stay where the query has options" "$(count 'options(concurrency=1, global_filter=(n:<9)) level:in(options(global_filter=(n:9)) * | fields level)' --data-urlencode 'extra_filters=n:>7')" 0
is "extra_stream_filters" "$(count '*' --data-urlencode 'extra_stream_filters={"service":"shop"}')" 10
is "extra_stream_filters: a selector" "$(count '*' --data-urlencode 'extra_stream_filters={service="other"}')" 0
like "extra_filters: an error says where" "$(api $s/query -d "query=*" --data-urlencode 'extra_filters=a | limit 1')" 'extra_filters: only filters.*"position":2,"query":"a [|] limit 1"'
is "extra_filters: no text is 400" "$(code $s/query -d 'query=*' --data-urlencode 'extra_filters={"n":5}')" 400
is "timeout in seconds" "$(count '*' -d timeout=5)" 10
is "the body goes before the URL" "$(curl -s --unix-socket "$store/aggregator.sock" "http://localhost$s/query?query=nothing" -d 'query=* | count() n' | jq -r .n)" 10
post() { curl -s --unix-socket "$store/aggregator.sock" "http://localhost$1" "${@:2}"; }
like "JSON is no form" "$(post $s/query -H 'Content-Type: application/json' -d '{"query":"*"}' -w '%{http_code}')" "application/x-www-form-urlencoded.*415"
is "rows are a stream of JSON" "$(post $s/query -d 'query=*' -o /dev/null -w '%{content_type}')" application/stream+json
is "the health of the data source" "$(code /health)" 200
is "an address with a slash at its end" "$(code //select/logsql/query -d 'query=*')" 200

# Prometheus.
stats='* | stats by (level) count() c, max(n) m, max(none) x'
is "stats_query" "$(api $s/stats_query -d time=2026-03-01T12:30:00Z --data-urlencode "$(q "$stats")" | jq -c '.data.result | sort_by(.metric.level, .metric.__name__) | map([.metric, .value])')" \
	'[[{"__name__":"c","level":"ERROR"},[1772368200,"4"]],[{"__name__":"m","level":"ERROR"},[1772368200,"9"]],[{"__name__":"c","level":"INFO"},[1772368200,"6"]],[{"__name__":"m","level":"INFO"},[1772368200,"8"]]]'
is "stats_query_range" "$(api /api/v1/stats_query_range -d step=5m --data-urlencode "$(q "$stats | fields level, _time, c")" | jq -c '[.status, .data.resultType, (.data.result | map([.metric, .values]))]')" \
	'["success","matrix",[[{"__name__":"c","level":"ERROR"},[[1772366400,"2"],[1772366700,"2"]]],[{"__name__":"c","level":"INFO"},[[1772366400,"3"],[1772366700,"3"]]]]]'
is "stats_query_range: the best of each step" "$(api $s/stats_query_range -d step=300 --data-urlencode "$(q '* | stats by (level) max(n) m | sort by (m desc) | limit 1')" | jq -c '.data.result | map([.metric.level, .values])')" \
	'[["ERROR",[[1772366700,"9"]]],["INFO",[[1772366400,"4"]]]]'
is "stats_query_range: stats of stats" "$(api $s/stats_query_range -d step=5m --data-urlencode "$(q '* | stats by (level) count() c | stats max(c) most')" | jq -c '.data.result | map(.values)')" '[[[1772366400,"3"],[1772366700,"3"]]]'
is "stats_query: a time to group by is a label" "$(api $s/stats_query --data-urlencode "$(q '* | stats by (_time:5m) count() c')" | jq -c '.data.result | map([.metric._time, .value[1]]) | sort')" '[["2026-03-01T12:00:00Z","5"],["2026-03-01T12:05:00Z","5"]]'
is "stats_query: what was so long ago, then" "$(api $s/stats_query -d time=2026-03-01T12:04:30Z --data-urlencode "$(q '_time:2m | stats count() c')" | jq -c '.data.result[0].value')" '[1772366670,"2"]'
is "… of nothing" "$(api $s/stats_query_range -d step=60 --data-urlencode "$(q 'nothing | count() c')" | jq -c .data.result)" '[]'
is "… without stats" "$(code $s/stats_query_range --data-urlencode "$(q '*')")" 400
like "… says so" "$(api $s/stats_query --data-urlencode "$(q '*')" | jq -r .error)" "needs a stats pipe"

# Ours.
is "a trace" "$(api /api/v1/trace/5d9dc9f81818e811892f902bd23f0824 | jq -s 'length > 0')" true
is "a trace under filters" "$(api /api/v1/trace/5d9dc9f81818e811892f902bd23f0824 --data-urlencode 'extra_filters=n:none' | wc -l)" 0
is "no trace" "$(code /api/v1/trace/)" 404
is "patterns" "$(api /api/v1/patterns | jq -r '[.pattern, .count] | join(" ")')" "order <N> 10"
start back curl -sN --unix-socket "$store/aggregator.sock" "http://localhost$s/tail?query=*&start_offset=100000h"
has_rows() { [ "$(grep -c '^{' "$scratch/back.out")" = 10 ]; }
wait_for 10 "tail from a while ago" has_rows
kill9 back
start tail curl -sN -H 'Accept: text/event-stream' --unix-socket "$store/aggregator.sock" "http://localhost/api/v1/tail?query=*&start=2026-01-01"
has_events() { [ "$(grep -c '^data: {' "$scratch/tail.out")" = 10 ]; }
wait_for 10 "server-sent events" has_events
kill9 tail

# Requests that nobody should send: each is refused, none ends the server.
cat >"$scratch/abuse.py" <<'PY'
import socket, sys
path = sys.argv[1]
def ask(data, want):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(path)
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        got = b""
        while True:
            piece = s.recv(65536)
            if not piece:
                break
            got += piece
    except OSError:
        got = b""
    s.close()
    status = got[9:12].decode() if got.startswith(b"HTTP/1.1 ") else "cut"
    if status not in want:
        print(data[:60], status, "is none of", want)
head = b"POST /api/v1/query HTTP/1.1\r\nHost: localhost\r\n"
ask(b"\0\xff garbage\r\n\r\n", ["400", "cut"])
ask(b"GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n", ["505"])
ask(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100000 + b"\r\n\r\n", ["431", "cut"])
ask(b"GET /livez?" + b"a" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", ["414", "cut"])
for length in b"abc", b"-5":
    ask(head + b"Content-Length: " + length + b"\r\n\r\nquery=*", ["400"])
for length in b"99999999999999", b"99999999999999999999999":
    ask(head + b"Content-Length: " + length + b"\r\n\r\nquery=*", ["413", "cut"])
ask(head + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nquery\r\n0\r\n\r\n", ["400", "cut"])
ask(b"DELETE /api/v1/query HTTP/1.1\r\nHost: localhost\r\n\r\n", ["405"])
for i in range(30):  # gone in the middle of the answer
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.sendall(b"GET /api/v1/query?query=* HTTP/1.1\r\nHost: localhost\r\n\r\n")
    s.close()
idle = []
for i in range(300):  # more than there are connections
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    idle.append(s)
PY
is "abuse is refused" "$(python3 "$scratch/abuse.py" "$store/aggregator.sock")" ""
python3 -c 'print("query=" + "%01" * 600000, end="")' >"$scratch/long"
python3 -c 'print("extra_filters=a&query=%22" + "%01" * 400000 + "%22", end="")' >"$scratch/wide"
like "a query that is too long once it is printed" "$(post $s/query --data-binary @"$scratch/wide" | jq -r .error)" "too long"
python3 -c 'print("offset=" + "%01" * 70000, end="")' >"$scratch/offset"
is "a long offset too" "$(curl -s --unix-socket "$store/aggregator.sock" "http://localhost$s/hits" -d "@$scratch/offset" -o /dev/null -w '%{http_code}')" 400
is "a long query that is wrong is 400" "$(curl -s --unix-socket "$store/aggregator.sock" http://localhost/api/v1/query -d "@$scratch/long" | jq -c '[.position, has("query")]')" '[0,false]'
alive() { [ "$(code /livez)" = 200 ]; }
wait_for 10 "and the server goes on" alive
wait_for 10 "with its queries" ready
for bad in limit=-1 limit=x limit=99999999999999999999 timeout=0 timeout=x start=x end=x; do
	is "$bad is 400" "$(code /api/v1/query --data-urlencode "$(q '*')" -d "$bad")" 400
done
is "a time limit is 504" "$(code /api/v1/query --data-urlencode "$(q '*')" -d timeout=1ns)" 504
stop aggregator
is "and it ends well" "$status" 0
done_testing
