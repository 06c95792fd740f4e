#!/usr/bin/env bash
# Shipper and aggregator are killed with SIGKILL at random while logs are written
# and rotated: each record is in the index exactly once.
#
#   KILLS=N RATE=N SEED=N
. "$(dirname "$0")/lib.sh"
need jq

kills=${KILLS:-25}
RANDOM=${SEED:-$$}
bus=dir://$scratch/bus
store=$scratch/store
diag "SEED=${SEED:-$$}"

run_shipper() { start shipper "$bin/shipper" --state "$scratch/state" --to "$bus" "$scratch/logs/*.log*"; }
run_aggregator() { start aggregator "$bin/aggregator" --from "$bus" --store "$store"; }
count() { "$bin/logq" -D "$store" -S @0 -o cat '* | stats count() n' 2>/dev/null | tr -dc 0-9; }
more() { [ "$(count)" -gt "$before" ]; }
all() { [ "$(count)" = "$lines" ]; }

mkdir "$scratch/logs"
start loggen "$tools/loggen" --dir "$scratch/logs" --rate "${RATE:-8000}" --seed 9 --rotate 1000000
run_shipper
run_aggregator
before=0
wait_for 20 "records flow" more
for ((i = 0; i < kills; i++)); do
	sleep "0.$((1 + RANDOM % 6))"
	case $((RANDOM % 3)) in
	0) kill9 shipper; run_shipper ;;
	1) kill9 aggregator; run_aggregator ;;
	2) kill9 aggregator; kill9 shipper; run_shipper; run_aggregator ;;
	esac
done
before=$(count)
wait_for 20 "after $kills kills records still flow" more
stop loggen
lines=$(jq .lines "$scratch/loggen.out")
wait_for 30 "all $lines records are indexed" all
stop shipper
is "the shipper ends well" "$status" 0
stop aggregator
is "the aggregator ends well" "$status" 0
"$bin/logq" -D "$store" -S @0 -o json '* | fields _time, service, seq, _msg' 2>/dev/null >"$scratch/indexed"
# Not in order: lines of one second on both sides of a rotation have no order but
# that of their files, which have the same name.
is "each once" "$("$tools/seqcheck" --truth "$scratch/loggen.out" "$scratch/indexed" 2>/dev/null |
	jq -c '[.records, .lost, .duplicates]')" "[$lines,0,0]"
is "no gap is noted" "$("$bin/logq" -D "$store" -S @0 -c 'sluice.event:*')" 0
check "fsck finds no fault" "$bin/aggregator" fsck --store "$store"
done_testing
