#!/usr/bin/env bash
# The aggregator from a directory bus into parts: rows a second of one core, memory,
# and the size on disk against zstd -3 of the same NDJSON.
#
#   RECORDS=N (default 500000)
set -eu
O=${O:-build/release}
records=${RECORDS:-500000}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sluice-bench.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
bus=dir://$scratch/bus

"$O/tools/loggen" --dir "$scratch/logs" --records "$records" --seed 1 >/dev/null
"$O/bin/shipper" --once --state "$scratch/state" --to "$bus" "$scratch/logs/*.log" >/dev/null
"$O/tools/ledgercat" "$bus" 2>/dev/null >"$scratch/records.ndjson"
raw=$(stat -c %s "$scratch/records.ndjson")
packed=$(zstd -q -3 -c "$scratch/records.ndjson" | wc -c)
rm "$scratch/records.ndjson"

/usr/bin/env python3 - "$O/bin/aggregator" "$bus" "$scratch/store" >"$scratch/run" <<'PY'
import os, resource, subprocess, sys
text = subprocess.run([sys.argv[1], "--from", sys.argv[2], "--store", sys.argv[3], "--once"],
                      check=True, capture_output=True, text=True).stdout
print(text, end="")
print("rss_kib", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PY
value() { sed -n "s/^$1 \([0-9.]*\).*/\1/p" "$scratch/run"; }
row() { # NAME VALUE UNIT REFERENCE-NAME REFERENCE
	awk -v n="$1" -v v="$2" -v u="$3" -v rn="$4" -v r="$5" 'BEGIN {
		printf "bench: %s %s %s (%s %s %s, ratio %.2f)\n", n, v, u, rn, r, u, v / r }'
}

row aggregator_rows_per_core_second "$(value rows_per_core_second)" rows/s target 100000
row aggregator_rows_per_second "$(awk "BEGIN { printf \"%d\", $(value records) / $(value seconds) }")" rows/s target 250000
row aggregator_rss "$(awk "BEGIN { printf \"%.1f\", $(value rss_kib) / 1024 }")" MiB limit 400
row aggregator_disk "$(value disk)" bytes zstd-3 "$packed"
row aggregator_ratio "$(value ratio)" x zstd-3 "$(awk "BEGIN { printf \"%.2f\", $raw / $packed }")"
