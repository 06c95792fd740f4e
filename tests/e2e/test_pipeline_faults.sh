#!/usr/bin/env bash
# What must be said loudly, survived, or refused: a poison block, a second
# aggregator, a garbled manifest, a damaged part, a bus that is made anew, bad
# configurations.
. "$(dirname "$0")/lib.sh"
need jq python3

bus=dir://$scratch/bus
store=$scratch/store
aggregator() { timeout 60 "$bin/aggregator" "$@"; }
logq() { "$bin/logq" -D "$store" -S @0 "$@" 2>"$scratch/logq.err"; }
count() { logq -o cat '* | stats count() n' | tr -dc 0-9; }
serving() { curl -sf --unix-socket "$1/aggregator.sock" http://localhost/readyz; }

"$tools/loggen" --dir "$scratch/logs" --records 20000 --seed 5 >"$scratch/truth"
# So many files that each partition has some of them.
for i in {1..100}; do
	echo "{\"level\":\"info\",\"msg\":\"small file $i\"}" >"$scratch/logs/small$i.log"
done
lines=$(($(jq .lines "$scratch/truth") + 100))
"$bin/shipper" --once --state "$scratch/state" --to "$bus" "$scratch/logs/*.log" >/dev/null

# A copy of the bus, one byte of which is changed in the middle of a block.
cp -r "$scratch/bus" "$scratch/bad"
python3 - "$scratch/bad" <<'PY'
import glob, os, sys
path = max(glob.glob(sys.argv[1] + "/[0-9]*/*.seg"), key=os.path.getsize)
with open(path, "r+b") as f:
    data = bytearray(f.read())
    data[len(data) // 2] ^= 0x40
    f.seek(0)
    f.write(data)
PY
aggregator --from "dir://$scratch/bad" --store "$scratch/store.bad" --once >"$scratch/summary" 2>"$scratch/poison.err"
is "a damaged block does not stop the others" $? 0
like "it is said" "$(cat "$scratch/poison.err")" "quarantine"
is "it is kept" "$(find "$scratch/store.bad/quarantine" -name '*.blk' | wc -l)" 1
is "with the reason" "$(find "$scratch/store.bad/quarantine" -name '*.why' | wc -l)" 1
is "and found by a query" "$("$bin/logq" -D "$scratch/store.bad" -S @0 -c 'sluice.event:quarantine')" 1
check "all other records are there" test "$("$bin/logq" -D "$scratch/store.bad" -S @0 -c '*')" -gt $((lines / 2))

# One store, one writer.
start first "$bin/aggregator" --from "$bus" --store "$store"
wait_for 10 "the aggregator is ready" serving "$store"
aggregator --from "$bus" --store "$store" --once >/dev/null 2>"$scratch/second.err"
is "a second aggregator on the store is refused" $? 1
like "with the reason" "$(cat "$scratch/second.err")" "$store"
check "the first one is well" serving "$store"
stop first
is "and ends well" "$status" 0
aggregator --from "$bus" --store "$store" --once >"$scratch/summary"
is "everything is indexed" "$(count)" "$lines"

# The manifest is garbled: it is rebuilt, and the index is neither short nor long.
cp -r "$store" "$scratch/store.garbled"
python3 - "$scratch/store.garbled/manifest.db" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(100)
    f.write(b"\xa5" * 3000)
PY
aggregator --from "$bus" --store "$scratch/store.garbled" --once >"$scratch/summary" 2>"$scratch/garbled.err"
is "the aggregator starts on a garbled manifest" $? 0
like "and says so" "$(cat "$scratch/garbled.err")" "manifest"
is "each record is there once" "$("$bin/logq" -D "$scratch/store.garbled" -S @0 -c '*' 2>/dev/null)" "$lines"

# One bit of a part: the answer is partial and says so, never silently short.
cp -r "$store" "$scratch/store.flipped"
python3 - "$scratch/store.flipped/parts" <<'PY'
import os, sys
names = [os.path.join(d, n) for d, _, ns in os.walk(sys.argv[1]) for n in ns]
path = max(names, key=os.path.getsize)
os.chmod(path, 0o600)
with open(path, "r+b") as f:
    size = os.path.getsize(path)
    f.seek(size // 3)
    byte = f.read(1)[0]
    f.seek(size // 3)
    f.write(bytes([byte ^ 1]))
PY
"$bin/logq" -D "$scratch/store.flipped" -S @0 -o json >/dev/null 2>"$scratch/flipped.err"
is "a flipped bit makes the answer partial" $? 3
like "and the answer says so" "$(cat "$scratch/flipped.err")" "partial"
aggregator fsck --store "$scratch/store.flipped" >"$scratch/fsck.out" 2>&1
is "fsck finds it" $? 1

# The bus was made anew: the index is ahead of it in each partition, so nothing of it may be read.
rm -rf "$scratch/bus"
"$tools/loggen" --dir "$scratch/other" --records 300 --seed 6 >/dev/null
"$bin/shipper" --once --state "$scratch/state2" --to "$bus" "$scratch/other/cart.log" >/dev/null
aggregator --from "$bus" --store "$store" --once >"$scratch/summary" 2>"$scratch/anew.err"
like "a bus that was made anew is an alarm" "$(cat "$scratch/anew.err")" "not read any more"
is "and none of it is mixed in" "$(count)" "$lines"

# Configurations.
cat >"$scratch/bad.yaml" <<'YAML'
source:
  form: dir:///tmp/x
store:
  path: /tmp/x
  memory: 1
http:
  listen: 0.0.0.0:9599
filters:
  - type: grep
    feild: level
YAML
aggregator --config "$scratch/bad.yaml" --check-config >"$scratch/out" 2>"$scratch/config.err"
is "a bad configuration ends with 78" $? 78
is "all errors are told" "$(grep -c 'bad.yaml:[0-9]*:[0-9]*: error' "$scratch/config.err")" 4
like "an address that would be refused is one" "$(cat "$scratch/config.err")" "bad.yaml:[0-9]+:[0-9]+: error: 0.0.0.0:9599 is not a loopback"
like "with the nearest key" "$(cat "$scratch/config.err")" "did you mean 'from'"
cat >"$scratch/good.yaml" <<YAML
source: {from: $bus}
store: {path: $scratch/filtered}
filters:
  - {type: grep, field: level, drop: "^(DEBUG|INFO)$"}
YAML
check "a good one is good" "$bin/aggregator" --config "$scratch/good.yaml" --check-config
check "it is printed whole" bash -c "'$bin/aggregator' --config '$scratch/good.yaml' --print-config | grep -q commit_age"
aggregator --config "$scratch/good.yaml" --once >"$scratch/summary" 2>&1
is "its filters are used" "$("$bin/logq" -D "$scratch/filtered" -S @0 -c 'level:in(DEBUG, INFO)' 2>/dev/null)" 0
done_testing
