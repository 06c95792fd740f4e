#!/usr/bin/env bash
# What it takes to start logq, against a process that does nothing.
set -eu
O=${O:-build/release}
runs=200

# Milliseconds a run of COMMAND….
each() {
	local start end i
	start=$(date +%s%N)
	for ((i = 0; i < runs; i++)); do
		"$@" >/dev/null 2>&1 || :
	done
	end=$(date +%s%N)
	awk "BEGIN { printf \"%.2f\", ($end - $start) / $runs / 1e6 }"
}

floor=$(each /bin/true)
logq=$(each "$O/bin/logq" '*' /dev/null)
echo "bench: logq_start $logq ms (/bin/true $floor ms, ratio $(awk "BEGIN { printf \"%.1f\", $logq / $floor }"))"
