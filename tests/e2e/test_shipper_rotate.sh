#!/usr/bin/env bash
# Rotation under load, copytruncate, and files that came and went while the
# shipper was down.
. "$(dirname "$0")/lib.sh"
need jq

bus="dir://$scratch/bus"
log=$scratch/logs/a.log
mkdir "$scratch/logs"
records() { "$tools/ledgercat" "$bus" 2>"$scratch/counts"; }
messages() { records | jq -r .message; }
begin() { start shipper "$bin/shipper" --state "$scratch/state" --to "$bus" "$@"; }
has() { [ "$(records | wc -l)" -ge "$1" ]; }
last_is() { [ "$(messages | tail -1)" = "$1" ]; }

# Rename and create 60 times, as fast as it goes; the shipper follows one name.
for i in $(seq 200); do echo "line $i"; done >"$log"
begin "$log"
wait_for 10 "the first lines" has 200
n=200
for turn in $(seq 60); do
	for i in $(seq 50); do n=$((n + 1)); echo "line $n"; done >>"$log"
	mv "$log" "$scratch/logs/a.log.$turn"
	: >"$log"
done
wait_for 20 "all of 60 rotations" has "$n"
stop shipper
is "each line once" "$(messages | sort | uniq | wc -l) $(records | wc -l)" "$n $n"

# Twice rotated while nobody looked, lines written before, between and after.
echo "down 1" >>"$log"
mv "$log" "$scratch/logs/a.log.61"
echo "down 2" >"$log"
mv "$log" "$scratch/logs/a.log.62"
echo "down 3" >"$log"
begin "$log"
wait_for 10 "three lines of three files" has $((n + 3))
stop shipper
is "each of them once" "$(messages | grep -c down)" 3
follows() { ls -l "/proc/$(pid_of shipper)/fd" | grep -q 'a\.log'; }
for i in 1 2 3 4 5; do
	begin "$log"
	poll_until 10 follows
	stop shipper
done
is "restarts ship nothing again" "$(records | wc -l)" $((n + 3))

# Deleted while it is read: the descriptor is held to the end, then let go.
begin "$log"
wait_for 10 "it follows" follows
exec 9>>"$log"
rm "$log"
echo "down 4" >&9
exec 9>&-
wait_for 10 "what is written to a deleted file" has $((n + 4))
gone() { ! follows; }
wait_for 20 "its descriptor is closed" gone
stop shipper

# Copytruncate: nothing twice; what was there long enough to be seen is there.
rm -rf "$scratch/bus" "$scratch/state"
: >"$log"
begin "$log"
lost=0
for turn in $(seq 40); do
	echo "copy $turn" >>"$log"
	wait_for_line() { poll_until 10 last_is "copy $turn"; }
	wait_for_line || lost=$((lost + 1))
	cp "$log" "$scratch/logs/copy"
	: >"$log"
done
is "copytruncate loses nothing that was seen" "$lost" 0
is "… and gives nothing twice" "$(messages | uniq -d | wc -l)" 0
stop shipper
like "it says that files were truncated" "$(cat "$scratch/shipper.err")" "truncated"
done_testing
