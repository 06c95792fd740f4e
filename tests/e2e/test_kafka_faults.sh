#!/usr/bin/env bash
# Faults of a broker, injected into librdkafka's mock cluster: errors that pass, one
# that is slow and goes away, and a shipper that is killed meanwhile.  Whatever is
# on the bus twice counts once.
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
# Nothing lost, nothing twice, so many lines.  Not the order on the bus: the mock
# appends a batch that was sent again behind later ones, which a real broker refuses.
all_once() { # LINES
	timeout 30 "$tools/ledgercat" "$bus" 2>"$scratch/ledgercat.err" >"$scratch/records" &&
		[ "$(wc -l <"$scratch/records")" = "$1" ] &&
		"$tools/seqcheck" --writer log.file "$scratch/records" 2>/dev/null |
		grep -q '"lost":0,"duplicates":0'
}
lines_of() { # TRUTH
	sed -n 's/.*"lines":\([0-9]*\).*/\1/p' "$1"
}

"$tools/loggen" --dir "$scratch/logs" --records 20000 --seed 5 >"$scratch/truth"
mock error 0 3 19 # produce: not enough replicas
mock error 0 2 7  # produce: request timed out
mock error 0 2 6  # produce: not the leader
mock rtt 1 20
run_shipper
lines=$(lines_of "$scratch/truth")
wait_for 60 "slow and failing requests: all arrives once" all_once "$lines"
mock rtt 1 0

mock down 1
"$tools/loggen" --dir "$scratch/more" --records 5000 --seed 6 >"$scratch/truth-more"
for file in "$scratch"/more/*.log; do
	cat "$file" >"$scratch/logs/more-$(basename "$file")"
done
kill9 shipper
run_shipper
kill9 shipper
run_shipper
mock up 1
lines=$((lines + $(lines_of "$scratch/truth-more")))
wait_for 60 "killed twice while the broker was down: all arrives once" all_once "$lines"
stop shipper
is "the shipper ends well" "$status" 0
echo quit >&3
reap mockkafka
is "the mock cluster ends well" "$status" 0
done_testing
