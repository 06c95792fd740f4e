#!/usr/bin/env bash
# A file is at most 800 lines, a function at most 100; the median function is
# under 20 lines and the 95th percentile at most 60 (architecture.md).
. tests/gates/lib.sh

sources | while read -r file; do
	lines=$(wc -l <"$file")
	[ "$lines" -le 800 ] || echo "$file: $lines lines"
done | gate "files of at most 800 lines"

functions=$(sources | grep '\.c$' | ctags -L - --languages=C --kinds-C=f --fields=+ne -o - 2>/dev/null |
	awk -F'\t' '{ start = end = 0
		for (i = 4; i <= NF; i++) {
			if ($i ~ /^line:/) start = substr($i, 6)
			if ($i ~ /^end:/) end = substr($i, 5)
		}
		if (end) print end - start + 1, $2 ":" start, $1 }' | sort -n)
awk '$1 > 100 { print $2 ": " $3 "() has " $1 " lines" }' <<<"$functions" | gate "functions of at most 100 lines"
awk 'NF { n[++count] = $1 } END {
	if (count == 0) { print "ctags found no function"; exit }
	median = n[int((count + 1) / 2)]; p95 = n[int(count * 0.95 + 0.5)]
	if (median >= 20) print "the median function has " median " lines"
	if (p95 > 60) print "the 95th percentile is " p95 " lines" }' <<<"$functions" |
	gate "median function below 20 lines, 95th percentile at most 60"
