#!/usr/bin/env bash
# The order of fields in a row: the same from memory, from parts, from a raw file
# and over HTTP, in each format.  _time, level, service, host, _msg, trace_id and
# span_id come first, then names in order; a pipe that lists fields has its own.
. "$(dirname "$0")/lib.sh"
need jq curl

store=$scratch/store
socket=$store/aggregator.sock
logq() { timeout 60 "$bin/logq" -S @0 "$@"; }

# Rows with different fields in different orders, so that blocks differ.
for i in {1..60}; do
	case $((i % 3)) in
	0) printf '{"zeta":"%d","msg":"m%d","time":"2026-03-01T12:00:%02dZ","level":"info","service":"a","Big":"x"}\n' $i $i $((i % 60)) ;;
	1) printf '{"time":"2026-03-01T12:00:%02dZ","service":"b","b":"%d","a":"%d","msg":"m%d","host":"h","trace_id":"%032x"}\n' $((i % 60)) $i $i $i $i ;;
	2) printf '{"level":"error","msg":"m%d","http":{"status":"5","path":"/x"},"time":"2026-03-01T12:00:%02dZ","span_id":"%016x","service":"c"}\n' $i $((i % 60)) $i ;;
	esac
done >"$scratch/app.log"
printf 'source: {from: dir://%s/bus}\nstore: {path: %s, commit_age: 1m}\n' "$scratch" "$store" >"$scratch/aggregator.yaml"
"$bin/shipper" --once --state "$scratch/state" --to "dir://$scratch/bus" "$scratch/app.log" >/dev/null
start aggregator "$bin/aggregator" --config "$scratch/aggregator.yaml" --listen 127.0.0.1:0
server=(--server "unix:$socket")
indexed() { [ "$(logq "${server[@]}" -c 2>/dev/null)" = 60 ]; }
wait_for 20 "rows are in memory" indexed
is "and nowhere else" "$(logq -D "$store" -c)" 0

# Names in the order of the rule, for jq.
cat >"$scratch/rule.jq" <<'END'
["_time", "level", "service", "host", "_msg", "trace_id", "span_id"] as $first
| keys_unsorted as $seen
| (($first - ($first - $seen)) + (($seen - $first) | sort)) == $seen
END
queries=('*' 'm1*' 'level:ERROR' 'http.status:5' 'a:* or zeta:*' '* | sort by (_msg)' '* | limit 40' '* | extract "m<x>" from _msg' '* | last 7 by (_time)')
for format in json logfmt csv verbose table; do
	for query in "${queries[@]}"; do
		logq "${server[@]}" -o $format "$query" | sort >"$scratch/memory.$format.$(cksum <<<"$query" | tr -d ' ')"
	done
done
for query in "${queries[@]}"; do
	curl -sS --unix-socket "$socket" http://x/api/v1/query --data-urlencode "query=$query" --data-urlencode start=1970-01-01T00:00:00Z
done >"$scratch/http.memory"
check "HTTP: rows of memory have it" test -s "$scratch/http.memory"
is "in the order of the rule" "$(jq -f "$scratch/rule.jq" "$scratch/http.memory" | sort -u)" true
stop aggregator
is "the rows are in a part now" "$(logq -D "$store" -c)" 60

for query in "${queries[@]}"; do
	file=$(cksum <<<"$query" | tr -d ' ')
	[[ $query != *limit* ]] || continue # which rows it lets pass is free
	for format in json logfmt csv verbose table; do
		logq -D "$store" -o $format "$query" | sort >"$scratch/part"
		check "$format from memory and a part: $query" cmp "$scratch/memory.$format.$file" "$scratch/part"
	done
	is "json, in the order of the rule: $query" "$(logq -D "$store" -o json "$query" | jq -f "$scratch/rule.jq" | sort -u)" true
	is "from a raw file too: $query" "$(logq -o json "$query" "$scratch/app.log" | jq -f "$scratch/rule.jq" | sort -u)" true
done
# What only an index adds is left out; the rest is equal byte for byte.
only='with_entries(select(.key | startswith("log.") or startswith("_stream") or . == "host" | not))'
check "a raw file and the index have equal rows" cmp \
	<(logq -o json "$scratch/app.log" | jq -c "$only" | sort) <(logq -D "$store" -o json | jq -c "$only" | sort)
is "the header of csv" "$(logq -o csv 'level:ERROR' "$scratch/app.log" | head -n 1)" \
	"_time,level,service,_msg,span_id,_stream,_stream_id,http.path,http.status,log.file,log.offset"

# Pipes that list fields.
is "fields" "$(logq -D "$store" -o json '* | fields zeta, _msg, level, service | limit 40 | zeta:*' | jq -c keys_unsorted | sort -u)" '["zeta","_msg","level","service"]'
is "stats" "$(logq -D "$store" -o csv '* | stats by (service, level) count() n, max(zeta) z' | head -n 1)" service,level,n,z
is "fields with a star: by the rule" "$(logq -D "$store" -o json 'http.status:* | fields http*, _msg, level' | jq -c keys_unsorted | sort -u)" '["level","_msg","http.path","http.status"]'
is "top" "$(logq -D "$store" -o csv '* | top 3 by (service)' | head -n 1)" service,hits
is "rename: by the rule" "$(logq -D "$store" -o json 'zeta:* | rename zeta as _a | fields *' | jq -c keys_unsorted | sort -u | jq -c 'index("_a") < index("log.file")')" true
done_testing
