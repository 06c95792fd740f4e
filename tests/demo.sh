#!/usr/bin/env bash
# demo.sh - `make demo`: a shop of eight services through the whole pipeline.
#
# Generates logs, ships them, indexes them and asks a few questions, in a
# scratch folder, until Ctrl-C.  Each command is printed so that it can be
# repeated.
#
#   DEMO_SECONDS=N     end by itself after N seconds; exit 0 only if what was
#                      written is what is indexed
#   DEMO_RATE=N        log lines per second (default 4000)
#   KAFKA=HOST:PORT    use this Kafka in place of the directory bus
set -u
O=${O:-build/release}
bin=$PWD/$O/bin
tools=$PWD/$O/tools
seconds=${DEMO_SECONDS:-0}
rate=${DEMO_RATE:-4000}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sluice-demo.XXXXXX")
export XDG_CONFIG_HOME=$scratch
topic=sluice-demo-$$
bus=${KAFKA:+kafka://$KAFKA/$topic}
bus=${bus:-dir://$scratch/bus}
started=$SECONDS

bold=$(printf '\033[1m') plain=$(printf '\033[0m')
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || bold='' plain=''

title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# run COMMAND…: print it as one would type it, then run it.
run() {
	printf '%s$' "$bold"
	local word
	for word in "$@"; do
		case $word in
		*[!A-Za-z0-9_./:@=-]*) printf " '%s'" "$word" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	printf '%s\n' "$plain"
	"$@"
}

pids=()
finish() {
	trap - INT TERM EXIT
	kill -TERM "${pids[@]}" 2>/dev/null
	wait "${pids[@]}" 2>/dev/null
	[ -n "${DEMO_KEEP:-}" ] || rm -rf "$scratch"
}
trap 'finish; exit 1' EXIT
ctrl_c=0
trap 'ctrl_c=1' INT TERM

die() {
	printf 'demo: %s\n' "$*" >&2
	for log in "$scratch"/*.err; do
		[ -s "$log" ] && { echo "--- $(basename "$log")" >&2; tail -n 15 "$log" >&2; }
	done
	exit 1
}

logq() { "$bin/logq" -D "$scratch/store" "$@"; }
live() { "$bin/logq" --server "unix:$scratch/store/aggregator.sock" "$@"; }

# count QUERY…: a number from the running aggregator, 0 while it starts.
count() {
	live -o cat "* | stats count() as n | fields n" 2>/dev/null | tr -dc 0-9
}
bytes_of() { du -sb "$@" 2>/dev/null | awk '{ n += $1 } END { print n + 0 }'; }

start() { # NAME COMMAND…: in the background, output to NAME.out and NAME.err
	local name=$1
	shift
	(trap '' INT; exec "$@") >"$scratch/$name.out" 2>"$scratch/$name.err" &
	pids+=($!)
	eval "${name}_pid=$!"
}

title "A shop of eight services writes logs; shipper → ${bus%%:*} → aggregator → logq"
echo "scratch folder: $scratch"
mkdir -p "$scratch/logs"
printf '%s$ loggen --dir %s --rate %s --rotate 3000000 &%s\n' "$bold" "$scratch/logs" "$rate" "$plain"
start loggen "$tools/loggen" --dir "$scratch/logs" --rate "$rate" --rotate 3000000 --seed 7
printf '%s$ aggregator --from %s --store %s &%s\n' "$bold" "$bus" "$scratch/store" "$plain"
start aggregator "$bin/aggregator" --from "$bus" --store "$scratch/store"
printf "%s\$ shipper --state %s --to %s '%s/*.log*' &%s\n" "$bold" "$scratch/state" "$bus" "$scratch/logs" "$plain"
start shipper "$bin/shipper" --state "$scratch/state" --to "$bus" "$scratch/logs/*.log*"

last_rows=0
# One line of progress, once a second.
progress() {
	local rows written on_bus on_disk behind
	for name in loggen aggregator shipper; do
		local pid=${name}_pid
		kill -0 "${!pid}" 2>/dev/null || [ "$ctrl_c" = 1 ] || die "$name ended by itself"
	done
	rows=$(count)
	rows=${rows:-0}
	written=$(cat "$scratch"/logs/* 2>/dev/null | wc -lc)
	read -r written_lines written_bytes <<<"$written"
	on_bus=$(bytes_of "$scratch/bus")
	on_disk=$(bytes_of "$scratch/store")
	behind=$((written_lines - rows))
	[ $behind -ge 0 ] || behind=0
	printf '  %3ds  %7d rows  %6d rows/s  behind %5d  read %6.1f MB  bus %5.1f MB (%s)  index %5.1f MB (%s)\n' \
		$((SECONDS - started)) "$rows" $((rows - last_rows)) "$behind" \
		"$(awk "BEGIN { print $written_bytes / 1e6 }")" \
		"$(awk "BEGIN { print $on_bus / 1e6 }")" "$(awk "BEGIN { if ($on_bus) printf \"%.1fx\", $written_bytes / $on_bus; else printf \"-\" }")" \
		"$(awk "BEGIN { print $on_disk / 1e6 }")" "$(awk "BEGIN { if ($on_disk) printf \"%.1fx\", $written_bytes / $on_disk; else printf \"-\" }")"
	last_rows=$rows
}

# pause_for N: progress each second, until N seconds are over or Ctrl-C.
pause_for() {
	local until=$((SECONDS + $1))
	while [ $SECONDS -lt $until ] && [ "$ctrl_c" = 0 ]; do
		sleep 1
		progress
	done
}

title "Progress"
pause_for 8

questions() {
	title "What happened in the last minute, by service and level?"
	run live -S 1m '* | stats by (service, level) count() as rows | sort by (rows desc) | limit 12' -o logfmt
	title "Which payments were declined?"
	run live -S 1m 'service:payment level:ERROR' -n 3
	title "The slowest checkouts"
	run live -S 1m 'service:checkout elapsed:>0.1 | sort by (elapsed desc) | limit 3 | fields _time, order_id, elapsed, trace_id' -o json
	trace=$(live -S 5m -o cat 'service:payment level:ERROR | limit 1 | fields trace_id' 2>/dev/null | head -n 1)
	if [ -n "$trace" ]; then
		title "One of those requests, followed across the services"
		run live -S 5m -t "$trace"
	fi
	title "The same language on the raw file, before any index"
	run "$bin/logq" -S 5m 'level:WARN | stats by (_msg) count() as n' "$scratch/logs/shipping.log" -o logfmt
}
[ "$ctrl_c" = 1 ] || questions

if [ "$seconds" -gt 0 ]; then
	title "Progress (ends after $seconds s)"
	pause_for $((seconds - (SECONDS - started)))
else
	title "Progress (Ctrl-C ends it)"
	while [ "$ctrl_c" = 0 ]; do pause_for 3600; done
fi

# The end: stop the writer, let the shipper drain, then compare.
title "Stopping: what was written must be what is indexed"
kill -TERM "$loggen_pid" && wait "$loggen_pid" 2>/dev/null
truth=$(tail -n 1 "$scratch/loggen.out")
lines=$(jq .lines <<<"$truth")
deadline=$((SECONDS + 30))
while [ "$(count)" != "$lines" ] && [ $SECONDS -lt $deadline ]; do sleep 0.2; done
kill -TERM "$shipper_pid" && wait "$shipper_pid" || die "shipper did not end well"
kill -TERM "$aggregator_pid" && wait "$aggregator_pid" || die "aggregator did not end well"
pids=()

indexed=$(logq -S 1d -o cat '* | stats count() as n | fields n')
printf 'written  %s lines in %s files\nindexed  %s records\n' "$lines" "$(ls "$scratch/logs" | wc -l)" "$indexed"
failed=0
[ "$indexed" = "$lines" ] || failed=1
if ! logq -S 1d -o json 'seq:* | fields service, seq' |
	"$tools/seqcheck" --writer service --seq seq; then
	failed=1
fi
trap - EXIT
finish
if [ $failed = 1 ]; then
	echo "demo: what is indexed is not what was written" >&2
	exit 1
fi
echo "Every line is indexed exactly once."
