#!/usr/bin/env bash
# The disk of the index is full: ingestion pauses and says so, queries go on, and
# when there is room again it goes on by itself with nothing lost.
. "$(dirname "$0")/lib.sh"
need jq curl
[ "$(id -u)" = 0 ] || skip_all "a small file system needs root"

bus=dir://$scratch/bus
store=$scratch/disk/store
mkdir "$scratch/disk"
mount -t tmpfs -o size=24m tmpfs "$scratch/disk" 2>/dev/null || skip_all "tmpfs can't be mounted"
trap 'umount -l "$scratch/disk"; clean_up' EXIT

api() { curl -s --max-time 20 --unix-socket "$scratch/socket" "http://localhost$1" "${@:2}"; }
metric() { api /metrics | sed -n "s/^$1 //p"; }
count() { api /api/v1/query --data-urlencode 'query=* | stats count() n' | jq -r .n; }
paused() { [ "$(metric aggregator_commit_failures_total)" -gt 0 ]; }
all() { [ "$(count)" = "$lines" ]; }

cat >"$scratch/config.yaml" <<YAML
source: {from: $bus}
store: {path: $store, free_space: 1MiB, memory: 64MiB}
http: {socket: $scratch/socket}
YAML
"$tools/loggen" --dir "$scratch/logs" --records 40000 --seed 2 >"$scratch/truth"
lines=$(jq .lines "$scratch/truth")
head -c 24600000 /dev/zero >"$scratch/disk/ballast" # what else is on the disk
"$bin/shipper" --once --state "$scratch/state" --to "$bus" "$scratch/logs/*.log" >/dev/null
start aggregator "$bin/aggregator" --config "$scratch/config.yaml"
wait_for 20 "a commit fails" paused
like "the log says why" "$(cat "$scratch/aggregator.err")" "ingestion pauses"
is "it is not ready" "$(api /readyz -o /dev/null -w '%{http_code}')" 503
is "but alive" "$(api /livez -o /dev/null -w '%{http_code}')" 200
check "queries go on" test "$(count)" -gt 0
rm "$scratch/disk/ballast"
wait_for 20 "with room again everything is indexed" all
stop aggregator
is "it ends well" "$status" 0
"$bin/logq" -D "$store" -S @0 -o json '*' 2>/dev/null >"$scratch/indexed"
check "each record once and in order" "$tools/seqcheck" --truth "$scratch/truth" "$scratch/indexed"
check "fsck finds no fault" "$bin/aggregator" fsck --store "$store"
done_testing
