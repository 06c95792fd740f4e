#!/usr/bin/env bash
# The shipper as a daemon: health, metrics, reload, signals, one a directory,
# partial lines, a garbled checkpoint.
. "$(dirname "$0")/lib.sh"
need jq curl

port=$(free_port)
bus="dir://$scratch/bus"
mkdir "$scratch/logs"
records() { "$tools/ledgercat" "$bus" 2>"$scratch/counts"; }
has() { [ "$(records | wc -l)" -ge "$1" ]; }
get() { curl -sf -m 5 "http://127.0.0.1:$port$1"; }
metric() { get /metrics | awk -v name="$1" '$1 == name { print $2 }'; }
conf() {
	cat >"$scratch/shipper.yaml" <<YAML
data_dir: $scratch/state
listen: 127.0.0.1:$port
labels: {env: $1}
inputs:
  - paths: ["$scratch/logs/*.log"]
    exclude: ["*.skip.log"]
    partial_timeout: 500ms
output:
  to: $bus
YAML
}

conf test
echo "never" >"$scratch/logs/x.skip.log"
echo "one" >"$scratch/logs/a.log"
start shipper "$bin/shipper" --config "$scratch/shipper.yaml"
wait_for 10 "/readyz" get /readyz
wait_for 10 "the first record" has 1
check "/livez" get /livez
wait_for 5 "acked records are counted" bash -c "[ \"\$(curl -s http://127.0.0.1:$port/metrics | awk '\$1 == \"shipper_acked_records_total\" { print \$2 }')\" = 1 ]"
is "one file is followed" "$(metric shipper_files)" 1
is "its label" "$(records | jq -r .env)" test

printf '2' >"$scratch/logs/tiny.log"
wait_for 5 "a file of one byte is shipped" has 2
printf 'half' >>"$scratch/logs/a.log"
wait_for 5 "half a line is shipped after its time" has 3
echo " and the rest" >>"$scratch/logs/a.log"
wait_for 5 "its rest is" has 4
is "… as a continuation" "$(records | jq -r 'select(.log.continued).message')" " and the rest"

"$bin/shipper" --config "$scratch/shipper.yaml" >/dev/null 2>"$scratch/second.err"
is "a second shipper on one directory ends" $? 1
like "… and says why" "$(cat "$scratch/second.err")" "in use by another shipper"

conf new
echo 'filters: [{type: grep, field: message, drop: "^nothing$"}]' >>"$scratch/shipper.yaml"
kill -HUP "$(pid_of shipper)"
wait_for 5 "a reload" grep -q "configuration reloaded" "$scratch/shipper.err"
echo "after the reload" >>"$scratch/logs/a.log"
wait_for 5 "it goes on" has 5
is "with the new label" "$(records | jq -r 'select(.message == "after the reload").env')" new
is "and its filter counted" "$(metric 'shipper_filter_records_total{position="1",filter="grep"}')" 1
echo "  nonsense: [" >>"$scratch/shipper.yaml"
kill -HUP "$(pid_of shipper)"
wait_for 5 "a bad reload is refused" grep -q "the old one stays in effect" "$scratch/shipper.err"
echo "still there" >>"$scratch/logs/a.log"
wait_for 5 "the old configuration is at work" has 6
is "it is counted" "$(metric shipper_reload_errors_total)" 1
conf new

began=$(date +%s%N)
stop shipper
is "SIGTERM: exit code" "$status" 0
took=$((($(date +%s%N) - began) / 1000000))
[ $took -lt 5000 ] && ok "SIGTERM: within 5 s" || not_ok "SIGTERM: within 5 s" "$took ms"

for where in 0 100 4100 5000 8100; do
	printf 'garbage!' | dd of="$scratch/state/checkpoint.db" bs=1 seek=$where conv=notrunc status=none
	start shipper "$bin/shipper" --config "$scratch/shipper.yaml"
	wait_for 10 "starts with byte $where garbled" get /readyz
	stop shipper
done
like "damage is said" "$(cat "$scratch/shipper.err")" "damaged"
is "still each record once" "$(records | wc -l)" 6
done_testing
