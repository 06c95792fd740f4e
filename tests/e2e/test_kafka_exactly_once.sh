#!/usr/bin/env bash
# A million records through a real Kafka, while shipper and aggregator are killed
# with SIGKILL at random: each record is in the index exactly once and in order.
#
#   RECORDS=N KILLS=N RATE=N SEED=N change what is done (the seed is of the kills)
. "$(dirname "$0")/lib.sh"

records=${RECORDS:-1000000}
kills=${KILLS:-20}
rate=${RATE:-40000}
seed=${SEED:-$$}
store=$scratch/store

# Use the Kafka that is up; else start one, and stop it afterwards.
kafka status >"$scratch/was_up"
was_up=$(sed -n 's/^bootstrap: //p' "$scratch/was_up")
brokers=${was_up:-$(kafka start 2>"$scratch/kafka.err")}
code=$?
[ $code -ne 77 ] || skip_all "$(tail -n 1 "$scratch/kafka.err")"
[ -n "$brokers" ] || bail_out "Kafka does not start"
stop_kafka() {
	[ -n "$was_up" ] || kafka stop
}
trap 'stop_kafka; clean_up' EXIT
bus=kafka://$brokers/sluice-e2e-$$-$seed

run_shipper() {
	start shipper "$bin/shipper" --state "$scratch/state" --to "$bus" "$scratch/logs/*.log*"
}

run_aggregator() {
	start aggregator "$bin/aggregator" --from "$bus" --store "$store"
}

# What the index holds; 0 while it can't be asked.
count() {
	"$bin/logq" -D "$store" -S @0 -o cat '* | stats count() as n | fields n' 2>/dev/null |
		tr -dc 0-9
}

all_indexed() {
	[ "$(count)" = "$lines" ]
}

# One of both, after 0.3 to 1.3 seconds of work.
kill_one() {
	sleep "$((RANDOM % 2)).$((3 + RANDOM % 7))"
	if [ $((RANDOM % 2)) = 0 ]; then
		kill9 shipper
		run_shipper
		shipper_kills=$((shipper_kills + 1))
	else
		kill9 aggregator
		run_aggregator
		aggregator_kills=$((aggregator_kills + 1))
	fi
}

diag "seed $seed, bus $bus"
RANDOM=$seed
shipper_kills=0
aggregator_kills=0
mkdir "$scratch/logs"
start loggen "$tools/loggen" --dir "$scratch/logs" --records "$records" --rate "$rate" --seed 7
run_shipper
run_aggregator
for ((i = 0; i < kills; i++)); do kill_one; done
reap loggen
is "loggen ends well" "$status" 0
lines=$(sed -n 's/.*"lines":\([0-9]*\).*/\1/p' "$scratch/loggen.out")
check "both were killed ($shipper_kills and $aggregator_kills times)" \
	[ $((shipper_kills > 0 && aggregator_kills > 0 || kills < 8)) = 1 ]
wait_for 120 "all $lines lines are indexed" all_indexed
stop shipper
is "the shipper ends well" "$status" 0
stop aggregator
is "the aggregator ends well" "$status" 0

# Each row knows where in its file it was: by these places the writers' numbers
# must rise one by one.
verdict=$("$bin/logq" -D "$store" -S @0 -o json \
	'* | sort by (log.file, log.offset) | fields service, seq, _msg' 2>"$scratch/logq.err" |
	"$tools/seqcheck" --truth "$scratch/loggen.out" 2>"$scratch/seqcheck.err")
code=$?
diag "$verdict"
is "each record is there exactly once and in order" "$code" 0
done_testing
