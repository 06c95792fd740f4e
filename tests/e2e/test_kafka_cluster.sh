#!/usr/bin/env bash
# Three real brokers, two replicas must have what is acknowledged.  Each broker is
# killed with SIGKILL and started again while records flow, so every partition
# changes its leader: nothing lost, nothing twice, all in order.
#
#   RATE=N   lines per second
. "$(dirname "$0")/lib.sh"

kafka status >/dev/null # ours from here on
brokers=$(kafka cluster3 2>"$scratch/kafka.err")
code=$?
[ $code -ne 77 ] || skip_all "$(tail -n 1 "$scratch/kafka.err")"
trap 'kafka stop; clean_up' EXIT
[ -n "$brokers" ] || bail_out "Kafka does not start"
bus=kafka://$brokers/sluice-e2e-$$

acked() {
	curl -s "http://127.0.0.1:$port/metrics" | sed -n 's/^shipper_acked_records_total //p'
}
more_acked() {
	[ "$(acked)" -gt "$before" ]
}
all_arrived() {
	timeout 60 "$tools/ledgercat" "$bus" 2>"$scratch/ledgercat.err" >"$scratch/records" &&
		"$tools/seqcheck" --truth "$scratch/loggen.out" "$scratch/records"
}

port=$(free_port)
mkdir "$scratch/logs"
start loggen "$tools/loggen" --dir "$scratch/logs" --rate "${RATE:-8000}" --seed 11
start shipper "$bin/shipper" --listen "127.0.0.1:$port" --state "$scratch/state" --to "$bus" \
	"$scratch/logs/*.log"
before=0
wait_for 60 "records flow" more_acked
for node in 1 2 3; do
	kafka kill $node
	before=$(acked)
	wait_for 60 "node $node is killed, records flow on" more_acked
	check "node $node is back" kafka restart $node
	before=$(acked)
	wait_for 60 "records flow on with it" more_acked
done
stop loggen
is "loggen ends well" "$status" 0
wait_for 200 "all records are there, once and in order" all_arrived
stop shipper
is "the shipper ends well" "$status" 0
diag "$(tail -n 1 "$scratch/ledgercat.err")"
done_testing
