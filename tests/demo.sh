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

# How many rows the running aggregator has; nothing while it starts.
count() {
	logq -S 1d -o cat "* | stats count() as n" 2>/dev/null | tr -dc 0-9
}
megabytes() { awk "BEGIN { print $1 / 1e6 }"; }
ratio() { awk "BEGIN { if ($2) printf \"%.1fx\", $1 / $2; else print \"-\" }"; }
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
export PATH=$bin:$PATH LOGQ_SERVER=unix:$scratch/store/aggregator.sock
printf '%s$ export PATH=%s:$PATH LOGQ_SERVER=%s%s\n' "$bold" "$bin" "$LOGQ_SERVER" "$plain"
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
	printf '  %3ds  %7d rows  %6d rows/s  behind %5d  read %6.1f MB' \
		$((SECONDS - started)) "$rows" $((rows - last_rows)) "$behind" "$(megabytes "$written_bytes")"
	# What a Kafka takes on its disk is not seen from here.
	[ -n "${KAFKA:-}" ] || printf '  bus %5.1f MB (%s)' "$(megabytes "$on_bus")" "$(ratio "$written_bytes" "$on_bus")"
	printf '  index %5.1f MB (%s)\n' "$(megabytes "$on_disk")" "$(ratio "$written_bytes" "$on_disk")"
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
	local trace
	title "Who writes how much, and how bad is it?"
	run logq -S 1m '* | stats by (service) count() as rows, count() if (level:ERROR) as errors | sort by (rows desc)'
	title "The latest payments that were declined"
	run logq -S 1m -n 3 'service:payment level:ERROR'
	title "What kinds of warnings and errors are there?"
	run logq -S 1m 'level:in(WARN, ERROR) | patterns limit 5'
	title "The slowest checkouts"
	run logq -S 1m 'service:checkout | sort by (elapsed desc) limit 3 | fields order_id, elapsed, trace_id'
	trace=$(logq -S 5m -o cat 'service:payment level:ERROR | limit 1 | fields trace_id' 2>/dev/null | head -n 1)
	if [ -n "$trace" ]; then
		title "One declined payment, followed across the services"
		run logq -S 5m -t "$trace"
		run logq -S 5m trace "$trace"
	fi
	title "The same language on a raw file, before any index"
	run logq -S 5m 'level:WARN | stats by (_msg) count() as n' "$scratch/logs/shipping.log"
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

unset LOGQ_SERVER
indexed=$(logq -D "$scratch/store" -S 1d -o cat '* | stats count() as n')
printf 'written  %s lines in %s files\nindexed  %s records\n' "$lines" "$(ls "$scratch/logs" | wc -l)" "$indexed"
failed=0
[ "$indexed" = "$lines" ] || failed=1
# Lines of one service may share a millisecond, so they are put in the order of
# their numbers: what is looked for is a number that is missing or there twice.
if ! logq -D "$scratch/store" -S 1d -o json 'seq:* | sort by (service, seq) | fields service, seq' |
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
