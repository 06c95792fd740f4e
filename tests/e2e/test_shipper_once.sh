#!/usr/bin/env bash
# shipper --once: each byte of the input is on the bus, once; a second run ships
# nothing; what is wrong is said and has its exit code.
. "$(dirname "$0")/lib.sh"
need zstd jq

once() { "$bin/shipper" --state "$scratch/state" --to "dir://$scratch/bus" --once "$@"; }
records() { "$tools/ledgercat" "dir://$scratch/bus" 2>"$scratch/counts"; }

mkdir "$scratch/logs"
"$tools/loggen" --dir "$scratch/logs" --records 20000 --seed 3 >/dev/null
for i in $(seq 1 3000); do echo "plain line $i with some text"; done >"$scratch/logs/plain.log"
printf 'no newline at its end' >>"$scratch/logs/plain.log"
: >"$scratch/logs/empty.log"
lines=$(grep -hc '' "$scratch"/logs/*.log | awk '{ n += $1 } END { print n }')

out=$(once "$scratch/logs/*.log" 2>"$scratch/err")
is "exit code" $? 0
is "nothing is said" "$(cat "$scratch/err")" ""
like "the summary" "$out" "^files 10, records $lines, bytes $(cat "$scratch"/logs/* | wc -c) .*ratio [0-9.]+, seconds"
is "as many records as lines" "$(records | wc -l)" "$lines"
is "counts of the index" "$(jq -c '[.duplicates,.partial,.gap_bytes,.missing,.forks]' "$scratch/counts")" "[0,0,0,0,0]"
is "stock zstd prints them, too" "$(cat "$scratch"/bus/0*/*.seg | zstd -dcq | wc -l)" "$lines"
is "the text of plain lines is what was written" \
	"$(records | jq -r 'select(.service == "plain").message' | cksum)" \
	"$(cat "$scratch/logs/plain.log" <(echo) | cksum)"
is "offsets say where a line begins" \
	"$(records | jq -r 'select(.service == "plain" and .log.offset > 100)|.log.offset' | head -1)" \
	"$(head -4 "$scratch/logs/plain.log" | wc -c)"
is "every file has its name" "$(records | jq -r .log.file | sort -u | wc -l)" 9

like "a second run ships nothing" "$(once "$scratch/logs/*.log")" "records 0, bytes 0 "
printf ' now ended\nand one more\n' >>"$scratch/logs/plain.log"
like "then only what is new" "$(once "$scratch/logs/*.log")" "records 2, "
is "the rest of a line is marked as such" \
	"$(records | jq -r 'select(.log.continued == true).message')" " now ended"

rm -rf "$scratch/state" "$scratch/bus"
once --filter 'grep field=message drop=line.2' --filter 'add fields=x' "$scratch/logs/plain.log" >/dev/null 2>"$scratch/err"
is "a filter with a wrong option is refused" $? 78
once --filter 'grep field=message drop=line.2' "$scratch/logs/plain.log" >/dev/null
is "a filter drops what it should" "$(records | grep -c 'plain line 2') $(records | grep -c 'plain line 1')" "0 1111"
is "… and that is no gap" "$(jq -c '[.gap_bytes,.missing]' "$scratch/counts")" "[0,0]"

once "$scratch/missing.log" "$scratch/logs/plain.log" >/dev/null 2>"$scratch/err"
is "a missing file is an error" $? 1
like "… that says so" "$(cat "$scratch/err")" "missing.log: No such file"
"$bin/shipper" --frobnicate >/dev/null 2>&1
is "wrong usage" $? 64
"$bin/shipper" >/dev/null 2>&1
is "nothing to do is wrong usage" $? 64
"$bin/shipper" --state "$scratch/s2" --to "dir://$scratch/bus" --parse nonsense --once "$scratch/logs/plain.log" >/dev/null 2>"$scratch/err"
is "a bad configuration" $? 78
printf 'inputs:\n  - paths: [/x]\n    max_lin: 3\noutputt: 1\n' >"$scratch/bad.yaml"
"$bin/shipper" --config "$scratch/bad.yaml" --check-config >/dev/null 2>"$scratch/err"
is "a bad configuration file" $? 78
like "every error has its place" "$(cat "$scratch/err")" "bad.yaml:3:5: .*max_lin.*bad.yaml:4:1: .*outputt"
"$bin/shipper" --state "$scratch/s2" --to nowhere:/ --parse nonsense --listen 1.2.3.4:5 --check-config /x >/dev/null 2>"$scratch/err"
like "errors of every kind are told at once" "$(cat "$scratch/err")" "nonsense.*nowhere:/|nowhere:/.*nonsense"
like "… an address that would be refused as well" "$(cat "$scratch/err")" "1.2.3.4:5 is not a loopback"
check "--json-schema is JSON and has the inputs" bash -c "'$bin/shipper' --json-schema | jq -e .properties.inputs.items.properties.paths"
check "--print-config is a configuration" bash -c "'$bin/shipper' --state s --to dir:///b --label a=b x.log --print-config >'$scratch/p.yaml' && '$bin/shipper' --config '$scratch/p.yaml' --check-config"
like "--version" "$("$bin/shipper" --version)" "^shipper [0-9]+\.[0-9]+"

yes "x" | tr -d '\n' | head -c 67108864 >"$scratch/long.log"
printf '\nafter it\n' >>"$scratch/long.log"
rm -rf "$scratch/bus"
once "$scratch/long.log" >/dev/null
is "a line of 64 MiB is cut and flagged" "$(records | jq -c '[(.message|length), .log.truncated]' | head -1)" "[1048576,true]"
is "its neighbor is whole" "$(records | jq -r .message | tail -1)" "after it"

# Each of its bytes is six in JSON: more than a block holds.
{ head -c 12000000 /dev/zero | tr '\0' '\1'; printf '\nafter it\n'; } >"$scratch/escapes.log"
printf 'inputs:\n  - paths: [%s]\n    max_line_bytes: 16MiB\n' "$scratch/escapes.log" >"$scratch/wide.yaml"
rm -rf "$scratch/bus"
once --config "$scratch/wide.yaml" >/dev/null
is "a line that makes no block is cut shorter and flagged" "$(records | head -1 | jq -c '[(.message|length) > 1000000, .log.truncated]')" "[true,true]"
is "… and nothing is lost behind it" "$(records | jq -r .message | tail -1)" "after it"
done_testing
