#!/usr/bin/env bash
# Kafka (librdkafka's mock): brokers that are not there or go away;
# kill -9 meanwhile.  Nothing is lost, the checkpoint is never ahead, memory is bounded.
. "$(dirname "$0")/lib.sh"
need jq python3 curl

mkfifo "$scratch/commands"
exec 3<>"$scratch/commands"
start mock sh -c "exec '$tools/mockkafka' 1 logs 4 fill 1 <'$scratch/commands'"
poll_until 10 test -s "$scratch/mock.out" || bail_out "the mock does not start"
broker=$(head -n 1 "$scratch/mock.out")
mock() { echo "$@" >&3; }
bus="kafka://$broker/logs"

mkdir "$scratch/logs1" "$scratch/logs2"
ship() { start shipper "$bin/shipper" --state "$scratch/state" --to "$bus" --listen "127.0.0.1:$port" "$scratch/logs?/*.log"; }
records() { "$tools/ledgercat" "$bus" 2>"$scratch/counts" >"$scratch/records"; wc -l <"$scratch/records"; }
has() { [ "$(records)" -ge "$1" ]; }
metric() { curl -s -m 5 "http://127.0.0.1:$port/metrics" | awk -v name="$1" '$1 == name { print $2 }'; }
acked() { [ "$(metric shipper_acked_records_total)" = "$1" ]; }
watermarks() {
	python3 -c 'import sqlite3, sys
print(sum(r[0] for r in sqlite3.connect(sys.argv[1]).execute("select offset from source")))' "$scratch/state/checkpoint.db"
}
port=$(free_port)

# K1, K6, K8: nobody there at the start; killed; then the broker comes.
mock down 1
"$tools/loggen" --dir "$scratch/logs1" --records 5000 --seed 1 >/dev/null
ship
wait_for 10 "it says that Kafka can't be reached" grep -q "can't be reached" "$scratch/shipper.err"
kill9 shipper
is "the checkpoint did not move" "$(watermarks)" 0
ship
mock up 1
lines=$(cat "$scratch"/logs?/*.log | wc -l)
wait_for 20 "all records, once the broker is up" has "$lines"
wait_for 10 "and all are acknowledged" acked "$lines"

# K2, K7: the broker goes and comes under load.  K13: errors in place of answers; the mock
# then appends what came behind them, which a broker would refuse, so a gap is seen and closed.
grown() { [ "$(wc -l <"$scratch/logs2/cart.log")" -ge "$1" ]; }
start loggen "$tools/loggen" --dir "$scratch/logs2" --rate 3000 --seconds 6 --seed 2
for i in 1 2 3; do
	poll_until 10 grown $((i * 300))
	mock down 1
	mock error 0 3 19
	[ $i != 2 ] || { kill9 shipper; ship; }
	sleep 0.5 # how long the outage is
	mock up 1
done
reap loggen
lines=$(cat "$scratch"/logs?/*.log | wc -l)
wait_for 30 "all records after three outages" has "$lines"
is "each once" "$(records) $(jq -c '[.partial,.missing,.forks]' "$scratch/counts")" "$lines [0,0,0]"
diag "$(cat "$scratch/counts")"

mock down 1
for i in $(seq 100); do kill -HUP "$(pid_of shipper)"; done
reloaded() { grep -q "configuration reloaded" "$scratch/shipper.err" && curl -sf "http://127.0.0.1:$port/livez"; }
wait_for 10 "reloads while the broker is down" reloaded
began=$SECONDS
stop shipper
is "SIGTERM without a broker: exit code" "$status" 0
[ $((SECONDS - began)) -le 6 ] && ok "within 5 s" || not_ok "within 5 s" "$((SECONDS - began)) s"

# K14: 150 MB wait for a broker that hangs; memory does not grow with them.
mock up 1
mkdir "$scratch/more"
"$tools/loggen" --dir "$scratch/more" --records 200000 --seed 4 >/dev/null
for i in 1 2 3 4; do cat "$scratch"/more/cart.log "$scratch"/more/edge.log "$scratch"/more/frontend.log; done >"$scratch/more/all.log"
start full "$bin/shipper" --state "$scratch/full" --to "kafka://$broker/fill" --listen "127.0.0.1:$port" "$scratch/more/*.log"
wait_for 10 "the first blocks" bash -c "[ \"\$(curl -s http://127.0.0.1:$port/metrics | awk '\$1 == \"shipper_blocks_total\" { print \$2 }')\" -gt 0 ]"
mock down 1
stalled() {
	local was
	was=$(metric shipper_read_bytes_total)
	sleep 0.5
	[ "$was" = "$(metric shipper_read_bytes_total)" ]
}
wait_for 60 "reading stops when the queue is full" stalled
rss=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$(pid_of full)/status")
diag "peak resident size $rss KiB"
[ "$rss" -le 65536 ] && ok "resident size within 64 MiB" || not_ok "resident size within 64 MiB" "$rss KiB"
ticks() { awk '{ print $14 + $15 }' "/proc/$(pid_of full)/stat"; }
before=$(ticks)
sleep 2 # CPU time over this while
used=$(($(ticks) - before))
[ $used -le 8 ] && ok "it waits without working" || not_ok "it waits without working" "$used ticks of 10 ms in 2 s"
mock up 1
resumes() { ! stalled; }
wait_for 10 "it resumes" resumes
kill9 full
done_testing
