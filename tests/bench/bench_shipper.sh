#!/usr/bin/env bash
# What shipping costs against the least it can cost (floor.c), on the same file
# to the same mock of Kafka: CPU seconds and peak resident size.
#
#   RECORDS=500000   JSON records, about 189 MB
set -u
O=${O:-build/release}
RECORDS=${RECORDS:-500000}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sluice-bench.XXXXXX")
mock=
trap 'exec 3>&-; kill $mock 2>/dev/null; rm -rf "$scratch"' EXIT

# Access-log-like JSON of 378 bytes a record, from a seed.
awk -v n="$RECORDS" 'BEGIN {
	srand(42)
	split("GET POST PUT DELETE", verbs); split("INFO INFO INFO WARN ERROR", levels)
	split("cart checkout payment inventory search", services)
	for (i = 0; i < n; i++) {
		printf "{\"timestamp\":\"2026-03-01T%02d:%02d:%02d.%06dZ\",\"level\":\"%s\",\"service\":\"%s\",", i / 360000 % 24, i / 6000 % 60, i / 100 % 60, rand() * 1e6, levels[int(rand() * 5) + 1], services[int(rand() * 5) + 1]
		printf "\"message\":\"request %d finished in %d ms\",\"trace_id\":\"%08x%08x%08x%08x\",\"span_id\":\"%08x%08x\",", i, rand() * 900, rand() * 4294967295, rand() * 4294967295, rand() * 4294967295, rand() * 4294967295, rand() * 4294967295, rand() * 4294967295
		printf "\"http\":{\"method\":\"%s\",\"path\":\"/api/v1/items/%d\",\"status\":%d,\"bytes\":%d},\"user\":\"user-%05d\",\"agent\":\"curl/7.88.1 (x86_64-pc-linux-gnu)\",\"remote\":\"10.%d.%d.%d\"}\n", verbs[int(rand() * 4) + 1], rand() * 100000, 200 + int(rand() * 4) * 100, rand() * 1e6, rand() * 99999, rand() * 255, rand() * 255, rand() * 255
	}
}' >"$scratch/input.log"

mkfifo "$scratch/commands"
"$O/tools/mockkafka" 1 floor 1 logs 1 <"$scratch/commands" >"$scratch/address" 2>/dev/null &
mock=$!
exec 3>"$scratch/commands"
until [ -s "$scratch/address" ]; do sleep 0.05; done
broker=$(head -n 1 "$scratch/address")

# Best of three each: the machine is shared.
least() { sort -n | head -n 1; }
floor() { "$O/bench/floor" "$scratch/input.log" "$broker" floor; }
shipper() {
	rm -rf "$scratch/state"
	/usr/bin/time -f '%U %S %M' -o "$scratch/time" "$O/bin/shipper" --state "$scratch/state" \
		--to "kafka://$broker/logs" --once "$scratch/input.log" >/dev/null || exit 1
	awk '{ printf "%.3f %d\n", $1 + $2, $3 }' "$scratch/time"
}
for i in 1 2 3; do
	floor >>"$scratch/floor" || { echo "floor failed" >&2; exit 1; }
	shipper >>"$scratch/shipper" || { echo "shipper failed" >&2; exit 1; }
done
read -r floor_cpu floor_rss < <(least <"$scratch/floor")
read -r cpu rss < <(least <"$scratch/shipper")
awk -v a="$cpu" -v b="$floor_cpu" 'BEGIN { printf "bench: shipper_cpu %.2f s (floor %.2f s, ratio %.2f)\n", a, b, a / b }'
awk -v a="$rss" -v b="$floor_rss" 'BEGIN { printf "bench: shipper_rss %.1f MiB (floor %.1f MiB, ratio %.2f)\n", a / 1024, b / 1024, a / b }'
