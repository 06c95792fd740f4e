#!/usr/bin/env bash
# One engine: a query gives the same rows from raw files as from the index that
# the same files were shipped into.  (The index knows service and host besides, and lines without a time get that of reading, so queries here read what
# the lines themselves have.)
. "$(dirname "$0")/lib.sh"

"$tools/loggen" --dir "$scratch/logs" --records 30000 --seed 11 >/dev/null
# Names that occur twice in a record, in an object and dotted, and without letters.
cat >"$scratch/logs/odd.log" <<'LINES'
{"msg":"odd","n":1,"h":{"s":402},"h.s":500,"b":{"x":1,"x":2},"e":{"":"none"," ":"blank","ü\"":"quote"}}
{"msg":"odd","n":2,"h.s":500,"h":{"s":402},"b.x":null,"a":[1,{"b":[]}],"o":{},"t":true,"z":null,"i":1e400}
{"msg":"odd","n":3,"h":{"s":"402","s":null},"e":{"":"","d.d":7},"d":{"d":{"d":{"d":-0.0}}},"i":"0x10"}
LINES
# index STORE [FLAGS OF THE SHIPPER…] FILES
index() {
	local store=$1
	shift
	"$bin/shipper" --state "$store.state" --to "dir://$store.bus" --once "$@" >/dev/null &&
		"$bin/aggregator" --from "dir://$store.bus" --store "$store" --once >/dev/null
}

# same QUERY STORE [FLAGS OF LOGQ…] FILES
same() {
	local query=$1 store=$2 lines
	shift 2
	"$bin/logq" -D "$store" -S 1d -o json "$query" 2>"$scratch/err" | sort >"$scratch/index"
	"$bin/logq" -S 1d -o json "$query" "$@" 2>>"$scratch/err" | sort >"$scratch/files"
	lines=$(wc -l <"$scratch/files")
	if [ "$lines" -gt 0 ] && cmp -s "$scratch/index" "$scratch/files"; then
		ok "$query ($lines rows)"
	else
		not_ok "$query" "$(cat "$scratch/err")" "$lines rows from files" "$(diff "$scratch/index" "$scratch/files" | head -n 6)"
	fi
}

index "$scratch/store" "$scratch/logs/*.log" || exit 1
seen=0
while IFS= read -r query; do
	same "$query" "$scratch/store" "$scratch"/logs/*.log
	seen=$((seen + 1))
done <<'QUERIES'
* | stats count() n
level:ERROR | fields _time, _msg, trace_id, level
"payment declined" | fields _msg, seq
order | stats by (level) count() n, count_uniq(trace_id) traces
http.status:>=500 | stats by (http.status) count() n
elapsed:range(0.1, 0.3) | stats count() n, min(elapsed) lo, max(elapsed) hi
seq:>3000 seq:<=3010 | fields seq, level, _msg
_msg:~"order=A-[0-9]{5}$" | stats count() n
i(CARRIER) !level:INFO | top 3 by (_msg)
carrier:in(dhl, ups) | stats by (carrier) sum(seq) s, median(seq) m
sku:=SKU-001* | uniq by (sku) | stats count() n
client.ip:ipv4_range(10.2.0.0, 10.2.3.255) | stats count() n
seq:* | stats by (_time:1s) count() n
level:WARN | patterns limit 5 | fields pattern, count, first, last
items:>5 or left:<10 | stats count() n, avg(items) items, quantile(0.9, left) left
* | stats by (level) row_max(seq, seq, _msg) last | fields level, last
stack_trace:"Read timed out" | stats count() n, sum_len(stack_trace) bytes
* | field_values carrier
odd | fields n, h.s, b.x, "e.", "e. ", "e.ü\"", e.d.d, d.d.d.d, a, o, t, z, i
h.s:>401 | stats by (h.s) count() n, sum(h.s) s
odd h.s:* or odd b.x:* | stats count() n, count_uniq(h.s) u, max(b.x) m
odd | delete host, service, _stream, _stream_id, _time | field_names
* | fields log.file, log.offset, _msg
log.offset:<1000 | stats by (log.file) count() n, max(log.offset) last
QUERIES
is "queries" "$seen" 24

# Stack traces and parts of lines: the same lines are one row, joined or not, whatever packs
# the file, and with any other choice of the shipper's.  More than a block of each.
mkdir "$scratch/traces"
awk -v now="$(date +%s)" -v cri="$scratch/traces/cri.log" 'BEGIN {
	for (i = 0; i < 1000; i++) {
		t = strftime("%Y-%m-%dT%H:%M:%S", now - 1000 + i, 1)
		print t "Z ERROR java " i "\njava.io.IOException: outer " i "\n\tat a.b(C.java:" i ")\r\nCaused by: x"
		print "Traceback (most recent call last):\n  File \"a.py\", line " i "\n    f()\nValueError: " i
		print "panic: " i "\n\ngoroutine " i " [running]:\nmain.main()\n\t/src/main.go:10 +0x1d\n"
		print "{\"level\":\"warn\",\"msg\":\"json " i "\"}\nnot a trace " i
		if (i % 300 == 0)
			for (k = 0; k < 1500; k++)
				print "\tat more than an event can have " k
		print t ".000000001Z stdout P {\"msg\":\"part " i >cri
		print t ".000000002Z stderr F Exception in thread" >cri
		print t ".000000003Z stdout " (i % 7 ? "F" : "P") " and more\"}" >cri
		print t ".000000004Z stderr F \tat a.b(C.java)" >cri
	}
	printf "last\n\tline without an end"
}' >"$scratch/traces/app.log"
for mode in none auto java python go indent 'start:^[{0-9]'; do
	store=$scratch/store.${mode%%:*}
	index "$store" --multiline "$mode" "$scratch/traces/*.log" || exit 1
	same '* | fields _msg, level, log.offset, log.continued, log.truncated, log.parse_error, log.stream' \
		"$store" --multiline "$mode" "$scratch"/traces/*.log
	same '"789" | fields _msg' "$store" --multiline "$mode" "$scratch"/traces/*.log
done
gzip -k "$scratch/traces/app.log"
zstd -q "$scratch/traces/cri.log"
same '* | stats by (level) count() n, sum_len(_msg) len' "$store" --multiline "$mode" \
	"$scratch"/traces/app.log.gz "$scratch"/traces/cri.log.zst
for format in json logfmt plain cri syslog access klog 'regex:^(?<a>\w+) (?<message>.*)'; do
	store=$scratch/store.${format%%:*}
	index "$store" --parse "$format" --multiline auto "$scratch/traces/*.log" || exit 1
	same '* | stats by (level, a) count() n, sum_len(_msg) len, count_uniq(_msg) u' "$store" \
		--parse "$format" --multiline auto "$scratch"/traces/*.log
done
done_testing
