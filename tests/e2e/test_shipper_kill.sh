#!/usr/bin/env bash
# kill -9 of the shipper, twenty times, while files grow and rotate: after the
# exactly-once rule every line is there, once, in order.
. "$(dirname "$0")/lib.sh"
need jq

KILLS=${KILLS:-20}
mkdir "$scratch/logs"
start loggen "$tools/loggen" --dir "$scratch/logs" --rate 20000 --seconds 12 --rotate 300000 --seed 5

for i in $(seq "$KILLS"); do
	start shipper "$bin/shipper" --state "$scratch/state" --to "dir://$scratch/bus" "$scratch/logs/*.log*"
	sleep "0.$((RANDOM % 8 + 1))" # an instant at random is the point here
	kill9 shipper
done
ok "$KILLS kills"
reap loggen
is "loggen ends well" "$status" 0
lines=$(tail -n 1 "$scratch/loggen.out" | jq .lines)

start shipper "$bin/shipper" --state "$scratch/state" --to "dir://$scratch/bus" "$scratch/logs/*.log*"
records() { "$tools/ledgercat" "dir://$scratch/bus" 2>"$scratch/counts" >"$scratch/records"; wc -l <"$scratch/records"; }
all_there() { [ "$(records)" -ge "$lines" ]; }
wait_for 60 "all records arrive" all_there
stop shipper
is "exit code" "$status" 0
is "as many records as lines" "$(records)" "$lines"
is "nothing missing, nothing forked, in the order of the file" \
	"$(jq -c '[.partial,.missing,.forks,.gap_bytes]' "$scratch/counts")" "[0,0,0,0]"
diag "$(cat "$scratch/counts")"

is "sequence numbers of each service, once each" "$(jq -r 'select(.seq != null)|"\(.service) \(.seq)"' "$scratch/records" |
	sort | uniq -c | awk '$1 != 1 { bad++ } END { print bad + 0 }')" 0
is "the checkpoint holds no more than the files" "$(sqlite3 "$scratch/state/checkpoint.db" 'select count(*) from source' 2>/dev/null || echo none)" \
	"$(find "$scratch/logs" -name '*.log*' | wc -l)"
done_testing
