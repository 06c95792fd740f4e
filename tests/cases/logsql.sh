#!/usr/bin/env bash
# logsql.sh - conformance with LogsQL's reference: at least 99 % of each kind.
#
# The cases are test data beside the project; without them there is nothing to ask.
set -u
cases=${CASES:-../shared/logsql/open.jsonl}
if [ ! -r "$cases" ]; then
	echo "1..0 # SKIP no $cases"
	exit 0
fi
n=0
while IFS=': /' read -r _ kind passed total; do
	n=$((n + 1))
	if [ "$((passed * 100))" -ge "$((total * 99))" ]; then
		echo "ok $n - $kind: $passed of $total"
	else
		echo "not ok $n - $kind: $passed of $total, 99 % are wanted"
	fi
done < <("$O/tools/logsqlcheck" "$cases" | grep '^logsql ')
echo "1..$n"
