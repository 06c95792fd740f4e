#!/usr/bin/env bash
# The README's commands, as they stand there: only paths and the broker are
# replaced, and the two daemons get --once, and -f a first row, so that they end.
. "$(dirname "$0")/lib.sh"

mkdir -p "$scratch/shop" "$scratch/nginx"
"$tools/loggen" --dir "$scratch/shop" --records 5000 --seed 3 >/dev/null
mv "$scratch/shop/edge.log" "$scratch/nginx/access.log"
gzip -c "$scratch/nginx/access.log" >"$scratch/access.log.gz"
printf '{"PRIORITY":"3","MESSAGE":"disk on fire","_HOSTNAME":"h","__REALTIME_TIMESTAMP":"%s000000"}\n' \
	"$(date +%s)" >"$scratch/journal"
trace=$(grep -o '"trace_id":"[0-9a-f]*"' "$scratch/shop/cart.log" | head -n 1 | cut -d'"' -f4)

# command LINE: the README's line with what this machine has in its place.
command_of() {
	sed -E "s|  +#.*||; s|kafka://127.0.0.1:9092/logs|dir://$scratch/bus|; s|/var/lib/shipper|$scratch/state|
		s|/var/lib/aggregator|$scratch/store|; s|/var/log/shop/|$scratch/shop/|
		s|/var/log/nginx/|$scratch/nginx/|; s| access.log.gz| $scratch/access.log.gz|
		s|journalctl -o json|cat $scratch/journal|; s|5d9dc9f81818e811892f902bd23f0824|$trace|
		s|^(shipper .*)|\1 --once|; s|^(aggregator .*)|\1 --once|; s|^logq -f|logq -f -S @0 -m 1|" <<<"$1"
}

cd "$scratch" || exit 1
export PATH=$bin:$PATH
seen=0
while IFS= read -r line; do
	command=$(command_of "$line")
	# Without a running aggregator the local index stands in for its socket.
	case $command in
	"logq -D"*|*"$scratch/access.log.gz"*|*"$scratch/shop/"|*" -") ;;
	logq*) command="logq -D $scratch/store ${command#logq }" ;;
	esac
	output=$(bash -c "set -o pipefail; $command" 2>&1)
	code=$?
	seen=$((seen + 1))
	if [ $code -eq 0 ] && [ -n "$output" ]; then
		ok "$line"
	else
		not_ok "$line" "$command" "exit code $code" "$output"
	fi
done < <(sed -n '/^## Use it/,/^## A filter/p' "$top/README.md" | grep -E '^(shipper|aggregator|logq|journalctl) ')
is "commands in the README's block" "$seen" 12

cd "$top" || exit 1
for target in $(grep -oE '^make [a-z]+' README.md | cut -d' ' -f2 | sort -u); do
	check "make $target is there" grep -qE "^([a-z-]+ )*$target( [a-z-]+)*:" Makefile tests/tests.mk packaging/install.mk
done
done_testing
