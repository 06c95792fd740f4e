#!/usr/bin/env bash
# logsql.sh - conformance with LogsQL's reference: at least 99 % of each kind.
#
# A case that is listed with its reason in tests/logsql/README.md is not counted.
# The cases are test data beside the project; without them there is nothing to ask.
set -u
cases=${CASES:-../shared/logsql/open.jsonl}
if [ ! -r "$cases" ]; then
	echo "1..0 # SKIP no $cases"
	exit 0
fi
shown=$(V=1 "$O/tools/logsqlcheck" "$cases")
listed=$(grep -oE '^\| `[a-z_]+:[0-9]+`' tests/logsql/README.md | tr -d '|` ')
n=0
while IFS=': /' read -r _ kind passed total; do
	n=$((n + 1))
	known=$(grep -oE "^not ok $kind [^ ]+" <<<"$shown" | cut -d' ' -f4 | grep -cxF "$listed")
	verdict=ok
	[ "$(((passed + known) * 100))" -ge "$((total * 99))" ] || verdict="not ok"
	echo "$verdict $n - $kind: $passed of $total, and $known that are known"
done < <(grep -E '^logsql [a-z_]+: [0-9]+/[0-9]+$' <<<"$shown")
echo "1..$n"
