#!/usr/bin/env bash
# Batch import from end to end: what is indexed is what was written, record for
# record; doing it again changes nothing; fsck finds no fault.
. "$(dirname "$0")/lib.sh"
need jq

bus=dir://$scratch/bus
store=$scratch/store
logq() { "$bin/logq" -D "$store" -S @0 "$@"; }
value() { sed -n "s/^$1 \([0-9]*\).*/\1/p" "$scratch/summary"; }
index() { timeout 60 "$bin/aggregator" --from "$bus" --store "$store" --once >"$scratch/summary" 2>>"$scratch/aggregator.err"; }

"$tools/loggen" --dir "$scratch/logs" --records 60000 --seed 5 >"$scratch/truth"
lines=$(jq .lines "$scratch/truth")
check "the shipper imports" \
	"$bin/shipper" --once --state "$scratch/state" --to "$bus" "$scratch/logs/*.log*"
check "the aggregator indexes" index
is "the summary counts the records" "$(value records)" "$lines"
is "none twice" "$(value duplicates)" 0
is "no gaps" "$(value gaps)" 0
check "the summary has bytes, ratio and seconds" \
	grep -cE '^(bytes [0-9]+|ratio [0-9.]+|seconds [0-9.]+)' "$scratch/summary"
is "logq counts them" "$(logq -o cat '* | stats count() n')" "$lines"

logq -o json >"$scratch/indexed"
is "logq prints them" "$(wc -l <"$scratch/indexed")" "$lines"
check "in the order of time" jq -n 'reduce inputs._time as $t (""; if $t < . then error("disorder") else $t end)' "$scratch/indexed"
check "each once, numbered as they were written" "$tools/seqcheck" --truth "$scratch/truth" "$scratch/indexed"

# The text of each record is that of its block on the bus.
"$tools/ledgercat" "$bus" 2>/dev/null | jq -r .message | sort >"$scratch/messages.bus"
logq -o json '* | fields _msg' | jq -r ._msg | sort >"$scratch/messages.index"
check "messages are equal byte for byte" cmp "$scratch/messages.bus" "$scratch/messages.index"

check "once more" index
is "nothing new" "$(value records)" 0

rm -rf "$scratch/state"
check "a shipper that lost its state sends everything again" \
	"$bin/shipper" --once --state "$scratch/state" --to "$bus" "$scratch/logs/*.log*"
check "the aggregator takes the resend" index
is "all of it is known" "$(value records)/$(value duplicates)" "0/$lines"
is "so the index is as it was" "$(logq -o cat '* | stats count() n')" "$lines"

check "fsck finds no fault" "$bin/aggregator" fsck --store "$store"
done_testing
