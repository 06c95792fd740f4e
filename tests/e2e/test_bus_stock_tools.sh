#!/usr/bin/env bash
# What the shipper wrote can be read with stock tools: `zstd -dc` of the segments
# of a directory bus prints the records, in order.
. "$(dirname "$0")/lib.sh"
need zstd

bus=dir://$scratch/bus
"$tools/loggen" --dir "$scratch/logs" --records 20000 --seed 3 >"$scratch/truth"
check "the shipper imports the files" \
	"$bin/shipper" --once --state "$scratch/state" --to "$bus" "$scratch/logs/*.log"
cat "$scratch"/bus/[0-9]*/*.seg | zstd -dc >"$scratch/by-zstd" 2>"$scratch/zstd.err"
is "zstd reads the segments" $? 0
"$tools/buscat" -r "$bus" | sort >"$scratch/by-buscat"
sort "$scratch/by-zstd" >"$scratch/sorted"
check "it prints what buscat prints" cmp "$scratch/sorted" "$scratch/by-buscat"
check "and all that was written" "$tools/seqcheck" --truth "$scratch/truth" "$scratch/by-zstd"
check "buscat says what each message is" \
	bash -c "'$tools/buscat' '$bus' | grep -q 'block .* service=cart '"

# Two imports of the same files make a bus of twice the messages, not of twice the records.
rm -rf "$scratch/state"
check "a shipper that lost its state imports again" \
	"$bin/shipper" --once --state "$scratch/state" --to "$bus" "$scratch/logs/*.log"
"$tools/ledgercat" "$bus" >"$scratch/once" 2>"$scratch/ledgercat.err"
is "nothing is missing or forked" $? 0
check "and each record counts once" "$tools/seqcheck" --truth "$scratch/truth" "$scratch/once"
done_testing
