#!/usr/bin/env bash
# Faults of a broker, injected into librdkafka's mock cluster: one that is slow and
# goes away, and a shipper that is killed meanwhile.  Whatever is on the bus twice
# counts once.
#
# Failed requests are not injected here: of several in flight librdkafka takes the
# answer to a later one as proof of those before, since a real broker refuses to
# append out of sequence; the mock does not.
. "$(dirname "$0")/lib.sh"

mkfifo "$scratch/commands"
start mockkafka bash -c "exec '$tools/mockkafka' 1 logs 4 <'$scratch/commands'"
exec 3>"$scratch/commands"
has_address() {
	grep -q : "$scratch/mockkafka.out"
}
wait_for 10 "the mock cluster is up" has_address
bus=kafka://$(head -n 1 "$scratch/mockkafka.out")/logs

answers() {
	grep -cE '^(ok|error)' "$scratch/mockkafka.out"
}
more_answers() {
	[ "$(answers)" -gt "$before" ]
}
# mock COMMAND…: and wait until it is done.
mock() {
	before=$(answers)
	echo "$*" >&3
	poll_until 5 more_answers || bail_out "the mock cluster does not answer"
	[ "$(tail -n 1 "$scratch/mockkafka.out")" = ok ] || bail_out "mock $*: refused"
}

run_shipper() {
	start shipper "$bin/shipper" --state "$scratch/state" --to "$bus" "$scratch/logs/*.log"
}
all_arrived() {
	timeout 30 "$tools/ledgercat" "$bus" 2>"$scratch/ledgercat.err" >"$scratch/records" &&
		"$tools/seqcheck" --truth "$scratch/truth" "$scratch/records"
}

"$tools/loggen" --dir "$scratch/logs" --records 20000 --seed 5 >"$scratch/truth"
mock rtt 1 100
run_shipper
wait_for 60 "a slow broker: all arrives, once and in order" all_arrived
mock rtt 1 0

mock down 1
before_down=$(wc -l <"$scratch/records")
"$tools/loggen" --dir "$scratch/more" --records 5000 --seed 6 >"$scratch/truth-more"
for file in "$scratch"/more/*.log; do
	cat "$file" >"$scratch/logs/more-$(basename "$file")"
done
kill9 shipper
run_shipper
kill9 shipper
run_shipper
mock up 1
more_arrived() {
	timeout 30 "$tools/ledgercat" "$bus" 2>"$scratch/ledgercat.err" >"$scratch/records" &&
		"$tools/seqcheck" --writer log.file "$scratch/records" &&
		[ "$(wc -l <"$scratch/records")" = $((before_down + more_lines)) ]
}
more_lines=$(sed -n 's/.*"lines":\([0-9]*\).*/\1/p' "$scratch/truth-more")
wait_for 60 "killed twice while the broker was down: nothing lost" more_arrived
stop shipper
is "the shipper ends well" "$status" 0
echo quit >&3
reap mockkafka
is "the mock cluster ends well" "$status" 0
done_testing
