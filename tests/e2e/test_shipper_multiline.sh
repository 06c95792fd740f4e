#!/usr/bin/env bash
# Events of several lines: stack traces and the parts of a container runtime's
# lines, appended byte by byte, rotated and restarted in their middle.
. "$(dirname "$0")/lib.sh"
need jq

bus="dir://$scratch/bus"
log=$scratch/logs/a.log
mkdir "$scratch/logs"
records() { "$tools/ledgercat" "$bus" 2>"$scratch/counts"; }
messages() { records | jq -c '[.message, .log.continued]'; }
has() { [ "$(records | wc -l)" -ge "$1" ]; }
begin() { start shipper "$bin/shipper" --config "$scratch/shipper.yaml" "$@"; }
fresh() { rm -rf "$scratch/bus" "$scratch/state" "$scratch"/logs/*; : >"$log"; }
# configure MODE TIMEOUT
configure() {
	cat >"$scratch/shipper.yaml" <<-END
		data_dir: $scratch/state
		output: {to: "$bus"}
		inputs:
		  - {paths: $log, multiline: $1, multiline_timeout: $2}
	END
}
once() { "$bin/shipper" --state "$scratch/state" --to "$bus" --once "$@" >/dev/null; }

# One run over each preset's text: text, mode, lines of each record's message.
java='ERROR failed
java.lang.IllegalStateException: outer
	at com.example.A.b(A.java:1)
Caused by: java.io.IOException: inner
	... 7 more
INFO next'
python='ERROR:root:oops
Traceback (most recent call last):
  File "a.py", line 1, in <module>
ZeroDivisionError: division by zero
INFO:root:next'
go='panic: runtime error

goroutine 1 [running]:
main.main()
	/src/main.go:10 +0x1d
INFO next'
lines_of() { records | jq -c '.message | split("\n") | length' | paste -sd' '; }
joins() { # NAME TEXT MODE LINES
	fresh
	printf '%s\n' "$2" >"$log"
	once --multiline "$3" "$log"
	is "$1" "$(lines_of)" "$4"
	is "… its text is that of the file" "$(records | jq -r .message)" "$2"
}
joins "a Java trace" "$java" java "5 1"
joins "a Python trace" "$python" python "4 1"
joins "a Go trace" "$go" go "5 1"
joins "auto knows them" "$java"$'\n'"$python" auto "5 1 4 1"
joins "a pattern that starts records" $'# a\nb\n\n# c' 'start:^#' "3 1"
joins "none joins nothing" "$java" none "1 1 1 1 1 1"
"$bin/shipper" --state "$scratch/s2" --to "$bus" --multiline cobol --once "$log" >/dev/null 2>"$scratch/err"
is "no such preset" $? 78
like "… says which there are" "$(cat "$scratch/err")" "cobol.*none, auto, java"

# Parts of two streams, interleaved; nothing needs to be set.
fresh
t=2026-03-01T12:00:00.00000000
printf '%s\n' "${t}1Z stdout P {\"message\":" "${t}2Z stderr P one " "${t}3Z stdout P \"a" \
	"${t}4Z stderr F two" "${t}5Z stdout F b\"}" "${t}6Z stdout F alone" >"$log"
once "$log"
is "parts join per stream" "$(records | jq -c '[.message, ."log.stream"]' | paste -sd' ')" \
	'["ab","stdout"] ["one two","stderr"] ["alone","stdout"]'
is "each byte is accounted for" "$(jq -c '[.duplicates,.partial,.gap_bytes,.missing]' "$scratch/counts")" "[0,0,0,0]"

# Docker's json-file: only the last part of a line has the line feed.
fresh
part() { printf '{"log":"%s","stream":"%s","time":"%sZ"}\n' "$3" "$2" "$t$1"; }
{
	part 1 stdout '{\"message\":'
	part 2 stderr 'one '
	part 3 stdout '\"a'
	part 4 stderr 'two\n'
	part 5 stdout 'b\"}\n'
	part 6 stdout 'ends with \\n'
	part 7 stdout ', a backslash\n'
	part 8 stdout 'alone\n'
} >"$log"
once "$log"
is "Docker's parts join per stream" "$(records | jq -c '[.message, ."log.stream"]' | paste -sd' ')" \
	'["ab","stdout"] ["one two","stderr"] ["ends with \\n, a backslash","stdout"] ["alone","stdout"]'
is "… each byte is accounted for" "$(jq -c '[.duplicates,.partial,.gap_bytes,.missing]' "$scratch/counts")" "[0,0,0,0]"
fresh
{
	part 1 stdout 'java.lang.IllegalStateException: outer\n'
	part 2 stderr 'other\n'
	part 3 stdout '\tat com.example.A.b(A.java:1)\n'
	part 4 stdout 'INFO next\n'
} >"$log"
once --multiline java "$log"
is "… and traces in them" "$(records | jq -c .message | paste -sd' ')" \
	'"java.lang.IllegalStateException: outer\n\tat com.example.A.b(A.java:1)" "other" "INFO next"'

# Byte by byte, at whatever pace it is read.
fresh
configure java 60s
begin
for ((i = 0; i < ${#java}; i++)); do printf '%s' "${java:i:1}" >>"$log"; done
printf '\nINFO end\n' >>"$log"
wait_for 20 "two records of a file that grew by bytes" has 2
is "… are those of the whole" "$(lines_of)" "5 1"
stop shipper

# An event whose end was not seen is not shipped, and is whole after a restart.
fresh
begin
printf 'INFO before\nERROR failed\n\tat a\n' >>"$log"
wait_for 10 "the record before an open event" has 1
stop shipper
is "the open event is held back" "$(messages)" '["INFO before",null]'
begin
printf '\tat b\nINFO after\n' >>"$log"
wait_for 10 "the event" has 2
kill9 shipper
is "a restart in its middle did not cut it" "$(messages | tail -1)" '["ERROR failed\n\tat a\n\tat b",null]'
begin
printf 'INFO last\n' >>"$log"
wait_for 10 "the next one" has 3
stop shipper
is "a kill gave nothing twice" "$(messages | sort | uniq -d | wc -l) $(records | wc -l)" "0 3"

# The last event is flushed by the timeout; what comes later says that it goes on.
fresh
configure java 200ms
begin
printf 'ERROR failed\n\tat a\n' >>"$log"
wait_for 10 "the last event, by the timeout" has 1
stop shipper
begin
printf '\tat b\n\tat c\nINFO next\n' >>"$log"
wait_for 10 "its rest, after a restart" has 3
is "… is one continuation" "$(messages | paste -sd' ')" \
	'["ERROR failed\n\tat a",null] ["\tat b\n\tat c",true] ["INFO next",null]'

# Rotated in the middle of an event, whose rest still comes to the old file.
exec 9>>"$log"
printf 'ERROR again\n\tat a\n' >&9
mv "$log" "$log.1"
printf '\tat b\n' >&9
exec 9>&-
printf 'INFO new file\n' >"$log"
all_lines() { records | jq -r .message | sort; }
has_all() { [ "$(all_lines)" = "$(cat "$log" "$log.1" | sort)" ]; }
wait_for 10 "each line of both files, once" has_all
stop shipper
is "still once when it has ended" "$(all_lines)" "$(cat "$log" "$log.1" | sort)"
is "nothing is missing" "$(jq -c '[.duplicates,.partial,.gap_bytes,.missing]' "$scratch/counts")" "[0,0,0,0]"
done_testing
