#!/usr/bin/env bash
# Files as they come: damaged, gone, a directory, a pipe, in other encodings.  What
# can be read is answered, the exit status is 3 where something could not.
. "$(dirname "$0")/lib.sh"

logq() { timeout 20 "$bin/logq" "$@" 2>"$scratch/logq.err"; }
err() { cat "$scratch/logq.err"; }

mkdir -p "$scratch/in/old.d"
printf '{"level":"error","msg":"one"}\n{"level":"info","msg":"two"}\n' >"$scratch/in/a.log"
printf '{"level":"error","msg":"three"}' >"$scratch/in/b.log"
: >"$scratch/in/empty.log"
printf '\x1f\x8b\x08' >"$scratch/in/cut.gz"

# A glob in which not everything can be read.
cd "$scratch/in" || exit 1
is "what can be read is counted" "$(logq -c '*' ./*.log ./cut.gz)" 3
logq -c '*' ./*.log ./cut.gz >/dev/null
is "a damaged file: partial" $? 3
like "… and says which" "$(err)" 'cut\.gz: '
is "an empty directory in a glob is nothing" "$(logq -c '*' ./*)" 3
is "… written without ./ as well" "$(cd .. && logq -c '*' in/*)" 3
(cd .. && logq -c '*' in/* >/dev/null)
is "… and makes it partial" $? 3
is "a file that is gone: the others" "$(logq -c '*' ./gone.log ./a.log)" 2
like "… and says which" "$(err)" 'gone\.log: No such file'
logq '*' ./gone.log ./gone-too.log
is "none of the files is there: an error" $? 2
logq '*' ./old.d
is "an empty directory alone: an error" $? 2
like "… that says why" "$(err)" "there are no log files in"
if [ "$(id -u)" = 0 ]; then
	skip "a file that may not be read" "root reads everything"
else
	chmod 000 b.log
	is "a file that may not be read: the others" "$(logq -c '*' ./a.log ./b.log)" 2
	chmod 600 b.log
fi

# UTF-16, as Windows writes it.
text=$'{"level":"error","msg":"h\u00e4llo \U0001f600"}\r\nplain \u20ac'
for order in LE BE; do
	{ [ $order = LE ] && printf '\xff\xfe' || printf '\xfe\xff'; printf %s "$text" | iconv -f UTF-8 -t UTF-16$order; } >"u16.log"
	is "UTF-16$order" "$(logq -o cat '*' u16.log)" $'h\u00e4llo \U0001f600\nplain \u20ac'
	is "… its fields" "$(logq -c level:ERROR - <u16.log)" 1
done
head -c 25 u16.log >odd.log
is "half a character at the end" "$(logq -c '*' ./odd.log)" 1

# Stack traces, as the shipper joins them; none without being asked.
trace=$'ERROR failed\njava.io.IOException: outer\n\tat a.b(C.java:1)\nINFO next\n'
printf %s "$trace" >trace.log
is "each line is a row" "$(logq -c '*' trace.log)" 4
is "but for those of a trace" "$(logq -c --multiline java '*' trace.log)" 2
is "… found by any of its lines" "$(logq -o cat --multiline auto 'at' trace.log)" "${trace%$'\n'INFO*}"
is "… on standard input" "$(logq -c --multiline=java 'level:ERROR outer' - <trace.log)" 1
is "… that is packed" "$(gzip -c trace.log | logq -c --multiline java '*' -)" 2
is "… by the environment" "$(LOGQ_MULTILINE=java logq -c '*' trace.log)" 2
mkdir "$scratch/logq" && echo 'multiline: java' >"$scratch/logq/config.yaml"
is "… by the configuration" "$(logq -c '*' trace.log)" 2
is "… which a flag goes over" "$(logq -c --multiline none '*' trace.log)" 4
logq -c '*' --bus "dir://$scratch/no-bus"
is "… and which is not about a bus" "$?:$(err | grep -c multiline)" 2:0
rm -r "$scratch/logq"
{ printf '\xff\xfe' && printf %s "$trace" | iconv -f UTF-8 -t UTF-16LE; } >u16.log
is "… in UTF-16" "$(logq -c --multiline java '*' u16.log)" 2
{ printf '\xef\xbb\xbf' && printf 'Traceback (most recent call last):\n  a\nE: b\n'; } >bom.log
is "… behind a byte order mark" "$(logq -c --multiline python '*' bom.log)" 1
is "a pattern that starts rows" "$(logq -c --multiline 'start:^[EI]' '*' trace.log)" 2
is "a pattern of a line" \
	"$(logq -o logfmt --parse 'regex:^(?<level>\w+) (?<what>\w+)$' 'what:next | fields level, what' trace.log)" \
	"level=INFO what=next"
is "… by the environment" "$(LOGQ_PARSE=plain logq -c 'level:error' a.log)" 0
logq --multiline cobol '*' trace.log
is "no such preset: an error" $? 2
like "… that says which there are" "$(err)" "--multiline: .*cobol.*none, auto, java"
logq --parse 'regex:a(b' '*' trace.log
like "a pattern that is none: where" "$(err)" "--parse: byte 3 of the pattern: missing"
logq --multiline java '*' -D "$scratch"
is "an index has its rows: an error" $? 2
like "… that says so" "$(err)" "is about lines of files"

logq -f --multiline java '*' trace.log a.log
is "traces of several files that are followed: an error" $? 2
like "… that says why" "$(err)" "takes one file, because"

# Followed: a trace comes when nothing was added to it for a second, or the next row begins.
mkfifo "$scratch/growing"
exec 9<>"$scratch/growing"
start follow "$bin/logq" -f -o json --multiline java '* | fields _msg' "$scratch/growing"
rows() { [ "$(wc -l <"$scratch/follow.out")" = "$1" ]; }
printf 'ERROR failed\n' >&9
printf '\tat a\n' >&9
wait_for 10 "a trace that does not grow" rows 1
is "… is one row" "$(cat "$scratch/follow.out")" '{"_msg":"ERROR failed\n\tat a"}'
printf '\tat b\n\tat c\nINFO next\nINFO last\n' >&9
wait_for 10 "what comes later" rows 4
is "… goes on with it" "$(sed -n 2p "$scratch/follow.out")" '{"_msg":"\tat b\n\tat c"}'
exec 9>&-
stop follow

# What comes through a pipe is kept where a query looks twice.
mkfifo "$scratch/pipe"
cat a.log >"$scratch/pipe" &
is "a named pipe" "$(logq -c 'level:ERROR' "$scratch/pipe")" 1
is "two pipes" "$(logq -c '*' <(cat a.log) <(cat b.log))" 3
sub='level:in(level:ERROR | fields level)'
is "a sub-query on a pipe" "$(logq -c "$sub" <(cat a.log))" 1
is "… on standard input" "$(cat a.log | logq -c "$sub" -)" 1
is "… that is packed" "$(gzip -c a.log | logq -c "$sub" -)" 1
is "… on several" "$(cat a.log | logq -c "$sub" - <(cat b.log) b.log)" 3
is "… on a file" "$(logq -c "$sub" a.log)" 1
is "context on standard input" "$(cat a.log | logq -o cat -A 1 one -)" $'one\ntwo'
seq 100000 >numbers.log
is "context of lines without a time" "$(logq -o cat -C 2 70000 numbers.log | paste -sd' ')" "69998 69999 70000 70001 70002"
"$bin/shipper" --once --state "$scratch/state" --to "dir://$scratch/bus" a.log >/dev/null
is "a bus has records, not lines of files" \
	"$(LOGQ_PARSE=plain LOGQ_MULTILINE=start:nothing logq -c --bus "dir://$scratch/bus" 'level:ERROR')" 1
is "a sub-query on a bus" "$(logq -c --bus "dir://$scratch/bus" "$sub")" 1
TMPDIR=$scratch/nowhere logq "$sub" - <a.log
is "nowhere to keep it: partial" $? 3
like "… says so" "$(err)" "no temporary file in"

# Ctrl-C while nobody writes into a pipe.
mkfifo "$scratch/silent"
start logq "$bin/logq" -c '*' "$scratch/silent"
interrupt() { kill -INT "${pids[logq]}" 2>/dev/null; has_ended "${pids[logq]}"; }
wait_for 10 "Ctrl-C ends the wait" interrupt
reap logq
is "… with status 130" "$status" 130
done_testing
